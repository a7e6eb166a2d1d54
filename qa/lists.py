"""Answers that are lists: which spans together are the answer, and which members a span has.  Pure."""

import re
from collections.abc import Sequence

from qa.decoding import ScoredSpan
from qa.types import Item, Span

# Spans looked at for the members of a list: most overlap others.
LIST_N_BEST = 60
# A member scores at most so much below the best one, and above this.
GAP = 4.0
FLOOR = 0.0
_MAX_MEMBERS = 16

_SEVERAL = re.compile(
    r"\b(?:which|what|whose|name|list)\b\s+(?:\w+\s+){0,3}?(?:\w{2,}[^s\W]s|children|people|men|women)\b"
    r"|\bwho\s+(?:are|were|have)\b|\bwhat\s+(?:are|were)\b|\bwhich\b.*\b(?:are|were|have)\b"
    r"|\bbetween (?:which|what|whom)\b",
    re.IGNORECASE,
)
_SEPARATOR = re.compile(
    r"\s*;\s*(?:and\s+|or\s+)?|\s*,\s*(?:and\s+|or\s+)?|\s+(?:and|or|&|as well as)\s+", re.IGNORECASE
)
_MAX_ITEM_WORDS = 8


def asks_for_several(question: str) -> bool:
    """Return whether a question's words ask for more than one thing."""
    return bool(_SEVERAL.search(question))


def members(question: str, text: str, spans: Sequence[ScoredSpan]) -> list[tuple[int, int]]:
    """Return the places in a text that together answer a question, in the order of the text.

    The best span always; where the question asks for several, every other one that overlaps none
    taken before and scores nearly as well, each split into its parts where it is itself a list.

    Args:
        question: the question.
        text: the text the spans stand in.
        spans: of that text, best first.
    """
    if not spans:
        return []
    if not asks_for_several(question):
        return [(spans[0].start, spans[0].end)]
    taken = [spans[0]]
    for span in spans[1:]:
        if span.score < max(FLOOR, spans[0].score - GAP) or len(taken) == _MAX_MEMBERS:
            break
        if all(span.end <= other.start or other.end <= span.start for other in taken):
            taken.append(span)
    places = []
    for span in sorted(taken, key=lambda one: one.start):
        parts = parts_of(text[span.start : span.end])
        places += [(span.start + start, span.start + end) for start, end in parts] or [(span.start, span.end)]
    return places


def items(question: str, span: Span) -> tuple[Item, ...]:
    """Return the members of an answer that is a list; empty where it is not one.

    Only where the question asks for several, and only where every part could stand alone, since
    "Trinidad and Tobago" is one country.
    """
    if not asks_for_several(question):
        return ()
    base = span.article_start
    article = span.candidate.article.id
    return tuple(Item(span.text[start:end], article, base + start, base + end) for start, end in parts_of(span.text))


def parts_of(text: str) -> list[tuple[int, int]]:
    """Return where the members of a written list begin and end; empty where the text is none."""
    parts: list[tuple[int, int]] = []
    position = 0
    for match in _SEPARATOR.finditer(text):
        parts.append((position, match.start()))
        position = match.end()
    parts.append((position, len(text)))
    texts = [text[start:end] for start, end in parts]
    if len(parts) < 2 or not all(_stands_alone(one) for one in texts):
        return []
    return parts if len({one[0].isupper() or one[0].isdigit() for one in texts}) == 1 else []


def _stands_alone(text: str) -> bool:
    return bool(re.search(r"\w", text)) and text == text.strip() and len(text.split()) <= _MAX_ITEM_WORDS
