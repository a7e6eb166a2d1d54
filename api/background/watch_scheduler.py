"""The watch over standing questions: one thread that asks again what articles that came or went could touch.

It looks at a number of each collection, so that no way in which articles come can forget to tell it, and what came
while the service was down is found at the start.  Where a collection stands is not kept: after a start each question
is searched for once, and read again only where other candidates come back.
"""

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import structlog

from api.background.webhook_sender import Webhooks
from api.concurrency.thread import Background
from api.concurrency.worker_pool import WATCH, Job, Lane
from api.errors import Problem
from api.observability.metrics import Metrics
from api.schemas.responses import AnswerOut
from index import CitespanError, Collection, CollectionNotFound, Mark, now
from qa import (
    Answer,
    Asked,
    QuestionAnswering,
    RankedAnswer,
    StandingQuestion,
    Watch,
    Watched,
    Watches,
    WatchEvent,
    asked_again,
    event_of,
    first_asked,
    mark_of,
    outgrown,
    proof,
    touched_by_news,
    touched_by_search,
)

# Between two looks. A look costs a row of each collection that has standing questions.
_LOOK_SECONDS = 1.0
# After something failed.
_PAUSE_SECONDS = 5.0
# Answers that contradict the one that stands and are shown with it.
MAX_RIVALS = 5
# So often a question steps aside for people's before it is asked among them.
_STEPS_ASIDE = 10
_ASIDE_SECONDS = 0.5
_log = structlog.get_logger("citespan")


class _Aside(Exception):
    """People's questions wait: this one can."""


class _Stopping(Exception):
    """The service stops."""


