"""A served library under everything at a time, for long; what the process holds is measured all along."""

import contextlib
import json
import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import numpy as np

from tests.helpers import Server

QUESTIONS = (
    "Who built the mill?",
    "When was the bridge opened?",
    "Which countries signed it?",
    "What did the mayor say?",
    "How many people live there?",
)
# Of the time, this share is left out in the beginning: caches fill, threads start.
WARM_UP = 0.2
_BETWEEN = 2.0


@dataclass
class Soak:
    """What was done, and what the process held.

    Attributes:
        requests: by kind.
        errors: replies and failures that a client should not see, with how often.
        hang_ups: connections closed on purpose in the middle.
        samples: (seconds, resident MiB, descriptors, threads).
        is_same: whether the process was the same at the end.
    """

    requests: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    hang_ups: int = 0
    samples: list[tuple[float, float, int, int]] = field(default_factory=list)
    is_same: bool = True

    def slopes(self) -> dict[str, float]:
        """Return by how much each grows in ten minutes, after the warm-up; resident memory in per cent too."""
        begun = self.samples[-1][0] * WARM_UP
        rows = np.array([sample for sample in self.samples if sample[0] >= begun], float)
        if len(rows) < 3:
            return {}
        memory, descriptors, threads = (600 * float(np.polyfit(rows[:, 0], rows[:, at], 1)[0]) for at in (1, 2, 3))
        return {
            "resident_mib": memory,
            "resident_percent": 100 * memory / float(rows[:, 1].mean()),
            "descriptors": descriptors,
            "threads": threads,
        }


class _Clients:
    """What clients do, one call each.

    Args:
        server: the service.
        soak: where it is counted.
        chance: what decides.
    """

    def __init__(self, server: Server, soak: Soak, chance: random.Random) -> None:
        self._server, self._soak, self._chance = server, soak, chance
        self._client = httpx2.Client(base_url=server.url, timeout=60)
        self.calls: tuple[Callable[[], Any], ...] = (
            *[self.ask] * 6,
            *[self.hang_up] * 3,
            *[self.write] * 2,
            self.stream,
            self.search,
            self.converse,
            self.send_batch,
            self.send_nonsense,
            self.look,
        )

    def _send(self, method: str, path: str, *expected: int, **options: Any) -> httpx2.Response:
        reply = self._client.request(method, path, **options)
        # Under load these are what is promised, with the time after which to come again.
        if reply.status_code in (429, 503) and "retry-after" in reply.headers:
            self._soak.requests["refused for now"] += 1
            time.sleep(0.2)
        elif reply.status_code not in expected:
            self._soak.errors[f"{method} {path.split('?')[0][:30]}: {reply.status_code}"] += 1
        return reply

    def _question(self) -> dict[str, Any]:
        return {"question": self._chance.choice(QUESTIONS), "limit": self._chance.randint(1, 5)}

    def ask(self) -> None:
        self._send("POST", "/v1/ask", 200, json=self._question())

    def search(self) -> None:
        self._send("POST", "/v1/search", 200, json={"query": self._chance.choice(QUESTIONS)})

    def stream(self) -> None:
        with self._client.stream("POST", "/v1/ask/stream", json=self._question()) as reply:
            for _ in reply.iter_lines():
                if self._chance.random() < 0.05:
                    self._soak.hang_ups += 1
                    return

    def write(self) -> None:
        name = f"soak{self._chance.randrange(60)}"
        if self._chance.random() < 0.4:
            self._send("DELETE", f"/v1/articles/{name}", 204, 404)
        else:
            text = f"The barge {name} took {self._chance.randrange(900)} bales to the weigh house. " * 12
            self._send("POST", "/v1/articles", 200, 201, json={"id": name, "text": text})

    def converse(self) -> None:
        reply = self._send("POST", "/v1/conversations", 201)
        if reply.status_code == 201:
            path = f"/v1/conversations/{reply.json()['id']}"
            self._send("POST", f"{path}/messages", 200, json=self._question())
            self._send("DELETE", path, 204)

    def send_batch(self) -> None:
        lines = [json.dumps({"id": f"batch{n}", "text": f"The tug {n} left at {n} o'clock."}) for n in range(10)]
        headers = {"Content-Type": "application/x-ndjson"}
        self._send("POST", "/v1/articles/batch", 202, content="\n".join(lines).encode(), headers=headers)

    def send_nonsense(self) -> None:
        self._send(
            "POST",
            "/v1/ask",
            400,
            422,
            content=self._chance.randbytes(200),
            headers={"Content-Type": "application/json"},
        )

    def look(self) -> None:
        for path in ("/readyz", "/metrics", "/v1/articles?limit=5", "/openapi.json"):
            self._send("GET", path, 200)

    def hang_up(self) -> None:
        """Ask for something and close at a random moment, several requests in a row at times."""
        path = self._chance.choice(("/", "/openapi.json", "/widget.js", "/healthz", "/v1/articles", "/metrics"))
        request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode() * self._chance.choice((1, 1, 5))
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._server.port), 10) as link:
            link.sendall(request[: self._chance.choice((len(request), len(request) // 2))])
            time.sleep(self._chance.random() ** 3 * 0.05)
            if self._chance.random() < 0.5:
                link.recv(100)
        self._soak.hang_ups += 1


def soak(
    folder: Path, library: Path, minutes: float, seed: int, *, clients: int = 3, say: Callable[[str], None] = print
) -> Soak:
    """Serve a library and use it.

    Args:
        folder: for the log.
        library: one with articles.
        minutes: for how long.
        seed: of what the clients do.
        clients: how many at a time.
        say: called from time to time with the progress.
    """
    result = Soak()
    begun = time.monotonic()
    end = begun + 60 * minutes
    with Server(library, folder / "log") as server:
        assert server.process is not None
        process = server.process.pid

        def use(number: int) -> None:
            mine = _Clients(server, result, random.Random(seed + number))
            chance = random.Random(seed - number - 1)
            while time.monotonic() < end and not ended.is_set():
                call = chance.choice(mine.calls)
                result.requests[call.__name__.replace("_", " ")] += 1
                try:
                    call()
                except httpx2.HTTPError as error:
                    result.errors[f"{call.__name__}: {type(error).__name__}"] += 1
                time.sleep(chance.random() * 0.05)

        ended = threading.Event()
        threads = [threading.Thread(target=use, args=(number,)) for number in range(clients)]
        for thread in threads:
            thread.start()
        next_said = begun
        while time.monotonic() < end and server.process.poll() is None:
            result.samples.append((time.monotonic() - begun, *_held(process)))
            if time.monotonic() >= next_said:
                seconds, resident, descriptors, running = result.samples[-1]
                say(
                    f"soak {seconds:5.0f} s: {resident:6.1f} MiB, {descriptors} descriptors, {running} threads, "
                    f"{result.requests.total()} requests, {result.hang_ups} hang-ups, {result.errors.total()} errors"
                )
                next_said += 60
            time.sleep(min(_BETWEEN, max(0.1, end - time.monotonic())))
        ended.set()
        for thread in threads:
            thread.join()
        result.is_same = server.process.poll() is None and server.process.pid == process
    return result


def _held(process: int) -> tuple[float, int, int]:
    """Return a process's resident memory in MiB, its open descriptors and its threads."""
    status = dict(
        line.split(":", 1) for line in Path(f"/proc/{process}/status").read_text().splitlines() if ":" in line
    )
    return (
        int(status["VmRSS"].split()[0]) / 1024,
        len(list(Path(f"/proc/{process}/fd").iterdir())),
        int(status["Threads"]),
    )
