"""A database copied while others write to it: as it was at one moment, into one file that is complete in itself.

Imports sqlite3, as the store does that keeps these databases.
"""

import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path

from index.folder.atomic_file import open_private, sync_file

_PAGES_TOGETHER = 1_024


def copy_database(
    db: sqlite3.Connection, target: Path, *, advance: Callable[[int, int], None] = lambda done, total: None
) -> None:
    """Copy a database by SQLite's backup interface; the copy is on the disk when this returns.

    Args:
        db: a connection in a transaction, which keeps the reading the same from page to page.
        target: a file that is not there yet; its owner's alone.
        advance: called with the number of pages that are done, and of all.

    Raises:
        OSError: the disk refused.
        sqlite3.Error: the disk refused, or the database is damaged.
    """
    open_private(target, "xb").close()
    with contextlib.closing(sqlite3.connect(target, isolation_level=None)) as copy:
        db.backup(
            copy, pages=_PAGES_TOGETHER, progress=lambda status, remaining, total: advance(total - remaining, total)
        )
        copy.execute("PRAGMA journal_mode = DELETE")  # no log beside it
    sync_file(target)
