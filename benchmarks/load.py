"""Clients in a loop against `citespan serve`: questions a second, waiting times, errors, and health meanwhile.

python -m benchmarks.load --data DATA/eval --work runs/development
"""

import contextlib
import itertools
import os
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import numpy as np

from benchmarks.shared import ROOT, arguments, memory_bytes, questions, show
from training.development_data import library

SEED = 20261127
CLIENTS = (1, 8, 32)


@dataclass
class Taken:
    """What clients saw.

    Attributes:
        seconds: of each answered question.
        statuses: how often each came; 0 where the connection failed.
        health: seconds of each look at /healthz.
        elapsed: seconds from the first question to the last reply.
    """

    seconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    health: list[float] = field(default_factory=list)
    elapsed: float = 0.0


def drive(url: str, questions: list[str], clients: int, seconds: float) -> Taken:
    """Ask from so many clients, each with its next question as soon as it has its answer."""
    taken = Taken()
    asked = itertools.cycle(questions)
    lock = threading.Lock()
    end = time.monotonic() + seconds

    def ask() -> None:
        with httpx2.Client(base_url=url, timeout=120) as client:
            while time.monotonic() < end:
                with lock:
                    question = next(asked)
                begun = time.perf_counter()
                try:
                    status = client.post("/v1/ask", json={"question": question, "collection": "squad"}).status_code
                except httpx2.TransportError:
                    status = 0
                took = time.perf_counter() - begun
                with lock:
                    taken.statuses[status] += 1
                    if status == 200:
                        taken.seconds.append(took)
                if status == 503:
                    time.sleep(1)

    def look() -> None:
        with httpx2.Client(base_url=url, timeout=120) as client:
            while time.monotonic() < end:
                begun = time.perf_counter()
                with contextlib.suppress(httpx2.TransportError):
                    client.get("/healthz")
                taken.health.append(time.perf_counter() - begun)
                time.sleep(0.25)

    threads = [threading.Thread(target=ask) for _ in range(clients)] + [threading.Thread(target=look)]
    begun = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads[:-1]:
        thread.join()
    # Until the last reply: what was asked within the time may come after it.
    taken.elapsed = time.monotonic() - begun
    threads[-1].join()
    return taken


def row(clients: int, taken: Taken) -> dict[str, Any]:
    """Return the figures of one run."""
    if not taken.seconds:
        raise SystemExit(f"no question was answered: {dict(taken.statuses)}")
    return {
        "clients": clients,
        "per_second": round(len(taken.seconds) / taken.elapsed, 2),
        "median_ms": round(1000 * statistics.median(taken.seconds), 1),
        "p95_ms": round(1000 * float(np.percentile(taken.seconds, 95)), 1),
        "health_max_ms": round(1000 * max(taken.health), 1),
        "statuses": {str(status): count for status, count in sorted(taken.statuses.items())},
    }


@dataclass
class Service:
    """A `citespan serve` of its own.

    Attributes:
        port: on which it listens.
        process: its process.
        start: seconds until it was ready.
    """

    port: int
    process: "subprocess.Popen[bytes]"
    start: float = 0.0

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    def resident(self) -> int:
        """Return its resident memory now, in MiB."""
        return memory_bytes("VmRSS", self.process.pid) // 2**20

    def peak(self) -> int:
        """Return the largest resident memory that it has had, in MiB."""
        return memory_bytes("VmHWM", self.process.pid) // 2**20


@contextlib.contextmanager
def serving(folder: Path, **environment: str) -> Iterator[Service]:
    """Serve a library until the block ends.

    Args:
        folder: the library's.
        **environment: settings, by the names of their variables.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "api.cli", "serve", "--library", str(folder), "--port", str(port)]
    variables = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    begun = time.monotonic()
    with subprocess.Popen(command, env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        service = Service(port, process)
        try:
            while not _ready(service.url):
                if process.poll() is not None or time.monotonic() - begun > 120:
                    raise SystemExit("the server does not become ready: see what `citespan serve` says")
                time.sleep(0.02)
            service.start = time.monotonic() - begun
            yield service
        finally:
            process.terminate()


def main() -> None:
    """Serve, drive, print."""
    parser = arguments(__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="of each number of clients")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    library(options.data, options.work / "library")
    asked = [example.question for example in questions(options.data, SEED)[-500:]]
    with serving(options.work / "library", CITESPAN_ASK_SECONDS="60") as service:
        drive(service.url, asked, 1, 2)
        rows = [row(clients, drive(service.url, asked, clients, options.seconds)) for clients in CLIENTS]
        peak = service.peak()
    show(rows, {"ready_seconds": round(service.start, 1), "peak_mib": peak}, options.json)


def _ready(url: str) -> bool:
    try:
        return bool(httpx2.get(f"{url}/readyz", timeout=5).status_code == 200)
    except httpx2.TransportError:
        return False


if __name__ == "__main__":
    main()
