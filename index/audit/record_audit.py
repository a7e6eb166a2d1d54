"""Check the library's records: the file, what each record holds, and whether its parent exists.

Imports sqlite3, as index.storage.records does that keeps them.
"""

import json
import sqlite3
from collections.abc import Callable

from index.audit.defects import Tally
from index.storage.damaged_rows import rows_by_key

_DAMAGES_NAMED = 100


def audit_records(db: sqlite3.Connection, tally: Tally) -> int:
    """Count what is wrong with the records; return how many there are.

    Args:
        db: a connection in a transaction.
        tally: where defects are counted.
    """
    count = 0
    try:
        damages = [row[0] for row in db.execute(f"PRAGMA integrity_check({_DAMAGES_NAMED})") if row[0] != "ok"]
        if damages:
            tally.add("records_damaged", *damages)
        broken = db.execute("PRAGMA foreign_key_check").fetchall()
        if broken:
            tally.add("record_orphaned", *(f"{table} {row}" for table, row, *_ in broken))
        columns = "id, body, quotes"
        for _, name, body, quotes in rows_by_key(
            db, "record", columns, "number", unreadable=lambda what: tally.add("record_invalid", what)
        ):
            count += 1
            if not all(value is None or _is_object(value) for value in (body, quotes)):
                tally.add("record_invalid", str(name))
    except sqlite3.DatabaseError as error:
        tally.add("records_damaged", str(error))
    return count


def stale_quotations(db: sqlite3.Connection, holds: Callable[[str, str], bool]) -> list[tuple[str, str]]:
    """Return the articles, (collection, id), that records quote though they are gone.

    Args:
        db: a connection.
        holds: whether a collection is there and has an article; the id is "" for a quotation of the whole collection.
    """
    try:
        quoted = db.execute("SELECT DISTINCT collection, article FROM quoted").fetchall()
    except sqlite3.DatabaseError:
        return []
    return [(collection, article) for collection, article in quoted if not holds(collection, article)]


def _is_object(value: str) -> bool:
    try:
        return isinstance(json.loads(value), dict)
    except (ValueError, RecursionError):
        return False
