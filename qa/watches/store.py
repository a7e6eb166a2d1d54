"""What is kept of standing questions: the question with its answer, its events, and how far its webhook has come.

Events keep the proofs of an answer also after its article has gone: that is what they are for.  They, and the question
with them, go with their collection: what they hold is put down as quoted from the whole of it.
"""

import secrets
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from index import Changes, Filters, Mark, Record, RecordNotFound, Records, TooManyRecords, new_id
from qa.watches.answer_changes import Place, Standing
from qa.watches.evaluate import Watched
from qa.watches.score_bounds import ReadPassage

WATCH, EVENT, DELIVERY = "watch", "event", "delivery"
# Of what is kept of a question; kept before forms had versions, it is the first.
FORM_VERSION = 1
MAX_EVENTS = 1_000
# Of a proof that is kept, at most so many pieces of evidence.
MAX_EVIDENCE = 5
_PAGE = 1_000
Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where events are sent.

    Attributes:
        url: of the receiver.
        secret: what messages are signed with, as Standard Webhooks writes it: ``whsec_`` and base64.
    """

    url: str
    secret: str = field(default_factory=lambda: "whsec_" + b64encode(secrets.token_bytes(32)).decode(), repr=False)


@dataclass(frozen=True, slots=True)
class Delivery:
    """How far a webhook has come.

    Attributes:
        after: number of the last event that the receiver has taken.
        attempts: how often the next one was tried.
        due: Unix time of its next try.
        wait: seconds for which the next try was put off when that was written.
        error: why the last try failed, None where none did.
        off: whether it has been given up until a test succeeds.
    """

    after: int = 0
    attempts: int = 0
    due: float = 0.0
    wait: float = 0.0
    error: str | None = None
    off: bool = False


@dataclass(frozen=True, slots=True)
class Watch:
    """A standing question.

    Attributes:
        id: its own.
        question: what is asked.
        collection: where.
        filters: which articles are searched.
        key: name of the key that it belongs to, None where none was wanted.
        webhook: where events go, None for nowhere.
        created: ISO 8601 instant (UTC).
        asked: ISO 8601 instant (UTC) at which it was last asked, None before the first time.
        watched: what is known of its answer, None before the first time.
        answer: the answer that stands, as the HTTP interface shows answers, None where there is none.
        rivals: answers that contradict it, the same.
        number: grows from one to the next.
        revision: grows with each time that it is asked.
    """

    id: str
    question: str
    collection: str
    filters: Filters
    key: str | None
    webhook: Webhook | None
    created: str = ""
    asked: str | None = None
    watched: Watched | None = None
    answer: Answer | None = None
    rivals: tuple[Answer, ...] = ()
    number: int = 0
    revision: int = 0


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """A change of a standing question's answer.

    Attributes:
        id: its own, the same in every delivery.
        kind: new, different, gone or contradicted.
        old: the answer before with its proof, None where there was none.
        new: the answer that is new, leads or contradicts, with its proof; None where the answer is gone.
        number: grows from one to the next.
        created: ISO 8601 instant (UTC).
    """

    id: str
    kind: str
    old: Answer | None
    new: Answer | None
    number: int = 0
    created: str = ""


class Watches:
    """The standing questions of a library.  Safe for use from several threads.

    Args:
        records: of the library.
        changed: called, in any thread, after an event was kept or a question removed.

    Attributes:
        wake: set when a question came that has not been looked at.
    """

    def __init__(self, records: Records, changed: Callable[[], None] = lambda: None) -> None:
        self._records = records
        self._notify = changed
        self._lock = threading.Lock()
        self._beginning: set[str] = set()
        self.wake = threading.Event()

    def add(
        self, question: str, collection: str, filters: Filters, key: str | None, url: str | None, *, most: int
    ) -> Watch:
        """Keep a question that is yet to be asked.

        Args:
            question: what is asked.
            collection: where.
            filters: which articles are searched.
            key: name of the key that it belongs to, None where none was wanted.
            url: of its webhook, None for none.
            most: questions that may be kept in all.

        Raises:
            TooManyRecords: there are that many.
            StorageError: the disk refused; nothing was kept.
        """
        webhook = None if url is None else Webhook(url)
        watch = Watch(new_id("wch_"), question, collection, filters, key, webhook)
        with self._records.change(grows=True) as changes:
            if changes.count(WATCH) >= most:
                raise TooManyRecords(f"{most:,} standing questions are kept already: remove some first")
            kept = _put(changes, watch)
            if webhook is not None:
                _put_delivery(changes, watch.id, Delivery())
        return replace(watch, created=kept.created, number=kept.number)

    @contextmanager
    def beginning(self, watch_id: str) -> Iterator[None]:
        """Say that somebody asks it for the first time, so that nobody else does."""
        with self._lock:
            self._beginning.add(watch_id)
        try:
            yield
        finally:
            with self._lock:
                self._beginning.discard(watch_id)
            self.wake.set()

    def get(self, watch_id: str) -> Watch:
        """Return a question.

        Raises:
            RecordNotFound: there is none, or its collection has been removed.
        """
        record = self._records.get(WATCH, watch_id)
        if record.forgotten:
            raise RecordNotFound(f"no watch {watch_id!r}: its collection has been removed")
        return _watch(record)

    def page(self, after: int = 0, limit: int = _PAGE) -> list[Watch]:
        """Return questions in the order in which they came; none only where there are no more."""
        while found := self._records.list(WATCH, after=after, limit=limit):
            if kept := [_watch(record) for record in found if not record.forgotten]:
                return kept
            after = found[-1].number
        return []

    def all(self) -> Iterator[Watch]:
        """Yield all questions that nobody is asking for the first time; those whose collection has gone are removed."""
        after = 0
        while found := self._records.list(WATCH, after=after, limit=_PAGE):
            for record in found:
                if record.forgotten:
                    with suppress(RecordNotFound):  # by somebody else meanwhile
                        self.remove(record.id)
                elif record.id not in self._beginning:
                    yield _watch(record)
            after = found[-1].number

    def newest(self) -> int:
        """Return the number of the newest question, 0 where there is none."""
        return next((one.number for one in self._records.list(WATCH, limit=1, newest_first=True)), 0)

    def count(self) -> int:
        """Return how many questions are kept."""
        return self._records.count(WATCH)

    def remove(self, watch_id: str) -> None:
        """Remove a question with its events.

        Raises:
            RecordNotFound: there is none.
        """
        self._records.remove(WATCH, watch_id)
        self._notify()

    def store(self, before: Watch, now: Watch, event: WatchEvent | None = None) -> WatchEvent | None:
        """Keep what has become of a question and, in the same transaction, the event that tells of it.

        Nothing is kept where the question has been removed, or was asked by somebody else in between.

        Args:
            before: as it was read.
            now: as it is.
            event: None where its answer has not changed.

        Returns:
            The event, None where there is none or nothing was kept.
        """
        kept = None
        with self._records.change() as changes:
            try:
                record = changes.get(WATCH, before.id)
            except RecordNotFound:
                return None
            if record.forgotten or record.body["revision"] != before.revision:
                return None
            _put(changes, replace(now, revision=before.revision + 1))
            if event is not None:
                held = {"old": event.old, "new": event.new}
                whole = ((before.collection, ""),)
                kept = changes.put(Record(EVENT, event.id, {"kind": event.kind}, before.id, held, whole))
                changes.keep_newest(EVENT, MAX_EVENTS, parent=before.id)
        if kept is None or event is None:
            return None
        self._notify()
        return replace(event, number=kept.number, created=kept.created)

    def events(self, watch_id: str, after: int = 0, limit: int = _PAGE) -> list[WatchEvent]:
        """Return a question's events in the order in which they came."""
        found = self._records.list(EVENT, parent=watch_id, after=after, limit=limit)
        return [_event(record) for record in found if not record.forgotten]

    def place_of(self, event_id: str) -> int:
        """Return an event's number, 0 where it is not kept."""
        try:
            return self._records.get(EVENT, event_id).number
        except RecordNotFound:
            return 0

    def delivery(self, watch_id: str) -> Delivery:
        """Return how far a question's webhook has come.

        Raises:
            RecordNotFound: it has been removed.
        """
        return Delivery(**self._records.get(DELIVERY, _delivery_id(watch_id)).body)

    def keep_delivery(self, watch_id: str, delivery: Delivery) -> None:
        """Keep how far a question's webhook has come.

        Raises:
            RecordNotFound: it has been removed.
        """
        with self._records.change() as changes:
            _put_delivery(changes, watch_id, delivery)


