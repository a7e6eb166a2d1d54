"""Batches and jobs over a real server: taking in, following, cancelling, refusing, going on after a restart."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.helpers import Server, assert_problem
from tests.jobs import NDJSON, articles, begun, ended, files, follow, line, post

# Long enough for everything that is to happen meanwhile, on any machine.
MANY = 4_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An empty library, with limits that a test can reach."""
    folder = tmp_path_factory.mktemp("jobs")
    limits = {"CITESPAN_JOBS_SIZE": "2", "CITESPAN_BATCH_BODY_BYTES": "1000000"}
    with Server(folder / "library", folder / "log", **limits) as running:
        yield running


@pytest.fixture
def name(client: httpx2.Client, request: pytest.FixtureRequest) -> Iterator[str]:
    """A collection of a test's own, removed with its jobs."""
    yield (own := f"c{abs(hash(request.node.name)) % 10**9}")
    client.delete(f"/v1/collections/{own}")


def gauges(client: httpx2.Client) -> dict[str, float]:
    lines = [one for one in client.get("/metrics").text.splitlines() if one.startswith("citespan_jobs_")]
    return {one.split()[0]: float(one.split()[1]) for one in lines}


def test_bad_lines_are_named_and_do_not_stop_the_rest(client: httpx2.Client, server: Server, name: str) -> None:
    job = begun(client, name, line(1), line(2), '{"text":', '{"text": "\ud800"}', line(5))
    last = ended(client, job)
    assert (last["state"], last["done"], last["failed"], last["total"]) == ("done", 3, 2, 5)
    facts = client.get(f"/v1/jobs/{job}").json()
    assert {key: facts[key] for key in last} == last and facts["ended"] and facts["collection"] == name
    assert [one["source"] for one in facts["failures"]] == ["line 3", "line 4"] and facts["next_cursor"] is None
    assert all("not JSON" in one["reason"] for one in facts["failures"])
    assert articles(client, name) == {"n1", "n2", "n5"} and files(server) == []
    found = client.post("/v1/search", json={"query": "ship number 5", "collection": name}).json()["passages"]
    assert "n5" in {one["article"]["id"] for one in found}
    assert list(follow(client, job)) == [("end", last)], "a client that comes later hears at once"


def test_a_job_is_followed_while_it_runs_and_other_writes_get_in_between(client: httpx2.Client, name: str) -> None:
    job = begun(client, name, *map(line, range(MANY)))
    events = follow(client, job)
    assert next(events)[0] == "progress"
    rates = []
    for event, facts in events:
        assert event == "progress" and facts["total"] == MANY and facts["failed"] == 0
        rates.append((facts["rate"], facts["seconds_left"]))
        reply = client.post("/v1/articles", json={"id": f"s{len(rates)}", "text": "A short one.", "collection": name})
        assert reply.status_code == 201
        if len(rates) == 4:
            break
    now = client.get(f"/v1/jobs/{job}").json()
    assert now["state"] == "running" and 0 < now["done"] < MANY
    assert all(rate > 0 and left > 0 for rate, left in rates[2:])
    events.close()
    assert gauges(client) == {"citespan_jobs_running": 1.0, "citespan_jobs_queued": 0.0}
    assert client.delete(f"/v1/jobs/{job}").json()["state"] == "cancelled"
    assert {"s1", "s2", "s3", "s4"} <= articles(client, name)


def test_cancelling_keeps_what_was_added(client: httpx2.Client, server: Server, name: str) -> None:
    job = begun(client, name, *map(line, range(MANY)))
    behind = begun(client, name, line(MANY))
    assert next(facts for _, facts in follow(client, job) if facts["done"])["state"] == "running"
    assert client.get(f"/v1/jobs/{behind}").json()["state"] == "queued"
    assert gauges(client) == {"citespan_jobs_running": 1.0, "citespan_jobs_queued": 1.0}
    full = post(client, name, line(0))
    assert_problem(full, 503)
    assert 1 <= int(full.headers["retry-after"]) <= 30
    assert client.delete(f"/v1/jobs/{behind}").json()["state"] == "cancelled"
    cancelled = client.delete(f"/v1/jobs/{job}").json()
    assert cancelled["state"] == "cancelled" and 0 < cancelled["done"] < MANY
    assert ended(client, job)["done"] == cancelled["done"] == len(articles(client, name))
    assert client.delete(f"/v1/jobs/{job}").json() == ended(client, job), "an ended job stays as it is"
    assert files(server) == []
    # The thread has moved on: the next job is worked.
    assert ended(client, begun(client, name, line(1)))["state"] == "done"


