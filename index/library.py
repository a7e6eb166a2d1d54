"""The folder: collections, the lock, opening, recovery, closing."""

import contextlib
import logging
import shutil
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Self
from weakref import WeakValueDictionary

from index.collection import Collection
from index.embedding.encoder import Encoder, SentenceEncoder
from index.errors import (
    CitespanError,
    CollectionNotFound,
    JobNotFound,
    LibraryCorrupt,
    LibraryError,
    LibraryFormatError,
    NotFound,
    StorageError,
    TooManyCollections,
)
from index.folder.atomic_file import make_private_folder, sync_folder, tighten
from index.folder.collection_folders import (
    DATABASE,
    collection_names,
    has_lost_database,
    latest_collections,
    remove_unfinished,
)
from index.folder.disk_space import DiskSpace
from index.folder.library_file import is_library, make_or_check, read_marks, refuse_strangers
from index.folder.lock import FolderLock, finish_moves_of
from index.ingestion.time_budget import ARTICLE_SECONDS
from index.storage.database import bring_up_to_date, remove_if_unused
from index.storage.open_files import Limits, OpenFiles, allowed_descriptors
from index.storage.records import Records
from index.storage.tables.job_table import Job
from index.types import CollectionInfo
from index.validation import check_collection_name

DEFAULT_COLLECTION = "default"
# Jobs whose collection is remembered, so that following one does not look through all collections.
_REMEMBERED_JOBS = 10_000

_log = logging.getLogger(__name__)


