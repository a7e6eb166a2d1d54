"""The schedule of following: one thread that begins each round when it is due, as long as the service runs.

When a subscription is due stands in the library, so that a restart changes nothing; a round is cut off between two
pages and gone on with after it.
"""

import threading

import structlog

from api.concurrency.thread import Background
from api.observability.metrics import Metrics
from index import CitespanError, Collection, FetchPolicy, Following, Library

# How late a round may begin.
_LOOK_SECONDS = 20.0
_log = structlog.get_logger("citespan")


class Follower(Background):
    """Runs the rounds of everything that is followed, one after the other.

    Args:
        library: whose feeds and sitemaps are followed.
        policy: where fetching may go and how far.
        metrics: what is counted.
        wake: makes it look at once.
        ready: set once the library is loaded.
        stopping: ends it.

    Attributes:
        due: feeds and sitemaps whose time had come when it last looked.
    """

    def __init__(
        self,
        library: Library,
        policy: FetchPolicy,
        metrics: Metrics,
        wake: threading.Event,
        ready: threading.Event,
        stopping: threading.Event,
    ) -> None:
        super().__init__("citespan-following")
        self._library, self._policy, self._metrics = library, policy, metrics
        self._wake, self._ready, self._stopping = wake, ready, stopping
        self.due = 0
        self._waiting: set[str] = set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.wait(_LOOK_SECONDS)
            self._wake.clear()
            if self._ready.is_set():
                self._look()

    def _look(self) -> None:
        try:
            collections = list(self._library.following())
        except (CitespanError, OSError) as error:
            _log.warning("following", error=str(error))
            return
        found = 0
        for collection in collections:
            name = collection.name
            try:
                if not self._has_room(collection):
                    continue
                following = Following(collection, self._policy)
                due = following.due()
                found += len(due)
                for url in due:
                    if self._stopping.is_set():
                        return
                    self._round(following, name, url)
            except CitespanError as error:  # removed meanwhile, or the disk refuses
                self._failed(name, "", error)
        self.due = found

    def _has_room(self, collection: Collection) -> bool:
        """Return whether articles could be added; what is due stays due until then."""
        has_room = collection.store.has_room()
        if has_room:
            self._waiting.discard(collection.name)
        elif collection.name not in self._waiting:
            self._waiting.add(collection.name)
            _log.warning("following waits: the disk is nearly full", collection=collection.name)
        return has_room

    def _round(self, following: Following, name: str, url: str) -> None:
        try:
            done = following.round(url, stopped=self._stopping.is_set)
        except CitespanError as error:
            self._failed(name, url, error)
        except Exception as error:  # one subscription must not end the schedule of all
            if not self._stopping.is_set():
                _log.error("followed", collection=name, url=url, kind=type(error).__name__, exc_info=error)
        else:
            self._metrics.feed_rounds.labels("done" if done.finished else "unfinished").inc()
            _log.info(
                "followed",
                collection=name,
                url=url,
                pages=done.pages,
                added=done.added,
                changed=done.changed,
                vanished=done.vanished,
                failures=len(done.failures),
                finished=done.finished,
            )

    def _failed(self, name: str, url: str, error: CitespanError) -> None:
        # What is closed under a round that is being cut off is no news.
        if not self._stopping.is_set():
            self._metrics.feed_rounds.labels("failed").inc()
            _log.warning("followed", collection=name, url=url, error=str(error))
