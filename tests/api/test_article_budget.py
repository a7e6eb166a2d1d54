"""An article that takes too much processor time, over HTTP and on the command line; the clock is the test's own."""

import itertools
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest

import api.schemas.requests
import index.ingestion.time_budget
from api.cli import articles  # noqa: F401  (adds its commands)
from api.cli.app import Stop, app
from index import Article, Library
from qa import QuestionAnswering
from tests.api.test_mcp_ways_in import Served
from tests.helpers import assert_problem
from tests.index.test_budget import LONG, SHORT
from tests.jobs import articles as stored
from tests.jobs import begun, ended


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index.ingestion.time_budget, "thread_time", itertools.count(0.0).__next__)


@pytest.fixture
def client(qa: QuestionAnswering, tmp_path: Path) -> Iterator[httpx2.Client]:
    own = QuestionAnswering(Library.open(tmp_path / "library", encoder=qa.library.encoder), qa.reader)
    with Served(own) as served, httpx2.Client(base_url=served.url, timeout=60) as client:
        yield client


def test_one_article_is_refused_and_the_next_one_added(client: httpx2.Client) -> None:
    problem = assert_problem(client.post("/v1/articles", json={"id": "slow", "text": LONG}), 422)
    assert "processor time" in problem["detail"] and "CITESPAN_ARTICLE_SECONDS" in problem["detail"]
    assert client.post("/v1/articles", json={"id": "quick", "text": SHORT}).status_code == 201
    assert stored(client, "default") == {"quick"}


def test_a_page_that_is_slow_to_parse_holds_up_no_other_article(
    client: httpx2.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun_parsing, may_end = threading.Event(), threading.Event()
    real = api.schemas.requests.read_html

    def slow(*arguments: Any, **fields: Any) -> Article:
        begun_parsing.set()
        assert may_end.wait(60)
        return real(*arguments, **fields)

    monkeypatch.setattr(api.schemas.requests, "read_html", slow)
    page = {"id": "page", "html": f"<html><body><p>{SHORT}</p></body></html>"}
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(client.post, "/v1/articles", json=page)
        try:
            assert begun_parsing.wait(60)
            assert client.post("/v1/articles", json={"id": "quick", "text": SHORT}, timeout=20).status_code == 201
        finally:
            may_end.set()
        assert waiting.result().status_code == 201


def test_the_other_files_of_an_upload_are_added(client: httpx2.Client) -> None:
    files = [("file", ("slow.txt", LONG.encode())), ("file", ("quick.txt", SHORT.encode()))]
    reply = client.post("/v1/articles", files=files).json()
    assert len(reply["articles"]) == 1 and "processor time" in reply["failures"][0]["reason"]


def test_a_batch_names_the_line_and_goes_on(client: httpx2.Client) -> None:
    texts = {"a": SHORT, "slow": LONG, "b": f"{SHORT} It is red."}
    job = begun(client, "default", *(json.dumps({"id": name, "text": text}) for name, text in texts.items()))
    end = ended(client, job)
    assert (end["state"], end["done"], end["failed"]) == ("done", 2, 1)
    [failure] = client.get(f"/v1/jobs/{job}").json()["failures"]
    assert failure["source"] == "line 2" and "processor time" in failure["reason"]
    assert stored(client, "default") == {"a", "b"}


def test_the_command_names_the_file_and_adds_the_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, text in (("quick.txt", SHORT), ("slow.txt", LONG)):
        (tmp_path / name).write_text(text)
    paths = [str(tmp_path / name) for name in ("slow.txt", "quick.txt")]
    with pytest.raises(Stop) as stopped:
        app(args=["add", *paths, "--library", str(tmp_path / "l")], standalone_mode=False)
    printed = capsys.readouterr()
    assert stopped.value.code == 2 and "added 1 articles" in str(stopped.value)
    assert "slow.txt" in printed.err and "processor time" in printed.err and "quick" in printed.out.lower()
