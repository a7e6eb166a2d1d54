"""Several ways to understand a question, each with what was found → one answer, with its probability.  Pure.

What readings find is put together: one answer that two readings agree on is likelier than one that only one has.  A
logistic of few features, fitted on dialogues by training/fit_answer_selection.py, says how likely each answer is right;
the likeliest is given, if it is likely enough.
"""

import functools
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from qa.answers.calibration import Calibration
from qa.answers.merging import normalize
from qa.followups.rewriter import Variant
from qa.resources import WEIGHTS
from qa.types import Answer, RankedAnswer, Turn
from qa.word_overlap import coverage

FILE = WEIGHTS / "choosing.json"
KINDS = ("first", "other", "stated", "answered", "alone")
FEATURES = (*KINDS, "lead", "covered", "again", "asked", "before", "words", "home", "fragment")
# Guesses less likely than this are noise and not shown.
_NOISE = 0.01
# Confidence of a reading that has not found an answer at all.
_NOTHING = 0.02
# Of a longer answer the length says no more.
_MANY_WORDS = 12
_COVERED = 0.6


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to understand a question, and what was found."""

    variant: Variant
    answer: Answer


@dataclass(frozen=True, slots=True)
class Proposal:
    """An answer of one or more readings.

    Attributes:
        reading: the one that is surest of it.
        answer: the answer as that reading has it.
        confidences: by kind of reading, how sure that is of it, 0..1.
        kinds: of all readings.
    """

    reading: Reading
    answer: RankedAnswer
    confidences: dict[str, float]
    kinds: frozenset[str]

    @property
    def strength(self) -> float:
        """How sure its surest reading is, less where that is an unlikely way to understand the question."""
        return self.answer.confidence * self.reading.variant.weight


@dataclass(frozen=True, slots=True)
class Choice:
    """Fitted numbers.

    Attributes:
        intercept: of the logistic.
        weights: one of each of FEATURES.
        threshold: an answer less likely than this is not given.
    """

    intercept: float
    weights: tuple[float, ...]
    threshold: float

    def probability(self, features: Sequence[float]) -> float:
        """Return how likely an answer with such features is right, 0..1."""
        logit = self.intercept + sum(weight * one for weight, one in zip(self.weights, features, strict=True))
        return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, logit))))


@functools.cache
def shipped() -> Choice:
    """Return the numbers fitted for the shipped models."""
    numbers = json.loads(FILE.read_text(encoding="utf-8"))["numbers"]
    return Choice(
        float(numbers["intercept"]),
        tuple(float(numbers["weights"][name]) for name in FEATURES),
        float(numbers["threshold"]),
    )


def proposals(readings: Sequence[Reading]) -> list[Proposal]:
    """Return the best answer of each reading, the same ones together, the strongest first."""
    kinds = frozenset(one.variant.kind for one in readings)
    best = [Proposal(one, one.answer.answers[0], {}, kinds) for one in readings if one.answer.answers]
    best.sort(key=lambda one: -one.strength)
    found: list[Proposal] = []
    for one in best:
        same = next((other for other in found if alike(other.answer.text, one.answer.text)), None)
        if same is None:
            found.append(one)
        into, kind = (same or one).confidences, one.reading.variant.kind
        into[kind] = max(into.get(kind, 0.0), one.answer.confidence)
    return found


def features(
    one: Proposal, others: Sequence[Proposal], question: str, history: Sequence[Turn], homes: Sequence[str]
) -> list[float]:
    """Return what tells right answers from wrong ones, in the order of FEATURES.

    Args:
        one: the answer.
        others: all proposals.
        question: as it was asked.
        history: what was said before, at least one turn.
        homes: ids of the articles that the conversation has answers from.
    """
    evidence = one.answer.evidence[0]
    words = normalize(one.answer.text).split()
    last = history[-1]
    return [
        *(_log_odds(one.confidences.get(kind, 0.0)) if kind in one.kinds else 0.0 for kind in KINDS),
        one.strength - max((other.strength for other in others if other is not one), default=0.0),
        min(_COVERED, coverage(question, evidence.sentence)),
        float(any(turn.answer and alike(one.answer.text, turn.answer) for turn in history)),
        _share(words, question),
        _share(words, last.standalone_question or last.question),
        float(min(_MANY_WORDS, len(words))),
        float(evidence.article.id in homes),
        float("stated" not in one.kinds),
    ]


def chosen(
    readings: Sequence[Reading],
    question: str,
    history: Sequence[Turn],
    homes: Sequence[str],
    *,
    limit: int,
    min_confidence: float,
    threshold: float,
    calibration: Calibration,
) -> tuple[Variant, Answer]:
    """Return the answer that is likeliest right, with how the question was understood.

    Args:
        readings: at least one, the likeliest first.
        question: as it was asked.
        history: what was said before, at least one turn.
        homes: ids of the articles that the conversation has answers from.
        limit: at most so many distinct answers.
        min_confidence: answers below it are left out.
        threshold: confidence below which no answer is given.
        calibration: numbers of levels.
    """
    found = proposals(readings)
    choice = shipped()
    likely = {id(one): choice.probability(features(one, found, question, history, homes)) for one in found}
    ranked = sorted(found, key=lambda one: -likely[id(one)])
    best = ranked[0].reading if ranked else readings[0]
    answers = [replace(one.answer, confidence=likely[id(one)]) for one in ranked]
    for more in best.answer.answers[1:] if ranked else ():
        if not any(alike(more.text, one.text) for one in answers):
            share = more.confidence / max(best.answer.answers[0].confidence, _NOISE)
            answers.append(replace(more, confidence=min(1.0, share) * answers[0].confidence))
    answers.sort(key=lambda one: -one.confidence)
    kept = tuple(one for one in answers[:limit] if one.confidence >= max(min_confidence, _NOISE))
    read = {one.passage.id: one for some in (best, *readings) for one in some.answer.candidates}
    answered = bool(kept) and kept[0].confidence >= max(threshold, min_confidence)
    return best.variant, replace(
        best.answer,
        question=question,
        answers=kept,
        answered=answered,
        reason=None if answered else best.answer.reason or "below_threshold",
        level=calibration.level(kept[0].confidence) if answered else "none",
        candidates=tuple(read.values()),
    )


def alike(one: str, other: str) -> bool:
    """Return whether two answers say the same: one holds the other and is not much longer."""
    short, long = sorted((normalize(one).split(), normalize(other).split()), key=len)
    if not short:
        return short == long
    places = range(len(long) - len(short) + 1)
    return len(long) <= 3 * len(short) + 2 and any(long[at : at + len(short)] == short for at in places)


def _share(words: Sequence[str], text: str) -> float:
    known = set(normalize(text).split())
    return sum(word in known for word in words) / max(1, len(words))


def _log_odds(confidence: float) -> float:
    kept = min(max(confidence, _NOTHING), 1.0 - _NOTHING)
    return math.log(kept / (1.0 - kept))
