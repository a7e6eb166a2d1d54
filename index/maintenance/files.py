"""The files of a library that should not be there, or not like that."""

import stat
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from index.folder.atomic_file import PARTIAL
from index.search.vector_index import read_manifest
from index.storage.tables.job_table import Job

# What is younger may be under way: a service beside is taking something in, or writing a snapshot.
SETTLED_SECONDS = 600
JOBS = "jobs"


def leftovers(folder: Path, *, seconds: float = SETTLED_SECONDS) -> list[Path]:
    """Return what a crash left behind: parts of files, what was being removed, snapshots that are not in force.

    Args:
        folder: the library's.
        seconds: how long nobody must have touched it.
    """
    before = time.time() - seconds
    return sorted(path for path in _unneeded(folder) if _modified(path) <= before)


def files_open_to_others(folder: Path) -> list[Path]:
    """Return the folders and files of a library that other users of the machine can read or write."""
    mask = stat.S_IRWXG | stat.S_IRWXO
    return [path for path in [folder, *sorted(folder.rglob("*"))] if _mode(path) & mask]


def lost_job_files(folder: Path, jobs: Sequence[Job]) -> list[str]:
    """Return the ids of those jobs whose file is gone, or shorter than what they have done of it."""
    lost = []
    for job in jobs:
        try:
            size = (folder / JOBS / f"{job.id}.ndjson").stat().st_size
        except OSError:
            size = -1
        if size < job.position:
            lost.append(job.id)
    return lost


def _unneeded(folder: Path) -> Iterator[Path]:
    yield from folder.glob(f"*{PARTIAL}")
    yield from folder.glob(".removed-*")
    yield from folder.glob(".restore-*")
    for collection in folder.iterdir():
        if not collection.is_dir() or collection.name.startswith("."):
            continue
        yield from collection.glob(f"*{PARTIAL}")
        yield from collection.glob(f"{JOBS}/*{PARTIAL}")
        manifest = read_manifest(collection)
        if manifest is not None:
            yield from (path for path in collection.glob("vectors-*.faiss") if path.name != manifest["file"])


def _modified(path: Path) -> float:
    try:
        return path.lstat().st_mtime
    except OSError:
        return float("inf")  # gone meanwhile


def _mode(path: Path) -> int:
    try:
        mode = path.lstat().st_mode
    except OSError:
        return 0
    return 0 if stat.S_ISLNK(mode) else mode
