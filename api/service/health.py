"""Whether what is asked of late can be answered: the library is asked, at most once a second, in bounded time."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from api.auth.key_cache import KEYS_LOST
from api.auth.keys import Keys
from api.errors import Problem, busy
from index import CitespanError, CollectionNotFound, Library

# Seconds for which a look is good.
_FRESH_SECONDS = 1.0
# Seconds that a look may take before the library counts as one that does not answer.
_MOST_SECONDS = 2.0
# Collections used within this many seconds are looked at.
_RECENT_SECONDS = 300.0
_RETRY_SECONDS = 5.0
_log = structlog.get_logger("citespan")


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at the library found.

    Attributes:
        looked_at: number of collections that were used of late.
        failing: how many of them cannot be answered from.
        reason: why nobody can be served whatever they ask, None where that is not so.
    """

    looked_at: int = 1
    failing: int = 0
    reason: str | None = None

    def problem(self) -> Problem | None:
        """Return why the service is not ready, None where some questions can be answered."""
        if self.reason is not None:
            return busy(_RETRY_SECONDS, self.reason)
        if self.failing and self.failing == self.looked_at:
            return busy(_RETRY_SECONDS, "the library cannot be read: the service's log says why")
        return None


class Health:
    """Looks at the library to find out whether the service is ready.

    Args:
        library: which.
        keys: of the library; None where no request needs one.
    """

    def __init__(self, library: Library, keys: Keys | None) -> None:
        self._library = library
        self._keys = keys
        self._turn = 0
        self._looking: asyncio.Future[Look] | None = None
        self._begun = self._ended = -_FRESH_SECONDS
        self.last = Look()

    async def look(self, clock: Callable[[], float] = time.monotonic) -> Look:
        """Return what a look at the library finds now, or found a moment ago."""
        if self._looking is None:
            if clock() - self._ended < _FRESH_SECONDS:
                return self.last
            self._begun = clock()
            self._looking = asyncio.ensure_future(asyncio.to_thread(self._look))
        looking = self._looking
        left = self._begun + _MOST_SECONDS - clock()
        done, _ = await asyncio.wait([looking], timeout=max(0.0, left))
        if not done:
            self.last = Look(reason="the library does not answer in time: the service's log says more")
            _log.error("library does not answer", seconds=_MOST_SECONDS)
        elif self._looking is looking:
            self.last, self._looking, self._ended = looking.result(), None, clock()
        return self.last

    def _look(self) -> Look:
        self._turn += 1
        failing = looked_at = 0
        try:
            if self._keys is not None and self._keys.are_lost():
                return Look(reason=KEYS_LOST)
        except (CitespanError, OSError) as error:
            _log.error("keys cannot be read", error=str(error))
            return Look(reason="the keys cannot be read: the service's log says why")
        for collection in self._library.in_use(_RECENT_SECONDS):
            try:
                collection.probe(self._turn)
            except CollectionNotFound:  # removed meanwhile
                continue
            except Exception as error:  # whatever it is, questions meet it too
                failing += 1
                _log.error("collection cannot be read", collection=collection.name, error=str(error))
            looked_at += 1
        return Look(max(1, looked_at), failing)
