"""A limited subprocess in which hostile files are parsed.

Parsers have taken gigabytes for a few kilobytes, and minutes for one page.  So they run in a
process of their own with limits on memory and processor time; one that runs out of either is
killed, its file refused, and the next file gets a fresh one.

A job is the length of a JSON object and the length of the bytes to parse, four bytes each, then the
object, then the bytes.  A reply is the length of a JSON object, then the object.
"""

import atexit
import json
import os
import queue
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from select import select
from time import monotonic
from typing import IO, Any

from index.errors import ArticleError, InputError, TooLarge, UnsupportedFormat
from index.stages import stage

SECONDS = 60.0
MEMORY_BYTES = 2 * 1024**3
# A worker is replaced after so many files: what a parser leaks goes with it.
FILES = 500
_LENGTH = struct.Struct(">I")
_LENGTHS = struct.Struct(">II")
_LARGEST = 256 * 1024**2
_OUT_OF_LIMITS = "it could not be read within the memory and time allowed"
_KINDS: dict[str, type[InputError]] = {
    kind.__name__: kind for kind in (ArticleError, InputError, TooLarge, UnsupportedFormat)
}


class Worker:
    """Runs parse jobs one at a time in a limited subprocess, restarted when it dies.

    Safe for use from several threads.

    Args:
        seconds: wall time for one job.
        memory: address space of the subprocess in bytes.
    """

    def __init__(self, *, seconds: float = SECONDS, memory: int = MEMORY_BYTES) -> None:
        self._seconds = seconds
        self._memory = memory
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._done = 0
        atexit.register(self.close)

    def run(self, job: str, data: bytes, **arguments: Any) -> dict[str, Any]:
        """Run one job and return its result.

        Args:
            job: name of the format whose parse function runs.
            data: the bytes to parse.
            arguments: what else the function takes; JSON must be able to carry it.

        Raises:
            UnsupportedFormat: the parser failed, ran out of memory or took too long.
            ArticleError: the parser found no article.
            TooLarge: the job or what it gave is over a limit.
        """
        head = json.dumps({"job": job, "arguments": arguments}).encode()
        if len(head) + len(data) > _LARGEST:
            raise TooLarge("it is too large to be read: split it")
        message = [_LENGTHS.pack(len(head), len(data)), head, data]
        with self._lock:
            try:
                reply = self._exchange(message)
            except TimeoutError:
                self._stop()
                raise UnsupportedFormat(
                    f"it could not be read within {self._seconds:g} seconds: save it as plain text"
                ) from None
            except (OSError, EOFError, ValueError):
                self._stop()
                raise UnsupportedFormat(f"{_OUT_OF_LIMITS}: save it as plain text") from None
            self._done += 1
            if self._done >= FILES:
                self._stop()
        if "error" in reply:
            raise _KINDS.get(reply["kind"], UnsupportedFormat)(reply["error"], field=reply["field"])
        result: dict[str, Any] = reply["result"]
        return result

    def close(self) -> None:
        """End the subprocess."""
        with self._lock:
            self._stop()

    @property
    def pid(self) -> int | None:
        """Process id of the subprocess, None while there is none."""
        return self._process.pid if self._process else None

    def _exchange(self, message: list[bytes]) -> dict[str, Any]:
        process = self._started()
        assert process.stdin is not None and process.stdout is not None  # noqa: S101  (Popen was given pipes)
        deadline = monotonic() + self._seconds
        # Written by a thread: a subprocess that dies while a large file is on its way must not
        # leave this one waiting at a full pipe.
        writer = threading.Thread(target=_write, args=(process.stdin, message), daemon=True)
        writer.start()
        size = _LENGTH.unpack(_read(process.stdout, _LENGTH.size, deadline))[0]
        reply: dict[str, Any] = json.loads(_read(process.stdout, size, deadline))
        return reply

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is None:
            return self._process
        self._stop()
        package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        self._process = subprocess.Popen(  # noqa: S603  (our own interpreter and module)
            [sys.executable, "-m", "index.sources.sandbox", str(self._memory), str(int(self._seconds * 2) + 2)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "PYTHONPATH": package, "PYTHONDONTWRITEBYTECODE": "1"},
        )
        self._done = 0
        return self._process

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:
                    continue


def _write(pipe: IO[bytes], message: list[bytes]) -> None:
    try:
        for part in message:
            pipe.write(part)
        pipe.flush()
    except (OSError, ValueError):
        return


def _read(pipe: IO[bytes], size: int, deadline: float) -> bytes:
    if size > _LARGEST:
        raise ValueError(size)
    parts = []
    while size:
        ready, _, _ = select([pipe], [], [], max(0.0, deadline - monotonic()))
        if not ready:
            raise TimeoutError
        part = os.read(pipe.fileno(), min(size, 1 << 20))
        if not part:
            raise EOFError
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def serve(jobs: dict[str, Callable[..., dict[str, Any]]], memory: int, seconds: int) -> None:
    """Answer jobs from standard input until it closes; runs in the subprocess."""
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    sys.setrecursionlimit(3_000)
    source, target = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    while lengths := source.read(_LENGTHS.size):
        used = int(resource.getrusage(resource.RUSAGE_SELF).ru_utime)
        # The hard limit stays as it is: only root may raise one again for the next file.
        resource.setrlimit(resource.RLIMIT_CPU, (used + seconds, resource.getrlimit(resource.RLIMIT_CPU)[1]))
        head, size = _LENGTHS.unpack(lengths)
        message = json.loads(source.read(head))
        body = json.dumps(_reply(jobs[message["job"]], source.read(size), message["arguments"])).encode()
        target.write(_LENGTH.pack(len(body)) + body)
        target.flush()


def _reply(job: Callable[..., dict[str, Any]], data: bytes, arguments: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"result": job(data, **arguments)}
    except InputError as error:
        return {"error": str(error), "kind": type(error).__name__, "field": error.field}
    except MemoryError:
        return {"error": f"{_OUT_OF_LIMITS}: save it as plain text", "kind": "UnsupportedFormat", "field": ""}
    except Exception as error:  # whatever else a parser raises: the file cannot be read
        reason = f"it is damaged, or of a kind that cannot be read ({type(error).__name__}): save it as plain text"
        return {"error": reason, "kind": "UnsupportedFormat", "field": ""}


class Workers:
    """A few workers, each started once all before it are busy: a file that takes a minute does not hold up the next.

    Args:
        count: how many at most; each costs some hundred megabytes.
    """

    def __init__(self, count: int) -> None:
        self._idle: queue.LifoQueue[Worker] = queue.LifoQueue()
        for _ in range(count):
            self._idle.put(Worker())

    @stage("parse")
    def run(self, job: str, data: bytes, **arguments: Any) -> dict[str, Any]:
        """Run one job on a worker that is idle, waiting for one where none is, and return its result.

        Raises:
            UnsupportedFormat: the parser failed, ran out of memory or took too long.
            ArticleError: the parser found no article.
            TooLarge: the job or what it gave is over a limit.
        """
        worker = self._idle.get()
        try:
            return worker.run(job, data, **arguments)
        finally:
            self._idle.put(worker)


limited = Workers(2)


if __name__ == "__main__":
    from index.sources.formats import all_formats

    serve({one.name: one.parse for one in all_formats() if one.parse}, int(sys.argv[1]), int(sys.argv[2]))
