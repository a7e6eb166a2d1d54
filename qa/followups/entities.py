"""What a question or an answer names: people, things, places, times, in the words of the text.  Pure, English.

Without a model: by capitals, by the small words before and the kinds of words in a name.  A kind may be wrong; whoever
uses it tries more than one reading.
"""

import re
from bisect import bisect_right
from dataclasses import dataclass
from typing import Literal

Kind = Literal["person", "thing", "several", "time"]

_MONTH = r"(?:January|February|March|April|May|June|July|August|September|October|November|December)"
_SEASON = r"(?:spring|summer|autumn|fall|winter|Christmas(?: Day)?|Easter)"
TIME = re.compile(
    rf"\b(?:\d{{1,2}}(?:st|nd|rd|th)? {_MONTH}(?:,? \d{{4}})?|{_MONTH}(?: \d{{1,2}})?(?:,? \d{{4}})?|"
    rf"{_SEASON}(?: of)?(?: \d{{4}})|(?:the )?(?:1[0-9]|20)\d0s|(?:1[0-9]|20)\d\d)\b"
)
# A name goes on over these, if another part of it follows.
_LINK = r"(?:of the|of|de la|de|von|van|der|du|al|and the|for the)"
_PART = r"(?:[A-Z][\w.&'’-]*|\d+(?::\d+)+)"
_NAME = re.compile(rf"(?:\b[Tt]he )?\b[A-Z][\w&'’.-]*(?:(?: {_LINK})? {_PART})*(?: (?:\d{{1,4}}|of \d{{4}}))?")
# "the Tarn crisis": the noun that a name goes with.
_HEAD = re.compile(r" ([a-z]+)\b")
_POSSESSIVE = re.compile(r"['’]s?$")
# Words of names that no person bears.
_THINGS_LISTED = """
    affair agency airport alliance army art assembly association authority awards bank battle board bridge
    broadcasting bureau canal cathedral centre center championship church city club college commission committee
    company conference congress convention corporation council country court crisis cup dam day department
    district election empire europe exchange express festival fire force foundation fund games garden government
    group house institute international island islands kingdom lake law league library line lane lines marathon
    market mechanism minister ministry monument mountain museum nations nobel north ocean office olympics olympic
    organization organisation pacific palace parliament park party peace peninsula plan police port press prize
    programme program project range republic resolution review revolution river road royal school sea security
    senate service ship society south square state states station street strike summit system telescope theatre
    times tower treasury treaty tribunal trust union united university valley village war week west world zone
"""
_THINGS = frozenset(_THINGS_LISTED.split())
_GROUPS = re.compile(r"^(?:the )?(?:[A-Z][a-z]+(?:ans|ese|ish|ians|s|men|women))$")
# Nouns for people; whoever they are, "he" or "she" may be one.
_PEOPLE_LISTED = """
    ambassador artist astronomer author boy captain chancellor chairman child clergyman doctor driver founder
    general girl inventor journalist king leader man mayor minister mother father brother sister son daughter wife
    husband officer official painter patient person philosopher physician president prince princess professor
    queen runner scientist secretary secretary-general singer soldier spokesman spokeswoman watchmaker winner
    woman writer
"""
PEOPLE = frozenset(_PEOPLE_LISTED.split())
# Capitalised at the beginning of a question, and no names.
_OPENERS_LISTED = """
    a an and any are as at be because before but by can could did do does during for from had has have he her his
    how i if in into is it its list may might my name no not of on or our please she should since so tell than
    that the their them then there these they this those to under until up was we were what when where which who
    whom whose why will with would you your yes ok okay sorry thanks after about also else
"""
_OPENERS = frozenset(_OPENERS_LISTED.split())


@dataclass(frozen=True, slots=True)
class Mention:
    """Something that a text names.

    Attributes:
        text: as the text has it, without a possessive ending.
        start: offset of its first code point.
        end: offset after its last one.
        kind: what it most likely is.
    """

    text: str
    start: int
    end: int
    kind: Kind


def mentions(text: str) -> list[Mention]:
    """Return what a text names, in its order: names, dates and years; nothing twice."""
    times = [Mention(match.group(), match.start(), match.end(), "time") for match in TIME.finditer(text)]
    names: list[Mention] = []
    ends = [one.end for one in times]
    for match in _NAME.finditer(text):
        start, end = match.span()
        words = match.group().split(" ")
        # The first word of a sentence has its capital for nothing.
        while (
            words and words[0].strip(".,;:").lower() in _OPENERS and not (len(words) > 1 and words[0] in ("the", "The"))
        ):
            start += len(words.pop(0)) + 1
        end = start + len(" ".join(words))
        if not words or start >= end:
            continue
        later = bisect_right(ends, start)  # the first time that does not end before the name begins
        if later < len(ends) and times[later].start < end:
            continue
        named = _POSSESSIVE.sub("", text[start:end]).rstrip(".,;:'’-&")
        if named.lower() in _OPENERS or not named or named.lower() == "the":
            continue
        after = _HEAD.match(text, start + len(named)) if named.lower().startswith("the ") else None
        if after and after[1].lower() in _THINGS:
            named += after.group()
        names.append(Mention(named, start, start + len(named), kind_of(named)))
    return sorted([*times, *names], key=lambda one: one.start)


def kind_of(name: str) -> Kind:
    """Return what a name, or an answer, most likely is by its words alone."""
    if TIME.fullmatch(name):
        return "time"
    words = re.findall(r"[\w'’-]+", name)
    if not words:
        return "thing"
    if re.search(r"\b(?:and|&)\b|,", name) and sum(word[:1].isupper() for word in words) > 1:
        return "several"
    if _GROUPS.match(name) and name.lower().startswith("the "):
        return "several"
    lower = {word.lower() for word in words}
    if words[-1].islower() and (words[-1] in PEOPLE or (len(words) > 1 and words[1] in PEOPLE)):
        return "person"
    if lower & _THINGS or words[0] in ("The", "the") or not words[-1][:1].isupper() or any(map(str.isdigit, words)):
        return "thing"
    return "person" if 2 <= len(words) <= 4 and all(word[:1].isupper() for word in words) else "thing"
