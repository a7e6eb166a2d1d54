"""Answers that are lists: which questions ask for several things, and which members an answer has.  Pure."""

import re

from qa.types import Item, Span

# Spans looked at in each passage for the members of a list: most overlap others.
LIST_N_BEST = 60
_MAX_ITEM_WORDS = 8
# So many parts make a list also without a last "and", and whatever was asked.
_SURELY = 4

_SEVERAL = re.compile(
    r"\b(?:which|what|whose|name|list)\b\s+(?:\w+\s+){0,3}?(?:\w{2,}[^s\W]s|children|people|men|women)\b"
    r"|\bwho\s+(?:are|were|have)\b|\bwhat\s+(?:are|were)\b|\bwhich\b.*\b(?:are|were|have)\b"
    r"|\bbetween (?:which|what|whom)\b",
    re.IGNORECASE,
)
# "Which country", "what band": one thing, which may have an "and" in its name.
_ONE = re.compile(
    r"\b(?:which|what)\s+(?!(?:is|was|are|were|do|does|did|has|have|had|can|could|will|would|should|might|may|must)\b)\w+",
    re.IGNORECASE,
)
_SEPARATOR = re.compile(r"\s*;\s*(?:and\s+|or\s+)?|\s*,\s*(?:and\s+|or\s+)?|\s+(?:and|or|as well as)\s+", re.IGNORECASE)
_LAST = re.compile(r"\b(?:and|or|as well as)\b|;", re.IGNORECASE)
_ARTICLE = re.compile(r"(?:the|an?)\s+", re.IGNORECASE)


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
    found = []
    for span in sorted(together, key=lambda other: other.start):
        parts = parts_of(span.text)
        if one and len(parts) < _SURELY:
            parts = []
        for start, end in parts or [(0, len(span.text))]:
            base = span.article_start
            found.append(Item(span.text[start:end], span.candidate.article.id, base + start, base + end))
    return tuple(found) if len(found) > 1 else ()


def parts_of(text: str) -> list[tuple[int, int]]:
    """Return where the members of a written list begin and end; empty where the text is none.

    A comma alone makes none: "June 17, 2013", "Austin, Texas".
    """
    parts: list[tuple[int, int]] = []
    marks: list[str] = []
    position = 0
    for match in _SEPARATOR.finditer(text):
        parts.append((position, match.start()))
        marks.append(match.group())
        position = match.end()
    parts.append((position, len(text)))
    texts = [text[start:end] for start, end in parts]
    if len(parts) < 2 or not all(_stands_alone(one) for one in texts):
        return []
    if len(parts) < _SURELY and not _LAST.search(marks[-1]):
        return []
    return parts if len({_is_name(one) for one in texts}) == 1 else []


def _is_name(text: str) -> bool:
    bare = _ARTICLE.sub("", text, count=1) if _ARTICLE.match(text) else text
    return bare[:1].isupper() or bare[:1].isdigit()


def _stands_alone(text: str) -> bool:
    return bool(re.search(r"\w", text)) and text == text.strip() and len(text.split()) <= _MAX_ITEM_WORDS