def event_of(kind: str, old: Answer | None, new: Answer | None) -> WatchEvent:
    """Return an event that is to be kept."""
    return WatchEvent(new_id("evt_"), kind, old, new)


def proof(answer: Answer) -> Answer:
    """Return an answer, as the HTTP interface shows it, as it is kept: with its best evidence."""
    return {**answer, "evidence": answer["evidence"][:MAX_EVIDENCE]}


def _put(changes: Changes, watch: Watch) -> Record:
    filters = asdict(watch.filters)
    del filters["as_of"]
    body = {
        "version": FORM_VERSION,
        "question": watch.question,
        "collection": watch.collection,
        "filters": {name: list(value) if isinstance(value, tuple) else value for name, value in filters.items()},
        "key": watch.key,
        "webhook": None if watch.webhook is None else asdict(watch.webhook),
        "asked": watch.asked,
        "revision": watch.revision,
    }
    held = {
        "watched": None if watch.watched is None else asdict(watch.watched),
        "answer": watch.answer,
        "rivals": list(watch.rivals),
    }
    return changes.put(Record(WATCH, watch.id, body, None, held, ((watch.collection, ""),)))


def _watch(record: Record) -> Watch:
    body, held = record.body, record.quotes or {}
    return Watch(
        id=record.id,
        question=body["question"],
        collection=body["collection"],
        filters=_filters(body["filters"]),
        key=body["key"],
        webhook=None if body["webhook"] is None else Webhook(**body["webhook"]),
        created=record.created,
        asked=body["asked"],
        watched=None if held["watched"] is None else _watched(held["watched"]),
        answer=held["answer"],
        rivals=tuple(held["rivals"]),
        number=record.number,
        revision=body["revision"],
    )


def _filters(body: dict[str, Any]) -> Filters:
    return Filters(
        published_from=body["published_from"],
        published_to=body["published_to"],
        sources=tuple(body["sources"]),
        tags=tuple(body["tags"]),
        article_ids=tuple(body["article_ids"]),
    )


def _watched(facts: dict[str, Any]) -> Watched:
    standing = facts["standing"]
    if standing is not None:
        places = tuple(Place(**place) for place in standing["places"])
        lists = {"members": tuple(standing["members"]), "places": places, "rivals": tuple(standing["rivals"])}
        standing = Standing(**{**standing, **lists})
    return Watched(standing, tuple(ReadPassage(**one) for one in facts["read"]), Mark(**facts["told"]))


def _event(record: Record) -> WatchEvent:
    held = record.quotes or {}
    return WatchEvent(record.id, record.body["kind"], held["old"], held["new"], record.number, record.created)


def _put_delivery(changes: Changes, watch_id: str, delivery: Delivery) -> None:
    changes.put(Record(DELIVERY, _delivery_id(watch_id), asdict(delivery), watch_id))


def _delivery_id(watch_id: str) -> str:
    return f"dlv_{watch_id}"
