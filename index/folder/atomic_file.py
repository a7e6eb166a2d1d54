"""Files that are whole or not there at all, and that only their owner can read.

What a library holds is nobody else's business on a shared machine, whatever the umask: files are 0600, folders 0700.
SQLite gives its journals the rights of their database.
"""

import os
import stat
from pathlib import Path
from typing import BinaryIO, Literal

FILE_MODE = 0o600
FOLDER_MODE = 0o700
PARTIAL = ".tmp"
# Whatever the group and others may do.
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def open_private(path: Path, mode: Literal["wb", "xb"]) -> BinaryIO:
    """Open a file to be written; one that is made then is its owner's.

    Raises:
        OSError: it cannot be opened.
    """
    return open(path, mode, opener=lambda name, flags: os.open(name, flags, FILE_MODE))


def make_private_file(path: Path) -> None:
    """Make an empty file where there is none, for a library that would make it with everybody's rights.

    Raises:
        OSError: it cannot be made.
    """
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE))


def make_private_folder(path: Path) -> None:
    """Make a folder and those above it, durably, where there are none.

    Raises:
        OSError: it cannot be made.
    """
    if path.is_dir():
        return
    make_private_folder(path.parent)
    path.mkdir(FOLDER_MODE, exist_ok=True)
    sync_folder(path.parent)


def write_file(path: Path, data: bytes) -> None:
    """Put a whole file in the place of what is there: written beside it, synced and renamed.

    Raises:
        OSError: the disk refused; what was there stays, and nothing is left beside it.
    """
    beside = path.with_name(path.name + PARTIAL)
    try:
        with open_private(beside, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        sync_folder(path.parent)
    except BaseException:
        remove_file(beside)
        raise


def remove_file(path: Path) -> None:
    """Remove a file if it is there; one that cannot be removed stays."""
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return


def sync_file(path: Path) -> None:
    """Make what was written to a file durable.

    Raises:
        OSError: the disk refused.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable.

    Raises:
        OSError: the disk refused.
    """
    sync_file(folder)


def tighten(folder: Path) -> int:
    """Take a folder and all in it from everyone but its owner; return how many files and folders that changed.

    What belongs to another user, and what links lead to, is left alone.
    """
    changed = 0
    for root, _, names in os.walk(folder):
        for path in (root, *(os.path.join(root, name) for name in names)):
            changed += _tightened(path)
    return changed


def _tightened(path: str) -> bool:
    try:
        found = os.lstat(path)
        if stat.S_ISLNK(found.st_mode) or found.st_uid != os.geteuid() or not found.st_mode & _OTHERS:
            return False
        os.chmod(path, stat.S_IMODE(found.st_mode) & ~_OTHERS)
    except OSError:  # removed meanwhile, or a medium that cannot be written
        return False
    return True
