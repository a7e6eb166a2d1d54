"""Scores → probability and level.  Pure; the numbers come from weights/calibration.json.

The numbers are fitted by training/calibrate.py on development questions with and without an answer
in the collection.
"""

import functools
import json
import math
from collections.abc import Iterable
from dataclasses import dataclass

from index import Candidate
from qa.resources import WEIGHTS
from qa.types import Level, Span

FILE = WEIGHTS / "calibration.json"
MARGIN_CAP = 6.0
# From this cosine on a passage is about the question's subject; a higher one says little more.
RELEVANT = 0.4
# Nor does a passage that has more than this share of the question's words.
COVERED = 0.6


@dataclass(frozen=True, slots=True)
class Calibration:
    """Fitted numbers.

    Attributes:
        length: what each word of a span costs: an end picked too late makes a long one.
        similarity: what a cosine of 1 between question and passage adds to a span's score.
        retrieval: what the best possible retrieval score adds.
        reach: what the reader's own part of a span's value seldom exceeds: see settled().
        list_gap: how far below the best span of a list its other members may be ranked.
        ceiling: confidence of the surest answer, 0..1: also what looks perfect is not always right.
        intercept: of the logistic that gives confidence, as a share of the ceiling.
        value: its weight of a span's value.
        margin: its weight of the lead over the next different answer, not negative.
        relevance: its weight of the best cosine between the question and a passage, up to RELEVANT.
        coverage: its weight of the share of the question's words that the answer's passage has, up to COVERED.
        threshold: an answer below this confidence is not given.
        medium: from here on confidence is ``medium``.
        high: from here on it is ``high``.
        reading_threshold: with one given passage, a span scored below it means "no answer".
        reading_scale: how far above it a span's value must be for one more unit of log-odds that it is right.
    """

    length: float
    similarity: float
    retrieval: float
    reach: float
    list_gap: float
    ceiling: float
    intercept: float
    value: float
    margin: float
    relevance: float
    coverage: float
    threshold: float
    medium: float
    high: float
    reading_threshold: float
    reading_scale: float

    def reading_value(self, text: str, score: float) -> float:
        """Return what the spans of one passage are ranked by: the reader's score less what length costs."""
        return score - self.length * len(text.split())

    def reading_probability(self, value: float) -> float:
        """Return the estimated probability that a span of one given passage answers the question, 0..1.

        A logistic of the value; a half where the value is ``reading_threshold``.
        """
        logit = (value - self.reading_threshold) / self.reading_scale
        return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, logit))))

    def span_value(self, span: Span) -> float:
        """Return what spans of several passages are ranked by: also by how well their passage was found."""
        return self.reading_value(span.text, span.score) + self._found(span.candidate)

    def settled(self, value: float, unread: Iterable[Candidate]) -> bool:
        """Return whether no candidate that was not read yet is likely to hold a better answer.

        What retrieval says of a candidate is known before it is read, and what the reader can add to that is
        bounded by ``reach``: the smallest number with which reading on, where a better answer may still come, loses
        no F1 on the questions that fitted it.

        Args:
            value: of the best span so far.
            unread: candidates that would be read next.
        """
        return all(value >= self.reach + self._found(candidate) for candidate in unread)

    def _found(self, candidate: Candidate) -> float:
        return self.similarity * candidate.similarity + self.retrieval * candidate.score

    def confidence(self, value: float, margin: float, relevance: float, coverage: float) -> float:
        """Return the estimated probability that an answer is right, 0..1.

        It grows with value and margin, so answers ranked by value are ranked by confidence too.

        Args:
            value: of the answer's best span.
            margin: value minus the best value of a different answer; below 0 for all but the
                first.  Copies of the same answer, and parts of it, are not different.
            relevance: the best cosine between the question and a passage read: where nothing is
                about the question, a good-looking span is chance.
            coverage: the share of the question's words that the answer's passage has, see qa.word_overlap.
        """
        capped = max(-MARGIN_CAP, min(MARGIN_CAP, margin))
        known, covered = min(RELEVANT, relevance), min(COVERED, coverage)
        logit = self.intercept + self.value * value + self.margin * capped
        logit += self.relevance * known + self.coverage * covered
        return self.ceiling / (1.0 + math.exp(-max(-30.0, min(30.0, logit))))

    def level(self, confidence: float) -> Level:
        """Return the level of an answer that was given."""
        if confidence >= self.high:
            return "high"
        return "medium" if confidence >= self.medium else "low"


@functools.cache
def shipped() -> Calibration:
    """Return the numbers fitted for the shipped models."""
    facts = json.loads(FILE.read_text(encoding="utf-8"))
    return Calibration(**{name: float(facts["numbers"][name]) for name in Calibration.__dataclass_fields__})
