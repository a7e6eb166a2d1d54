"""Scores → spans, on arrays and strings alone.

A span scores start + end − the no-answer score of its window.  Left un-normalised, such scores
compare across windows and passages (Clark & Gardner 2018, arXiv:1710.10723).
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from index import sentence_spans
from qa.reading.reader import Window

MAX_ANSWER_TOKENS = 40
N_BEST = 8
_BEAM = 24
_JOINERS = frozenset("\u200d\ufe0e\ufe0f\u20e3")


@dataclass(frozen=True, slots=True)
class ScoredSpan:
    """A span of one passage's text with its score.

    Attributes:
        start: offset of its first code point.
        end: offset after its last code point.
        score: start + end − no-answer score.
    """

    start: int
    end: int
    score: float


def decode(
    text: str, windows: Sequence[Window], *, n_best: int = N_BEST, max_tokens: int = MAX_ANSWER_TOKENS
) -> list[ScoredSpan]:
    """Return the best spans of one passage, best first, none twice and none across paragraphs.

    Args:
        text: the passage's text.
        windows: the reader's scores for it.
        n_best: at most so many.
        max_tokens: the longest span, in tokens.
    """
    best: dict[tuple[int, int], float] = {}
    for window in windows:
        for start, end, score in _pairs(window, n_best, max_tokens):
            place = _tidy(text, int(window.offsets[start, 0]), int(window.offsets[end, 1]))
            if place is not None and score > best.get(place, -np.inf) and not _joins_blocks(text, *place):
                best[place] = score
    ranked = sorted(best.items(), key=lambda entry: (-entry[1], entry[0]))
    return [ScoredSpan(start, end, score) for (start, end), score in ranked[:n_best]]


def _pairs(window: Window, n_best: int, max_tokens: int) -> list[tuple[int, int, float]]:
    """The best (first token, last token, score) of one window."""
    words = window.words
    begins = np.r_[True, words[1:] != words[:-1]] | (words < 0)
    closes = np.r_[words[1:] != words[:-1], True] | (words < 0)
    starts = np.where(begins, window.start, -np.inf)
    ends = np.where(closes, window.end, -np.inf)
    first = np.argsort(-starts, kind="stable")[:_BEAM]
    last = np.argsort(-ends, kind="stable")[:_BEAM]
    scores = starts[first][:, None] + ends[last][None, :] - window.no_answer
    length = last[None, :] - first[:, None]
    scores[(length < 0) | (length >= max_tokens) | ~np.isfinite(scores)] = -np.inf
    order = np.argsort(-scores, axis=None, kind="stable")[: n_best * 3]
    rows, columns = np.unravel_index(order, scores.shape)
    return [
        (int(first[row]), int(last[column]), float(scores[row, column]))
        for row, column in zip(rows, columns, strict=True)
        if np.isfinite(scores[row, column])
    ]


def _tidy(text: str, start: int, end: int) -> tuple[int, int] | None:
    """Trim white space, and never cut a character apart from the marks that belong to it."""
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    if start >= end:
        return None
    while end < len(text) and (_belongs(text[end]) or text[end - 1] == "\u200d"):
        end += 1
    while start > 0 and (_belongs(text[start]) or text[start - 1] == "\u200d"):
        start -= 1
    return start, end


def _joins_blocks(text: str, start: int, end: int) -> bool:
    """Whether a span runs on from a heading or paragraph into the next; a wrapped line is no such end."""
    if "\n" not in text[start:end]:
        return False
    return any(start < stop < end and "\n" in text[stop:end] for _, stop in sentence_spans(text))


def _belongs(character: str) -> bool:
    """Whether a character belongs to the one before it."""
    return unicodedata.category(character) in ("Mn", "Me", "Mc") or character in _JOINERS
