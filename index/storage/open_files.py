"""What a library holds open, so that no number of collections or of questions uses up the process's files.

Collections are opened at their first use.  The one that was used least recently is closed for another; what is in use
is never closed.  Connections that nobody has used for a while are closed, too.
"""

import contextlib
import resource
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol, Self

from index.errors import StorageError

# What a process needs beside its library: pipes, sockets to listen on, devices, a child that parses.
_OF_THE_PROCESS = 32
# A database and its log, for each connection; and the index of the log, for all together.
PER_CONNECTION = 2
PER_DATABASE = 1
_LEAST_DESCRIPTORS = 12
_SLOT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Limits:
    """How many collections a library may have, and how much of it is open at a time.

    Attributes:
        collections: that there may be.
        open_collections: whose databases and vectors are held at a time.
        readers: that read databases at the same time; others wait.
        descriptors: that all databases together may take, about.
        idle_seconds: after which a connection that nobody uses is closed.
        free_bytes: that are kept free on the disk; 0 for none, None for a share of the disk.
    """

    collections: int = 1_000
    open_collections: int = 64
    readers: int = 64
    descriptors: int = 1_024
    idle_seconds: float = 60.0
    free_bytes: int | None = None

    def within(self, descriptors: int) -> Self:
        """Return limits that leave half of what a process may open for connections of its clients.

        Args:
            descriptors: that the process may have open.
        """
        share = max(_LEAST_DESCRIPTORS, min(self.descriptors, spare_descriptors(descriptors) // 2))
        readers = max(2, min(self.readers, share // (4 * PER_CONNECTION)))
        left = share - PER_CONNECTION * readers
        most = max(2, min(self.open_collections, left // (PER_CONNECTION + PER_DATABASE)))
        return replace(self, open_collections=most, readers=readers, descriptors=share)


def allowed_descriptors() -> int:
    """Return how many descriptors this process may have open."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def spare_descriptors(allowed: int) -> int:
    """Return how many of those that a process may have open it does not need for itself."""
    return max(0, allowed - _OF_THE_PROCESS)


class Openable(Protocol):
    """Something that opens files at its first use, and again after it was released."""

    @property
    def descriptors(self) -> int:
        """How many it holds, at most."""

    def release(self) -> bool:
        """Close everything unless it is in use; return whether that was done."""

    def rest(self, seconds: float) -> None:
        """Close what has not been used for some seconds."""


class OpenFiles:
    """The open collections of one library, the least recently used first.  Safe for use from several threads.

    Args:
        limits: how many there may be.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._lock = threading.Lock()
        self._open: OrderedDict[Openable, float] = OrderedDict()
        self._slots = threading.BoundedSemaphore(limits.readers)
        self._reading = threading.local()
        self._closing = threading.Event()
        self._tidier: threading.Thread | None = None

    def __len__(self) -> int:
        """Number of open collections."""
        return len(self._open)

    @property
    def descriptors(self) -> int:
        """How many all of them hold, at most."""
        with self._lock:
            return sum(one.descriptors for one in self._open)

    def recent(self, seconds: float) -> list[Openable]:
        """Return what was used within a number of seconds, the latest first."""
        since = time.monotonic() - seconds
        with self._lock:
            return [one for one, used in reversed(self._open.items()) if used >= since]

    def use(self, used: Openable, *, grown: bool = False) -> None:
        """Note that something is used, and close others if that makes too many.

        Args:
            used: what it is.
            grown: whether it opens files for that.
        """
        with self._lock:
            grown = grown or used not in self._open
            self._open[used] = time.monotonic()
            self._open.move_to_end(used)
            if self._tidier is None and not self._closing.is_set():
                self._tidier = threading.Thread(target=self._tidy, name="citespan-open-files", daemon=True)
                self._tidier.start()
        if grown:
            self._trim(used)

    def drop(self, gone: Openable) -> None:
        """Forget something that was closed for good."""
        with self._lock:
            self._open.pop(gone, None)

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Hold a place among the readers, waiting for one if need be; inside of it the thread may read more.

        Raises:
            StorageError: none became free in time.
        """
        depth = getattr(self._reading, "depth", 0)
        if not depth and not self._slots.acquire(timeout=_SLOT_SECONDS):
            raise StorageError("too many read the library at the same time: try again")
        self._reading.depth = depth + 1
        try:
            yield
        finally:
            self._reading.depth = depth
            if not depth:
                self._slots.release()

    def close(self) -> None:
        """Look after nothing any more; what is open stays so."""
        self._closing.set()
        tidier = self._tidier
        if tidier is not None and tidier is not threading.current_thread():
            tidier.join()
        with self._lock:
            self._open.clear()

    def _trim(self, keep: Openable) -> None:
        with self._lock:
            candidates = [one for one in self._open if one is not keep]
        for one in candidates:
            with self._lock:
                if not self._too_many():
                    return
                # Before it is closed, so that a thread that uses it meanwhile enters it anew.
                used = self._open.pop(one, None)
            if used is not None and not one.release():
                with self._lock:
                    if one not in self._open:
                        self._open[one] = used
                        self._open.move_to_end(one, last=False)

    def _too_many(self) -> bool:
        if len(self._open) > self.limits.open_collections:
            return True
        return sum(one.descriptors for one in self._open) > self.limits.descriptors

    def _tidy(self) -> None:
        pause = max(0.05, self.limits.idle_seconds / 4)
        while not self._closing.wait(pause):
            with self._lock:
                members = list(self._open)
            for one in members:
                one.rest(self.limits.idle_seconds)
