"""Words, told apart by their beginnings, so that "recognise" meets "recognised".  Pure."""

import re

from index import MOVED_MARKS, query_words, spaced

_WORD = re.compile(f"[\\w{MOVED_MARKS}]+")
_BEGINNING = 6


def beginnings(text: str) -> set[str]:
    """Return the beginnings of a text's words, in lower case; pairs of characters where there are no spaces."""
    return {word[:_BEGINNING] for word in _WORD.findall(spaced(text.lower()))}


def coverage(question: str, text: str) -> float:
    """Return the share of a question's telling words that a text has, 0..1."""
    asked = {word[:_BEGINNING] for word in query_words(question)}
    return len(asked & beginnings(text)) / len(asked) if asked else 0.0
