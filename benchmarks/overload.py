"""Questions that arrive at a rate of their own, at 1, 2, 4 and 10 times what `citespan serve` can answer.

    python -m benchmarks.overload --data DATA/eval --work runs/development

First a client alone shows how long an answer takes, then a few in a loop how many a second there can be: the capacity.
Then questions arrive as people send them, by chance and whether or not the ones before were answered; the first second,
in which a burst is taken, is left out. Accepted are those that were answered; goodput is their rate as a share of the
capacity. All that goes round several times, so that whatever else the machine does weighs on all alike.
"""

import asyncio
import itertools
import random
import shutil
import statistics
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson

from benchmarks.load import Service, serving
from benchmarks.shared import arguments, questions, show
from training.development_data import library

SEED = 20261201
TIMES = (1, 2, 4, 10)
# Clients in a loop that find out the capacity.
CLIENTS = 8
# A question that has no reply by then counts as failed.
PATIENCE_SECONDS = 60.0


@dataclass
class Outcome:
    """What became of the questions of one run.

    Attributes:
        accepted: seconds of each answered question.
        refused: seconds of each that was turned away with 429 or 503.
        statuses: how often each came; 0 where the connection failed.
        without_retry: refusals that did not say when to come again.
        elapsed: seconds from the first question to the last reply.
    """

    accepted: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    without_retry: int = 0
    elapsed: float = 0.0

    def __iadd__(self, other: "Outcome") -> "Outcome":
        self.accepted += other.accepted
        self.refused += other.refused
        self.statuses += other.statuses
        self.without_retry += other.without_retry
        self.elapsed += other.elapsed
        return self


class Client:
    """Asks over connections that are kept, with as little work of its own as there can be: it shares the machine.

    Args:
        port: of the service on this machine.
        bodies: JSON of each question, in turn and again from the start.
    """

    def __init__(self, port: int, bodies: Sequence[bytes]) -> None:
        self._port = port
        self._requests = itertools.cycle([_request(body) for body in bodies])
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def ask(self, outcome: Outcome) -> None:
        """Ask the next question and note what became of it.

        Args:
            outcome: where.
        """
        begun = time.perf_counter()
        try:
            status, retry = await asyncio.wait_for(self._exchange(next(self._requests)), PATIENCE_SECONDS)
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            status, retry = 0, True
        seconds = time.perf_counter() - begun
        outcome.statuses[status] += 1
        if status == 200:
            outcome.accepted.append(seconds)
        elif status in (429, 503):
            outcome.refused.append(seconds)
            outcome.without_retry += not retry

    async def _exchange(self, request: bytes) -> tuple[int, bool]:
        reused = bool(self._idle)
        reader, writer = self._idle.pop() if reused else await asyncio.open_connection("127.0.0.1", self._port)
        try:
            writer.write(request)
            try:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
            except (ConnectionError, asyncio.IncompleteReadError):
                if not reused:
                    raise
                # The service had closed it, as idle: as clients do, once more over a new one.
                writer.close()
                reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
                writer.write(request)
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
            await reader.readexactly(int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0]))
        except BaseException:
            writer.close()
            raise
        if b"connection: close" in head:
            writer.close()
        else:
            self._idle.append((reader, writer))
        return int(head.split(b" ", 2)[1]), b"retry-after:" in head

    async def close(self) -> None:
        """Close what is kept open."""
        for _, writer in self._idle:
            writer.close()


def _request(body: bytes) -> bytes:
    head = f"POST /v1/ask HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
    return f"{head}\r\n\r\n".encode() + body


async def loop(client: Client, clients: int, seconds: float) -> Outcome:
    """Ask from a number of clients, each with its next question as soon as it has its reply."""
    outcome, begun = Outcome(), time.monotonic()

    async def keep_asking() -> None:
        while time.monotonic() - begun < seconds:
            await client.ask(outcome)

    await asyncio.gather(*(keep_asking() for _ in range(clients)))
    outcome.elapsed = time.monotonic() - begun
    return outcome


