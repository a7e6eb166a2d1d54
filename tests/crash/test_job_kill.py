"""SIGKILL at random moments of a job: each line is done or failed exactly once, and the articles are all there."""

import json
import random
import signal
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest

from index import Library
from qa import QuestionAnswering
from tests.helpers import Server

KILLS = 10
LINES = 1_200
SEED = 20_261_126


def text(number: int) -> str:
    return f"In the year {1500 + number % 500} the barge {number}q brought {number} bales of wool to the weigh house."


def is_bad(number: int) -> bool:
    return number % 7 == 3


def line(number: int) -> str:
    return "{" if is_bad(number) else json.dumps({"id": f"b{number}", "text": text(number)})


def finished(client: httpx2.Client, job: str) -> dict[str, Any]:
    """Wait for a job's end."""
    end = time.monotonic() + 200
    while time.monotonic() < end:
        facts = client.get(f"/v1/jobs/{job}").json()
        if facts["state"] not in ("queued", "running"):
            return dict(facts)
        time.sleep(0.1)
    raise AssertionError(f"still {facts['state']}: {facts['done']} of {facts['total']}")


def advanced(client: httpx2.Client, job: str, line: int) -> None:
    """Wait until a job has got beyond a line, or has ended."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        facts = client.get(f"/v1/jobs/{job}").json()
        if facts["done"] + facts["failed"] > line or facts["state"] not in ("queued", "running"):
            return
        time.sleep(0.02)


@pytest.mark.timeout(400)
def test_ten_kills_during_a_job(tmp_path: Path, qa: QuestionAnswering) -> None:
    chance = random.Random(SEED)
    server = Server(tmp_path / "library", tmp_path / "log")
    body = "\n".join(line(number) for number in range(LINES)).encode()
    job = ""
    reached: list[int] = []
    for kill in range(KILLS):
        with server, httpx2.Client(base_url=server.url, timeout=60) as client:
            if not job:
                headers = {"Content-Type": "application/x-ndjson"}
                reply = client.post("/v1/articles/batch", content=body, headers=headers)
                assert reply.status_code == 202
                job = reply.json()["job"]["id"]
            else:
                facts = client.get(f"/v1/jobs/{job}").json()
                assert facts["done"] + facts["failed"] >= reached[-1], f"kill {kill} of seed {SEED} went back"
                assert facts["total"] == LINES
            if kill % 2:  # on a slow machine, too, some kills come in the middle
                advanced(client, job, reached[-1])
            time.sleep(chance.random() ** 2)
            facts = client.get(f"/v1/jobs/{job}").json()
            reached.append(facts["done"] + facts["failed"])
            assert server.stop(signal.SIGKILL) == -signal.SIGKILL
        names = [path.name for path in (server.library / "default" / "jobs").iterdir()]
        assert names in ([f"{job}.ndjson"], []), names
    assert len({one for one in reached if 0 < one < LINES}) >= KILLS // 2 - 1, reached
    bad = [number for number in range(LINES) if is_bad(number)]
    with server, httpx2.Client(base_url=server.url, timeout=60) as client:
        facts = finished(client, job)
        assert (facts["state"], facts["failed"]) == ("done", len(bad))
        assert facts["done"] + facts["failed"] == facts["total"] == LINES
        failures = client.get(f"/v1/jobs/{job}?limit=1000").json()["failures"]
        assert [one["source"] for one in failures] == [f"line {number + 1}" for number in bad]
        assert not list((server.library / "default" / "jobs").iterdir())
    with Library.open(server.library, encoder=qa.library.encoder) as library:
        collection = library.collection()
        assert collection.check() == []
        stored: dict[str, str] = {}
        cursor = None
        while True:
            page = collection.list(limit=1_000, cursor=cursor)
            stored |= {info.id: collection.get(info.id).text for info in page.articles}
            if (cursor := page.next_cursor) is None:
                break
        assert stored == {f"b{number}": text(number) for number in range(LINES) if not is_bad(number)}


def test_a_batch_killed_on_its_way_in_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    server = Server(tmp_path / "library", tmp_path / "log")
    pieces = [(line(number) + "\n").encode() for number in range(1_000) if not is_bad(number)]
    with server:
        moment = chance.randrange(len(pieces))

        def body():  # type: ignore[no-untyped-def]
            for number, piece in enumerate(pieces):
                if number == moment:
                    while not list(server.library.glob("default/jobs/*.tmp")):
                        time.sleep(0.01)
                    server.stop(signal.SIGKILL)
                yield piece

        with pytest.raises(httpx2.TransportError):
            httpx2.post(
                server.url + "/v1/articles/batch",
                content=body(),
                headers={"Content-Type": "application/x-ndjson"},
                timeout=60,
            )
    with server, httpx2.Client(base_url=server.url, timeout=60) as client:
        assert client.get("/v1/jobs").json()["jobs"] == []
        assert list((server.library / "default" / "jobs").iterdir()) == []
        assert client.get("/v1/articles").json()["articles"] == []
