"""The question before with one thing in it replaced: "And Syria?", "no, in 1876", "the first one, I mean".  Pure."""

import re

from qa.followups.dialogue_state import Said, subject_of
from qa.followups.entities import PEOPLE, TIME, mentions
from qa.followups.question_parser import PREPOSITIONS

_PREPOSITION = re.compile(rf"^({'|'.join(PREPOSITIONS)}|under)\s+", re.IGNORECASE)
_NOT = re.compile(r"^([^\s,].*?)[, ]+(?:and )?not (.+)$|^not (.+?)[,;] *(?:but )?(.+)$", re.IGNORECASE)
# Words of which one takes the place of another: "the last mission" - "the first".
_OPPOSED_LISTED = """
    first second third fourth fifth last final next previous former latter older younger oldest youngest old new
    newer largest smallest larger smaller bigger biggest northern southern eastern western upper lower
"""
_OPPOSED = _OPPOSED_LISTED.split()
_OPPOSED_ALONE = re.compile(rf"^(?:the )?({'|'.join(_OPPOSED)})(?: ones?)?$", re.IGNORECASE)
_OPPOSED_IN = re.compile(rf"\b(?:{'|'.join(_OPPOSED)})\b", re.IGNORECASE)
_ONE = re.compile(r"\b(?:the )?ones?$", re.IGNORECASE)
_CLAUSE = re.compile(r"^(?:the|an?) (?:\w+ )?(\w+) (?:who|that|which)\b", re.IGNORECASE)


def says_what_not(fragment: str) -> bool:
    """Return whether a fragment says itself what it takes the place of: "the woman, not him"."""
    return _NOT.match(fragment) is not None


def replaced(fragment: str, memory: Said) -> list[str]:
    """Return the question before with an element of it replaced by what is new, the likeliest first.

    Args:
        fragment: what is new, without fillers: "Syria", "in 1876", "height, not length", "the older act".
        memory: what was said.
    """
    question = memory.question.rstrip("?!. ")
    match = _NOT.match(fragment)
    if match:
        new, old = (match[1], match[2]) if match[1] else (match[4], match[3])
        at = question.lower().find(old.lower().rstrip("."))
        if at >= 0:
            return [question[:at] + new + question[at + len(old.rstrip(".")) :] + "?"]
        fragment = new
    if opposed := _opposed(fragment, question):
        return [f"{opposed}?"]
    clause = _CLAUSE.match(fragment)
    if clause and clause[1].lower() in PEOPLE:
        return [f"Who was {fragment}?"]
    if adapted := _kind_of_one(fragment, memory):
        return [f"{adapted}?"]
    fragment = _spelt_out(fragment, memory)
    same = _same_noun(fragment, question)
    return list(dict.fromkeys([*([f"{same}?"] if same else []), *_like_for_like(fragment, memory)]))


def _opposed(fragment: str, question: str) -> str:
    """ "The first one": the question with its "last" replaced; "" where it has no such word."""
    match = _OPPOSED_ALONE.match(fragment)
    there = _OPPOSED_IN.search(question) if match else None
    return question[: there.start()] + match[1] + question[there.end() :] if match and there else ""


def _kind_of_one(fragment: str, memory: Said) -> str:
    """ "The repair one": the question with that word before its noun; "" where it asks for no noun."""
    match = re.match(r"(?:the )?([a-z-]+(?: [a-z-]+)?) one$", fragment)
    noun = memory.phrasing.head
    question = memory.question.rstrip("?!. ")
    return re.sub(rf"\b{re.escape(noun)}\b", f"{match[1]} {noun}", question, count=1) if match and noun else ""


def _spelt_out(fragment: str, memory: Said) -> str:
    """ "The loser's one" with the noun that "one" stands for."""
    match = _ONE.search(fragment)
    if not match or not match.start():
        return fragment
    noun = memory.phrasing.head or next(iter(re.findall(r"[\w-]+$", subject_of(memory.phrasing))), "")
    return fragment[: match.start()] + noun if noun else fragment


