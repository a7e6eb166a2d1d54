"""SQLite: articles, passages, their words and vectors.  The one truth.

One connection does every commit and checkpoint, since SQLite before 3.51.3 can lose commits when
two connections do (sqlite.org/wal.html#walresetbug).  Readers are opened read-only and never
checkpoint.  ``synchronous=FULL``: a commit that returned is on the disk.
"""

import contextlib
import logging
import queue
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import numpy as np

from index import families, rows, wordindex
from index.audit import Audit
from index.commits import commit_log
from index.defects import Tally
from index.errors import CollectionNotFound, CommitUncertain, LibraryError
from index.ledger import Ledger, Step
from index.migrations import MIGRATIONS, check_version, migrate
from index.readable import open_to_read
from index.refusals import translated
from index.rows import Prepared
from index.subscriptions import Subscriptions
from index.view import Ids, Vectors, View

DATABASE = "articles.db"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Written:
    """What one transaction changed.

    Attributes:
        created: per article, whether its id is new.
        ids: int64 ids of the new passages, in order.
        removed: int64 ids of the passages that went.
        generation: of the database after the commit.
        words: number of entries that went from the word index.
        vectors: number of vectors that went.
    """

    created: tuple[bool, ...]
    ids: Ids
    removed: Ids
    generation: int
    words: int = 0
    vectors: int = 0


