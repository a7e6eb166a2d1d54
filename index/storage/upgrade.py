"""A collection's database of an older format: backed up, then brought to the newest, in place.

The backup lies beside it until BACKUP_DAYS have passed.  Each step is one transaction, so what is interrupted has not
happened and is done when the database is next opened for writing; so is the backup, which gets its name once it is
whole.  A newer format is refused before anything is written.

Imports sqlite3, as the store does that keeps the database.
"""

import contextlib
import json
import logging
import shutil
import sqlite3
import time
from pathlib import Path

from index.boilerplate.lines import host_or_source, line_hashes
from index.errors import StorageError
from index.folder.atomic_file import PARTIAL, remove_file, sync_folder
from index.storage.damaged_rows import open_to_read
from index.storage.database_copy import copy_database
from index.storage.migrations import MIGRATIONS, check_version, migrate
from index.storage.tables import duplicate_groups, site_lines
from index.text.near_duplicates import bands, shingles
from index.types import MaskedRange

BACKUP_DAYS = 30
_log = logging.getLogger(__name__)


def upgrade(path: Path) -> None:
    """Bring a database to the newest format if it has an older one; the caller holds the library's lock.

    Raises:
        LibraryFormatError: a newer Citespan made it, or it is some other program's database; it stays as it is.
        StorageError: there is no room for the backup; nothing was changed.
        sqlite3.Error: the disk refused, or the file is damaged; nothing was changed.
    """
    if not path.is_file() or not path.stat().st_size:
        return
    with contextlib.closing(open_to_read(path)) as db:
        version = check_version(db)
        if version in (0, len(MIGRATIONS)):
            return
        kept = _back_up(db, path)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA foreign_keys = ON")
        db.execute("PRAGMA secure_delete = ON")
        migrate(db, {2: _complete_second_format})
    _log.info(
        "%s had format %d and has format %d now; as it was it is kept in %s for %d days",
        path.parent.name,
        version,
        len(MIGRATIONS),
        kept.name,
        BACKUP_DAYS,
    )


def remove_old_backups(path: Path) -> None:
    """Remove the copies that were made of a database before its format changed, once BACKUP_DAYS have passed."""
    for old in path.parent.glob(f"{path.name}.before-format-*"):
        if not old.name.endswith(PARTIAL) and _days_old(old) > BACKUP_DAYS:
            remove_file(old)


def _back_up(db: sqlite3.Connection, path: Path) -> Path:
    """Copy a database beside itself; return the copy, which may be that of an attempt that was interrupted."""
    name = f"{path.name}.before-format-{len(MIGRATIONS)}"
    target, number = path.with_name(name), 1
    while target.exists():
        if _generation_in(target) == _generation(db):
            return target
        number += 1
        target = path.with_name(f"{name}-{number}")  # of another life of this library: kept too
    size = path.stat().st_size
    # The copy, and as much again for the log of what changes.
    if shutil.disk_usage(path.parent).free < 2 * size:
        raise StorageError(
            f"collection {path.parent.name!r} has an older format; to back it up before it is changed, "
            f"{2 * size // 2**20 + 1} MiB must be free on its disk: free space and try again",
            disk_full=True,
        )
    beside = target.with_name(target.name + PARTIAL)
    remove_file(beside)
    try:
        copy_database(db, beside)
        beside.rename(target)
        sync_folder(target.parent)
    except OSError as error:
        raise StorageError(f"the database cannot be backed up before it is changed: {error.strerror}") from error
    return target


def _complete_second_format(db: sqlite3.Connection) -> None:
    """Compare articles of the first format for near-copies, and count their lines."""
    for (key,) in db.execute("SELECT key FROM article ORDER BY key").fetchall():
        text, masked, url, source = db.execute(
            "SELECT text, masked, url, source FROM article WHERE key = ?", (key,)
        ).fetchone()
        found = shingles(text, [MaskedRange(*fields) for fields in json.loads(masked)])
        duplicate_groups.join(db, key, bands(found), found)
        site_lines.join(db, key, host_or_source(url, source), line_hashes(text))


def _generation(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT value FROM meta WHERE name = 'generation'").fetchone()[0])


def _generation_in(path: Path) -> int | None:
    try:
        with contextlib.closing(open_to_read(path)) as db:
            return _generation(db)
    except (sqlite3.Error, TypeError, ValueError):
        return None


def _days_old(path: Path) -> float:
    try:
        return (time.time() - path.stat().st_mtime) / 86_400
    except OSError:
        return 0.0
