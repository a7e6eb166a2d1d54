"""Room on the disk of a library: what adds is refused while some is left, so that a full disk can still be emptied.

Below the least free space nothing large is added, and below a quarter of it nothing at all.  As much as that quarter is
held in a file that is given up for as long as something is written that must go on: what removes, opens, or notes how
far work has come.  So other programs may fill the disk to the last byte.
"""

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

from index.errors import StorageError
from index.folder.atomic_file import FILE_MODE, remove_file

RESERVE = ".reserve"
MIB = 1024**2
# The least free space, where none is chosen: a share of the disk within bounds, and never a large part of a small one.
_SHARE, _FEWEST, _MOST, _LARGEST_PART = 100, 64 * MIB, 1024 * MIB, 10
# The reserve, and how much of it is left to small files that come with opening a database.
_QUARTER, _SLIVER = 4, 8
# With this many times the least free space, a library that is closed leaves no reserve behind.
_PLENTY = 4


class DiskSpace:
    """The room of one library.  Safe for use from several threads, and beside other processes.

    Args:
        folder: the library's folder.
        least: bytes that are kept free for what must go on; 0 for none, None for a share of the disk.
    """

    def __init__(self, folder: Path, least: int | None = None) -> None:
        self._folder = folder
        self._path = folder / RESERVE
        self._chosen = least
        self._lock = threading.Lock()
        self._users = 0
        self._given_up = False

    @property
    def free(self) -> int:
        """Bytes that may be written to the disk."""
        return self._sizes()[0]

    @property
    def least(self) -> int:
        """Bytes of free space below which nothing large is added."""
        if self._chosen is not None:
            return self._chosen
        size = self._sizes()[1]
        return min(max(_FEWEST, size // _SHARE), _MOST, size // _LARGEST_PART)

    @property
    def is_spent(self) -> bool:
        """Whether nothing at all may be added."""
        return self.free < self.least // _QUARTER

    def refuses(self, reusable: int = 0) -> bool:
        """Return whether nothing large may be added.

        Args:
            reusable: bytes that the file has which it would be added to, and does not use.
        """
        return self.is_spent or self.free + reusable < self.least

    def check(self, reusable: int = 0) -> None:
        """Refuse what would be added while there is too little room.

        Args:
            reusable: bytes that the file has which it would be added to, and does not use.

        Raises:
            StorageError: there is too little room; the message says how much.
        """
        if self.refuses(reusable):
            raise StorageError(
                f"the disk is nearly full: {self.free / MIB:,.1f} MiB are free, and {self.least / MIB:,.1f} MiB are "
                "kept for answering and removing. Remove articles, collections or conversations, or free space on the "
                "disk",
                disk_full=True,
            )

    def check_little(self) -> None:
        """Refuse even what is small while there is hardly any room.

        Raises:
            StorageError: there is hardly any room.
        """
        if self.is_spent:
            self.check()

    def hold(self) -> None:
        """Take the reserve, or as much of it as there is room for."""
        allocate = getattr(os, "posix_fallocate", None)
        wanted = self.least // _QUARTER
        try:
            held = self._path.stat().st_size if self._path.exists() else 0
            size = min(wanted, held + self.free - wanted // _SLIVER)
            if allocate is None or size <= held:
                return
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
            try:
                allocate(descriptor, 0, size)
            finally:
                os.close(descriptor)
        except OSError:  # less room than there seemed to be, or a file system that cannot do this
            return

    @contextlib.contextmanager
    def released(self) -> Iterator[None]:
        """Give the reserve up, where it is needed, for what must go on; it is taken again afterwards."""
        with self._lock:
            self._users += 1
            if self.is_spent:
                with contextlib.suppress(OSError):
                    os.truncate(self._path, 0)
                    self._given_up = True
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                if self._given_up and not self._users:
                    self._given_up = False
                    self.hold()

    def close(self) -> None:
        """Leave the reserve behind only where it may be needed to open the library again."""
        if self.free >= _PLENTY * self.least:
            remove_file(self._path)

    def _sizes(self) -> tuple[int, int]:
        """Return the bytes that are free and those of the whole disk."""
        try:
            disk = os.statvfs(self._folder)
        except OSError:  # there is no folder yet: what fails then says so itself
            return 2**63, 2**63
        return disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize
