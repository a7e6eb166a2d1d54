"""What can be read of a damaged database, row by row, in a new one with the same keys.

Only what stands for itself is taken over: articles whose text is the one that was added, their passages and vectors,
jobs, feeds, records.  What is made of them is then made anew (index.maintenance.rebuild).

Imports sqlite3, as the store does that keeps these databases.
"""

import contextlib
import hashlib
import json
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from index.folder.atomic_file import open_private, remove_file
from index.storage.damaged_rows import open_to_read, rows_by_key, rows_from_both_ends
from index.storage.migrations import migrate

_HEADER = 100
_PAGE = 4_096
# Tables without an integer key, with the columns of their keys; a parent comes before its children.
_KEPT_BESIDE = {
    "meta": ("name",),
    "job": ("id",),
    "job_failure": ("job", "line"),
    "subscription": ("url",),
    "followed": ("subscription", "url"),
}
_OWNERS = {"passage": "SELECT 1 FROM article WHERE key = ?", "vector": "SELECT 1 FROM passage WHERE id = ?"}
Lost = Callable[[str], None]


@contextlib.contextmanager
def readable_copy(path: Path, fresh: Path, table: str) -> Iterator[sqlite3.Connection]:
    """Give a connection to a damaged database; where its first page is lost, to a copy with that of a new one.

    Args:
        path: the damaged database, which stays as it is.
        fresh: an empty database of the newest format.
        table: which must be readable.

    Raises:
        sqlite3.Error: nothing of it can be read.
    """
    copy = path.with_name(f"{path.name}.readable.tmp")
    with contextlib.ExitStack() as stack:
        try:
            db = stack.enter_context(contextlib.closing(open_to_read(path)))
            if not db.execute(f"PRAGMA table_info({table})").fetchall():
                raise sqlite3.DatabaseError(f"it has no table {table!r}")
        except sqlite3.DatabaseError as error:
            stack.callback(_remove_with_logs, copy)
            db = stack.enter_context(contextlib.closing(_open_with_new_start(path, copy, fresh, table, error)))
        yield db


