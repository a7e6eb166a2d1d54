"""Ready means that questions can be answered: a damaged or missing file shows, and goes again with its cause."""

import contextlib
import os
import sqlite3
import time
from pathlib import Path
from typing import Any

import httpx2

from index import Article, Library
from qa import QuestionAnswering
from tests.helpers import Server, assert_problem

TEXTS = [f"The harbour of Town{number} was built in {1000 + number} by bishop Number{number}." for number in range(300)]


def filled(folder: Path, qa: QuestionAnswering, *names: str) -> Path:
    with Library.open(folder, encoder=qa.library.encoder) as library:
        for name in names:
            articles = (Article(text, id=str(number)) for number, text in enumerate(TEXTS[:100]))
            list(library.collection(name, create=True).add(articles))
    return folder


def damaged(database: Path) -> bytes:
    """Overwrite all pages of a database but the first few; return what it was."""
    whole = database.read_bytes()
    with database.open("r+b") as file:
        file.seek(4096 * 4)
        file.write(os.urandom(len(whole) - 4096 * 4))
    return whole


def search(server: Server, collection: str, word: str = "harbour") -> int:
    body = {"query": word, "collection": collection}
    return httpx2.post(server.url + "/v1/search", json=body, timeout=60).status_code


def wait_for(server: Server, state: Any, seconds: float = 90) -> httpx2.Response:
    """Ask until readiness is a status, or says a word."""
    end = time.monotonic() + seconds
    while True:
        reply = httpx2.get(server.url + "/readyz", timeout=60)
        if state in (reply.status_code, reply.json().get("status"), reply.json().get("detail")):
            return reply
        assert time.monotonic() < end, reply.text
        time.sleep(0.2)


def test_not_ready_while_nothing_can_be_answered(tmp_path: Path, qa: QuestionAnswering) -> None:
    library = filled(tmp_path / "library", qa, "default")
    database = library / "default" / "articles.db"
    with contextlib.closing(sqlite3.connect(database)) as db:
        page = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'vector'").fetchone()[0] - 1
    whole = database.read_bytes()
    with database.open("r+b") as file:
        file.seek(4096 * page)
        file.write(b"\xff" * 4096)
    server = Server(library, tmp_path / "log")
    server.start(ready=False)
    try:
        server.wait("/healthz")
        problem = assert_problem(wait_for(server, "the library cannot be read: the service's log says why"), 503)
        assert str(tmp_path) not in problem["detail"]
        assert search(server, "default") == 503
        database.write_bytes(whole)
        wait_for(server, "ready")
        assert search(server, "default") == 200
    finally:
        server.stop()


def test_damage_to_one_of_several_collections_is_named_degraded(tmp_path: Path, qa: QuestionAnswering) -> None:
    library = filled(tmp_path / "library", qa, "default", "news")
    damaged(library / "news" / "articles.db")
    with Server(library, tmp_path / "log") as server:
        assert search(server, "default") == 200
        assert search(server, "news") == 503
        assert wait_for(server, "degraded").json() == {"status": "degraded", "failing": 1}
        assert search(server, "default") == 200
        assert "news" in server.log.read_text()


def test_a_library_whose_disk_goes_and_comes_back(tmp_path: Path, qa: QuestionAnswering) -> None:
    library = filled(tmp_path / "library", qa, "default")
    with Server(library, tmp_path / "log", descriptors=64) as server:
        assert search(server, "default") == 200
        assert wait_for(server, "ready").status_code == 200
        away = library.rename(tmp_path / "away")
        library.mkdir()
        problem = assert_problem(wait_for(server, 503), 503)
        assert str(tmp_path) not in problem["detail"]
        library.rmdir()
        away.rename(library)
        wait_for(server, "ready")
        assert search(server, "default") == 200
