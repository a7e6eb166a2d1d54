"""Clients that hang up: at any moment, on every route and stream, and the service goes on as if nothing had been."""

import contextlib
import json
import os
import random
import shutil
import socket
import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from index import SentenceEncoder
from tests.helpers import Server
from tests.routes import Route, routes
from tests.site import until

HANG_UPS = 3_000
SEED = 20_261_201
AT_A_TIME = 12
QUESTION = "Where did the Great Fire of London begin?"
ASK = {"question": QUESTION, "passages": 1}
CHAT = {"model": "citespan", "messages": [{"role": "user", "content": QUESTION}]}
CALL = {"name": "search_articles", "arguments": {"query": "fire", "limit": 1}}
NDJSON = "application/x-ndjson"
FORM = "multipart/form-data; boundary=edge"
EVENTS = "text/event-stream"
LARGE = "The keeper of the long pier counts the boats. " * 20_000
FILE = b'--edge\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nThe dam is old.\r\n--edge--\r\n'


@dataclass(frozen=True)
class Body:
    """What is sent to a route, and what it is said to be."""

    content: bytes
    kind: str = "application/json"
    accept: str = "application/json, text/event-stream"


def as_json(**fields: object) -> Body:
    return Body(json.dumps(fields).encode())


# What makes a route work; a route that is not here gets an empty object, and is covered too.
BODIES: dict[str, list[Body]] = {
    "POST /v1/ask": [as_json(**ASK)],
    "POST /v1/ask/stream": [as_json(**ASK)],
    "POST /v1/conversations/{conversation_id}/messages": [
        as_json(**ASK),
        Body(json.dumps(ASK).encode(), accept=EVENTS),
    ],
    "POST /v1/articles": [as_json(id="pier", text="The pier is long."), Body(FILE, FORM), as_json(url="http://[::1]/")],
    "POST /v1/articles/batch": [Body(b'{"id": "dam", "text": "The dam is old."}\n', NDJSON)],
    "POST /v1/search": [as_json(query="fire", limit=3)],
    "POST /v1/verify": [as_json(article_id="large", article_start=0, article_end=3, text="The")],
    "POST /v1/chat/completions": [as_json(**CHAT), as_json(**CHAT, stream=True)],
    "POST /v1/embeddings": [as_json(model=SentenceEncoder().card.name, input="fire")],
    "POST /v1/tasks/question-answering": [as_json(inputs={"question": "Who?", "context": "Hugo built it."})],
    "POST /v1/watches": [as_json(question=QUESTION)],
    "POST /v1/subscriptions": [as_json(url="http://127.0.0.1/feed")],
    "POST /mcp": [as_json(jsonrpc="2.0", id=1, method="tools/call", params=CALL), Body(b"no message")],
    "GET /v1/watches/{watch_id}/events": [Body(b""), Body(b"", accept=EVENTS)],
}


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory, sample_library: Path) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("hang-ups")
    shutil.copytree(sample_library, folder / "library")
    with Server(folder / "library", folder / "log", CITESPAN_HEADER_SECONDS="2", CITESPAN_BODY_SECONDS="2") as running:
        yield running


@pytest.fixture(scope="module")
def ids(own: Server) -> dict[str, str]:
    """What there is of each kind, by the name that routes have for it."""
    with httpx2.Client(base_url=own.url, timeout=60) as client:
        assert client.post("/v1/articles", json={"id": "large", "text": LARGE}).status_code == 201
        batch = {"content": b'{"text": "The dam is old."}', "headers": {"Content-Type": NDJSON}}
        return {
            "article_id": "large",
            "conversation_id": client.post("/v1/conversations").json()["id"],
            "watch_id": client.post("/v1/watches", json={"question": QUESTION}).json()["id"],
            "job_id": client.post("/v1/articles/batch", **batch).json()["job"]["id"],
            "name": "style.css",
            "model:path": "citespan",
        }


def requests_for(route: Route, ids: dict[str, str]) -> list[bytes]:
    """Whole requests to a route; what would be removed is not there, so that all of them find the same."""
    path = route.template
    for name, value in ids.items():
        path = path.replace(f"{{{name}}}", "none" if route.method == "DELETE" else value)
    path += "?question=Where+did+the+fire+begin&passages=1" if str(route) == "GET /v1/ask" else ""
    requests = []
    for body in BODIES.get(str(route), [Body(b"" if route.method in ("GET", "DELETE") else b"{}")]):
        head = f"{route.method} {path} HTTP/1.1\r\nHost: localhost\r\nAccept: {body.accept}\r\n"
        if body.content:
            head += f"Content-Type: {body.kind}\r\nContent-Length: {len(body.content)}\r\n"
        requests.append(f"{head}\r\n".encode() + body.content)
    return requests


def hang_up(port: int, requests: list[list[bytes]], dice: random.Random) -> None:
    """Send one or several requests, or a part of them, read nothing, something or all, and close one way or another."""
    count = dice.choice((1, 1, 1, 2, 5))
    data = b"".join(dice.choice(dice.choice(requests)) for _ in range(count))
    if dice.random() < 0.4:
        data = data[: dice.randrange(len(data))]
    with socket.create_connection(("127.0.0.1", port), timeout=0.5) as link:
        try:
            link.sendall(data)
            left = dice.choice((0, 0, 1, 100, 5_000, 500_000))
            while left > 0 and (part := link.recv(min(left, 65_536))):
                left -= len(part)
        except OSError:
            pass  # it has nothing more to say, or has hung up itself
        if dice.random() < 0.5:
            link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset, no orderly end


def count_of(server: Server, what: str) -> int:
    assert server.process is not None
    return len(os.listdir(f"/proc/{server.process.pid}/{what}"))


@pytest.mark.timeout(600)
def test_clients_that_hang_up_leave_the_service_as_it_was(own: Server, ids: dict[str, str]) -> None:
    assert own.process is not None
    requests = [requests_for(route, ids) for route in routes()]
    requests += [[b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n"]]  # FastAPI's own
    dice = random.Random(SEED)
    seeds = [dice.random() for _ in range(HANG_UPS)]

    def run(seeds: list[float]) -> None:
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            for done in pool.map(lambda seed: hang_up(own.port, requests, random.Random(seed)), seeds):
                assert done is None

    def settled() -> tuple[int, int]:
        """Descriptors and threads once everything that was begun has ended."""
        before = -1
        while (now := count_of(own, "fd")) != before:
            before = now
            until(lambda: httpx2.get(own.url + "/readyz", timeout=60).status_code == 200)
            assert httpx2.post(own.url + "/v1/ask", json=ASK, timeout=60).status_code == 200
        return now, count_of(own, "task")

    third = HANG_UPS // 3
    run(seeds[:third])  # after these, everything that is loaded once is loaded
    first = settled()
    run(seeds[third:])
    # Pools of readers may have grown to their size only now; one descriptor in 100 hang-ups would be more.
    until(lambda: settled()[0] <= first[0] + 16, 60)

    assert own.process.poll() is None, own.log.read_text()[-3_000:]
    assert settled()[1] <= first[1] + 8, "threads are left behind"
    log = own.log.read_text()
    assert '"status": 500' not in log and "Traceback" not in log and '"unexpected"' not in log
    # Places that streams hold are free again: of 64, one key or none may have them all.
    with httpx2.Client(base_url=own.url, timeout=60) as client, contextlib.ExitStack() as streams:
        assert client.post("/v1/ask", json=ASK).json()["answered"]
        for _ in range(60):
            followed = client.stream("GET", f"/v1/watches/{ids['watch_id']}/events", headers={"Accept": EVENTS})
            assert streams.enter_context(followed).status_code == 200
