"""Several ways to understand a question → which passages are read for each.  Pure.

Searching costs little and reading much: the likeliest reading is read as any question is, of the others the nearest
passages only.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

from index import Candidate, Filters
from qa.answers.merging import normalize
from qa.followups.rewriter import Variant
from qa.types import Span, Turn

# For each way to understand a question but the first one passage is read of so many that it might have, and two at
# least.  With half of all as many follow-ups came out right (66.0 of 100, by cross-validation), with one passage 62.7.
OTHERS = 5
FEWEST = 2
# Passages of the articles that were spoken of that are always among those read, and how many such articles.
AT_HOME = 3
HOMES = 2
# What a cosine of 1 adds to the logarithm of a candidate's score, as retrieval fuses it.
_SIMILARITY = 4.0


def shares(variants: Sequence[Variant], passages: int) -> list[int]:
    """Return how many passages are read for each way to understand a question.

    Args:
        variants: the likeliest first.
        passages: that one question may have.
    """
    return [passages, *[min(passages, max(FEWEST, passages // OTHERS))] * (len(variants) - 1)]


def together(found: Sequence[Sequence[Candidate]], passages: int) -> tuple[Candidate, ...]:
    """Return the candidates of all ways to understand a question, each once, the best of each first."""
    seen: dict[str, Candidate] = {}
    for place in range(max(map(len, found), default=0)):
        for some in found:
            if place < len(some):
                seen.setdefault(some[place].passage.id, some[place])
    return tuple(seen.values())[:passages]


def at_home(filters: Filters | None, homes: Sequence[str]) -> Filters | None:
    """Return filters for the articles that were spoken of, as far as they may be searched; None where none may."""
    allowed = filters or Filters()
    ids = tuple(one for one in homes if not allowed.article_ids or one in allowed.article_ids)
    return replace(allowed, article_ids=ids) if ids else None


def joined(found: Sequence[Candidate], own: Sequence[Candidate], passages: int) -> tuple[Candidate, ...]:
    """Return candidates with those of the articles that were spoken of among them, best first.

    The scores of the latter are among themselves: they are made comparable by what similarity counts.

    Args:
        found: by a search of everything, best first.
        own: by the same search of the articles that were spoken of, best first.
        passages: at most so many.
    """
    known = {one.passage.id for one in found}
    nearest = max((one.similarity for one in found), default=0.0)
    best = max((one.similarity for one in own), default=0.0)
    scale = math.exp(_SIMILARITY * min(0.0, best - nearest))
    new = [replace(one, score=one.score * scale) for one in own if one.passage.id not in known]
    ids = {one.passage.id for one in own}
    spare = [one for one in found if one.passage.id not in ids][: max(0, passages - len(own))]
    kept = {one.passage.id for one in spare} | ids
    return tuple(sorted((one for one in [*found, *new] if one.passage.id in kept), key=lambda one: -one.score))


def wanted(spans: Sequence[Span], without: Sequence[str]) -> list[Span]:
    """Return the spans that do not say again what was said before."""
    answers = {normalize(text) for text in without} - {""}
    # With a space at each end, a part of a text is a row of whole words of it.
    padded = [(f" {answer} ", answer.count(" ") + 1) for answer in answers]
    return [span for span in spans if not _repeats(normalize(span.text), padded)]


def holds(candidate: Candidate, turn: Turn) -> bool:
    """Return whether a passage is where an answer that was given may stand."""
    said = turn.sentence or turn.answer or ""
    return bool(said) and normalize(said) in normalize(candidate.passage.text)


def _repeats(text: str, answers: Sequence[tuple[str, int]]) -> bool:
    """Whether a normalized text has all of an answer, or is more than half of one; answers come with their words."""
    span, words = f" {text} ", text.count(" ") + 1
    return bool(text) and any(
        answer in span if words >= count else 2 * words > count and span in answer for answer, count in answers
    )
