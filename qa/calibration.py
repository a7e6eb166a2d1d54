"""Scores → probability and level.  Pure; the numbers come from weights/calibration.json.

The numbers are fitted by training/calibrate.py on development questions with and without an answer
in the collection.
"""

import functools
import json
import math
from dataclasses import dataclass
from pathlib import Path

from index import Candidate
from qa.types import Level, Span

FILE = Path(__file__).parent / "weights" / "calibration.json"
MARGIN_CAP = 8.0
# Fused retrieval scores on a scale where first in both rankings is 1.
_RETRIEVAL_SCALE = 5.5


@dataclass(frozen=True, slots=True)
class Calibration:
    """Fitted numbers.

    Attributes:
        similarity: what a cosine of 1 between question and passage adds to a span's score.
        retrieval: what the best possible retrieval score adds.
        intercept: of the logistic that gives confidence.
        value: its weight of a span's value.
        margin: its weight of the lead over the next different answer, not negative.
        threshold: an answer below this confidence is not given.
        medium: from here on confidence is ``medium``.
        high: from here on it is ``high``.
        reading_threshold: with one given passage, a span scored below it means "no answer".
    """

    similarity: float
    retrieval: float
    intercept: float
    value: float
    margin: float
    threshold: float
    medium: float
    high: float
    reading_threshold: float

    def span_value(self, span: Span) -> float:
        """Return what spans are ranked by: the reader's score, and how well the passage was found."""
        candidate = span.candidate
        return span.score + self.similarity * candidate.similarity + self.retrieval * retrieval_score(candidate)

    def confidence(self, value: float, margin: float) -> float:
        """Return the estimated probability that an answer is right, 0..1.

        It grows with value and margin, so answers ranked by value are ranked by confidence too.

        Args:
            value: of the answer's best span.
            margin: value minus the best value of a different answer; below 0 for all but the
                first.  Copies of the same answer are not different.
        """
        capped = max(-MARGIN_CAP, min(MARGIN_CAP, margin))
        logit = self.intercept + self.value * value + self.margin * capped
        return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, logit))))

    def level(self, confidence: float) -> Level:
        """Return the level of an answer that was given."""
        if confidence >= self.high:
            return "high"
        return "medium" if confidence >= self.medium else "low"


def retrieval_score(candidate: Candidate) -> float:
    """Return a candidate's fused score on a scale where first in both rankings is 1."""
    return candidate.score * _RETRIEVAL_SCALE


@functools.cache
def shipped() -> Calibration:
    """Return the numbers fitted for the shipped models."""
    facts = json.loads(FILE.read_text(encoding="utf-8"))
    return Calibration(**{name: float(facts["numbers"][name]) for name in Calibration.__dataclass_fields__})
