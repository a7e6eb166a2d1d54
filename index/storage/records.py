"""What is kept beside the articles: conversations, standing questions, keys.  Opaque here: JSON with a kind and an id.

One file a library, apart from the collections, so that whoever copies a collection takes none of it along.  A rollback
journal instead of a write-ahead log: several processes may then write (keys are added while a service runs), and
SQLite before 3.51.3 loses nothing by it (sqlite.org/wal.html#walresetbug).

A record may quote articles.  What it quotes goes when one of these articles goes or gets another text, so that nothing
of what was removed stays behind.
"""

import contextlib
import json
import logging
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from index.errors import CitespanError, CommitUncertain, LibraryError, LibraryFormatError, RecordNotFound
from index.folder.disk_space import DiskSpace
from index.storage.commits import commit_journal
from index.storage.sqlite_errors import translated
from index.validation import now

DATABASE = "records.db"
_log = logging.getLogger(__name__)
_APPLICATION_ID = 0x43495452  # "CITR"
FORMAT = 1
_COLUMNS = "id, kind, parent, number, created, body, quotes, forgotten"
_SCHEMA = """
CREATE TABLE record (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    parent TEXT REFERENCES record (id) ON DELETE CASCADE,
    created TEXT NOT NULL,
    body TEXT NOT NULL,
    quotes TEXT,
    forgotten INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX record_kind ON record (kind, parent, number);
CREATE INDEX record_parent ON record (parent);
CREATE TABLE quoted (
    collection TEXT NOT NULL,
    article TEXT NOT NULL,
    record INTEGER NOT NULL REFERENCES record (number) ON DELETE CASCADE,
    PRIMARY KEY (collection, article, record)
) WITHOUT ROWID;
CREATE INDEX quoted_record ON quoted (record);
"""


@dataclass(frozen=True, slots=True)
class Record:
    """One thing that is kept beside the articles.

    Attributes:
        kind: what sort of thing it is.
        id: its own among all records of the library.
        body: what it says, as JSON has it.
        parent: id of the record that it belongs to and goes with, None where it stands alone.
        quotes: what it holds of articles' texts, as JSON has it; None where that is nothing, or is forgotten.
        articles: (collection, article id) of each article that it quotes; given when it is put, not read back.
        created: ISO 8601 instant (UTC) at which it was first put; "" before.
        number: grows from record to record in the order in which they were first put; 0 before.
        forgotten: whether it quoted something that has gone since.
    """

    kind: str
    id: str
    body: dict[str, Any]
    parent: str | None = None
    quotes: dict[str, Any] | None = None
    articles: tuple[tuple[str, str], ...] = field(default=(), compare=False)
    created: str = ""
    number: int = 0
    forgotten: bool = False


