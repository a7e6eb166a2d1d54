"""Clients that ask for large replies and do not read them: what is held for them is bounded, and comes back."""

import contextlib
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.helpers import Server, assert_problem
from tests.site import until

CHARACTERS = 1_900_000
TEXT = ("The keeper of the long pier counts the boats that come in at dawn. " * 30_000)[:CHARACTERS]
GET = b"GET /v1/articles/large HTTP/1.1\r\nHost: localhost\r\n\r\n"
MIB = 2**20


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory, sample_library: Path) -> Iterator[tuple[Server, httpx2.Client]]:
    """A service that holds 16 MiB of replies at most, for 4 seconds without a byte taken."""
    folder = tmp_path_factory.mktemp("held")
    shutil.copytree(sample_library, folder / "library")
    limits = {"CITESPAN_READ_SECONDS": "4", "CITESPAN_REPLY_BYTES": str(16 * MIB)}
    with (
        Server(folder / "library", folder / "log", **limits) as running,
        httpx2.Client(base_url=running.url, timeout=60) as client,
    ):
        assert client.post("/v1/articles", json={"id": "large", "text": TEXT}, timeout=300).status_code == 201
        yield running, client


def figure(client: httpx2.Client, name: str) -> float:
    lines = client.get("/metrics").text.splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(f"{name} "))


def memory(server: Server) -> int:
    """Resident bytes of the process."""
    assert server.process is not None
    pages = Path(f"/proc/{server.process.pid}/statm").read_text().split()[1]
    return int(pages) * 4_096


@contextlib.contextmanager
def stalled(server: Server, count: int) -> Iterator[list[socket.socket]]:
    """Clients that have asked for the large article and read none of it."""
    links = []
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            link = stack.enter_context(socket.socket())
            link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            link.connect(("127.0.0.1", server.port))
            link.sendall(GET)
            links.append(link)
        yield links


def test_what_clients_do_not_read_is_bounded_and_given_back(held: tuple[Server, httpx2.Client]) -> None:
    server, client = held
    assert client.get("/v1/articles/large").json()["text"] == TEXT  # whatever is loaded once has been
    before, gone = memory(server), figure(client, "citespan_readers_let_go")
    with stalled(server, 60):
        refused = until(lambda: (reply := client.get("/v1/articles/large")).status_code == 503 and reply)
        assert_problem(refused, 503)
        assert int(refused.headers["retry-after"]) >= 1
        assert figure(client, "citespan_reply_bytes") <= 16 * MIB
        assert client.get("/healthz").status_code == client.get("/readyz").status_code == 200
        # A small reply has room, also while a large one has none.
        assert client.get("/v1/articles/large?start=5&end=10").json()["text"] == TEXT[5:10]
        assert memory(server) - before < 80 * MIB
        until(
            lambda: figure(client, "citespan_readers_let_go") > gone and not figure(client, "citespan_reply_bytes"), 60
        )
    assert client.get("/v1/articles/large").json()["text"] == TEXT
    until(lambda: memory(server) - before < 32 * MIB, 60)


def test_pages_and_descriptions_are_held_within_the_same_bound(held: tuple[Server, httpx2.Client]) -> None:
    """Pipelined requests wait for the replies before them to be taken: one connection holds one reply."""
    server, client = held
    with socket.socket() as link:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        link.connect(("127.0.0.1", server.port))
        gone = figure(client, "citespan_readers_let_go")
        link.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * 200)
        until(lambda: figure(client, "citespan_reply_bytes") > 0)
        assert figure(client, "citespan_reply_bytes") < MIB
        until(lambda: figure(client, "citespan_readers_let_go") > gone, 60)
