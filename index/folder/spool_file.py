"""A file of lines that comes in piece by piece: whole and durable under its name, or not there at all."""

import errno
import os
from pathlib import Path
from typing import BinaryIO, Self

import numpy as np

from index.errors import CollectionNotFound, StorageError
from index.folder.atomic_file import FOLDER_MODE, PARTIAL, open_private, remove_file, sync_folder

_BEGINNING = b"\xef\xbb\xbf"


class Spool:
    """Written beside its name, counted on the way, synced and renamed at the end.

    Not safe for use from several threads at once.  Leaving its ``with`` before keep() removes what there is.

    Attributes:
        size: bytes so far.

    Args:
        path: where it lies once it is whole; the folder is made where there is none.

    Raises:
        StorageError: the disk refused.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self._ended = 0  # lines that hold something and are whole
        self._begun = False  # whether the line that is coming in holds something
        self._kept = False
        self._partial = path.with_name(path.name + PARTIAL)
        try:
            if not path.parent.is_dir():
                path.parent.mkdir(FOLDER_MODE)
                sync_folder(path.parent.parent)
            self._file: BinaryIO = open_private(self._partial, "xb")
        except OSError as error:
            raise _refused(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._kept:
            self.discard()

    @property
    def lines(self) -> int:
        """Lines so far that hold more than white space."""
        return self._ended + self._begun

    def write(self, data: bytes) -> None:
        """Add a piece.

        Raises:
            StorageError: the disk refused.
        """
        seen = data.removeprefix(_BEGINNING) if self.size == 0 else data
        # Without other white space, a line that holds something ends where a line end follows anything but one.
        bare = (b"x" if self._begun else b"\n") + seen.translate(None, b" \t\r\v\f")
        ends = np.frombuffer(bare, np.uint8) == ord("\n")
        self._ended += int(np.count_nonzero(ends[1:] & ~ends[:-1]))
        self._begun = not ends[-1]
        self.size += len(data)
        try:
            self._file.write(data)
        except OSError as error:
            raise _refused(error) from error

    def keep(self) -> None:
        """Make what came in durable under its name.

        Raises:
            StorageError: the disk refused.
            CollectionNotFound: the folder has been removed meanwhile.
        """
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._partial.rename(self.path)
            sync_folder(self.path.parent)
        except OSError as error:
            raise _refused(error) from error
        self._kept = True

    def discard(self) -> None:
        """Remove it; nothing is raised."""
        for path in (self._partial, self.path):
            remove_file(path)
        try:
            self._file.close()  # flushes: on a full disk that may fail once more
        except OSError:
            return


def _refused(error: OSError) -> StorageError | CollectionNotFound:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageError("the disk is full: free space and try again", disk_full=True)
    if error.errno == errno.ENOENT:
        return CollectionNotFound("the collection has been removed")
    return StorageError(f"what comes in cannot be kept ({error.strerror}): check the library's folder and its disk")