class Changes:
    """Changes of the records, all in one transaction; made by Records.change.

    Args:
        connection: in a transaction.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def put(self, record: Record) -> Record:
        """Add a record, or replace the one with the same id, which keeps its place, its time and its children.

        Raises:
            RecordNotFound: it belongs to a record that is not there.
        """
        body, quotes = _text(record.body), None if record.quotes is None else _text(record.quotes)
        try:
            number, created = self._db.execute(
                "INSERT INTO record (id, kind, parent, created, body, quotes) VALUES (?, ?, ?, ?, ?, ?) "
                "ON CONFLICT (id) DO UPDATE SET body = excluded.body, quotes = excluded.quotes, forgotten = 0 "
                "RETURNING number, created",
                (record.id, record.kind, record.parent, now(), body, quotes),
            ).fetchone()
        except sqlite3.IntegrityError:
            raise RecordNotFound(f"no {record.parent!r}: it has been removed") from None
        self._db.execute("DELETE FROM quoted WHERE record = ?", (number,))
        rows = {(collection, article, number) for collection, article in record.articles}
        self._db.executemany("INSERT INTO quoted VALUES (?, ?, ?)", sorted(rows))
        return Record(
            record.kind, record.id, record.body, record.parent, record.quotes, record.articles, created, number
        )

    def get(self, kind: str, record_id: str) -> Record:
        """Return a record.

        Raises:
            RecordNotFound: no such record.
        """
        return _get(self._db, kind, record_id)

    def remove(self, kind: str, record_id: str) -> None:
        """Remove a record and all that belong to it.

        Raises:
            RecordNotFound: no such record.
        """
        if not self._db.execute("DELETE FROM record WHERE id = ? AND kind = ?", (record_id, kind)).rowcount:
            raise RecordNotFound(f"no {kind} {record_id!r}")

    def count(self, kind: str, *, parent: str | None = None) -> int:
        """Return how many records of a kind there are, of one parent or standing alone."""
        return _count(self._db, kind, parent)

    def keep_newest(self, kind: str, count: int, *, parent: str | None = None) -> int:
        """Remove all but the newest of a kind, of one parent or of those that stand alone; return how many went."""
        return self._db.execute(
            "DELETE FROM record WHERE kind = ? AND parent IS ? AND number <= "
            "(SELECT number FROM record WHERE kind = ? AND parent IS ? ORDER BY number DESC LIMIT 1 OFFSET ?)",
            (kind, parent, kind, parent, count),
        ).rowcount

    def forget(self, collection: str, article_ids: Iterable[str] | None = None) -> int:
        """Drop what records quote of some articles, or of a whole collection; return how many records quoted them."""
        which, values = "", [(collection,)]
        if article_ids is not None:
            which, values = "AND article = ?", [(collection, article) for article in article_ids]  # type: ignore[misc]
        found = 0
        for value in values:
            chosen = f"SELECT record FROM quoted WHERE collection = ? {which}"
            found += self._db.execute(
                f"UPDATE record SET quotes = NULL, forgotten = 1 WHERE number IN ({chosen})", value
            ).rowcount
            self._db.execute(f"DELETE FROM quoted WHERE record IN ({chosen})", value)
        return found


class Records:
    """The records of one library.  Safe for use from several threads and beside other processes.

    Args:
        folder: the library's folder, which exists; the file is made when something is first put.
        read_only: whether writing is refused.
        space: on the library's disk; None takes the usual.

    Attributes:
        space: the same.
    """

    def __init__(self, folder: Path, *, read_only: bool = False, space: DiskSpace | None = None) -> None:
        self.path = folder / DATABASE
        self.space = DiskSpace(folder) if space is None else space
        self._read_only = read_only
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None

    def close(self) -> None:
        """Close the file; it is opened again when it is next used."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    @contextlib.contextmanager
    def change(self, *, grows: bool = False) -> Iterator[Changes]:
        """Give the records, to be changed in one transaction.

        Args:
            grows: whether that only adds, and is refused while there is hardly any room on the disk.

        Raises:
            StorageError: the disk refused; nothing was changed, unless it is CommitUncertain.
            LibraryError: opened for reading only.
        """
        if self._read_only:
            raise LibraryError("the library was opened for reading only")
        if grows:
            self.space.check_little()
        with self._lock, self.space.released(), translated():
            connection = self._opened(write=True)
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield Changes(connection)
                commit_journal(connection)
            except CommitUncertain:
                self.close()
                raise
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def put(self, record: Record) -> Record:
        """Add a record, or replace the one with the same id.

        Raises:
            StorageError: the disk refused; nothing was changed.
            RecordNotFound: it belongs to a record that is not there.
        """
        with self.change() as changes:
            return changes.put(record)

    def remove(self, kind: str, record_id: str) -> None:
        """Remove a record and all that belong to it.

        Raises:
            RecordNotFound: no such record.
            StorageError: the disk refused; nothing was changed.
        """
        self.get(kind, record_id)
        with self.change() as changes:
            changes.remove(kind, record_id)

    def forget(self, collection: str, article_ids: Sequence[str] | None = None) -> None:
        """Drop what records quote of some articles, or of a whole collection.

        Raises:
            StorageError: the disk refused; nothing was changed.
        """
        if self.quoted(collection, article_ids):
            with self.change() as changes:
                changes.forget(collection, article_ids)

    def forget_rest(self, collection: str, article_ids: Sequence[str]) -> None:
        """Drop what was kept while articles went; they are gone by now, whatever the disk refuses here."""
        try:
            self.forget(collection, article_ids)
        except CitespanError as error:
            _log.warning("a quotation that was kept while its article went is still there: %s", error)

    def quoted(self, collection: str, article_ids: Sequence[str] | None = None) -> bool:
        """Return whether any record quotes one of some articles, or anything of a collection."""
        with self._lock, translated():
            db = self._opened()
            if db is None:
                return False
            if article_ids is None:
                return bool(db.execute("SELECT 1 FROM quoted WHERE collection = ? LIMIT 1", (collection,)).fetchone())
            look = "SELECT 1 FROM quoted WHERE collection = ? AND article = ? LIMIT 1"
            return any(db.execute(look, (collection, article)).fetchone() for article in article_ids)

    def get(self, kind: str, record_id: str) -> Record:
        """Return a record.

        Raises:
            RecordNotFound: no such record.
        """
        with self._lock, translated():
            return _get(self._opened(), kind, record_id)

    def list(
        self, kind: str, *, parent: str | None = None, after: int = 0, limit: int = 1_000, newest_first: bool = False
    ) -> "list[Record]":
        """Return records of a kind in the order in which they were first put.

        Args:
            kind: which.
            parent: those that belong to this record; None for those that stand alone.
            after: those with a greater number; with newest_first those with a lesser one, 0 for all.
            limit: at most so many.
            newest_first: the other way round.
        """
        order, compare = ("DESC", "<") if newest_first else ("ASC", ">")
        if newest_first and not after:
            after = 2**62
        with self._lock, translated():
            db = self._opened()
            if db is None:
                return []
            rows = db.execute(
                f"SELECT {_COLUMNS} FROM record WHERE kind = ? AND parent IS ? AND number {compare} ? "
                f"ORDER BY number {order} LIMIT ?",
                (kind, parent, after, limit),
            ).fetchall()
        return [_made(row) for row in rows]

    def count(self, kind: str, *, parent: str | None = None) -> int:
        """Return how many records of a kind there are, of one parent or standing alone."""
        with self._lock, translated():
            db = self._opened()
            return 0 if db is None else _count(db, kind, parent)

    def _opened(self, *, write: bool = False) -> Any:
        """Return the connection; None, where it is only to be read, while there is no file."""
        if self._connection is None:
            if not self.path.exists():
                if not write:
                    return None
                # Before SQLite makes it with everybody's rights: keys and conversations are the owner's.
                os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
            mode = "ro" if self._read_only else "rw"
            uri = f"file:{quote(str(self.path.absolute()))}?mode={mode}"
            db = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=30)
            try:
                if not self._read_only:
                    db.execute("PRAGMA synchronous = FULL")
                    db.execute("PRAGMA foreign_keys = ON")
                    db.execute("PRAGMA secure_delete = ON")
                    make_tables(db)
                _check(db)
                if not self._read_only:
                    # SQLite opens for reading what it cannot open for writing, and says so at the first write only.
                    db.execute("DELETE FROM record WHERE 0")
            except BaseException:
                db.close()
                raise
            self._connection = db
        return self._connection


