"""English verbs as questions have them: which words are auxiliaries, and the plain form of a past one.  Pure."""

import re

_AUXILIARIES_LISTED = """
    is are was were be been am do does did has have had can could will would shall should may might must isn't
    aren't wasn't weren't don't doesn't didn't hasn't haven't hadn't can't couldn't won't wouldn't
"""
AUXILIARIES = frozenset(_AUXILIARIES_LISTED.split())
_PASTS = """
    began:begin begun:begin bore:bear beat:beat became:become bit:bite blew:blow bought:buy broke:break
    brought:bring built:build burst:burst came:come caught:catch chose:choose cost:cost created:create cut:cut
    dealt:deal did:do drew:draw drove:drive fell:fall fed:feed felt:feel fled:flee flew:fly forbade:forbid
    forgot:forget fought:fight found:find froze:freeze gave:give got:get grew:grow had:have heard:hear held:hold
    hid:hide hit:hit kept:keep knew:know laid:lay led:lead left:leave lent:lend let:let lost:lose made:make
    meant:mean met:meet overthrew:overthrow paid:pay put:put quit:quit ran:run read:read rang:ring rode:ride
    rose:rise said:say sang:sing sank:sink sat:sit saw:see sent:send set:set shook:shake shot:shoot shut:shut
    slept:sleep sold:sell sought:seek spent:spend split:split spoke:speak spread:spread stole:steal stood:stand
    struck:strike swam:swim swore:swear taught:teach threw:throw thought:think told:tell took:take tore:tear
    undertook:undertake understood:understand went:go withdrew:withdraw woke:wake won:win wore:wear wrote:write
"""
_IRREGULAR = {past: plain for pair in _PASTS.split() for past, plain in [pair.split(":")]}
# Stems before "-ed" that have lost an "e": told by their ends, since there is no list of all verbs.
_SILENT = re.compile(
    r"(?:[iy][sz]|[aeiou]{2}[sv]|[nrl]s|[aiou]v|[rl]v|[aeou]g|[nrd]g|c|u|[^aeo][ae]r|[^aeiou]?[io]r|ur|[aiu]t|[aiou]s|"
    r"[aeu]m|[aiou]k|[aio]d|ud|[iu]n|[aiou]b|[aiy]p|[iu]l|[bcdfgkpstz]l)$"
)
_SOUND = re.compile(r"(?:it|or|on|er|ain|oin|oat|eat|ait|eak|ook|oak|ead|oad|ear|air|ail|oil|eal|eel|oop|eep)$")
_DOUBLED = re.compile(r"([bdgmnprt])\1$")


def is_past(word: str) -> bool:
    """Return whether a word looks like the past form of a verb: "ran", "opened"; some adjectives look so too."""
    lower = word.lower()
    return lower in _IRREGULAR or (len(lower) > 3 and lower.endswith("ed") and not lower.endswith(("need", "speed")))


def plain_form(word: str) -> str:
    """Return the plain form of a verb, as well as rules know it: "opened" → "open", "holds" → "hold"."""
    lower = word.lower()
    if lower in _IRREGULAR:
        return _IRREGULAR[lower]
    if not is_past(lower):
        return re.sub(r"(?<=[a-z]{2})(?:(?<=sh|ch|ss|.o|.x)es|(?<![suiao])s)$", "", lower)
    if lower.endswith("ied"):
        return lower[:-1] if len(lower) == 4 else lower[:-3] + "y"
    stem = lower[:-2]
    if stem.endswith("e"):
        return lower[:-1]
    if _DOUBLED.search(stem):
        return stem[:-1]
    return stem + "e" if _SILENT.search(stem) and not _SOUND.search(stem) else stem
