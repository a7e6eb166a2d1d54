"""The layer under a process that fails, tears or kills at its n-th file operation: built, set, read."""

import ctypes
import errno
import mmap
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).with_name("shim.c")
COMPILER = shutil.which("cc") or shutil.which("gcc")

# As in shim.c.
COUNT, FAIL, TEAR, SHORT, KILL_BEFORE, KILL_TORN, KILL_AFTER = range(7)
CHANGES, OPENS = range(2)
ONCE, ALL, GROWTH = range(3)


@dataclass(frozen=True, slots=True)
class Mode:
    """What happens at an operation.

    Attributes:
        action: FAIL and so on.
        error: the errno with which it fails.
        scope: whether operations that change something are counted, or openings.
        lasting: what goes on failing after it.
    """

    action: int
    error: int = errno.EIO
    scope: int = CHANGES
    lasting: int = ONCE

    @property
    def kills(self) -> bool:
        return self.action >= KILL_BEFORE


MODES = {
    "EIO once": Mode(FAIL),
    "EIO from then on": Mode(FAIL, lasting=ALL),
    "full once": Mode(FAIL, errno.ENOSPC),
    "full from then on": Mode(FAIL, errno.ENOSPC, lasting=GROWTH),
    "over quota": Mode(FAIL, errno.EDQUOT),
    "too many files": Mode(FAIL, errno.EMFILE, scope=OPENS),
    "torn": Mode(TEAR),
    "short write": Mode(SHORT),
    "kill before": Mode(KILL_BEFORE),
    "kill torn": Mode(KILL_TORN),
    "kill after": Mode(KILL_AFTER),
}


class _Page(ctypes.Structure):
    _fields_ = (
        ("armed", ctypes.c_int),
        ("mode", ctypes.c_int),
        ("scope", ctypes.c_int),
        ("lasting", ctypes.c_int),
        ("error", ctypes.c_int),
        ("padding", ctypes.c_int),
        ("target", ctypes.c_long),
        ("changes", ctypes.c_long),
        ("opens", ctypes.c_long),
        ("injected", ctypes.c_long),
        ("operation", ctypes.c_char * 32),
        ("path", ctypes.c_char * 472),
    )


class Control:
    """The page that is shared with the layer under another process, or under this one.

    Args:
        path: its file; made where there is none.
    """

    def __init__(self, path: Path) -> None:
        size = ctypes.sizeof(_Page)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        os.ftruncate(descriptor, size)
        self._map = mmap.mmap(descriptor, size)
        os.close(descriptor)
        self._page = _Page.from_buffer(self._map)

    def set(self, mode: Mode, target: int) -> None:
        """Say what is to happen once the process arms itself, and begin to count anew."""
        page = self._page
        page.armed = 0
        page.mode, page.scope, page.lasting, page.error = mode.action, mode.scope, mode.lasting, mode.error
        page.target, page.changes, page.opens, page.injected = target, 0, 0, 0
        page.operation = page.path = b""

    def arm(self, on: bool) -> None:
        self._page.armed = int(on)

    @property
    def changes(self) -> int:
        """Operations since the last set() that change something."""
        return int(self._page.changes)

    @property
    def opens(self) -> int:
        """Openings since the last set()."""
        return int(self._page.opens)

    @property
    def injected(self) -> int:
        """Faults since the last set()."""
        return int(self._page.injected)

    @property
    def hit(self) -> str:
        """The operation that was hit, and its file where the operation names one."""
        path = Path(os.fsdecode(self._page.path)).name
        return f"{self._page.operation.decode()} {path}".strip()


def build(folder: Path) -> Path:
    """Compile the layer; returns the library to preload."""
    assert COMPILER is not None
    library = folder / "shim.so"
    subprocess.run(
        [COMPILER, "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o", library, SOURCE, "-ldl"], check=True
    )
    return library
