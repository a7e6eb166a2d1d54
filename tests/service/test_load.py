"""Many questions at a time: the same answers, and too many are refused at once."""

import json
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2

from tests.helpers import ROOT, Server, assert_problem

QUESTIONS = [
    *json.loads((ROOT / "samples" / "examples.json").read_text()),
    "Who met Putin?",
    "Which countries recognize the annexations?",
    "What is the capital of Mars?",
]


def _answer(url: str, question: str) -> list[Any]:
    reply = httpx2.post(f"{url}/v1/ask", json={"question": question}, timeout=120)
    assert reply.status_code == 200, reply.text
    facts = reply.json()
    return [(one["text"], one["confidence"]) for one in facts["answers"][:1]]


def test_an_answer_is_the_same_alone_and_in_company(server: Server) -> None:
    alone = [_answer(server.url, question) for question in QUESTIONS]
    with ThreadPoolExecutor(8) as pool:
        among = list(pool.map(lambda question: _answer(server.url, question), QUESTIONS * 2))
    for one, other in zip(alone * 2, among, strict=True):
        assert [text for text, _ in one] == [text for text, _ in other]
        for (_, confidence), (_, again) in zip(one, other, strict=True):
            assert abs(confidence - again) < 0.02


def test_too_many_questions_are_refused_at_once_and_the_others_answered(tmp_path: Path, sample_library: Path) -> None:
    shutil.copytree(sample_library, tmp_path / "library")
    limits = {"CITESPAN_QUEUE_SIZE": "2", "CITESPAN_CONCURRENCY": "1", "CITESPAN_ASK_SECONDS": "120"}
    with Server(tmp_path / "library", tmp_path / "log", **limits) as own:
        start = threading.Barrier(24)

        def ask(_: int) -> httpx2.Response:
            start.wait()
            body = {"question": QUESTIONS[0], "passages": 20}
            return httpx2.post(f"{own.url}/v1/ask", json=body, timeout=120)

        with ThreadPoolExecutor(24) as pool:
            replies = list(pool.map(ask, range(24)))
            assert httpx2.get(f"{own.url}/healthz").status_code == 200
        refused = [reply for reply in replies if reply.status_code != 200]
        # One is worked on and two wait at any moment; some come once a place is free.
        assert 3 <= len(replies) - len(refused) < 24
        for reply in refused:
            assert_problem(reply, 503)
            assert int(reply.headers["retry-after"]) >= 1
        assert len({json.dumps(reply.json()["answers"]) for reply in replies if reply.status_code == 200}) == 1
        # Nothing is left behind: the next one is answered.
        assert _answer(own.url, QUESTIONS[0])


def test_service_takes_what_it_can_answer_soon_when_many_ask_at_once(tmp_path: Path, sample_library: Path) -> None:
    shutil.copytree(sample_library, tmp_path / "library")
    with Server(tmp_path / "library", tmp_path / "log", CITESPAN_ASK_SECONDS="120") as own:
        for question in QUESTIONS * 4:  # what it learns from
            _answer(own.url, question)
        many = 64
        start = threading.Barrier(many)

        def ask(number: int) -> httpx2.Response:
            start.wait()
            return httpx2.post(f"{own.url}/v1/ask", json={"question": QUESTIONS[number % len(QUESTIONS)]}, timeout=120)

        with ThreadPoolExecutor(many) as pool:
            replies = list(pool.map(ask, range(many)))
        answered = [reply for reply in replies if reply.status_code == 200]
        refused = [reply for reply in replies if reply.status_code != 200]
        # A burst is taken, but not as many as there are places in the queue: those would wait for all before them.
        assert 6 <= len(answered) <= 32
        for reply in refused:
            assert_problem(reply, 503)
        retry_afters = [int(reply.headers["retry-after"]) for reply in refused]
        assert all(1 <= seconds <= 30 for seconds in retry_afters)
        # Not all at the same moment again, where their number calls for more than a second.
        assert len(set(retry_afters)) > 1 or max(retry_afters) == 1
        # A client that comes back when Retry-After says is answered.
        time.sleep(max(retry_afters))
        _answer(own.url, QUESTIONS[0])
