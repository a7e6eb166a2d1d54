"""Those who wait in the event loop for something that threads do."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator

from api.problems import busy


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
        self._waiting: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()

    def tell(self) -> None:
        """Say that something has changed."""
        with self._lock:
            waiting = list(self._waiting)
        for loop, event in waiting:
            with contextlib.suppress(RuntimeError):  # its loop has ended
                loop.call_soon_threadsafe(event.set)

    @contextlib.contextmanager
    def waiting(self) -> Iterator[asyncio.Event]:
        """Give an event of the running loop that is set whenever something changes.

        Raises:
            Problem: 503, too many wait already.
        """
        one = (asyncio.get_running_loop(), asyncio.Event())
        with self._lock:
            if len(self._waiting) >= self._size:
                raise busy(5, self._advice)
            self._waiting.add(one)
        try:
            yield one[1]
        finally:
            with self._lock:
                self._waiting.discard(one)