def _same_noun(fragment: str, question: str) -> str:
    """The question with the phrase that ends in the fragment's last word replaced by it; "" where it has none."""
    words = fragment.split()
    if len(words) < 2 or not words[-1].isalpha() or words[-1][:1].isupper():
        return ""
    there = re.search(rf"(?:\bthe |\b(?=[A-Z]))(?:[\w'’-]+ ){{0,3}}(?i:{re.escape(words[-1])})\b", question)
    if not there or there.group().lower().endswith(fragment.lower()):
        return ""
    return question[: there.start()] + fragment + question[there.end() :]


def _like_for_like(fragment: str, memory: Said) -> list[str]:
    """The question before with an element of it replaced by a like one."""
    question = memory.question.rstrip("?!. ")
    place = _PREPOSITION.match(fragment)
    time = TIME.search(fragment)
    named = mentions(question)
    times = [one for one in named if one.kind == "time"]
    if time and times:
        return [_put(question, times[-1].start, times[-1].end, time.group()) + "?"]
    if (time and not times) or place:
        return [_placed(fragment, question, memory)]
    counted = re.match(r"(.*\bhow (?:many|much) )((?:[\w-]+ )?[\w-]+)( .*)$", question, re.IGNORECASE)
    if counted and fragment.islower():
        noun = memory.phrasing.head
        return (
            [question.replace(f" {noun} ", f" {fragment} ", 1) + "?"]
            if noun
            else [f"{counted[1]}{fragment}{counted[3]}?"]
        )
    within = re.search(r"^(.+?) ((?:in|at|on|from|for|of) .+)$", fragment)
    new = within[1] if within else fragment
    subject = subject_of(memory.phrasing)
    slots = [(one.start, one.end) for one in named if one.kind != "time"]
    if subject and subject in question:
        at = question.index(subject)
        slots.insert(0, (at, at + len(subject)))
    slots = sorted(dict.fromkeys(slots), key=lambda slot: not _alike(new, question[slot[0] : slot[1]]))
    found = [_put(question, start, end, new) for start, end in slots]
    liked = sum(_alike(new, question[start:end]) for start, end in slots)
    if within:
        found = [_within(one, within[2]) for one in found]
    phrasing = memory.phrasing
    if phrasing.word in ("who", "which", "whom") and _is_name(fragment):
        # "Who was knighted?" "And Tenzing?"
        found.insert(liked and 1, f"What {phrasing.with_answer(fragment)}")
    if not liked and subject and fragment.lower().startswith("the "):
        # "How long is the bridge?" "And the towers?"
        found.insert(0, f"{fragment} of {subject}")
    if not found and phrasing.rest:
        found.append(f"{phrasing.opening} {phrasing.auxiliary} {phrasing.rest} {fragment}")
    return [f"{one}?" for one in dict.fromkeys(found)]


def _placed(fragment: str, question: str, memory: Said) -> str:
    """The question with a time or a place put in, or in the place of another with the same preposition."""
    place = _PREPOSITION.match(fragment)
    if place:
        same = re.search(rf"\b{place[1]} (?:the )?(?:[A-Z][\w-]*)(?: [A-Z][\w-]*)*", question)
        if same:
            return _put(question, same.start(), same.end(), fragment) + "?"
    if place and memory.phrasing.word == "where":
        return f"{memory.phrasing.auxiliary.capitalize()} {memory.phrasing.rest} {fragment}?"
    return f"{question} {fragment if place else 'in ' + fragment}?"


def _within(question: str, place: str) -> str:
    """A question with "in Iceland" put in, or in the place of another "in ..."."""
    there = re.search(rf"\b{place.split()[0]} (?:the )?(?:[A-Z][\w-]*)(?: [A-Z][\w-]*)*$", question)
    return _put(question, there.start(), there.end(), place) if there else f"{question} {place}"


def _alike(new: str, old: str) -> bool:
    """Whether one may stand where the other stood: both are names, or neither is."""
    return _is_name(new) == _is_name(old)


def _is_name(text: str) -> bool:
    words = text.removeprefix("The ").split()
    named = any(word[:1].isupper() or any(map(str.isdigit, word)) for word in words)
    return named or (bool(words) and words[-1].lower() in PEOPLE)


def _put(text: str, start: int, end: int, new: str) -> str:
    return text[:start] + new + text[end:]
