"""The lock on a library's folder: one process writes at a time.

It lies on the folder itself, which nobody removes by tidying up, and on a file in it, which earlier versions lock and
which says who holds it.
"""

import errno
import fcntl
import os
from pathlib import Path
from typing import Self

from index.errors import LibraryLocked, StorageError
from index.folder.atomic_file import FILE_MODE
from index.folder.atomic_moves import finish_moves, moves_unfinished
from index.folder.library_file import LOCK

# File systems over a network may have no lock for a folder.
_NO_FOLDER_LOCK = {errno.EBADF, errno.EINVAL, errno.EISDIR, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS}


class FolderLock:
    """The right to write to a library, until it is released or the process ends.  Use take().

    Args:
        descriptors: of what is locked.
    """

    def __init__(self, descriptors: list[int]) -> None:
        self._descriptors = descriptors

    @classmethod
    def take(cls, folder: Path) -> Self:
        """Lock a library's folder, which exists.

        Raises:
            LibraryLocked: another process has it; the message says which.
            OSError: the folder cannot be written.
        """
        held = cls([])
        try:
            # Before the folder: where it cannot be written, that is what the error says.
            named = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
            held._descriptors.append(named)
            owner = os.pread(named, 32, 0).decode("ascii", "replace").strip()
            taken = _lock(named)
            itself = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            held._descriptors.append(itself)
            if not taken or not _lock_folder(itself):
                process = f"process {owner}" if owner else "another process"
                raise LibraryLocked(
                    f"{process} has the library in {folder} open for writing: stop it first, or use it over HTTP"
                )
            os.ftruncate(named, 0)
            os.pwrite(named, f"{os.getpid()}\n".encode(), 0)
        except BaseException:
            held.release()
            raise
        return held

    def release(self) -> None:
        """Let others write; releasing twice does nothing more."""
        while self._descriptors:
            os.close(self._descriptors.pop())


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _lock_folder(descriptor: int) -> bool:
    try:
        return _lock(descriptor)
    except OSError as error:
        if error.errno in _NO_FOLDER_LOCK:
            return True
        raise


def finish_moves_of(folder: Path, *, read_only: bool) -> None:
    """Let a restore or repair of a library that was interrupted come to its end.

    Raises:
        LibraryLocked: another process is at it, or has the library open for writing.
        StorageError: the disk refused.
    """
    if not moves_unfinished(folder):
        return
    try:
        lock = FolderLock.take(folder)
    except LibraryLocked:
        if read_only:
            raise LibraryLocked("the library is being restored or repaired: try again when that is done") from None
        raise
    except OSError as error:
        raise StorageError(f"an interrupted restore of {folder} cannot be finished: {error.strerror}") from error
    try:
        finish_moves(folder)
    except OSError as error:
        raise StorageError(f"an interrupted restore of {folder} cannot be finished: {error.strerror}") from error
    finally:
        lock.release()
