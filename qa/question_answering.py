"""QuestionAnswering: a library of articles, the models, and every way to ask."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from index import (
    DEFAULT_COLLECTION,
    Added,
    Article,
    Candidate,
    Failure,
    Filters,
    InputError,
    Library,
    ModelCard,
    QueryError,
    SentenceEncoder,
    open_source,
)
from qa.answer_pipeline import AnswerPipeline
from qa.answers.merging import best_members
from qa.language_hints import hints
from qa.options import Options
from qa.reading.plan import given
from qa.reading.reader import Reader
from qa.reading.span_decoding import ScoredSpan, decode
from qa.stopwatch import Stopwatch
from qa.types import MAX_QUESTION_CHARACTERS, Answer, Improved, Retrieved, Turn

MAX_LIMIT = 20
MAX_PASSAGES = 100


class QuestionAnswering(AnswerPipeline):
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
        super().__init__(reader, threshold=threshold, thorough=thorough)
        self.library = library

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
        for step in self._ask_in(
            self.library.collection(collection),
            question,
            history,
            limit=limit,
            passages=passages,
            filters=filters,
            min_confidence=min_confidence,
            check=check,
            improving=improving,
        ):
            yield replace(step, hints=hints(question, self.models())) if isinstance(step, Answer) else step

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
            question, tuple(candidates), limit, min_confidence, Stopwatch(), lambda: None, False, without
        )
        return [step for step in steps if isinstance(step, Answer)][-1]

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
