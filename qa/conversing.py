"""Several ways to understand a question → which passages are read for each.  Pure.

Searching costs little and reading much: the likeliest reading is read as any question is, of the others the nearest
passages only.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

from index import Candidate, Filters
from qa.followup import Variant
from qa.merging import normalize
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
    said = [normalize(text).split() for text in without]
    return [span for span in spans if not any(_within(normalize(span.text).split(), words) for words in said)]


def holds(candidate: Candidate, turn: Turn) -> bool:
    """Return whether a passage is where an answer that was given may stand."""
    said = turn.sentence or turn.answer or ""
    return bool(said) and normalize(said) in normalize(candidate.passage.text)


def _within(words: list[str], said: list[str]) -> bool:
    """Whether a span says what was said: all of it, or more than half of it."""
    if not words or not said:
        return False
    short, long = (words, said) if len(words) <= len(said) else (said, words)
    part = any(long[at : at + len(short)] == short for at in range(len(long) - len(short) + 1))
    return part and (len(words) >= len(said) or 2 * len(words) > len(said))