def make_tables(db: sqlite3.Connection) -> None:
    """Make the tables of an empty database; in one that has them nothing is done."""
    if db.execute("PRAGMA user_version").fetchone()[0]:
        return
    db.execute("BEGIN IMMEDIATE")
    try:
        # Another process may have made it since.
        if not db.execute("PRAGMA user_version").fetchone()[0]:
            for statement in _SCHEMA.split(";"):
                db.execute(statement)
            db.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            db.execute(f"PRAGMA user_version = {FORMAT}")
        db.execute("COMMIT")
    except BaseException:
        db.execute("ROLLBACK")
        raise


def _check(db: sqlite3.Connection) -> None:
    version = db.execute("PRAGMA user_version").fetchone()[0]
    owner = db.execute("PRAGMA application_id").fetchone()[0]
    if owner not in (0, _APPLICATION_ID):
        raise LibraryFormatError(f"{DATABASE} is not a database of Citespan's records: restore it from a backup")
    if version > FORMAT:
        raise LibraryFormatError(f"{DATABASE} has format {version}, this version reads up to {FORMAT}: upgrade")


def _get(db: sqlite3.Connection | None, kind: str, record_id: str) -> Record:
    row = None
    if db is not None:
        query = f"SELECT {_COLUMNS} FROM record WHERE id = ? AND kind = ?"
        row = db.execute(query, (record_id, kind)).fetchone()
    if row is None:
        raise RecordNotFound(f"no {kind} {record_id!r}")
    return _made(row)


def _count(db: sqlite3.Connection, kind: str, parent: str | None) -> int:
    query = "SELECT count(*) FROM record WHERE kind = ? AND parent IS ?"
    return int(db.execute(query, (kind, parent)).fetchone()[0])


def _made(row: tuple[Any, ...]) -> Record:
    record_id, kind, parent, number, created, body, quotes, forgotten = row
    held = None if quotes is None else json.loads(quotes)
    return Record(kind, record_id, json.loads(body), parent, held, (), created, number, bool(forgotten))


def _text(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