class Library:
    """The folder that holds collections, each a folder of its own in it.

    One process writes at a time.  Safe for use from several threads.  Use open().

    Args:
        folder: the library's folder.
        encoder: texts → vectors.
        read_only: whether writing is refused.
        lock: on the folder, None where read_only.
        limits: how many collections there may be, and how many are open at a time.
        article_seconds: processor time that one article may take before it is embedded.

    Attributes:
        records: what is kept beside the articles.
        space: on the library's disk.
    """

    def __init__(
        self,
        folder: Path,
        encoder: Encoder,
        *,
        read_only: bool,
        lock: FolderLock | None,
        limits: Limits,
        article_seconds: float = ARTICLE_SECONDS,
    ) -> None:
        self.folder = folder
        self.encoder = encoder
        self.read_only = read_only
        self.limits = limits.within(allowed_descriptors())
        self.space = DiskSpace(folder, limits.free_bytes)
        self.records = Records(folder, read_only=read_only, space=self.space)
        self._lock = lock
        self._article_seconds = article_seconds
        self._files = OpenFiles(self.limits)
        self._collections: dict[str, Collection] = {}
        # Those that nothing was stored in yet: their first article makes them.
        self._unborn: WeakValueDictionary[str, Collection] = WeakValueDictionary()
        self._jobs: dict[str, str] = {}
        self._guard = threading.RLock()
        self._closed = False

    @classmethod
    def open(
        cls,
        folder: str | Path,
        *,
        encoder: Encoder | None = None,
        read_only: bool = False,
        limits: Limits | None = None,
        article_seconds: float = ARTICLE_SECONDS,
    ) -> Self:
        """Open a library, making it where there is none.

        Args:
            folder: its folder.
            encoder: texts → vectors; None takes the shipped model, loaded at first use.
            read_only: open without the lock, beside a process that writes; it must exist.
            article_seconds: processor time that one article may take before it is embedded; one that takes more is
                refused.
            limits: how many collections there may be, how many are open at a time, and what is kept free of the disk.

        Raises:
            LibraryLocked: another process has it open for writing; the message says which.
            LibraryFormatError: not a library, or made by a newer version.
            StorageError: the folder cannot be made or read.
        """
        path = Path(folder).expanduser()
        chosen, used = limits or Limits(), encoder or SentenceEncoder()
        finish_moves_of(path, read_only=read_only)
        if read_only:
            if not is_library(path):
                raise LibraryFormatError(f"there is no library at {path}: add articles first")
            read_marks(path)
            return cls(path, used, read_only=True, lock=None, limits=chosen)
        try:
            make_private_folder(path)
            refuse_strangers(path)  # before the lock file: a folder that is not ours stays as it is
            with (space := DiskSpace(path, chosen.free_bytes)).released():
                lock = FolderLock.take(path)
        except OSError as error:
            raise StorageError(f"the library folder {path} cannot be written: {error.strerror or error}") from error
        try:
            with space.released():
                make_or_check(path)
                if changed := tighten(path):
                    _log.info("%d files and folders of the library are now their owner's alone", changed)
                library = cls(path, used, read_only=False, lock=lock, limits=chosen, article_seconds=article_seconds)
                library._recover()
            library.space.hold()
            return library
        except BaseException:
            lock.release()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def open_collections(self) -> int:
        """Number of collections that are open now."""
        return len(self._files)

    def warm_up(self) -> None:
        """Load the encoder, and vectors as far as there is room, now instead of at first use.

        Of the collections beside ``default`` those come first that were written last.
        """
        self.encoder.encode_queries(["warm up"])
        self.collection().warm_up()
        for name in latest_collections(self.folder)[: self.limits.open_collections - 1]:
            try:
                self.collection(name).warm_up()
            except CitespanError as error:  # the others can be asked all the same
                _log.warning("collection %r is not loaded: %s", name, error)

    def close(self) -> None:
        """Write snapshots, close the databases and free the lock.  Closing twice does nothing more."""
        self._files.close()
        with self._guard:
            self._closed = True
            collections = list(self._collections.values())
            self._collections.clear()
        for collection in collections:
            collection.close()
        self.records.close()
        if self._lock is not None:
            self.space.close()
            self._lock.release()
            self._lock = None

    def collections(self) -> list[CollectionInfo]:
        """Return every collection's name and size, by name; one that cannot be read is left out."""
        found = []
        for collection in self._all():
            with self._passing_over(collection):
                found.append(collection.info())
        return found

    def collection(self, name: str = DEFAULT_COLLECTION, *, create: bool = False) -> Collection:
        """Return a collection.

        Args:
            name: a-z, 0-9, ``_`` and ``-``.
            create: where there is none, return one that begins with what is first stored in it.

        Raises:
            QueryError: a name that no collection can have.
            CollectionNotFound: there is none and create is False.
            TooManyCollections: there is none, and no further one may be made.
        """
        check_collection_name(name)
        with self._guard:
            if name in self._collections:
                return self._collections[name]
            folder = self.folder / name
            if has_lost_database(folder):
                raise LibraryCorrupt(f"the database of collection {name!r} is gone: bring it back, or restore a backup")
            if (folder / DATABASE).is_file():
                if self.read_only:
                    bring_up_to_date(folder)
                return self._collections.setdefault(name, self._made(name, folder))
            # `default` is always there, if only empty.
            if self.read_only or not (create or name == DEFAULT_COLLECTION):
                raise CollectionNotFound(f"no collection {name!r}")
            self._check_room(name)
            found = self._unborn.get(name) or self._made(name, folder)
            self._unborn[name] = found
            return found

    def names(self) -> list[str]:
        """Return the names of all collections, sorted."""
        with self._guard:  # of those whose first write failed a file may be left
            known = {**self._unborn, **self._collections}
        unborn = {name for name, collection in known.items() if not collection.store.exists}
        always = set() if self.read_only else {DEFAULT_COLLECTION}
        return sorted(always.union(set(collection_names(self.folder)) - unborn))

    def following(self) -> Iterator[Collection]:
        """Yield the collections that follow a feed or sitemap, by name."""
        for collection in self._all():
            with self._passing_over(collection):
                if collection.agenda().follows:
                    yield collection

    def in_use(self, seconds: float) -> list[Collection]:
        """Return the collections that were used within a number of seconds; ``default`` where none was."""
        return [one for one in self._files.recent(seconds) if isinstance(one, Collection)] or [self.collection()]

    def jobs(self) -> list[tuple[Collection, Job]]:
        """Return the jobs of all collections, each with its own, the newest first."""
        found: list[tuple[Collection, Job]] = []
        for collection in self._all():
            with self._passing_over(collection):
                if collection.agenda().remembers_jobs:
                    found += [(collection, job) for job in collection.jobs.list()]
        return sorted(found, key=lambda pair: pair[1].id, reverse=True)

    def open_jobs(self) -> list[tuple[Collection, Job]]:
        """Return the jobs of all collections that are not ended, each with its collection, the oldest first."""
        found: list[tuple[Collection, Job]] = []
        for collection in self._all():
            with self._passing_over(collection):
                if collection.agenda().open_jobs:
                    found += [(collection, job) for job in collection.jobs.open()]
        return sorted(found, key=lambda pair: pair[1].id)

    def job(self, job_id: str) -> tuple[Collection, Job]:
        """Return a job and the collection that it is of.

        Raises:
            JobNotFound: no such job.
        """
        if (remembered := self._jobs.get(job_id)) is not None:
            with contextlib.suppress(NotFound):
                collection = self.collection(remembered)
                return collection, collection.jobs.get(job_id)
        for collection in self._all():
            with self._passing_over(collection), contextlib.suppress(NotFound):
                if collection.agenda().remembers_jobs:
                    job = collection.jobs.get(job_id)
                    if len(self._jobs) >= _REMEMBERED_JOBS:
                        self._jobs.clear()
                    self._jobs[job_id] = collection.name
                    return collection, job
        raise JobNotFound(f"no job {job_id!r}")

    def remove_collection(self, name: str) -> None:
        """Remove a collection with all its articles; ``default`` comes back empty.

        Raises:
            QueryError: a name that no collection can have.
            CollectionNotFound: there is none.
        """
        # What takes long is done before and after: whoever asks for any collection waits for the guard.
        collection = self.collection(name)
        self.records.forget(name)
        collection.discard()
        with self._guard:
            if self._collections.get(name) is not collection:
                raise CollectionNotFound(f"no collection {name!r}")
            # Closed for good: where its folder stays after all, it is opened anew.
            del self._collections[name]
            # Renamed first: after a crash in the middle the collection is either whole or gone.
            away = self.folder / f".removed-{uuid.uuid4().hex}"
            try:
                collection.folder.rename(away)
            except OSError as error:
                raise StorageError(f"collection {name!r} cannot be removed: {error.strerror}") from error
            # It has gone: what cannot be done here is done at the next use.
            try:
                sync_folder(self.folder)  # or a power cut could bring it back
                self.records.forget(name)  # what was kept in between
                if name == DEFAULT_COLLECTION:
                    self.collection().store.create()
            except (OSError, StorageError) as error:
                _log.warning("collection %r was removed, but what comes after could not be done: %s", name, error)
        shutil.rmtree(away, ignore_errors=True)

    def _made(self, name: str, folder: Path) -> Collection:
        return Collection(
            name,
            folder,
            self.encoder,
            self.records,
            files=self._files,
            read_only=self.read_only,
            article_seconds=self._article_seconds,
            admit=self._admit,
        )

    def _admit(self, collection: Collection, wanted: bool) -> None:
        """Enter a collection that begins, or take it out if it did not come to be.

        Raises:
            TooManyCollections: no further one may be made.
        """
        with self._guard:
            if not wanted:
                self._collections.pop(collection.name, None)
                self._unborn[collection.name] = collection
                return
            if self._closed:
                raise LibraryError("the library is closed")
            self._check_room(collection.name)
            self._unborn.pop(collection.name, None)
            self._collections[collection.name] = collection

    def _check_room(self, name: str) -> None:
        if len({*self.names(), name}) > self.limits.collections:
            raise TooManyCollections(
                f"there are {self.limits.collections:,} collections, and no more may be: use or remove one of them, "
                "or raise CITESPAN_COLLECTIONS_SIZE"
            )

    def _recover(self) -> None:
        """Put right what a process left that was killed."""
        remove_unfinished(self.folder)
        for name in set(self.names()) - {DEFAULT_COLLECTION}:
            remove_if_unused(self.folder / name)
        default = self.collection(DEFAULT_COLLECTION, create=True)
        default.store.create()
        default.info()
        for collection in self._all():
            with self._passing_over(collection):
                if collection.jobs.waiting:
                    collection.jobs.recover()

    @contextlib.contextmanager
    def _passing_over(self, collection: Collection) -> Iterator[None]:
        """Go on with the other collections where one has been removed meanwhile or cannot be read."""
        try:
            yield
        except CollectionNotFound:
            return
        except LibraryError as error:
            _log.warning("collection %r is passed over: %s", collection.name, error)

    def _all(self) -> Iterator[Collection]:
        for name in self.names():
            try:
                yield self.collection(name)
            except (CollectionNotFound, LibraryCorrupt) as error:  # removed meanwhile, or lost
                _log.warning("%s", error)
