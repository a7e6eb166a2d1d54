"""Replies on their way out: how many bytes of them are held, and which connections have stopped taking any.

What a client does not read is kept for it: in the kernel up to its buffers, the rest here.  So the bytes that are kept
for all clients together are bounded, and a client that takes nothing is let go.
"""

import ctypes
import fcntl
import platform
import socket
import struct
import termios
from asyncio import TimerHandle, Transport, get_running_loop
from typing import Protocol

import structlog

from api.errors import Problem, busy

# A larger piece of a reply is handed on in pieces of this size, each once the one before has gone.
PIECE_BYTES = 64 * 1024
# Once more than half of the bytes that may be held are, a reader slower than this is let go: many that are slow and
# steady must not take up the room of all others.
_SLOWEST_UNDER_PRESSURE = 16 * 1024
# glibc keeps what was freed; that much at once is worth giving back to the system.
_TRIMMED_BYTES = 4 * 1024**2
_LOOKS = 4
_UNSENT_BYTES = 128 * 1024
_log = structlog.get_logger("citespan")


class _Buffered(Protocol):
    def get_write_buffer_size(self) -> int: ...


class Outgoing:
    """Counts the bytes of replies that are held because their clients have not taken them yet.

    Used in the event loop only.

    Args:
        limit: bytes that may be held; beyond, requests are refused.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = 0
        self._peak = 0
        self.stalled = 0
        self.clogged: set[_Buffered] = set()

    @property
    def bytes(self) -> int:
        """Bytes held now: of replies not yet handed to their connections, and in the buffers of those that are full."""
        return self._held + sum(connection.get_write_buffer_size() for connection in self.clogged)

    @property
    def pressing(self) -> bool:
        """Whether so much is held that slow readers must make room."""
        return self.bytes > self._limit // 2

    def refusal(self, size: int = 0) -> Problem | None:
        """Return why nothing more is sent now, None where there is room.

        Args:
            size: bytes that would be held besides.
        """
        # One reply goes out however large it is, or it never could.
        held = self.bytes
        if held + size <= self._limit or (size and not held):
            return None
        return busy(5, "clients have not taken the replies that they were sent: try again later")

    def hold(self, size: int) -> None:
        """Count bytes that a reply holds from now on; given back with a negative size."""
        self._held += size
        self._peak = max(self._peak, self._held)
        if self._held == 0 and self._peak >= _TRIMMED_BYTES:
            self._peak = 0
            loop = get_running_loop()
            loop.call_later(1.0, loop.run_in_executor, None, _give_back_memory)


def _give_back_memory() -> None:
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)


class Delivery:
    """Watches what a connection's peer takes of what is written to it, and closes it once that is nothing for too long.

    Taken is what the peer's system has acknowledged: where the kernel does not tell (Linux does), what the kernel took.

    Args:
        transport: of the connection.
        seconds: without a byte taken, after which it is closed.
        outgoing: counts what is held for all connections.
    """

    def __init__(self, transport: Transport, seconds: float, outgoing: Outgoing) -> None:
        self._transport = transport
        self._seconds = seconds
        self._outgoing = outgoing
        self._written = 0
        self._taken = 0
        self._since = 0.0
        self._behind = False
        self._timer: TimerHandle | None = None

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Write, and watch until it is taken."""
        self._transport.write(data)
        self._written += len(data)
        if self._timer is None:
            self._taken, self._since = self._written - self._pending(), get_running_loop().time()
            self._behind = False
            self._wait()

    def close(self) -> None:
        """Stop watching: the connection has ended."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wait(self) -> None:
        self._timer = get_running_loop().call_later(self._seconds / _LOOKS, self._look)

    def _look(self) -> None:
        self._timer = None
        pending = self._pending()
        if not pending:
            return
        now, taken = get_running_loop().time(), self._written - pending
        enough = _SLOWEST_UNDER_PRESSURE * self._seconds / _LOOKS
        slowly = self._behind and taken - self._taken < enough and self._outgoing.pressing
        self._behind = True
        if taken > self._taken and not slowly:
            self._taken, self._since = taken, now
        elif slowly or now - self._since >= self._seconds:
            self._let_go(pending)
            return
        self._wait()

    def _let_go(self, pending: int) -> None:
        self._outgoing.stalled += 1
        _log.info("reader let go", bytes_left=pending, seconds=self._seconds)
        # Reset: an orderly end would leave what was not read with the kernel for minutes more.
        link = self._transport.get_extra_info("socket")
        if link is not None:
            link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    def _pending(self) -> int:
        """Return the bytes that were written and not taken yet."""
        return self._transport.get_write_buffer_size() + _unacknowledged(self._transport)


def keep_little_unsent(transport: Transport) -> None:
    """Have the kernel take no more of a reply than it can send soon: it would hold megabytes for a client unseen."""
    link = transport.get_extra_info("socket")
    option = getattr(socket, "TCP_NOTSENT_LOWAT", None)
    if link is not None and option is not None and link.family in (socket.AF_INET, socket.AF_INET6):
        link.setsockopt(socket.IPPROTO_TCP, option, _UNSENT_BYTES)


def _unacknowledged(transport: Transport) -> int:
    link = transport.get_extra_info("socket")
    if link is None or link.fileno() < 0:
        return 0
    size = bytearray(4)
    try:
        fcntl.ioctl(link.fileno(), termios.TIOCOUTQ, size)
    except OSError:  # another system than Linux, or a socket that is no TCP's
        return 0
    return int(struct.unpack("i", size)[0])
