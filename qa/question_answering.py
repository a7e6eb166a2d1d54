"""QuestionAnswering: a question's whole way, on one screen.

question → candidates (index) → spans (reader, decoding) → answers (merging, calibration) → Answer
"""

import functools
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from index import (
    ARTICLE_SECONDS,
    DEFAULT_COLLECTION,
    Added,
    Article,
    Candidate,
    Failure,
    Filters,
    InputError,
    Library,
    Limits,
    Machine,
    ModelCard,
    QueryError,
    SentenceEncoder,
    open_source,
)
from qa.answers import calibration
from qa.followups import answer_selection
from qa.followups.answer_selection import Reading
from qa.followups.retrieval_budget import wanted
from qa.reading.span_decoding import N_BEST, ScoredSpan, decode
from qa.language_hints import hints
from qa.answers.lists import LIST_N_BEST, asks_for_several
from qa.answers.merging import best_members
from qa.reading.plan import Part, Plan, given
from qa.answers.ranking import Ranking
from qa.reading.reader import Reader
from qa.types import MAX_QUESTION_CHARACTERS, Answer, Span, Timings, Turn
from qa.followups.interpret import understand

MAX_LIMIT = 20
MAX_PASSAGES = 100


@dataclass(frozen=True, slots=True)
class Options:
    """How a QuestionAnswering is made.

    Attributes:
        reader: a local folder or hub name of an extractive model; None takes the shipped one.
        encoder: a local folder or hub name of a sentence-transformers model; None takes the shipped one.
        runtime: ``auto``, ``openvino`` or ``torch``.
        device: ``auto``, ``cpu``, ``cuda`` ...
        precision: ``auto``, ``float32`` or ``bfloat16``.
        threads: for one forward pass; 0 leaves it to the runtime.
        threshold: confidence below which no answer is given; None takes the fitted one.
        thorough: read every candidate, also those that are not likely to hold a better answer.
        article_seconds: processor time that one article may take before it is embedded; one that takes more is
            refused.
        limits: how many collections there may be, and how many are open at a time.
    """

    reader: str | None = None
    encoder: str | None = None
    runtime: str = "auto"
    device: str = "auto"
    precision: str = "auto"
    threads: int = 0
    threshold: float | None = None
    thorough: bool = False
    article_seconds: float = ARTICLE_SECONDS
    limits: Limits = field(default_factory=Limits)

    @property
    def machine(self) -> Machine:
        """How both models are run."""
        return Machine(self.runtime, self.device, self.precision, self.threads)

    def networks(self) -> tuple[SentenceEncoder, Reader]:
        """Return both models, to be loaded at first use."""
        return SentenceEncoder(self.encoder, self.machine), Reader(self.reader, self.machine)


@dataclass(frozen=True, slots=True)
class Retrieved:
    """First step: the candidates, best first."""

    candidates: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True)
class Improved:
    """A step in between: the answer as it stands after some of the candidates were read."""

    answer: Answer