async def arrive(client: Client, rate: float, seconds: float, chance: random.Random | None) -> Outcome:
    """Ask at a rate, whatever becomes of it.

    Args:
        client: asks.
        rate: questions a second.
        seconds: for which it asks, after a first second that does not count.
        chance: makes the moments a Poisson process; None for even ones.
    """
    outcome, first, begun = Outcome(), Outcome(), time.monotonic()
    async with asyncio.TaskGroup() as tasks:
        moment = 0.0
        while (moment := moment + (chance.expovariate(rate) if chance else 1 / rate)) < seconds + 1:
            await asyncio.sleep(max(0.0, begun + moment - time.monotonic()))
            tasks.create_task(client.ask(first if moment < 1 else outcome))
    outcome.elapsed = time.monotonic() - begun - 1
    return outcome


def _p95(seconds: Sequence[float]) -> float:
    return float(np.percentile(seconds, 95)) if seconds else float("nan")


def row(times: float, offered: float, outcome: Outcome, capacity: float, alone: float, memory: int) -> dict[str, Any]:
    """Return the figures of one run; alone is the 95th percentile in seconds of a client alone."""
    rate = len(outcome.accepted) / outcome.elapsed
    return {
        "times_capacity": times,
        "offered_per_second": round(offered, 1),
        "accepted_per_second": round(rate, 1),
        "goodput": round(rate / capacity, 2),
        "p50_ms": round(1000 * statistics.median(outcome.accepted or [float("nan")]), 1),
        "p95_ms": round(1000 * _p95(outcome.accepted), 1),
        "p95_to_alone": round(_p95(outcome.accepted) / alone, 2),
        "refused_p95_ms": round(1000 * _p95(outcome.refused), 1),
        "statuses": {str(status): count for status, count in sorted(outcome.statuses.items())},
        "without_retry_after": outcome.without_retry,
        "resident_mib": memory,
    }


async def measure(
    limited: Service, unlimited: Service, bodies: Sequence[bytes], seconds: float, rounds: int, *, even: bool
) -> tuple[list[Any], dict[str, Any]]:
    """Return the rows and what they are measured against.

    Args:
        limited: the service that is measured.
        unlimited: the same, but that it takes whatever comes: it shows the capacity.
        bodies: JSON of the questions.
        seconds: of each run.
        rounds: how often each run is made.
        even: whether questions arrive evenly instead of by chance.
    """
    chance = None if even else random.Random(SEED)
    client, other = Client(limited.port, bodies), Client(unlimited.port, bodies)
    alone, full, runs = Outcome(), Outcome(), {times: Outcome() for times in TIMES}
    offered: dict[float, list[float]] = {times: [] for times in TIMES}
    memory: dict[float, int] = {}
    for _ in range(rounds):
        await loop(client, 1, 1)
        alone += await loop(client, 1, seconds)
        await loop(other, CLIENTS, 1)
        now = await loop(other, CLIENTS, seconds)
        full += now
        for times in TIMES:
            rate = times * len(now.accepted) / now.elapsed
            runs[times] += await arrive(client, rate, seconds, chance)
            offered[times].append(rate)
            memory[times] = limited.resident()
    await client.close()
    await other.close()
    capacity, p95 = len(full.accepted) / full.elapsed, _p95(alone.accepted)
    rows = [row(t, statistics.fmean(offered[t]), runs[t], capacity, p95, memory[t]) for t in TIMES]
    facts = {
        "capacity_per_second": round(capacity, 1),
        "alone_p50_ms": round(1000 * statistics.median(alone.accepted), 1),
        "alone_p95_ms": round(1000 * p95, 1),
    }
    return rows, facts


def main() -> None:
    """Serve, drive, print."""
    parser = arguments(__doc__)
    parser.add_argument("--seconds", type=float, default=20, help="of each run")
    parser.add_argument("--rounds", type=int, default=3, help="how often each run is made")
    parser.add_argument("--even", action="store_true", help="questions arrive evenly instead of by chance")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    library(options.data, options.work / "library")
    examples = questions(options.data, SEED)[-500:]
    bodies = [orjson.dumps({"question": example.question, "collection": "squad"}) for example in examples]
    twin = options.work / "library-twin"
    shutil.rmtree(twin, ignore_errors=True)
    shutil.copytree(options.work / "library", twin)
    everything = {"CITESPAN_WAIT_SECONDS": "60", "CITESPAN_QUEUE_SIZE": "1000"}
    with serving(options.work / "library") as limited, serving(twin, **everything) as unlimited:
        work = measure(limited, unlimited, bodies, options.seconds, options.rounds, even=options.even)
        rows, facts = asyncio.run(work)
    shutil.rmtree(twin)
    show(rows, facts, options.json)


if __name__ == "__main__":
    main()
