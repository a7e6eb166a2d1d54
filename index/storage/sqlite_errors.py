"""SQLite's errors as ours."""

import contextlib
import sqlite3
from collections.abc import Iterator

from index.errors import LibraryCorrupt, StorageError


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Turn SQLite's errors into ours, to the most specific class.

    Raises:
        StorageError: the disk refused: full, read-only, failing, or another process holds on to the file.
        LibraryCorrupt: the file is damaged.
    """
    try:
        yield
    except sqlite3.OperationalError as error:
        text = str(error)
        if "full" in text:
            raise StorageError("the disk is full: free space and try again", disk_full=True) from error
        if "readonly" in text or "unable to open" in text:
            raise StorageError(
                "the library's folder cannot be written or opened: check its owner and rights"
            ) from error
        if "locked" in text or "I/O" in text or "disk" in text:
            raise StorageError(f"the storage refused ({text}): try again") from error
        raise LibraryCorrupt(
            f"the database cannot be used ({text}): run citespan check, then citespan repair or restore"
        ) from error
    except sqlite3.DatabaseError as error:
        raise LibraryCorrupt(
            f"the database is damaged ({error}): run citespan check, then citespan repair or restore"
        ) from error
