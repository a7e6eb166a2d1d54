"""A library copied while it serves: to a folder, or into one .tar or .zip file.

Each collection is as it was at one moment, with the files of the jobs that were open then.  The records come
last: what they quote of articles that were removed meanwhile is forgotten in them by then.  The vector snapshot is left
out, since it is made from the vectors in the database.  What is under way has another name; the backup is there whole
or not at all.
"""

import errno
import json
import secrets
import shutil
import sqlite3
from contextlib import ExitStack, closing, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from index.errors import InputError, LibraryCorrupt, LibraryFormatError, StorageError
from index.folder.atomic_file import sync_folder
from index.folder.atomic_moves import moves_unfinished
from index.folder.collection_folders import DATABASE, collection_names, lost_collections
from index.folder.library_file import MARKER
from index.maintenance.archives import Writer, open_writer
from index.maintenance.files import JOBS
from index.maintenance.report import OnProgress, ignore_progress
from index.storage.damaged_rows import open_to_read
from index.storage.database_copy import copy_database
from index.storage.migrations import check_version
from index.storage.read_view import View
from index.storage.records import DATABASE as RECORDS
from index.storage.sqlite_errors import translated
from index.validation import now
from index.version import release

BACKUP_FORMAT = 1
EXAMPLES = "examples.json"
_NEEDED = 1.05  # of the databases' size, for headers and the files of jobs


@dataclass(frozen=True, slots=True)
class SavedCollection:
    """A collection in a backup.

    Attributes:
        name: its name.
        format: of its database.
        generation: number of commits up to the moment at which it was copied.
        articles: how many there are.
        passages: how many there are.
    """

    name: str
    format: int
    generation: int
    articles: int
    passages: int


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup of a library.

    Attributes:
        path: the folder or file.
        created: ISO 8601 instant (UTC) at which it was begun.
        citespan: release that made it.
        collections: what it holds, by name.
        bytes: of all files in it, before any compression.
    """

    path: str
    created: str
    citespan: str
    collections: tuple[SavedCollection, ...]
    bytes: int

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return asdict(self)


def back_up_library(folder: str | Path, target: str | Path, *, progress: OnProgress = ignore_progress) -> Backup:
    """Copy a library beside whatever writes to it.

    Args:
        folder: the library's folder.
        target: what is made: a folder, or a file whose name ends in .tar or .zip.
        progress: called as it goes.

    Raises:
        LibraryFormatError: there is no library.
        InputError: the target is there already, or would lie in the library.
        LibraryCorrupt: a database is damaged or lost.
        StorageError: the disk refused; nothing is left of the backup.
    """
    source, chosen = Path(folder).expanduser(), Path(target).expanduser().absolute()
    if not (source / MARKER).is_file() or moves_unfinished(source):
        raise LibraryFormatError(f"there is no library at {source}, or a restore of it was interrupted")
    if chosen.exists() or chosen.is_symlink():
        raise InputError(f"{chosen} is there already: choose another name")
    if chosen.is_relative_to(source.absolute()):
        raise InputError(f"{chosen} lies in the library: choose another place")
    staging = chosen.parent / f".{chosen.name}.partial-{secrets.token_hex(4)}"
    try:
        chosen.parent.mkdir(parents=True, exist_ok=True)
        staging.mkdir(mode=0o700)
        try:
            return _back_up(source, chosen, staging, progress)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise StorageError(
            f"the backup cannot be written: {error.strerror or error}: free space there or choose another place",
            disk_full=full,
        ) from error


def _back_up(source: Path, target: Path, staging: Path, progress: OnProgress) -> Backup:
    if lost := lost_collections(source):
        raise LibraryCorrupt(
            f"the database of collection {lost[0]!r} is gone: bring it back, or remove {source / lost[0]}"
        )
    created = now()
    databases = [source / RECORDS, *(source / name / DATABASE for name in collection_names(source))]
    size = sum(path.stat().st_size for path in databases if path.exists())
    free = shutil.disk_usage(target.parent).free
    if free < size * _NEEDED:
        raise StorageError(
            f"the backup needs about {size // 2**20 + 1} MiB, {free // 2**20} MiB are free at {target.parent}: "
            "free space there or choose another place",
            disk_full=True,
        )
    files: list[dict[str, Any]] = []
    collections: list[SavedCollection] = []
    made = staging / "backup"
    with open_writer(target.suffix, made) as writer:
        for name in sorted(collection_names(source)):
            saved = _save_collection(source / name, staging, writer, files, progress)
            if saved is not None:
                collections.append(saved)
        if (source / RECORDS).exists():
            with translated(), closing(open_to_read(source / RECORDS)) as db:
                _save_database(db, RECORDS, staging, writer, files, progress)
        for name in (MARKER, EXAMPLES):
            if (source / name).is_file():
                with (source / name).open("rb") as file:
                    files.append(writer.add(name, file))
        manifest = {
            "format": BACKUP_FORMAT,
            "citespan": release(),
            "created": created,
            "collections": [asdict(collection) for collection in collections],
            "files": files,
        }
        writer.finish(json.dumps(manifest, indent=1).encode())
    if target.exists():  # made meanwhile
        raise InputError(f"{target} is there already: choose another name")
    made.rename(target)
    try:
        sync_folder(target.parent)
    except OSError:
        shutil.rmtree(target) if target.is_dir() else target.unlink()
        raise
    return Backup(str(target), created, release(), tuple(collections), sum(file["size"] for file in files))


def _save_collection(
    folder: Path, staging: Path, writer: Writer, files: list[dict[str, Any]], progress: OnProgress
) -> SavedCollection | None:
    """Copy one collection in one reading; None where it has been removed meanwhile."""
    with ExitStack() as stack:
        # Opened before the reading begins: the file of a job that ends meanwhile stays readable.
        held: dict[str, BinaryIO] = {}
        for path in sorted(folder.glob(f"{JOBS}/*.ndjson")):
            with suppress(FileNotFoundError):
                held[path.name] = stack.enter_context(path.open("rb"))
        try:
            with translated():
                db = stack.enter_context(closing(open_to_read(folder / DATABASE)))
        except StorageError:
            if not (folder / DATABASE).exists():
                return None
            raise
        with translated():
            view = View(db)
            articles, passages = (
                int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]) for table in ("article", "passage")
            )
            saved = SavedCollection(folder.name, check_version(db), view.generation(), articles, passages)
            jobs = [f"{job.id}.ndjson" for job in view.ledger.open_jobs()] if _has_jobs(db) else []
            _save_database(db, f"{folder.name}/{DATABASE}", staging, writer, files, progress)
        for name in jobs:
            if name not in held:  # queued in between
                try:
                    held[name] = stack.enter_context((folder / JOBS / name).open("rb"))
                except FileNotFoundError:
                    continue
            files.append(writer.add(f"{folder.name}/{JOBS}/{name}", held[name]))
    return saved


def _save_database(
    db: sqlite3.Connection,
    name: str,
    staging: Path,
    writer: Writer,
    files: list[dict[str, Any]],
    progress: OnProgress,
) -> None:
    copy = staging / "database"
    with translated():
        copy_database(db, copy, advance=lambda done, total: progress(f"{name}: pages", done, total))
    with copy.open("rb") as file:
        files.append(writer.add(name, file))
    copy.unlink()


def _has_jobs(db: sqlite3.Connection) -> bool:
    return db.execute("SELECT 1 FROM sqlite_master WHERE name = 'job'").fetchone() is not None
