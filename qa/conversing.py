"""Several ways to understand a question → candidates for each, and the answer that is supported best.  Pure.

Searching costs little and reading much: the likeliest reading is read as any question is, the others together about as
much again.
"""

from collections.abc import Sequence
from dataclasses import replace

from index import Candidate
from qa.calibration import Calibration
from qa.followup import Variant
from qa.merging import normalize
from qa.types import Answer, Span

# What the odds of an answer from an article that the conversation has an answer from are multiplied by, and of one from
# elsewhere, where the question goes on from what was said: such articles hold the answer more often than others do.
HERE, ELSEWHERE = 2.0, 0.6


def shares(variants: Sequence[Variant], passages: int) -> list[int]:
    """Return how many passages are read for each way to understand a question.

    Args:
        variants: the likeliest first.
        passages: that one question may have.
    """
    rest = len(variants) - 1
    return [passages, *[max(1, passages // rest)] * rest] if rest else [passages]


def together(found: Sequence[Sequence[Candidate]], passages: int) -> tuple[Candidate, ...]:
    """Return the candidates of all ways to understand a question, each once, the best of each first."""
    seen: dict[str, Candidate] = {}
    for place in range(max(map(len, found), default=0)):
        for some in found:
            if place < len(some):
                seen.setdefault(some[place].passage.id, some[place])
    return tuple(seen.values())[:passages]


def wanted(spans: Sequence[Span], without: Sequence[str]) -> list[Span]:
    """Return the spans that do not say again what was said before."""
    said = [normalize(text).split() for text in without]
    return [span for span in spans if not any(_within(normalize(span.text).split(), words) for words in said)]


def best(answers: Sequence[tuple[Variant, Answer]]) -> tuple[Variant, Answer]:
    """Return the answer that is supported best, with how the question was understood; of equals the first."""
    return max(answers, key=lambda one: one[1].confidence * one[0].weight)


def shifted(
    answer: Answer, variant: Variant, titles: Sequence[str], threshold: float, calibration: Calibration
) -> Answer:
    """Return an answer with the confidence that it has in its conversation.

    Args:
        answer: the answer.
        variant: how the question was understood.
        titles: of the articles that the conversation has answers from.
        threshold: confidence below which no answer is given.
        calibration: numbers of confidence.
    """
    if not variant.leans or not titles or not answer.answers:
        return answer
    known = answer.answers[0].evidence[0].article.title in titles
    factor = HERE if known else ELSEWHERE
    answers = tuple(replace(one, confidence=_at_odds(one.confidence, factor)) for one in answer.answers)
    answered = answers[0].confidence >= threshold
    reason = None if answered else answer.reason or "below_threshold"
    level = calibration.level(answers[0].confidence) if answered else "none"
    return replace(answer, answers=answers, answered=answered, reason=reason, level=level)


def _at_odds(confidence: float, factor: float) -> float:
    return factor * confidence / (factor * confidence + 1.0 - confidence)


def _within(words: list[str], said: list[str]) -> bool:
    """Whether a span says what was said: all of it, or more than half of it."""
    if not words or not said:
        return False
    short, long = (words, said) if len(words) <= len(said) else (said, words)
    part = any(long[at : at + len(short)] == short for at in range(len(long) - len(short) + 1))
    return part and (len(words) >= len(said) or 2 * len(words) > len(said))
