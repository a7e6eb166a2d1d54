"""The last step of a transaction, and what is true when it fails.

A commit that fails may be there after a crash all the same: in write-ahead mode its last frame can lie in the log whole
when the disk refuses to sync it, and recovery takes what is whole.  Imports sqlite3, as the stores do that call it.
"""

import contextlib
import sqlite3

from index.errors import CommitUncertain

# What SQLite refuses before it has written the end of a transaction.
_CERTAIN = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY)
_MESSAGE = (
    "the disk failed while this was being made durable, so it may have been done: look whether it is there before you "
    "do it again"
)


def commit_log(db: sqlite3.Connection) -> None:
    """Commit a transaction in write-ahead mode; where that fails, have it be as if it had never begun, if possible.

    Another transaction is written over what the failed one left in the log: once that is durable, nothing is left.

    Raises:
        sqlite3.Error: the disk refused; nothing was changed.
        CommitUncertain: the disk refused; the change may be there after a restart.
    """
    try:
        db.commit()
    except sqlite3.Error as error:
        try:
            if db.in_transaction:
                db.rollback()
            # A new generation, since SQLite writes nothing where nothing changes.
            db.execute("UPDATE meta SET value = CAST(value AS INTEGER) + 1 WHERE name = 'generation'")
        except sqlite3.Error:
            if not _refused_early(error):
                raise CommitUncertain(_MESSAGE) from error
        raise


def commit_journal(db: sqlite3.Connection) -> None:
    """Commit a transaction that has a rollback journal.

    Raises:
        sqlite3.Error: the disk refused; nothing was changed.
        CommitUncertain: the disk refused; the change may be there, now or after a restart.
    """
    try:
        db.commit()
    except sqlite3.Error as error:
        with contextlib.suppress(sqlite3.Error):
            if db.in_transaction:
                db.rollback()
        if not _refused_early(error):
            raise CommitUncertain(_MESSAGE) from error
        raise


def advance(db: sqlite3.Connection) -> int:
    """Count a commit, within its transaction; return its number."""
    db.execute("UPDATE meta SET value = CAST(value AS INTEGER) + 1 WHERE name = 'generation'")
    return int(db.execute("SELECT value FROM meta WHERE name = 'generation'").fetchone()[0])


def _refused_early(error: sqlite3.Error) -> bool:
    # The low byte is the primary code of an extended one.
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _CERTAIN
