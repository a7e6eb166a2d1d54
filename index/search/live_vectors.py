"""A collection's vectors in memory: loaded, kept in step with the database, grown, saved.

The database is the truth.  Opening loads the newest snapshot of the vectors and brings it up to date by comparing ids,
or rebuilds it.
"""

import logging
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from index.embedding.encoder import Encoder, embedded_text
from index.errors import CitespanError, LibraryFormatError
from index.search.vector_index import VectorIndex, sweep
from index.stages import stage
from index.storage.database import Store, Written
from index.storage.read_view import View

# A snapshot is written when this many passages changed since the last one, and when closing.
SNAPSHOT_EVERY = 20_000
# After one that could not be written, and twice as long after each further one.
_RETRY_SECONDS = 60.0
_RETRY_LONGEST = 3_600.0

_log = logging.getLogger(__name__)


class Nearest:
    """The vectors of one collection.  Safe for use from several threads.

    Args:
        name: of the collection.
        folder: where snapshots lie.
        store: the database.
        encoder: texts → vectors.
        write_lock: held by whoever writes to the collection.
    """

    def __init__(self, name: str, folder: Path, store: Store, encoder: Encoder, write_lock: "threading.RLock") -> None:
        self.name = name
        self.folder = folder
        self._store = store
        self._encoder = encoder
        self._write_lock = write_lock
        self._vectors: VectorIndex | None = None
        self._unsaved = 0
        self._retry_at = 0.0
        self._retry_pause = _RETRY_SECONDS
        self._growing: threading.Thread | None = None
        self._closing = threading.Event()

    def load(self) -> VectorIndex:
        """Return the index as it is now, loaded if it is not yet; another one may take its place later."""
        index = self._vectors
        if index is None:
            with self._write_lock:
                index = self._vectors
                if index is None:
                    index = self._vectors = self._load()
                    self._grow()
        return index

    @property
    def loaded(self) -> bool:
        """Whether the vectors are in memory."""
        return self._vectors is not None

    def unload(self) -> bool:
        """Save the vectors and take them out of memory until they are next needed; return whether that was done."""
        if not self._write_lock.acquire(blocking=False):
            return False
        try:
            if self._growing is not None:
                return False
            self.save()
            self._vectors = None
            return True
        finally:
            self._write_lock.release()

    def apply(self, written: Written, vectors: npt.NDArray[np.float32] | None) -> int:
        """Bring the index in step with a write that was committed.

        Args:
            written: what it changed.
            vectors: float32 (n, dimension) of its new passages, None where there are none.

        Returns:
            How many vectors went from the index.
        """
        gone = 0
        try:
            gone = self._follow(written, vectors)
        except Exception as error:  # what is committed is no failure; the index is made anew from the database
            _log.warning("the vectors of %r are loaded again: %s", self.name, error)
            self._vectors = None
        self._unsaved += len(written.ids) + len(written.removed)
        self._grow()
        if self._unsaved >= SNAPSHOT_EVERY and time.monotonic() >= self._retry_at:
            self.save()
        return gone

    def _follow(self, written: Written, vectors: npt.NDArray[np.float32] | None) -> int:
        index = self._vectors
        if index is None:
            return 0
        gone = len(index)
        index.remove(written.removed)
        gone -= len(index)
        if vectors is not None:
            # As stored, so that a rebuilt index gives the very same cosines.
            index.add(written.ids, vectors.astype(np.float16).astype(np.float32))
        return gone

    def touch(self) -> None:
        """Have the next snapshot written though nothing was added or removed since the last one."""
        self._unsaved = max(self._unsaved, 1)

    def reload(self) -> None:
        """Have the next use load the index anew: what the database holds is not known for certain."""
        with self._write_lock:
            self._vectors = None
            self._unsaved = 0

    def drop(self) -> None:
        """Forget what a snapshot would still tell: the collection is being removed."""
        self._unsaved = 0

    def _grow(self) -> None:
        """Begin to build another index in the background if there are too many vectors for the one there is."""
        with self._write_lock:
            index = self._vectors
            if index is None or not index.outgrown or self._growing is not None or self._closing.is_set():
                return
            self._growing = threading.Thread(target=self._build, name="citespan-vectors", daemon=True)
            self._growing.start()

    def _build(self) -> None:
        try:
            with self._store.read() as view:
                count = view.info(self.name).passages

                def batches() -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]]:
                    for batch in view.all_vectors():
                        if self._closing.is_set():
                            raise _Closing
                        yield batch

                _log.info("building an index of %d vectors of %r", count, self.name)
                fresh = VectorIndex.grown(self._encoder.dimension, count, batches)
            # What was written meanwhile; from here on writes reach the new index.
            with self._write_lock, self._store.read() as view:
                _catch_up(fresh, view)
                self._vectors = fresh
                self._unsaved = max(self._unsaved, 1)
            self.save()
        except _Closing:
            return
        except (CitespanError, MemoryError, RuntimeError) as error:
            # The old one goes on serving, slower.
            _log.warning("no larger vector index of %r: %s", self.name, error)
        finally:
            self._growing = None

    def stop(self) -> None:
        """Give up an index that is being built, and build no other."""
        self._closing.set()
        growing = self._growing
        if growing is not None and growing is not threading.current_thread():
            growing.join()

    def _load(self) -> VectorIndex:
        encoder, dimension = self._encoder.fingerprint, self._encoder.dimension
        if not self._store.read_only:
            sweep(self.folder)
            self._match_encoder(encoder)
        with self._store.read() as view:
            if view.meta("encoder") not in (None, encoder):
                raise LibraryFormatError(
                    f"collection {self.name!r} was embedded with another encoder: use that one, or add an article "
                    "with this one to have all embedded anew"
                )
            database = view.meta("id") or ""
            snapshot = VectorIndex.load(self.folder, encoder=encoder, dimension=dimension, database=database)
            if snapshot is None:
                index = VectorIndex(dimension)
                for batch in view.all_vectors():
                    index.add(*batch)
                self._unsaved = len(index)
                return index
            index, generation = snapshot
            if generation != view.generation():
                self._unsaved = _catch_up(index, view)
            return index

    def _match_encoder(self, encoder: str) -> None:
        """Embed everything anew if another encoder made the vectors."""
        with self._store.read() as view:
            made_by = view.meta("encoder")
            count = view.info(self.name).passages
            if made_by in (None, encoder):
                return
            if count:
                _log.warning("the encoder changed: embedding %d passages of %r anew", count, self.name)
            self._store.replace_vectors(_embedded(view, self._encoder), encoder)

    def snapshot(self) -> None:
        """Write the vectors to the disk if anything changed since the last time.

        Raises:
            StorageError: the disk refused.
        """
        if self._store.read_only:
            return
        with self._write_lock:
            if self._vectors is not None and self._unsaved and self._store.exists:
                self._snapshot(self._vectors)

    @stage("snapshot")
    def _snapshot(self, index: VectorIndex) -> None:
        with self._store.read(brief=True) as view:
            generation, database = view.generation(), view.meta("id") or ""
        index.save(self.folder, generation=generation, encoder=self._encoder.fingerprint, database=database)
        self._unsaved = 0
        self._retry_pause = _RETRY_SECONDS

    def save(self) -> None:
        """Write a snapshot if anything changed; where that fails it is tried again later.

        A snapshot saves time at the next opening and holds nothing that the database does not.
        """
        try:
            self.snapshot()
        except CitespanError as error:
            self._retry_at = time.monotonic() + self._retry_pause
            self._retry_pause = min(_RETRY_LONGEST, 2 * self._retry_pause)
            _log.warning("no snapshot of the vectors of %r, it is tried again later: %s", self.name, error)


class _Closing(Exception):
    """The collection is being closed."""


def _catch_up(index: VectorIndex, view: View) -> int:
    """Make a snapshot's ids those of the database; ids are never reused, so ids are enough."""
    held, known = index.ids(), view.passage_ids()
    gone, new = np.setdiff1d(held, known), np.setdiff1d(known, held)
    index.remove(gone)
    for at in range(0, len(new), 20_000):
        index.add(*view.vectors(new[at : at + 20_000]))
    return len(gone) + len(new)


def _embedded(view: View, encoder: Encoder) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]]:
    for rows in view.texts():
        vectors = encoder.encode_passages([embedded_text(title, text) for _, title, text in rows])
        yield np.array([row[0] for row in rows], np.int64), vectors