def test_jobs_are_listed_by_pages_the_newest_first(client: httpx2.Client, name: str) -> None:
    jobs = [begun(client, name, line(number)) for number in range(2)]
    for job in jobs:
        ended(client, job)
    seen: list[dict[str, Any]] = []
    cursor = None
    while True:
        page = client.get("/v1/jobs", params={"limit": 1} | ({"cursor": cursor} if cursor else {})).json()
        seen += page["jobs"]
        if (cursor := page["next_cursor"]) is None:
            break
    assert [one["id"] for one in seen[:2]] == jobs[::-1] and len({one["id"] for one in seen}) == len(seen)
    assert all(one["state"] == "done" and one["collection"] == name for one in seen[:2])
    assert_problem(client.get("/v1/jobs?cursor=k1"), 400)
    assert_problem(client.get("/v1/jobs?limit=0"), 422)


def test_failures_come_in_pages(client: httpx2.Client, name: str) -> None:
    job = begun(client, name, *["[]"] * 120)
    assert ended(client, job)["failed"] == 120
    seen: list[str] = []
    cursor = None
    while True:
        page = client.get(f"/v1/jobs/{job}", params={"limit": 50} | ({"cursor": cursor} if cursor else {})).json()
        seen += [one["source"] for one in page["failures"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert seen == [f"line {number}" for number in range(1, 121)]
    assert_problem(client.get(f"/v1/jobs/{job}?cursor=AAAA"), 400)


def test_removing_a_collection_ends_its_jobs(client: httpx2.Client, server: Server, name: str) -> None:
    job = begun(client, name, *map(line, range(MANY)))
    events = follow(client, job)
    next(facts for _, facts in events if facts["done"])
    assert client.delete(f"/v1/collections/{name}").status_code == 204
    assert [(event, facts["state"]) for event, facts in events][-1] == ("end", "cancelled")
    assert_problem(client.get(f"/v1/jobs/{job}"), 404)
    assert files(server) == []
    assert ended(client, begun(client, name, line(1)))["state"] == "done" and articles(client, name) == {"n1"}


BAD = {
    "over the limit": (413, b"a" * 1_000_001, NDJSON),
    "JSON": (415, b"{}", {"Content-Type": "application/json"}),
    "no type": (415, b"{}", {}),
    "another charset": (415, b"{}", {"Content-Type": "application/x-ndjson; charset=latin-1"}),
    "compressed": (415, b"\x1f\x8b\x08", NDJSON | {"Content-Encoding": "gzip"}),
    "nothing": (422, b"", NDJSON),
    "white space": (422, b" \n\r\n\t\n", NDJSON),
}


@pytest.mark.parametrize("bad", BAD)
def test_a_bad_batch_leaves_nothing(client: httpx2.Client, server: Server, bad: str) -> None:
    status, body, headers = BAD[bad]
    before = client.get("/v1/jobs").json()
    assert_problem(client.post("/v1/articles/batch", content=body, headers=headers), status)
    assert files(server) == [] and client.get("/v1/jobs").json() == before


def test_a_chunked_batch_is_cut_off_at_the_limit(client: httpx2.Client, server: Server) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(60):
            yield b'{"text": "a"}\n' * 1_200

    assert_problem(client.post("/v1/articles/batch", content=chunks(), headers=NDJSON), 413)
    assert files(server) == []


@pytest.mark.parametrize("path", ["/v1/jobs/nope", "/v1/jobs/nope/events", "/v1/jobs/..%2f..", "/v1/jobs/%00"])
def test_unknown_jobs(client: httpx2.Client, path: str) -> None:
    assert_problem(client.get(path), 404)


def test_collections_that_cannot_be(client: httpx2.Client) -> None:
    assert_problem(post(client, "../../etc", line(1)), 422)
    assert_problem(client.post("/v1/articles/batch?colection=a", content=line(1), headers=NDJSON), 422)
    assert_problem(client.delete("/v1/jobs/nope"), 404)


def test_a_batch_whose_body_ends_early_is_not_begun(client: httpx2.Client, server: Server) -> None:
    before = client.get("/v1/jobs").json()
    head = (
        f"POST /v1/articles/batch HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
        f"Content-Type: application/x-ndjson\r\nContent-Length: 100000\r\n\r\n{line(1)}\n"
    )
    server.raw(head.encode(), close=True)
    # The connection is closed before the request is dealt with: what says so is the log.
    for _ in range(100):
        last = json.loads(server.log.read_text().splitlines()[-1])
        if last.get("path") == "/v1/articles/batch":
            break
        threading.Event().wait(0.05)
    assert last["status"] == 400
    assert files(server) == [] and client.get("/v1/jobs").json() == before


def test_many_who_follow_are_refused_beyond_a_number(client: httpx2.Client, server: Server, name: str) -> None:
    job = begun(client, name, *map(line, range(MANY)))
    with httpx2.Client(base_url=server.url, timeout=60, limits=httpx2.Limits(max_connections=100)) as crowd:
        following = [follow(crowd, job) for _ in range(64)]
        for events in following:
            assert next(events)[0] == "progress"
        assert_problem(client.get(f"/v1/jobs/{job}/events"), 503)
        for events in following:
            events.close()
    client.delete(f"/v1/jobs/{job}")
    assert ended(client, job)["state"] == "cancelled"
