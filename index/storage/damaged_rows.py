"""Rows of a database that may be damaged: each that can be read, and word of each that cannot.

Imports sqlite3, as the store does that keeps these databases.
"""

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from index.storage.read_only_medium import reading_uri

_TOGETHER = 256


def open_to_read(path: Path) -> sqlite3.Connection:
    """Open a database beside whatever writes to it, in one consistent reading; the caller closes it.

    Raises:
        sqlite3.Error: it is no database, or its first page is damaged.
    """
    db = sqlite3.connect(reading_uri(path), uri=True, isolation_level=None, check_same_thread=False, timeout=30)
    try:
        db.execute("BEGIN")
        db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except BaseException:
        db.close()
        raise
    return db


def rows_by_key(
    db: sqlite3.Connection,
    table: str,
    columns: str,
    key: str,
    *,
    unreadable: Callable[[str], None] = lambda what: None,
) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a table in the order of an integer key, passing over those that cannot be read.

    Args:
        db: a connection.
        table: which has an integer primary key.
        columns: what to read of each row; the key comes before them.
        key: name of the key.
        unreadable: called for each stretch or row that cannot be read, with words for it.
    """
    after, last = -1, None
    while True:
        try:
            count = 0
            for row in db.execute(
                f"SELECT {key}, {columns} FROM {table} WHERE {key} > ? ORDER BY {key} LIMIT {_TOGETHER}", (after,)
            ):
                after, count = row[0], count + 1
                yield row
            if count < _TOGETHER:
                return
        except sqlite3.DatabaseError:
            # The next rows one by one, until one can be read.
            if last is None:
                last = _greatest(db, table, key)
            after += 1
            while after <= last:
                try:
                    found = db.execute(f"SELECT {key}, {columns} FROM {table} WHERE {key} = ?", (after,)).fetchone()
                except sqlite3.DatabaseError:
                    unreadable(f"{table} {after}")
                    found = None
                if found is not None:
                    yield found
                    break
                after += 1
            else:
                return


def rows_from_both_ends(
    db: sqlite3.Connection,
    table: str,
    columns: str,
    order: tuple[str, ...],
    *,
    unreadable: Callable[[str], None] = lambda what: None,
) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a table without an integer key: up to what cannot be read, then from its end down to that.

    A row may come twice.

    Args:
        db: a connection.
        table: which.
        columns: what to read of each row.
        order: columns of its primary key.
        unreadable: called with the table's name if there is anything between that cannot be read.
    """
    for direction in ("ASC", "DESC"):
        try:
            by = ", ".join(f"{column} {direction}" for column in order)
            yield from db.execute(f"SELECT {columns} FROM {table} ORDER BY {by}")
            return
        except sqlite3.DatabaseError:
            continue
    unreadable(table)


def _greatest(db: sqlite3.Connection, table: str, key: str) -> int:
    """The greatest key that a row may have."""
    found = 0
    for statement, values in (
        ("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)),
        (f"SELECT {key} FROM {table} ORDER BY {key} DESC LIMIT 1", ()),
    ):
        try:
            row = db.execute(statement, values).fetchone()
        except sqlite3.DatabaseError:
            continue
        found = max(found, int(row[0]) if row else 0)
    return found
