"""Making what was removed unreadable in every file: the words, the log of changes, the snapshot of the vectors."""

import logging
import threading

from index.errors import CitespanError
from index.search.live_vectors import Nearest
from index.storage.database import Store

# In collections of more passages what was removed is made unreadable in the background.
AT_ONCE = 20_000

_log = logging.getLogger(__name__)


class Forgetting:
    """What is still to be made unreadable in one collection.  Safe for use from several threads.

    Args:
        name: of the collection.
        store: its database.
        nearest: its vectors.
        write_lock: held while the collection is written to.
    """

    def __init__(self, name: str, store: Store, nearest: Nearest, write_lock: "threading.RLock") -> None:
        self._name = name
        self._store = store
        self._nearest = nearest
        self._write_lock = write_lock
        self._wanted = False
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """Leave nothing of what was removed in any file; in a large collection, in the background."""
        with self._write_lock:
            self._wanted = True
        if len(self._nearest.load()) <= AT_ONCE:
            self._work()
            return
        with self._write_lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="citespan-forget", daemon=True)
                self._thread.start()

    def finish(self) -> bool:
        """Do at once what is left, unless it or a write is under way; return whether nothing is left then.

        It does not wait for a write: who closes this collection for another may hold what that write waits for.
        """
        if self._thread is None and self._wanted:
            if not self._write_lock.acquire(blocking=False):
                return False
            try:
                self._work()
            finally:
                self._write_lock.release()
        return self._thread is None

    def join(self) -> None:
        """Wait for what is under way in the background."""
        thread = self._thread
        if thread is not None:
            thread.join()

    def _work(self) -> None:
        try:
            while self._wanted:
                with self._write_lock:
                    self._wanted = False
                    self._store.forget()
                    self._nearest.touch()
                    self._nearest.snapshot()
        except CitespanError as error:
            with self._write_lock:
                self._wanted = True
            _log.warning("what was removed is still in the files of %r: %s", self._name, error)
        finally:
            self._thread = None