class QuestionAnswering:
    """Questions of a library of articles.  Safe for use from several threads.  Use open().

    Args:
        library: the articles.
        reader: finds spans.
        threshold: confidence below which no answer is given; None takes the fitted one.
        thorough: read every candidate, also those that are not likely to hold a better answer.
    """

    def __init__(
        self, library: Library, reader: Reader, *, threshold: float | None = None, thorough: bool = False
    ) -> None:
        self.library = library
        self.reader = reader
        self.calibration = calibration.shipped()
        self.threshold = self.calibration.threshold if threshold is None else threshold
        self.threshold_in_conversation = answer_selection.shipped().threshold if threshold is None else threshold
        self.thorough = thorough

    @classmethod
    def open(cls, folder: str | Path = "library", *, options: Options | None = None, read_only: bool = False) -> Self:
        """Open a library for questions; models are loaded at first use.

        Args:
            folder: the library's folder, made where there is none.
            options: which models, and how they run.
            read_only: open beside a process that writes; the library must exist.

        Raises:
            LibraryLocked: another process has it open for writing.
            LibraryFormatError: not a library, or made by a newer version.
        """
        chosen = options or Options()
        encoder, reader = chosen.networks()
        seconds, limits = chosen.article_seconds, chosen.limits
        library = Library.open(folder, encoder=encoder, read_only=read_only, article_seconds=seconds, limits=limits)
        return cls(library, reader, threshold=chosen.threshold, thorough=chosen.thorough)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the library."""
        self.library.close()

    def warm_up(self) -> None:
        """Load both models and the vectors now instead of at the first question."""
        self.library.warm_up()
        self.reader.read("Is it ready?", ["It is ready."])

    def models(self) -> list[ModelCard]:
        """Return where the models in use come from."""
        used = (self.library.encoder, self.reader)
        return [model.card for model in used if isinstance(model, SentenceEncoder | Reader)]

    def add(
        self, source: str | Path | Article | Iterable[Article], *, collection: str = DEFAULT_COLLECTION
    ) -> list[Added]:
        """Add a file, a folder, an article or several.

        Returns:
            What became of each article.

        Raises:
            InputError: a source cannot be read, or an article cannot be used; what was added before
                it is kept.
        """
        target = self.library.collection(collection, create=True)
        if isinstance(source, Article):
            return [target.add_one(source)]
        return list(target.add(_articles(source) if isinstance(source, str | Path) else source))

    def ask(
        self,
        question: str,
        *,
        history: Sequence[Turn] = (),
        collection: str = DEFAULT_COLLECTION,
        limit: int = 5,
        passages: int = 10,
        filters: Filters | None = None,
        min_confidence: float = 0.0,
    ) -> Answer:
        """Answer a question from a collection.

        Args:
            question: 1 to MAX_QUESTION_CHARACTERS characters once trimmed.
            history: what was said before, in order; a follow-up is understood in its light.
            collection: where to look.
            limit: at most so many distinct answers, 1 to MAX_LIMIT.
            passages: at most so many candidates are read, 1 to MAX_PASSAGES; fewer, unless ``thorough``, where no
                better answer is likely among the rest.
            filters: which articles may be searched; None for all.
            min_confidence: answers below it are left out, 0..1.

        Raises:
            QueryError: one of the arguments is out of range.
            CollectionNotFound: no such collection.
        """
        steps = self.steps(
            question,
            history=history,
            collection=collection,
            limit=limit,
            passages=passages,
            filters=filters,
            min_confidence=min_confidence,
            improving=False,
        )
        return [step for step in steps if isinstance(step, Answer)][-1]

    def steps(
        self,
        question: str,
        *,
        history: Sequence[Turn] = (),
        collection: str = DEFAULT_COLLECTION,
        limit: int = 5,
        passages: int = 10,
        filters: Filters | None = None,
        min_confidence: float = 0.0,
        check: Callable[[], None] = lambda: None,
        improving: bool = True,
    ) -> Iterator[Retrieved | Improved | Answer]:
        """Answer a question step by step: ask() for those who want to see it coming or to stop it.

        Args:
            question: as for ask(), and so are the others but the last.
            history: what was said before.
            collection: where to look.
            limit: at most so many distinct answers.
            passages: at most so many candidates are read.
            filters: which articles may be searched.
            min_confidence: answers below it are left out.
            check: called before each few passages that are read; what it raises ends the work.
            improving: whether Improved is wanted.

        Yields:
            Retrieved once; Improved each time the best answer changes while candidates are read,
            best first; the Answer last.  The arguments and errors are those of ask(); errors are
            raised at the first step.
        """
        question = _checked(question, limit, passages, min_confidence)
        clock = _Clock()
        searched = self.library.collection(collection)
        understood = understand(
            searched, question, history, passages=passages, filters=filters, check=check, lap=clock.lap
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
                variant.question, some, limit, least, clock, check, improving and alone, variant.without
            ):
                if isinstance(step, Improved):
                    yield step
                    continue
                readings.append(Reading(variant, step))
                if improving and step.answers and len(readings) < len(understood.variants):
                    yield Improved(settled())
        answer = replace(settled(), timings=clock.timings(), hints=hints(question, self.models()))
        if not candidates and not searched.info().articles:
            answer = replace(answer, reason="empty_collection")
        yield answer

    def ask_of(
        self,
        question: str,
        candidates: Iterable[Candidate],
        *,
        limit: int = 5,
        min_confidence: float = 0.0,
        without: Sequence[str] = (),
    ) -> Answer:
        """Answer a question from candidates found before, best first.

        Args:
            question: 1 to MAX_QUESTION_CHARACTERS characters once trimmed.
            candidates: passages, best first.
            limit: at most so many distinct answers, 1 to MAX_LIMIT.
            min_confidence: answers below it are left out, 0..1.
            without: answers that are not wanted.

        Raises:
            QueryError: one of the arguments is out of range.
        """
        question = _checked(question, limit, 1, min_confidence)
        steps = self._read_on(
            question, tuple(candidates), limit, min_confidence, _Clock(), lambda: None, False, without
        )
        return [step for step in steps if isinstance(step, Answer)][-1]

    def _read_on(
        self,
        question: str,
        candidates: tuple[Candidate, ...],
        limit: int,
        min_confidence: float,
        clock: "_Clock",
        check: Callable[[], None],
        improving: bool,
        without: Sequence[str] = (),
    ) -> Iterator[Improved | Answer]:
        ranking = Ranking(question, candidates, self.calibration, limit, min_confidence, self.threshold)
        plan = Plan(question, candidates, None if self.thorough else self.calibration)
        spans: list[Span] = []
        shown = None
        while not plan.done:
            check()
            spans += wanted(self.read(question, plan.next(spans)), without)
            clock.lap("read")
            if plan.done or not improving:
                continue
            answer = ranking.answer(spans, clock.timings())
            if answer.answers and answer.answers[0].text != shown:
                shown = answer.answers[0].text
                yield Improved(answer)
        answer = ranking.answer(spans, clock.timings())
        clock.lap("read")
        yield replace(answer, timings=clock.timings())

    def read(self, question: str, parts: Sequence[Part]) -> list[Span]:
        """Return the reader's best spans in parts of some candidates, unranked."""
        n_best = LIST_N_BEST if asks_for_several(question) else N_BEST
        windows = self.reader.read(question, [part.text for part in parts])
        return [
            Span(part.candidate, part.start + found.start, part.start + found.end, text, found.score)
            for part, scored in zip(parts, windows, strict=True)
            for found in decode(part.text, scored, n_best=n_best)
            for text in [part.text[found.start : found.end]]
        ]

    def read_text(self, question: str, text: str) -> ScoredSpan | None:
        """Return the best span of one given text, however long; None where it has no words."""
        found = decode(text, self.reader.read(question, [text])[0])

        def value(span: ScoredSpan) -> float:
            return self.calibration.reading_value(text[span.start : span.end], span.score)

        return max(found, key=value, default=None)

    def read_list(self, question: str, text: str) -> list[str]:
        """Return the members of the best answer in one given text; itself where it is no list."""
        return best_members(question, self.read(question, [given(text)]), self.calibration)


