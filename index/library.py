"""The folder: collections, the lock, opening, recovery, closing."""

import fcntl
import json
import os
import shutil
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from index.budget import ARTICLE_SECONDS
from index.collection import Collection
from index.encoder import Encoder, SentenceEncoder
from index.errors import (
    CollectionNotFound,
    JobNotFound,
    LibraryFormatError,
    LibraryLocked,
    NotFound,
    StorageError,
)
from index.fields import check_collection_name
from index.ledger import Job
from index.moves import finish_moves, moves_unfinished
from index.records import Records
from index.store import DATABASE, Store
from index.types import CollectionInfo

DEFAULT_COLLECTION = "default"
MARKER = "library.json"
_LOCK = ".lock"
FORMAT = 1
# Files that may lie in a folder that is not a library yet.
_HARMLESS = {_LOCK, "examples.json", ".gitignore", "lost+found"}


class Library:
    """The folder that holds collections, each a folder of its own in it.

    One process writes at a time.  Safe for use from several threads.  Use open().

    Args:
        folder: the library's folder.
        encoder: texts → vectors.
        read_only: whether writing is refused.
        lock: descriptor of the held lock file, None where read_only.
        article_seconds: processor time that one article may take before it is embedded.

    Attributes:
        records: what is kept beside the articles.
    """

    def __init__(
        self,
        folder: Path,
        encoder: Encoder,
        *,
        read_only: bool,
        lock: int | None,
        article_seconds: float = ARTICLE_SECONDS,
    ) -> None:
        self.folder = folder
        self.encoder = encoder
        self.read_only = read_only
        self.records = Records(folder, read_only=read_only)
        self._lock = lock
        self._article_seconds = article_seconds
        self._collections: dict[str, Collection] = {}
        self._guard = threading.RLock()

    @classmethod
    def open(
        cls,
        folder: str | Path,
        *,
        encoder: Encoder | None = None,
        read_only: bool = False,
        article_seconds: float = ARTICLE_SECONDS,
    ) -> Self:
        """Open a library, making it where there is none.

        Args:
            folder: its folder.
            encoder: texts → vectors; None takes the shipped model, loaded at first use.
            read_only: open without the lock, beside a process that writes; it must exist.
            article_seconds: processor time that one article may take before it is embedded; one that takes more is
                refused.

        Raises:
            LibraryLocked: another process has it open for writing; the message says which.
            LibraryFormatError: not a library, or made by a newer version.
            StorageError: the folder cannot be made or read.
        """
        path = Path(folder).expanduser()
        _finish_moves(path, read_only=read_only)
        if read_only:
            if not (path / MARKER).is_file():
                raise LibraryFormatError(f"there is no library at {path}: add articles first")
            _check_marker(path)
            return cls(path, encoder or SentenceEncoder(), read_only=True, lock=None)
        try:
            path.mkdir(parents=True, exist_ok=True)
            _refuse_strangers(path)  # before the lock file: a folder that is not ours stays as it is
            lock = _take_lock(path)
        except OSError as error:
            raise StorageError(f"the library folder {path} cannot be written: {error.strerror or error}") from error
        try:
            _make_or_check(path)
            for stray in path.glob(".removed-*"):
                shutil.rmtree(stray, ignore_errors=True)
            library = cls(
                path, encoder or SentenceEncoder(), read_only=False, lock=lock, article_seconds=article_seconds
            )
            library.collection(DEFAULT_COLLECTION, create=True)
            return library
        except BaseException:
            os.close(lock)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def warm_up(self) -> None:
        """Load the encoder and every collection's vectors now instead of at first use."""
        self.encoder.encode_queries(["warm up"])
        for name in list(self._names()):
            self.collection(name).warm_up()

    def close(self) -> None:
        """Write snapshots, close the databases and free the lock.  Closing twice does nothing more."""
        with self._guard:
            for collection in self._collections.values():
                collection.close()
            self._collections.clear()
            self.records.close()
            if self._lock is not None:
                os.close(self._lock)
                self._lock = None

    def collections(self) -> list[CollectionInfo]:
        """Return every collection's name and size, by name."""
        return [self.collection(name).info() for name in sorted(self._names())]

    def collection(self, name: str = DEFAULT_COLLECTION, *, create: bool = False) -> Collection:
        """Return a collection.

        Args:
            name: a-z, 0-9, ``_`` and ``-``.
            create: make it where there is none.

        Raises:
            QueryError: a name that no collection can have.
            CollectionNotFound: there is none and create is False.
        """
        check_collection_name(name)
        with self._guard:
            if name not in self._collections:
                folder = self.folder / name
                if not (folder / DATABASE).is_file():
                    if not create or self.read_only:
                        raise CollectionNotFound(f"no collection {name!r}")
                    try:
                        folder.mkdir(exist_ok=True)
                    except OSError as error:
                        raise StorageError(f"collection {name!r} cannot be made: {error.strerror}") from error
                if self.read_only:
                    self._bring_up_to_date(folder)
                self._collections[name] = Collection(
                    name,
                    folder,
                    self.encoder,
                    self.records,
                    read_only=self.read_only,
                    article_seconds=self._article_seconds,
                )
            return self._collections[name]

    def jobs(self) -> list[tuple[Collection, Job]]:
        """Return the jobs of all collections, each with its own, the newest first."""
        found = [(collection, job) for collection in self._all() for job in collection.jobs.list()]
        return sorted(found, key=lambda pair: pair[1].id, reverse=True)

    def open_jobs(self) -> list[tuple[Collection, Job]]:
        """Return the jobs of all collections that are not ended, each with its collection, the oldest first."""
        found = [(collection, job) for collection in self._all() for job in collection.jobs.open()]
        return sorted(found, key=lambda pair: pair[1].id)

    def job(self, job_id: str) -> tuple[Collection, Job]:
        """Return a job and the collection that it is of.

        Raises:
            JobNotFound: no such job.
        """
        for collection in self._all():
            try:
                return collection, collection.jobs.get(job_id)
            except NotFound:
                continue
        raise JobNotFound(f"no job {job_id!r}")

    def remove_collection(self, name: str) -> None:
        """Remove a collection with all its articles; ``default`` comes back empty.

        Raises:
            QueryError: a name that no collection can have.
            CollectionNotFound: there is none.
        """
        # What takes long is done before and after: whoever asks for any collection waits for the guard.
        self.collection(name)
        self.records.forget(name)
        with self._guard:
            collection = self.collection(name)
            # Renamed first: after a crash in the middle the collection is either whole or gone.
            away = self.folder / f".removed-{uuid.uuid4().hex}"
            try:
                collection.folder.rename(away)
            except OSError as error:
                raise StorageError(f"collection {name!r} cannot be removed: {error.strerror}") from error
            del self._collections[name]
            collection.discard()
            self.records.forget(name)  # what was kept in between
            if name == DEFAULT_COLLECTION:
                self.collection(name, create=True)
        shutil.rmtree(away, ignore_errors=True)

    def _bring_up_to_date(self, folder: Path) -> None:
        """Let a collection of an older format be written by this process for as long as that takes."""
        store = Store(folder, read_only=True)
        store.close()
        if not store.outdated:
            return
        try:
            lock = _take_lock(self.folder)
        except LibraryLocked as error:
            raise LibraryLocked(
                f"collection {folder.name!r} has an older format and must be written; {error}"
            ) from None
        except OSError as error:
            raise StorageError(
                f"collection {folder.name!r} has an older format, and cannot be written to bring it up to date: "
                f"{error.strerror}"
            ) from error
        try:
            Store(folder).close()
        finally:
            os.close(lock)

    def _all(self) -> Iterator[Collection]:
        for name in sorted(self._names()):
            try:
                yield self.collection(name)
            except CollectionNotFound:  # removed meanwhile
                continue

    def _names(self) -> Iterator[str]:
        for path in self.folder.iterdir():
            if not path.name.startswith(".") and (path / DATABASE).is_file():
                yield path.name


