"""Those who wait in the event loop for something that threads do."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator

from api.errors import Problem, busy

# One key or address may have such a part of the places, so that it cannot have all.
_SHARE = 4


class Listeners:
    """Tells tasks of any event loop that something has changed.  Safe for use from several threads.

    Args:
        size: who may wait at a time.
        advice: what those are told for whom there is no place.
    """

    def __init__(self, size: int, advice: str) -> None:
        self._size = size
        self._advice = advice
        self._lock = threading.Lock()
        self._waiting: dict[asyncio.Event, tuple[asyncio.AbstractEventLoop, str | None]] = {}

    @property
    def count(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def tell(self) -> None:
        """Say that something has changed."""
        with self._lock:
            waiting = list(self._waiting.items())
        for event, (loop, _) in waiting:
            with contextlib.suppress(RuntimeError):  # its loop has ended
                loop.call_soon_threadsafe(event.set)

    @contextlib.contextmanager
    def waiting(self, who: str | None) -> Iterator[asyncio.Event]:
        """Give an event of the running loop that is set whenever something changes.

        Args:
            who: key or address that waits, None for this machine without a key.

        Raises:
            Problem: 429, the sender waits often enough already; 503, too many wait.
        """
        event, most = asyncio.Event(), self._size // _SHARE
        with self._lock:
            if who is not None and sum(one == who for _, one in self._waiting.values()) >= most:
                detail = f"{most} streams at a time are for one key or address: end one of yours"
                raise Problem(429, detail, headers={"Retry-After": "5"}, reason="streams")
            if len(self._waiting) >= self._size:
                raise busy(5, self._advice, "streams")
            self._waiting[event] = (asyncio.get_running_loop(), who)
        try:
            yield event
        finally:
            with self._lock:
                del self._waiting[event]