def _articles(source: str | Path) -> Iterator[Article]:
    for item in open_source(source):
        if isinstance(item, Failure):
            raise InputError(f"{item.source}: {item.error}") from item.error
        yield item


def _checked(question: str, limit: int, passages: int, min_confidence: float) -> str:
    trimmed = question.strip()
    if not 1 <= len(trimmed) <= MAX_QUESTION_CHARACTERS:
        raise QueryError(
            f"question must have 1 to {MAX_QUESTION_CHARACTERS:,} characters, not {len(trimmed):,}", field="question"
        )
    if not 1 <= limit <= MAX_LIMIT:
        raise QueryError(f"limit must be 1 to {MAX_LIMIT}, not {limit}", field="limit")
    if not 1 <= passages <= MAX_PASSAGES:
        raise QueryError(f"passages must be 1 to {MAX_PASSAGES}, not {passages}", field="passages")
    if not 0.0 <= min_confidence <= 1.0:
        raise QueryError(f"min_confidence must be 0 to 1, not {min_confidence}", field="min_confidence")
    return trimmed


class _Clock:
    """Laps in milliseconds, by name."""

    def __init__(self) -> None:
        self._begun = self._last = time.perf_counter()
        self._laps = {"embed": 0.0, "retrieve": 0.0, "read": 0.0}

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self._laps[name] += (now - self._last) * 1000
        self._last = now

    def timings(self) -> Timings:
        return Timings(**self._laps, total=(self._last - self._begun) * 1000)
