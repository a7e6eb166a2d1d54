"""A question's whole way, on one page.

question → readings of it with candidates (followups, index) → spans (reading) → answers (answers) → one Answer
"""

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from index import Candidate, Collection, Filters
from qa.answers import calibration
from qa.answers.lists import LIST_N_BEST, asks_for_several
from qa.answers.ranking import Ranking
from qa.followups import answer_selection
from qa.followups.answer_selection import Reading
from qa.followups.interpret import understand
from qa.followups.retrieval_budget import wanted
from qa.reading.plan import Part, Plan
from qa.reading.reader import Reader
from qa.reading.span_decoding import N_BEST, decode
from qa.stopwatch import Stopwatch
from qa.types import Answer, Improved, Retrieved, Span, Turn


class AnswerPipeline:
    """From a question to an answer, step by step.  Safe for use from several threads.

    Args:
        reader: finds spans.
        threshold: confidence below which no answer is given; None takes the fitted one.
        thorough: read every candidate, also those that are not likely to hold a better answer.
    """

    def __init__(self, reader: Reader, *, threshold: float | None = None, thorough: bool = False) -> None:
        self.reader = reader
        self.calibration = calibration.shipped()
        self.threshold = self.calibration.threshold if threshold is None else threshold
        self.threshold_in_conversation = answer_selection.shipped().threshold if threshold is None else threshold
        self.thorough = thorough

    def _ask_in(
        self,
        collection: Collection,
        question: str,
        history: Sequence[Turn],
        *,
        limit: int,
        passages: int,
        filters: Filters | None,
        min_confidence: float,
        check: Callable[[], None],
        improving: bool,
    ) -> Iterator[Retrieved | Improved | Answer]:
        stopwatch = Stopwatch()
        understood = understand(
            collection, question, history, passages=passages, filters=filters, check=check, lap=stopwatch.lap
        )
        candidates = understood.candidates(passages)
        yield Retrieved(candidates)

        readings: list[Reading] = []
        alone = understood.alone
        settled = functools.partial(
            understood.settled,
            readings,
            limit=limit,
            min_confidence=min_confidence,
            threshold=self.threshold_in_conversation,
            calibration=self.calibration,
        )
        least = min_confidence if alone else 0.0  # confidence is another one when readings are compared
        for variant, some in zip(understood.variants, understood.found, strict=True):
            for step in self._read_on(
                variant.question, some, limit, least, stopwatch, check, improving and alone, variant.without
            ):
                if isinstance(step, Improved):
                    yield step
                    continue
                readings.append(Reading(variant, step))
                if improving and step.answers and len(readings) < len(understood.variants):
                    yield Improved(settled())
        answer = replace(settled(), timings=stopwatch.timings())
        if not candidates and not collection.info().articles:
            answer = replace(answer, reason="empty_collection")
        yield answer

    def _read_on(
        self,
        question: str,
        candidates: tuple[Candidate, ...],
        limit: int,
        min_confidence: float,
        stopwatch: Stopwatch,
        check: Callable[[], None],
        improving: bool,
        without: Sequence[str] = (),
    ) -> Iterator[Improved | Answer]:
        ranking = Ranking(question, candidates, self.calibration, limit, min_confidence, self.threshold)
        plan = Plan(question, candidates, None if self.thorough else self.calibration)
        spans: list[Span] = []
        last_text = None
        while not plan.done:
            check()
            spans += wanted(self.read(question, plan.next(spans)), without)
            stopwatch.lap("read")
            if plan.done or not improving:
                continue
            answer = ranking.answer(spans, stopwatch.timings())
            if answer.answers and answer.answers[0].text != last_text:
                last_text = answer.answers[0].text
                yield Improved(answer)
        answer = ranking.answer(spans, stopwatch.timings())
        stopwatch.lap("read")
        yield replace(answer, timings=stopwatch.timings())

    def read(self, question: str, parts: Sequence[Part]) -> list[Span]:
        """Return the reader's best spans in parts of some candidates, unranked."""
        n_best = LIST_N_BEST if asks_for_several(question) else N_BEST
        windows = self.reader.read(question, [part.text for part in parts])
        return [
            Span(part.candidate, part.start + span.start, part.start + span.end, text, span.score)
            for part, scored in zip(parts, windows, strict=True)
            for span in decode(part.text, scored, n_best=n_best)
            for text in [part.text[span.start : span.end]]
        ]