class Watcher(Background):
    """Asks standing questions again.

    Args:
        qa: what is asked.
        watches: the standing questions.
        lane: where questions are worked.
        webhooks: told of each event that was kept.
        metrics: what is counted.
        ready: set once models and library are loaded.
        stopping: ends it.

    Attributes:
        pending: questions of the collection at work that are about to be searched for again.
    """

    def __init__(
        self,
        qa: QuestionAnswering,
        watches: Watches,
        lane: Lane,
        webhooks: Webhooks,
        metrics: Metrics,
        ready: threading.Event,
        stopping: threading.Event,
    ) -> None:
        super().__init__("citespan-watching")
        self._qa, self._watches, self._lane = qa, watches, lane
        self._webhooks, self._metrics = webhooks, metrics
        self._ready, self._stopping = ready, stopping
        self._marks: dict[str, Mark] = {}
        self._looked: dict[str, int] = {}
        self._vectors: dict[str, npt.NDArray[np.float32]] = {}
        self._newest = -1
        self.pending = 0

    def _run(self) -> None:
        watches, stopping = self._watches, self._stopping
        while not stopping.is_set():
            watches.wake.wait(_LOOK_SECONDS)
            woken = watches.wake.is_set()
            watches.wake.clear()
            if not self._ready.is_set() or stopping.is_set():
                continue
            if self._qa.library.space.is_spent:
                stopping.wait(_PAUSE_SECONDS)  # what an answer has become could not be kept
                continue
            try:
                if woken or self._changed():
                    self._look()
            except _Stopping:
                return
            except (CitespanError, Problem) as error:
                if not stopping.is_set():
                    _log.warning("watching", error=str(error))
                stopping.wait(_PAUSE_SECONDS)
            except Exception as error:  # one question must not end the watch over all
                if not stopping.is_set():
                    _log.error("watching", kind=type(error).__name__, exc_info=error)
                stopping.wait(_PAUSE_SECONDS)

    def _changed(self) -> bool:
        """Whether there may be something to do."""
        if self._watches.newest() != self._newest:
            return True
        try:
            return any(self._generation(name) != mark.generation for name, mark in self._marks.items())
        except CollectionNotFound:
            return True

    def _generation(self, name: str) -> int:
        with self._qa.library.collection(name).store.read(brief=True) as view:
            return view.generation()

    def _look(self) -> None:
        newest = self._watches.newest()
        groups: dict[str, list[Watch]] = {}
        for watch in self._watches.all():
            groups.setdefault(watch.collection, []).append(watch)
        known = {watch.id for group in groups.values() for watch in group}
        self._marks = {name: mark for name, mark in self._marks.items() if name in groups}
        self._looked = {name: count for name, count in self._looked.items() if name in known}
        self._vectors = {name: vector for name, vector in self._vectors.items() if name in known}
        failed: Exception | None = None
        for name, group in groups.items():
            try:
                failed = self._collection(self._qa.library.collection(name), group) or failed
            except CollectionNotFound:  # removed meanwhile, and its questions with it
                self._marks.pop(name, None)
        if failed is not None:
            raise failed
        self._newest = newest

    def _collection(self, collection: Collection, group: list[Watch]) -> Exception | None:
        """Ask again what is touched; return why one could not be: then all that are touched are looked at again."""
        before, mark = self._marks.get(collection.name), mark_of(collection)
        # After a first look, or a collection that was removed and made again, each is searched for.
        new = [one for one in group if before is None or one.watched is None or self._aged(one, mark)]
        afresh = {one.id for one in new}
        old = [one for one in group if one.id not in afresh]
        touched = []
        if before is not None and before != mark and old:
            pairs = [(self._question(collection, one), one.watched) for one in old if one.watched is not None]
            touched = [old[number] for number in touched_by_news(collection, pairs, before)]
        failed: Exception | None = None
        waiting = [*touched, *new]
        for number, watch in enumerate(waiting):
            self.pending = len(waiting) - number
            if self._stopping.is_set():
                raise _Stopping
            try:
                self._again(collection, watch)
                self._looked[watch.id] = mark.count
            except (CollectionNotFound, _Stopping):
                raise
            except Exception as error:  # one question must not end the watch over all
                failed = error
        self.pending = 0
        if failed is None:
            self._marks[collection.name] = mark
        return failed

    def _again(self, collection: Collection, watch: Watch) -> None:
        question = self._question(collection, watch)
        qa, metrics = self._qa, self._metrics
        if watch.watched is None:
            watched, answer = self._worked(
                lambda check: first_asked(qa, collection.name, watch.question, question.filters, check)
            )
            metrics.watches_asked.inc()
            self._watches.store(watch, first(watch, watched, answer))
            return
        metrics.watches_searched.inc()
        if not touched_by_search(collection, question, watch.watched):
            return
        held = watch.watched
        asked: Asked = self._worked(lambda check: asked_again(qa, collection.name, question, held, check))
        metrics.watches_asked.inc()
        found, event = again(watch, asked)
        stored = self._watches.store(watch, found, event)
        if stored is not None:
            metrics.watch_events.labels(stored.kind).inc()
            _log.info("watch", watch=watch.id, change=stored.id, kind=stored.kind)
            self._webhooks.changed(watch.id)

    def _question(self, collection: Collection, watch: Watch) -> StandingQuestion:
        if watch.id not in self._vectors:
            self._vectors[watch.id] = collection.encode_query(watch.question)
        return StandingQuestion(watch.question, watch.filters, self._vectors[watch.id])

    def _aged(self, watch: Watch, mark: Mark) -> bool:
        """Whether a question was not searched for since the start, or since its collection was much smaller."""
        then = self._looked.get(watch.id)
        return then is None or outgrown(then, mark.count)

    def _worked(self, work: Callable[[Callable[[], None]], Any]) -> Any:
        """Do a piece of work in the lane of questions, after all that people wait for."""
        for tries in range(_STEPS_ASIDE + 1):

            def run(job: Job, tries: int = tries) -> Any:
                def check() -> None:
                    job.check()
                    if tries < _STEPS_ASIDE and self._lane.waiting:
                        raise _Aside

                return work(check)

            job = self._lane.submit(WATCH, run, None)
            while True:
                try:
                    return job.future.result(_LOOK_SECONDS)
                except _Aside:
                    self._stopping.wait(_ASIDE_SECONDS)
                    break
                except TimeoutError:
                    if job.future.done():  # it is the work's own
                        raise
                    if not self._stopping.is_set():
                        continue
                    job.cancel()
                    raise _Stopping from None
        raise AssertionError("the last time it does not step aside")


def first(watch: Watch, watched: Watched, answer: Answer) -> Watch:
    """Return a question after it was asked for the first time."""
    reported = _proof_of(answer.answers[0]) if answer.answered else None
    return replace(watch, asked=now(), watched=watched, answer=reported)


def again(watch: Watch, asked: Asked) -> tuple[Watch, WatchEvent | None]:
    """Return a question after it was asked again, and the event where its answer has changed."""
    judgement = asked.judgement
    reported = None if judgement.told is None else _proof_of(judgement.told)
    # The answer that was told and has not changed is shown with the proof that it has now.
    stands = watch.answer if judgement.found is None else _proof_of(judgement.found)
    rivals = watch.rivals
    if judgement.kind == "contradicted" and reported is not None:
        rivals = (*rivals, reported)[-MAX_RIVALS:]
    elif judgement.kind is not None:
        stands, rivals = reported, ()
    found = replace(watch, asked=now(), watched=asked.watched, answer=stands, rivals=rivals)
    return found, None if judgement.kind is None else event_of(judgement.kind, watch.answer, reported)


def _proof_of(ranked: RankedAnswer) -> dict[str, Any]:
    """Return an answer with its best evidence, as it is kept."""
    return proof(AnswerOut.from_ranked(ranked).model_dump())
