"""Hundreds of collections, and few descriptors: each answers, before and after a restart."""

import contextlib
import shutil
import socket
from pathlib import Path

import httpx2

from index import Article, Library
from qa import QuestionAnswering
from tests.helpers import Server, assert_problem, citespan


def filled(folder: Path, count: int, qa: QuestionAnswering) -> Path:
    """A library of a number of collections beside ``default``, all of them with the same article."""
    with Library.open(folder, encoder=qa.library.encoder) as library:
        library.collection("c0", create=True).add_one(Article("The harbour of Tarn was built in 1788.", id="a"))
    for number in range(1, count):
        shutil.copytree(folder / "c0", folder / f"c{number}")
    return folder


def answer(client: httpx2.Client, name: str) -> str | None:
    body = {"question": "When was the harbour of Tarn built?", "collection": name}
    reply = client.post("/v1/ask", json=body)
    assert reply.status_code == 200, reply.text
    return str(reply.json()["answer"])


def test_three_hundred_collections_answer_within_256_descriptors(tmp_path: Path, qa: QuestionAnswering) -> None:
    library = filled(tmp_path / "library", 300, qa)
    server = Server(library, tmp_path / "log", descriptors=256, CITESPAN_ASK_SECONDS="60")
    with server, httpx2.Client(base_url=server.url, timeout=60) as client:
        for number in range(300):
            found = client.post("/v1/search", json={"query": "harbour of Tarn", "collection": f"c{number}"})
            assert "1788" in found.json()["passages"][0]["passage"]["text"]
            assert number % 50 or (answer(client, f"c{number}") == "1788" and server.open_descriptors() < 200)
        assert len(client.get("/v1/collections").json()["collections"]) == 301
        server.stop()
        server.start()
        assert answer(client, "c299") == "1788" and client.get("/readyz").status_code == 200
        assert server.open_descriptors() < 200
    assert len(server.log.read_bytes()) < 1_000_000


def test_it_starts_adds_and_answers_within_64_descriptors(tmp_path: Path, qa: QuestionAnswering) -> None:
    library = filled(tmp_path / "library", 10, qa)
    server = Server(library, tmp_path / "log", descriptors=64, CITESPAN_ASK_SECONDS="60")
    with server, httpx2.Client(base_url=server.url, timeout=60) as client:
        for number in range(10):
            body = {"text": f"The mill of Norda was built in {1800 + number}.", "collection": f"c{number}"}
            assert client.post("/v1/articles", json=body).status_code == 201
            assert answer(client, f"c{number}") == "1788"
        page = {"id": "page", "html": "<p>The bridge of Norda was built in 1850 by the guild.</p>"}
        assert client.post("/v1/articles", json=page).status_code == 201
        # More connections than it has files for: some get 503, and it goes on.
        with contextlib.ExitStack() as links:
            for _ in range(60):
                links.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=60))
            last = links.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=60))
            assert last.recv(12) == b"HTTP/1.1 503"
            assert server.open_descriptors() < 64
        server.wait("/readyz")
        assert answer(client, "c3") == "1788"


def test_a_further_collection_than_there_may_be_is_refused(tmp_path: Path) -> None:
    library, text = tmp_path / "library", tmp_path / "a.txt"
    text.write_text("The harbour of Tarn was built in 1788.\n")
    limits = {"CITESPAN_COLLECTIONS_SIZE": "2"}
    for name, code in (("default", 0), ("news", 0), ("more", 2), ("news", 0)):
        done = citespan("add", str(text), "--library", str(library), "--collection", name, **limits)
        assert done.returncode == code, done.stderr
    with Server(library, tmp_path / "log", **limits) as server:
        body = {"text": "The mill of Tarn was built in 1788.", "collection": "more"}
        problem = assert_problem(httpx2.post(server.url + "/v1/articles", json=body, timeout=60), 409)
        assert "collections" in problem["detail"]
        batch = httpx2.post(
            server.url + "/v1/articles/batch?collection=more",
            content=b'{"text": "The mill of Tarn."}\n',
            headers={"content-type": "application/x-ndjson"},
            timeout=60,
        )
        assert_problem(batch, 409)
    assert not (library / "more").exists()