def _open_with_new_start(
    path: Path, copy: Path, fresh: Path, table: str, error: sqlite3.DatabaseError
) -> sqlite3.Connection:
    """Return a connection to a copy that begins as a new database does: with its header, or its whole first page."""
    for size in (_HEADER, _PAGE):
        remove_file(copy)
        with path.open("rb") as source, open_private(copy, "xb") as target:
            shutil.copyfileobj(source, target)
        with fresh.open("rb") as source, copy.open("r+b") as target:
            start = bytearray(source.read(size))
            # The number of pages: SQLite trusts it where the two counters of changes agree.
            start[28:32] = (copy.stat().st_size // _PAGE).to_bytes(4, "big")
            start[92:96] = start[24:28]
            target.write(start)
        with contextlib.ExitStack() as stack:
            try:
                db = stack.enter_context(contextlib.closing(open_to_read(copy)))
                db.execute(f"SELECT * FROM {table} LIMIT 1").fetchone()
            except sqlite3.DatabaseError as again:
                error = again
            else:
                stack.pop_all()
                return db
    raise error


def _remove_with_logs(path: Path) -> None:
    for file in (path, *path.parent.glob(f"{path.name}-*")):
        remove_file(file)


def salvage_articles(damaged: Path, made: Path, lost: Lost) -> None:
    """Write what can be read of a collection's database into a new one, which is on the disk when this returns.

    Args:
        damaged: stays as it is.
        made: the new database, which is not there yet.
        lost: called with words for what cannot be taken over.

    Raises:
        sqlite3.Error: nothing of it can be read, or the disk refused.
    """
    open_private(made, "xb").close()
    with contextlib.closing(sqlite3.connect(made, isolation_level=None)) as new:
        new.execute("PRAGMA synchronous = FULL")
        migrate(new)
        with readable_copy(damaged, made, "article") as old:
            new.execute("BEGIN")
            for table, key in (("article", "key"), ("passage", "id"), ("vector", "id")):
                _copy_by_key(old, new, table, key, lost)
            for table, order in _KEPT_BESIDE.items():
                columns = _common(old, new, table)
                if not columns:
                    continue
                rows = rows_from_both_ends(old, table, ", ".join(columns), order, unreadable=lost)
                _insert(new, table, columns, rows, "REPLACE" if table == "meta" else "IGNORE")
            _keep_counting(old, new)
            new.execute("COMMIT")


def salvage_records(damaged: Path, made: Path, schema: Callable[[sqlite3.Connection], None], lost: Lost) -> None:
    """Write what can be read of the records into a new database; see salvage_articles().

    Args:
        damaged: stays as it is.
        made: the new database, which is not there yet.
        schema: makes its tables.
        lost: called with words for what cannot be taken over.
    """
    open_private(made, "xb").close()
    with contextlib.closing(sqlite3.connect(made, isolation_level=None)) as new:
        new.execute("PRAGMA synchronous = FULL")
        schema(new)
        with readable_copy(damaged, made, "record") as old:
            new.execute("BEGIN")
            columns = ["number", *(column for column in _common(old, new, "record") if column != "number")]
            rows = rows_by_key(old, "record", ", ".join(columns[1:]), "number", unreadable=lost)
            body, quotes = columns.index("body"), columns.index("quotes")
            usable = (row for row in rows if _said(row[1], _is_json(row[body]) and _is_json(row[quotes]), lost))
            _insert(new, "record", columns, usable, "IGNORE")
            quoted = ("collection", "article", "record")
            _insert(new, "quoted", quoted, rows_from_both_ends(old, "quoted", ", ".join(quoted), quoted), "IGNORE")
            drop_orphans_of_records(new)
            new.execute("COMMIT")


def drop_orphans_of_records(db: sqlite3.Connection) -> None:
    """Remove records whose parent is gone, and quotations without a record, within the caller's transaction."""
    orphans = "DELETE FROM record WHERE parent IS NOT NULL AND parent NOT IN (SELECT id FROM record)"
    while db.execute(orphans).rowcount:
        continue
    db.execute("DELETE FROM quoted WHERE record NOT IN (SELECT number FROM record)")


def _copy_by_key(old: sqlite3.Connection, new: sqlite3.Connection, table: str, key: str, lost: Lost) -> None:
    columns = [key, *(column for column in _common(old, new, table) if column != key)]
    rows = rows_by_key(old, table, ", ".join(columns[1:]), key, unreadable=lost)
    if table == "article":
        name, text, digest = (columns.index(column) for column in ("id", "text", "sha256"))
        rows = (
            row
            for row in rows
            if _said(f"article {row[name]}", hashlib.sha256(str(row[text]).encode()).hexdigest() == row[digest], lost)
        )
    else:
        place = columns.index("article") if table == "passage" else 0
        found = _OWNERS[table]
        rows = (row for row in rows if new.execute(found, (row[place],)).fetchone())
    _insert(new, table, columns, rows, "IGNORE")


def _insert(
    db: sqlite3.Connection, table: str, columns: Sequence[str], rows: Iterable[tuple[object, ...]], how: str
) -> None:
    marks = ", ".join("?" * len(columns))
    statement = f"INSERT OR {how} INTO {table} ({', '.join(columns)}) VALUES ({marks})"
    for row in rows:
        with contextlib.suppress(sqlite3.IntegrityError):  # a damaged row that breaks a rule of its table
            db.execute(statement, row)


def _common(old: sqlite3.Connection, new: sqlite3.Connection, table: str) -> list[str]:
    """Columns that a table has in both databases."""
    there = {row[1] for row in old.execute(f"PRAGMA table_info({table})")}
    return [row[1] for row in new.execute(f"PRAGMA table_info({table})") if row[1] in there]


def _keep_counting(old: sqlite3.Connection, new: sqlite3.Connection) -> None:
    """Never use a key again, and count commits on from where the old database stood."""
    for table in ("article", "passage"):
        with contextlib.suppress(sqlite3.DatabaseError):
            row = old.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)).fetchone()
            if row is not None:
                new.execute("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ?", (row[0], table))


def _said(name: str, usable: bool, lost: Lost) -> bool:
    if not usable:
        lost(name)
    return usable


def _is_json(value: object) -> bool:
    if value is None:
        return True
    try:
        return isinstance(json.loads(str(value)), dict)
    except ValueError:
        return False
