"""Answers that are lists: which questions ask for several things, and which members an answer has.  Pure."""

import re
from collections.abc import Iterator

from qa.types import Item, Span

# Spans looked at in each passage for the members of a list: most overlap others.
LIST_N_BEST = 60
_MAX_ITEM_WORDS = 8
# So many parts make a list also without a last "and".
_SURELY = 4

_MODIFIER = (
    r"(?:\d+|two|three|four|five|six|seven|eight|nine|ten|some|several|many|other|both|the|its|his|her|their|main|major|"
    r"different|new|old|big|small|famous|(?:kind|type|sort)s? of|"
    r"(?!during)\w+(?:al|ic|an|ous|ive|ern|ish|ese|ed|ing|ful|ary))"
)
# No plurals, though they end like one: "what makes", "which company does".
_VERBS = (
    r"(?:does|makes|causes|happens|gives|takes|becomes|includes|means|comes|goes|occurs|helps|lies|determines|allows|"
    r"leads|keeps|requires|controls|prevents|refers|remains|provides|describes|shows|says|contains|holds|plays|owns|"
    r"uses|wants|needs|was|has)\b"
)
# A plural straight after "which" and the like, with nothing but modifiers between: a name is none, nor is a verb.
_SEVERAL = re.compile(
    rf"\b(?:which|what|whose|name|list)\s+(?:of\s+)?(?:{_MODIFIER}\s+){{0,3}}(?!{_VERBS})"
    r"(?:(?-i:[a-z]{2,}(?:[^\W_suiA-Z]|ie)s)|children|people|men|women)\b"
    r"|^(?:name|list)\b.*\b(?-i:[a-z]{2,}(?:[^\W_suiA-Z]|ie)s)\b|\bwho\s+(?:are|were|have)\b|\bwhat\s+(?:are|were)\b|\bwhich\b(?:(?!\bwhich\b).)*\b(?:are|were|have)\b"
    r"|\bbetween (?:which|what|whom)\b",
    re.IGNORECASE,
)
# "Which country", "what band": one thing, which may have an "and" in its name.
_ONE = re.compile(
    r"\b(?:which|what)\s+"
    r"(?!(?:is|was|are|were|do|does|did|has|have|had|can|could|will|would|should|might|may|must)\b)\w+",
    re.IGNORECASE,
)
# Not the comma of a number, of a date, or before what belongs to a name.
_COMMA = (
    r",(?!(?<=\d,)\d)(?!(?<=[a-z] \d,)\s*\d{4}\b)(?!(?<=[a-z] \d\d,)\s*\d{4}\b)"
    r"(?!\s*(?:jr|sr|inc|ltd|llc|ph\.?d|m\.?d|esq|etc)\b)"
)
_CONJUNCTION = r"(?:and|or|as well as)\s+"
# Without the white space before it, which would be looked through anew from each of its characters.
_SEPARATOR = re.compile(rf"(?:;|{_COMMA})\s*(?:{_CONJUNCTION})?|(?<=\s){_CONJUNCTION}", re.IGNORECASE)
_FIRM = re.compile(r"\b(?:and|or|as well as)\b|;", re.IGNORECASE)
# One comma, a name after it.
_PLACE = re.compile(r"[^,]+, (?-i:[A-Z0-9])[^,]*")
_ARTICLE = re.compile(r"^(?:the|an?)\s+", re.IGNORECASE)


def asks_for_several(question: str) -> bool:
    """Return whether a question's words ask for more than one thing."""
    return bool(_SEVERAL.search(question))


def items(question: str, together: tuple[Span, ...]) -> tuple[Item, ...]:
    """Return the members of an answer in the order of the text; empty where it is not a list.

    Args:
        question: whose words say whether one thing was asked for: "Trinidad and Tobago" is one country.
        together: the spans of one passage that are the answer, at least one.
    """
    one = not asks_for_several(question) and _ONE.search(question) is not None
    found: dict[str, Item] = {}
    for span in sorted(together, key=lambda other: other.start):
        parts = [] if one else parts_of(span.text)
        for start, end in parts or [(0, len(span.text))]:
            base = span.article_start
            text = span.text[start:end]
            item = Item(text, span.candidate.article.id, base + start, base + end)
            found.setdefault(_ARTICLE.sub("", text).casefold(), item)
    return tuple(found.values()) if len(found) > 1 else ()


def parts_of(text: str) -> list[tuple[int, int]]:
    """Return where the members of a written list begin and end; empty where the text is none.

    A comma alone makes no list of two or three ("Austin, Texas"), and a conjunction before the last
    comma makes one of pairs only: "Paris, France and Berlin, Germany" are two places.
    """
    marks = list(_separators(text))
    paired = bool(marks) and not marks[-1][2] and any(firm for _, _, firm in marks)
    if paired:
        marks = [mark for mark in marks if mark[2]]
    begins = [0, *(end for _, end, _ in marks)]
    ends = [*(start for start, _, _ in marks), len(text)]
    parts = list(zip(begins, ends, strict=True))
    texts = [text[start:end] for start, end in parts]
    if not any(firm for _, _, firm in marks) and len(parts) < _SURELY:
        return []
    if paired and not all(_PLACE.fullmatch(one) for one in texts):
        return []
    if len(parts) < 2 or not all(_stands_alone(one) for one in texts):
        return []
    return parts if len({_is_name(one) for one in texts}) == 1 else []


def _separators(text: str) -> Iterator[tuple[int, int, bool]]:
    """Yield where what separates members begins and ends, with white space, and whether it is more than a comma."""
    position = 0
    for match in _SEPARATOR.finditer(text):
        start = position + len(text[position : match.start()].rstrip())
        if match.group()[0] not in ",;" and start == match.start():
            continue  # the space before this conjunction belongs to the separator before
        position = match.end()
        yield start, position, bool(_FIRM.search(match.group()))


def _is_name(text: str) -> bool:
    bare = _ARTICLE.sub("", text)
    return bare[:1].isupper() or bare[:1].isdigit()


def _stands_alone(text: str) -> bool:
    return bool(re.search(r"\w", text)) and text == text.strip() and len(text.split()) <= _MAX_ITEM_WORDS
