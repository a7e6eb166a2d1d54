"""The connections to a collection's database: opened when they are needed, and closed for others.

One connection does every commit and checkpoint, since SQLite before 3.51.3 can lose commits when two connections do
(sqlite.org/wal.html#walresetbug).  Readers never checkpoint.  ``synchronous=FULL``: what was committed is on the disk.
"""

import contextlib
import errno
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

from index.errors import CollectionNotFound, CommitUncertain, LibraryCorrupt, LibraryError, StorageError
from index.folder.atomic_file import make_private_file, make_private_folder, remove_file, sync_folder
from index.folder.collection_folders import DATABASE
from index.folder.disk_space import DiskSpace
from index.storage.commits import commit_log
from index.storage.migrations import MIGRATIONS, check_version, empty_database, migrate
from index.storage.open_files import PER_CONNECTION, PER_DATABASE, Limits, Openable, OpenFiles
from index.storage.read_only_medium import reading_uri
from index.storage.read_view import View
from index.storage.sqlite_errors import translated
from index.storage.tables import fulltext_table
from index.storage.upgrade import remove_old_backups, upgrade

_log = logging.getLogger(__name__)


class Connections:
    """The connections of one database: opened at its first use, closed and opened again as its library has room.

    Safe for use from several threads: one writes at a time, any number read.  Where there is no database yet, it reads
    as an empty one, and the first write that is kept makes it.

    Args:
        folder: the collection's folder.
        read_only: open without the right to write; the database must exist.
        files: of the library, None for a database by itself.
        holder: what is closed in the place of this database when another one needs room; None for nothing.
        admit: called before a database is made, to raise where it must not be; called again with False if it was not
            made after all.

    Attributes:
        path: the database's file.
        commits: number of transactions that this process has committed.
        damage_seen: when a reading last came upon damage, on time.monotonic's clock; None for never.
        space: on its disk; without a library nothing is kept free.
    """

    def __init__(
        self,
        folder: Path,
        *,
        read_only: bool = False,
        files: OpenFiles | None = None,
        holder: Openable | None = None,
        admit: Callable[[bool], None] = lambda wanted: None,
    ) -> None:
        self.path = folder / DATABASE
        self.read_only = read_only
        self.commits = 0
        self.damage_seen: float | None = None
        self._files = OpenFiles(Limits()) if files is None else files
        self.space = DiskSpace(folder, 0)
        self._holder = holder
        self._admit = admit
        self._write_lock = threading.RLock()
        self._lock = threading.Lock()
        self._idle: list[tuple[sqlite3.Connection, float]] = []
        self._readers = 0
        self._most_readers = 0
        self._writers = 0
        self._used = 0.0
        self._closed = False
        self._checked = False
        self._there = read_only or self.path.is_file()
        # The file is there and what is in it is not yet; whether its first transaction was done is not known.
        self._made = self._in_doubt = False
        self._writer: sqlite3.Connection | None = None

    @property
    def exists(self) -> bool:
        """Whether there is a database already."""
        return self._there

    @property
    def descriptors(self) -> int:
        """How many files it has open, at most.

        The system takes a process's locks from a file as soon as the process closes any descriptor of it, so SQLite
        keeps those of readers that were closed until the last connection is (sqlite.org/lockingv3.html).
        """
        connections = self._most_readers + (self._writer is not None)
        return connections * PER_CONNECTION + PER_DATABASE if connections else 0

    def check(self) -> None:
        """Open the database, bringing it to this version's format if need be.

        Raises:
            LibraryFormatError: another program's database, or a newer format.
            LibraryCorrupt: the file is damaged.
            StorageError: the disk refused.
        """
        if self._checked or not self._there:
            return
        try:
            outdated = self.outdated()
        except StorageError:
            outdated = not self.read_only  # a kill has left a journal, which only a writer can take back
            if not outdated:
                raise
        if outdated and not self.read_only:
            with self._write_lock:
                self._opened_writer()
        self._checked = True

    def outdated(self) -> bool:
        """Return whether the format, or that of its words, is an older one, which only a writer brings up to date.

        Raises:
            LibraryFormatError: another program's database, or a newer format.
            LibraryCorrupt: the file is damaged.
            StorageError: the disk refused.
        """
        with translated(), contextlib.closing(self._connect(reader=True)) as connection:
            return check_version(connection) < len(MIGRATIONS) or fulltext_table.outdated(connection)

    def create(self) -> None:
        """Make the database if there is none.

        Raises:
            StorageError: the disk refused.
        """
        if not self._there:
            with self.transaction():
                pass

    def close(self) -> None:
        """Close all connections for good; readers still at work close theirs when they are done."""
        self._closed = True
        with self._write_lock, self._lock:
            self._close_connections()

    def release(self) -> bool:
        """Close all connections until the next use, unless one is in use; return whether that was done."""
        if not self._write_lock.acquire(blocking=False):
            return False
        try:
            with self._lock:
                if self._readers or self._writers:
                    return False
                self._close_connections()
                return True
        finally:
            self._write_lock.release()

    def rest(self, seconds: float) -> None:
        """Close the connections that were not used for some seconds."""
        since = time.monotonic() - seconds
        if self._used < since and self.release():
            return
        with self._lock:
            old = [connection for connection, used in self._idle if used < since]
            self._idle = self._idle[len(old) :]  # the last one used is the first one taken
        for connection in old:
            connection.close()

    @contextlib.contextmanager
    def read(self, *, brief: bool = False) -> Iterator[View]:
        """Give one consistent reading of the database.

        Args:
            brief: no sign that the collection is in use, as where all collections are looked at one after the other.

        Raises:
            LibraryCorrupt: the file is damaged.
            StorageError: the disk refused.
            CollectionNotFound: the collection has been removed meanwhile.
        """
        if not self._there:
            with contextlib.closing(empty_database()) as connection:
                yield View(connection)
            return
        try:
            self._check_open()
            self.check()
            with self._files.reading(), translated():
                connection, sound = self._take(brief=brief), False
                try:
                    connection.execute("BEGIN")
                    yield View(connection)
                    sound = True
                finally:
                    self._give_back(connection, keep_alone=sound and not brief, keep=sound)
        except LibraryCorrupt:
            self.damage_seen = time.monotonic()
            raise

    def _take(self, *, brief: bool) -> sqlite3.Connection:
        if self._holder is not None and not brief:
            self._files.use(self._holder, grown=not self._idle)
        with self._lock:
            self._readers += 1
            self._most_readers = max(self._most_readers, self._readers)
            self._used = time.monotonic()
            held = self._idle.pop()[0] if self._idle else None
        try:
            connection = held or self._opened_reader()
        except BaseException:
            with self._lock:
                self._readers -= 1
            raise
        return connection

    def _opened_reader(self) -> sqlite3.Connection:
        connection = None
        try:
            self._check_open()
            with self.space.released():  # the first connection makes files of its own
                connection = self._connect(reader=True)
            self._check_open()  # another collection may have taken the name before the file was opened
        except sqlite3.Error:
            self._check_open()
            raise
        except CollectionNotFound:
            if connection is not None:
                connection.close()
            raise
        return connection

    def _check_open(self) -> None:
        if self._closed:
            raise CollectionNotFound("the collection is closed or has been removed")

    def _give_back(self, connection: sqlite3.Connection, *, keep_alone: bool, keep: bool) -> None:
        """Take a connection back from a reader.

        Args:
            connection: which.
            keep_alone: whether it may stay open as the only one of its database.
            keep: whether it may stay open beside others; one that came upon damage keeps the damaged page in memory.
        """
        try:
            if connection.in_transaction:
                connection.rollback()
        finally:
            with self._lock:
                self._readers -= 1
                self._used = time.monotonic()
                alone = self._writer is None and not self._idle
                keep = not self._closed and (keep_alone if alone else keep)
                if keep:
                    self._idle.append((connection, self._used))
                elif alone and not self._readers:
                    self._most_readers = 0
            if not keep:
                connection.close()

    def _close_connections(self) -> None:
        """Close what is not in use; with both locks held."""
        for connection, _ in self._idle:
            connection.close()
        self._idle.clear()
        if self._writer is not None:
            with contextlib.suppress(sqlite3.Error):
                self._writer.close()
            self._writer = None
        self._most_readers = self._readers

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Give the connection that writes, in a transaction that is committed at the end.

        Raises:
            StorageError: the disk refused; nothing was changed.
            CollectionNotFound: the collection has been removed meanwhile.
            LibraryError: opened for reading only.
        """
        with self._write_lock:
            self._check_open()
            if self.read_only:
                raise LibraryError("the library was opened for reading only")
            if self._holder is not None:
                self._files.use(self._holder, grown=self._writer is None)
            self._writers += 1
            try:
                with self.space.released(), translated():
                    yield from self._within_transaction()
                self._there, self._made, self._in_doubt = True, False, False
                self.commits += 1
                self._used = time.monotonic()
            except StorageError as error:
                if error.disk_full and self._there:
                    with contextlib.suppress(LibraryError):
                        self.checkpoint()  # the log has grown by what was not committed
                raise
            finally:
                self._writers -= 1
                if self._made:
                    self._unmake()

    def checkpoint(self) -> None:
        """Bring all of the log into the database, and empty it.

        Raises:
            StorageError: the disk refused.
        """
        with self._write_lock, self.space.released(), translated():
            self._opened_writer().execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _within_transaction(self) -> Iterator[sqlite3.Connection]:
        db = self._opened_writer()
        try:
            db.execute("BEGIN IMMEDIATE")
            yield db
            commit_log(db)
        except CommitUncertain:
            db.close()
            self._writer = None
            self._there, self._made, self._in_doubt = True, False, self._made  # what is there may be whole
            self.commits += 1
            raise
        except BaseException as error:
            if db.in_transaction:
                db.rollback()
            # SQLite opens for reading what it cannot open for writing, as without free descriptors: to be opened anew.
            if "readonly" in str(error):
                with self._lock:
                    self._close_connections()
            raise

    def _opened_writer(self) -> sqlite3.Connection:
        """Return the one connection that commits; with the write lock held."""
        if self._writer is None:
            if not self._there:
                self._make_file()
            with translated():
                remove_old_backups(self.path)
                writer = self._connect(reader=False)
                try:
                    check_version(writer)  # takes back a journal that a kill has left: who copies only reads
                    if not self._checked:
                        upgrade(self.path)
                    writer.execute("PRAGMA journal_mode = WAL")
                    writer.execute("PRAGMA synchronous = FULL")
                    writer.execute("PRAGMA foreign_keys = ON")
                    # What is deleted is overwritten with zeros.
                    writer.execute("PRAGMA secure_delete = ON")
                    if not self._checked:
                        migrate(writer)
                        self._match_words(writer)
                except BaseException:
                    writer.close()
                    raise
            self._writer = writer
            self._checked = True
        return self._writer

    def _match_words(self, db: sqlite3.Connection) -> None:
        """Make the table of words anew if another version wrote it."""
        if not fulltext_table.outdated(db):
            return
        db.execute("BEGIN IMMEDIATE")
        with db:  # commits or rolls back
            count = fulltext_table.rebuild(db)
        if count:
            _log.info("the words of %d passages in %s were indexed anew", count, self.path.parent.name)

    def _make_file(self) -> None:
        self._admit(True)
        self._made = True
        try:
            make_private_folder(self.path.parent)
            make_private_file(self.path)
            sync_folder(self.path.parent)
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            raise StorageError(f"the collection cannot be made: {error.strerror}", disk_full=full) from error

    def _unmake(self) -> None:
        """Leave nothing of a database whose first transaction failed."""
        with self._lock:
            self._close_connections()
        self._checked = self._made = False
        for path in (self.path, *self.path.parent.glob(f"{DATABASE}-*")):
            remove_file(path)
        with contextlib.suppress(OSError):  # where something else is in it
            self.path.parent.rmdir()
        self._admit(False)

    def _connect(self, *, reader: bool) -> sqlite3.Connection:
        uri = reading_uri(self.path) if reader else f"file:{quote(str(self.path.absolute()))}?mode=rw"
        connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=30)
        if reader:
            connection.execute("PRAGMA query_only = ON")
        return connection