class Store:
    """The database of one collection.

    Safe for use from several threads: one writes at a time, any number read.

    Args:
        folder: the collection's folder, which exists.
        read_only: open without the right to write; the database must exist.

    Attributes:
        outdated: whether the format, or that of its words, is an older one, which only a writer brings up to date.

    Raises:
        LibraryFormatError: another program's database, or a newer format.
        LibraryCorrupt: the file is damaged.
        StorageError: the disk refused.
    """

    def __init__(self, folder: Path, *, read_only: bool = False) -> None:
        self.path = folder / DATABASE
        self.read_only = read_only
        self._write_lock = threading.RLock()
        self._readers: queue.LifoQueue[sqlite3.Connection] = queue.LifoQueue()
        self._closed = False
        self._writer: sqlite3.Connection | None = None
        self.outdated = False
        with translated():
            if read_only:
                with contextlib.closing(self._connect(reader=True)) as connection:
                    self.outdated = check_version(connection) < len(MIGRATIONS) or wordindex.outdated(connection)
            else:
                self._writer = self._open_writer()
                migrate(self._writer)
                self._match_words()

    def close(self) -> None:
        """Close all connections; readers still at work close theirs when they are done."""
        with self._write_lock:
            self._closed = True
            while True:
                try:
                    self._readers.get_nowait().close()
                except queue.Empty:
                    break
            if self._writer is not None:
                with contextlib.suppress(sqlite3.Error):
                    self._writer.close()
                self._writer = None

    @contextlib.contextmanager
    def read(self) -> Iterator[View]:
        """Give one consistent reading of the database.

        Raises:
            LibraryCorrupt: the file is damaged.
            StorageError: the disk refused.
            CollectionNotFound: the collection has been removed meanwhile.
        """
        if self._closed:
            raise CollectionNotFound("the collection is closed or has been removed")
        with translated():
            try:
                connection = self._readers.get_nowait()
            except queue.Empty:
                connection = self._connect(reader=True)
            try:
                connection.execute("BEGIN")
                yield View(connection)
            finally:
                if connection.in_transaction:
                    connection.rollback()
                if self._closed:
                    connection.close()
                else:
                    self._readers.put(connection)

    def write(self, prepared: Sequence[Prepared], step: Step | None = None) -> Written:
        """Add articles or replace those with the same ids, all in one transaction.

        Args:
            prepared: what is to be written.
            step: the stretch of a job that adds them, noted in the same transaction.

        Raises:
            StorageError: the disk refused; nothing was written.
            JobEnded: the job was cancelled; nothing was written.
        """
        with self._transaction() as db:
            if step is not None:
                Ledger(db).advance(step)
            created: list[bool] = []
            removed: list[int] = []
            ids: list[int] = []
            for item in prepared:
                gone = rows.delete(db, item.article.id)
                created.append(gone is None)
                removed.extend(gone.passages if gone else [])
                ids.extend(rows.insert(db, item))
            generation = _advance(db)
        return Written(tuple(created), np.array(ids, np.int64), np.array(removed, np.int64), generation)

    def remask(self, prepared: Sequence[Prepared], site: str) -> Written:
        """Replace masked ranges and passages of articles that stay as they are otherwise, all in one transaction.

        Args:
            prepared: articles whose text and title are those of the collection.
            site: whose articles they are; it is noted that they have been looked at.

        Raises:
            StorageError: the disk refused; nothing was changed.
        """
        ids: list[int] = []
        removed: list[int] = []
        with self._transaction() as db:
            for item in prepared:
                key = db.execute("SELECT key FROM article WHERE id = ?", (item.article.id,)).fetchone()[0]
                families.leave(db, key)
                removed.extend(rows.delete_passages(db, key).passages)
                masked = rows.ranges(item.masked)
                # The words that are written now have the form of this language.
                db.execute("UPDATE article SET masked = ?, language = ? WHERE key = ?", (masked, item.language, key))
                families.join(db, key, item.bands, item.shingles)
                ids.extend(rows.insert_passages(db, key, item))
            db.execute("UPDATE site SET looked = articles WHERE name = ?", (site,))
            generation = _advance(db)
        return Written((), np.array(ids, np.int64), np.array(removed, np.int64), generation)

    def remove(self, article_id: str) -> Written | None:
        """Remove an article and all that was made of it; None where there is none.

        Raises:
            StorageError: the disk refused; nothing was removed.
        """
        with self._transaction() as db:
            gone = rows.delete(db, article_id)
            if gone is None:
                return None
            generation = _advance(db)
        return Written(
            (), np.empty(0, np.int64), np.array(gone.passages, np.int64), generation, gone.words, gone.vectors
        )

    def forget(self) -> None:
        """Leave nothing on the disk of what was removed before: neither in the word index nor in the log of changes.

        Takes its time with a large collection; what is read or written meanwhile waits or is not disturbed.
        """
        with self._transaction() as db:
            # Deleted words stay in older parts of the index until all are made one.
            db.execute("INSERT INTO words (words) VALUES ('optimize')")
        with self._write_lock, translated():
            if self._writer is not None:
                self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def audit(self, tally: Tally, *, thorough: bool = False) -> None:
        """Count what is wrong inside the database, in one reading of it; goes on after what cannot be read.

        Args:
            tally: where defects are counted.
            thorough: also compute anew which articles are near-copies.
        """
        try:
            with contextlib.closing(open_to_read(self.path)) as db:
                Audit(db, tally).run(thorough=thorough)
        except sqlite3.Error as error:
            tally.add("database_unreadable", str(error))

    def set_meta(self, name: str, value: str) -> None:
        """Store a setting."""
        with self._transaction() as db:
            db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    def replace_vectors(self, batches: Iterator[tuple[Ids, Vectors]], encoder: str) -> None:
        """Replace every vector, and note the encoder that made them, in one transaction.

        Raises:
            StorageError: the disk refused; the old vectors stay.
        """
        with self._transaction() as db:
            for ids, vectors in batches:
                updates = ((rows.blob(vector), int(key)) for key, vector in zip(ids, vectors, strict=True))
                db.executemany("UPDATE vector SET data = ? WHERE id = ?", updates)
            db.execute("INSERT OR REPLACE INTO meta VALUES ('encoder', ?)", (encoder,))
            _advance(db)

    def _match_words(self) -> None:
        """Make the table of words anew if another version wrote it."""
        if self._writer is not None and wordindex.outdated(self._writer):
            with self._transaction() as db:
                count = wordindex.rebuild(db)
            if count:
                _log.info("the words of %d passages in %s were indexed anew", count, self.path.parent.name)

    @contextlib.contextmanager
    def ledger(self) -> Iterator[Ledger]:
        """Give the collection's jobs, to be changed in one transaction.

        Raises:
            StorageError: the disk refused; nothing was changed.
            CollectionNotFound: the collection has been removed meanwhile.
        """
        with self._transaction() as db:
            yield Ledger(db)

    @contextlib.contextmanager
    def subscriptions(self) -> Iterator[Subscriptions]:
        """Give what the collection follows, to be changed in one transaction.

        Raises:
            StorageError: the disk refused; nothing was changed.
            CollectionNotFound: the collection has been removed meanwhile.
        """
        with self._transaction() as db:
            yield Subscriptions(db)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._write_lock:
            if self._closed:
                raise CollectionNotFound("the collection is closed or has been removed")
            if self.read_only:
                raise LibraryError("the library was opened for reading only")
            with translated():
                if self._writer is None:
                    self._writer = self._open_writer()
                self._writer.execute("BEGIN IMMEDIATE")
                try:
                    yield self._writer
                    commit_log(self._writer)
                except CommitUncertain:
                    self._writer.close()
                    self._writer = None
                    raise
                except BaseException:
                    if self._writer.in_transaction:
                        self._writer.rollback()
                    raise

    def _open_writer(self) -> sqlite3.Connection:
        writer = self._connect(reader=False)
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("PRAGMA synchronous = FULL")
        writer.execute("PRAGMA foreign_keys = ON")
        # What is deleted is overwritten with zeros.
        writer.execute("PRAGMA secure_delete = ON")
        return writer

    def _connect(self, *, reader: bool) -> sqlite3.Connection:
        mode = "ro" if reader else "rwc"
        uri = f"file:{quote(str(self.path.absolute()))}?mode={mode}"
        connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=30)
        if reader:
            connection.execute("PRAGMA query_only = ON")
        return connection


def _advance(db: sqlite3.Connection) -> int:
    db.execute("UPDATE meta SET value = CAST(value AS INTEGER) + 1 WHERE name = 'generation'")
    return int(db.execute("SELECT value FROM meta WHERE name = 'generation'").fetchone()[0])
