"""Standard input as lines, without a limit on how many and with one on how long."""

import asyncio
import contextlib
import itertools
import os
import threading
from collections.abc import AsyncIterator, Iterator

_CHUNK_BYTES = 64 * 1024


async def standard_input(limit: int) -> AsyncIterator[bytes]:
    """Yield the lines of standard input, without their ends; blank ones are left out.

    Read by a thread of its own: a read of standard input cannot be interrupted, and must not keep a process whose
    reader has gone from ending.  Whatever else reads standard input finds it empty.

    Args:
        limit: most bytes of a line that are kept; what follows on the same line is thrown away.
    """
    source = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[bytes | None] = asyncio.Queue(1)

    def read() -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended, and with it what takes the lines
            for line in itertools.chain(_lines_of(source, limit), [None]):
                asyncio.run_coroutine_threadsafe(lines.put(line), loop).result()

    threading.Thread(target=read, name="citespan-standard-input", daemon=True).start()
    while (line := await lines.get()) is not None:
        if line.strip():
            yield line


def _lines_of(source: int, limit: int) -> Iterator[bytes]:
    pending = bytearray()
    while chunk := _read(source):
        first, *others = chunk.split(b"\n")
        pending += first[: limit - len(pending)]
        for other in others:
            yield bytes(pending)
            pending = bytearray(other[:limit])
    yield bytes(pending)


def _read(source: int) -> bytes:
    try:
        return os.read(source, _CHUNK_BYTES)
    except OSError:  # a terminal that was closed
        return b""
