"""Which collections a library's folder holds."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from index.folder.atomic_file import PARTIAL, remove_file

DATABASE = "articles.db"


def has_lost_database(folder: Path) -> bool:
    """Return whether a collection's folder has lost its database: missing or empty, and something shows it was there.

    A database is made before anything else in its folder, so a folder without a sign of one is merely new.

    Args:
        folder: of a collection; it need not exist.
    """
    database = folder / DATABASE
    try:
        if database.is_file() and database.stat().st_size:
            return False
        if folder.is_symlink() and not folder.exists():  # of a disk that is not mounted
            return True
        log = folder / f"{DATABASE}-wal"
        strange = database.is_symlink() or (database.exists() and not database.is_file())
        return strange or (log.is_file() and log.stat().st_size > 0) or any(folder.glob("vectors*"))
    except OSError:
        return False


def lost_collections(folder: Path) -> list[str]:
    """Return the names of a library's collections whose database is lost."""
    paths = (path for path in folder.iterdir() if not path.name.startswith("."))
    return sorted(path.name for path in paths if (path.is_dir() or path.is_symlink()) and has_lost_database(path))


def collection_names(folder: Path) -> Iterator[str]:
    """Yield the names of the folders in a library that hold a collection's database."""
    for path in folder.iterdir():
        if not path.name.startswith(".") and (path / DATABASE).is_file():
            yield path.name


def latest_collections(folder: Path) -> list[str]:
    """Return the names of a library's collections, those first that were written last."""
    written: dict[str, float] = {}
    for name in collection_names(folder):
        with contextlib.suppress(OSError):  # removed meanwhile
            written[name] = (folder / name / DATABASE).stat().st_mtime
    return sorted(written, key=lambda name: written[name], reverse=True)


def remove_unfinished(folder: Path) -> None:
    """Remove from a library's folder what a process left that was killed, or that the disk refused."""
    for stray in (*folder.glob(".removed-*"), *folder.glob(".restore-*")):
        shutil.rmtree(stray, ignore_errors=True)
    for stray in folder.glob(f"*{PARTIAL}"):
        remove_file(stray)
    for path in folder.iterdir():
        # What came in for a collection that nothing was stored in.
        if path.is_dir() and not (path / DATABASE).exists() and [beside.name for beside in path.iterdir()] == ["jobs"]:
            shutil.rmtree(path, ignore_errors=True)