def _take_lock(folder: Path) -> int:
    descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
        os.close(descriptor)
        raise LibraryLocked(
            f"process {owner} has the library {folder} open for writing: stop it, or send it the articles over HTTP"
        ) from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


def _finish_moves(folder: Path, *, read_only: bool) -> None:
    """Let a restore or repair that was interrupted come to its end."""
    if not moves_unfinished(folder):
        return
    try:
        lock = _take_lock(folder)
    except LibraryLocked:
        if read_only:
            raise LibraryLocked("the library is being restored or repaired: try again when that is done") from None
        raise
    except OSError as error:
        raise StorageError(f"an interrupted restore of {folder} cannot be finished: {error.strerror}") from error
    try:
        finish_moves(folder)
    except OSError as error:
        raise StorageError(f"an interrupted restore of {folder} cannot be finished: {error.strerror}") from error
    finally:
        os.close(lock)


def _make_or_check(folder: Path) -> None:
    marker = folder / MARKER
    if marker.is_file():
        _check_marker(folder)
        return
    _refuse_strangers(folder)
    beside = folder / f"{MARKER}.tmp"
    with beside.open("w", encoding="utf-8") as file:
        json.dump({"format": FORMAT}, file)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(marker)
    descriptor = os.open(folder, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def _refuse_strangers(folder: Path) -> None:
    if (folder / MARKER).is_file():
        return
    strangers = sorted(p.name for p in folder.iterdir() if p.name not in _HARMLESS and not p.name.endswith(".tmp"))
    if strangers:
        raise LibraryFormatError(
            f"{folder} is not a library and not empty (it holds {strangers[0]!r}): choose an empty or a new folder"
        )


def _check_marker(folder: Path) -> None:
    try:
        version = json.loads((folder / MARKER).read_text(encoding="utf-8"))["format"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LibraryFormatError(f"{folder / MARKER} is not readable: restore it from a backup") from error
    if not isinstance(version, int) or version > FORMAT:
        raise LibraryFormatError(
            f"the library has format {version}, this version reads up to {FORMAT}: upgrade citespan"
        )
