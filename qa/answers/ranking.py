"""Spans that were found → an Answer: ranked, each with its confidence, and the reason where there is none.  Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from index import Candidate
from qa.answers.calibration import Calibration
from qa.answers.lists import items
from qa.answers.merging import Group, distinct, evidence, lead, support
from qa.types import Answer, RankedAnswer, Reason, Span, Timings
from qa.word_overlap import coverage

# A cosine below this, with no word in common, is chance.
_RELEVANT = 0.2
# Guesses less likely than this are noise and not shown.
_NOISE = 0.01


@dataclass(frozen=True, slots=True)
class Ranking:
    """What answers are made of but the spans.

    Attributes:
        question: what is asked.
        candidates: passages that spans may come from, best first.
        calibration: numbers of confidence.
        limit: at most so many distinct answers.
        min_confidence: answers below it are left out.
        threshold: confidence below which no answer is given.
    """

    question: str
    candidates: tuple[Candidate, ...]
    calibration: Calibration
    limit: int
    min_confidence: float
    threshold: float

    def answer(self, spans: Sequence[Span], timings: Timings) -> Answer:
        """Return the answer as it stands after some of the candidates were read.

        Args:
            spans: found so far.
            timings: where the time went so far.
        """
        answers = self._rank(spans)
        reason = self._reason(answers)
        level = "none" if reason else self.calibration.level(answers[0].confidence)
        return Answer(self.question, reason is None, reason, answers, level, self.candidates, timings)

    def _rank(self, spans: Sequence[Span]) -> tuple[RankedAnswer, ...]:
        groups = distinct(self.question, spans, self.calibration)
        relevance = max((span.candidate.similarity for span in spans), default=0.0)
        ranked = []
        covered = 1.0
        for place, group in enumerate(groups[: self.limit]):
            margin = group.value - groups[0].value if place else lead(groups)
            # Never more than an answer before it: they are ranked by value alone.
            covered = min(covered, coverage(self.question, group.best.candidate.passage.text))
            confidence = self.calibration.confidence(group.value, margin, relevance, covered)
            if confidence >= max(self.min_confidence, _NOISE):
                ranked.append(self._ranked(group, confidence))
        return tuple(ranked)

    def _ranked(self, group: Group, confidence: float) -> RankedAnswer:
        pieces = tuple(evidence(span) for span in group.spans)
        return RankedAnswer(group.best.text, confidence, pieces, items(self.question, group.together), support(pieces))

    def _reason(self, answers: tuple[RankedAnswer, ...]) -> Reason | None:
        if answers and answers[0].confidence >= max(self.threshold, self.min_confidence):
            return None
        lexical = any(candidate.lexical_rank is not None for candidate in self.candidates)
        similar = any(candidate.similarity >= _RELEVANT for candidate in self.candidates)
        if not lexical and not similar:
            return "nothing_relevant"
        if not answers or answers[0].evidence[0].score <= 0:
            return "no_answer_in_passages"
        return "below_threshold"
