"""citespan jobs: what a service has left to do, while none runs; and its resumption over HTTP."""

import json
from pathlib import Path

import httpx2

from index import Library
from tests.crash.plain_encoder import PlainEncoder
from tests.helpers import Server, assert_problem, citespan
from tests.index.test_jobs import line, queued
from tests.jobs import ended


def stopped(folder: Path, lines: int) -> str:
    with Library.open(folder, encoder=PlainEncoder()) as library:
        collection = library.collection()
        job = queued(collection, *map(line, range(lines)))
        return collection.jobs.stop(job.id, "nobody knows why").id


def test_stopped_jobs_are_listed_and_resumed(tmp_path: Path) -> None:
    job = stopped(tmp_path, 3)
    here = ("--library", str(tmp_path))
    listed = citespan("jobs", "list", *here)
    assert listed.returncode == 0
    assert listed.stdout.decode().split("\t") == [job, "stopped", "0 of 3", "default", "nobody knows why\n"]
    assert json.loads(citespan("jobs", "list", "--json", *here).stdout)["state"] == "stopped"
    resumed = citespan("jobs", "resume", job, *here)
    assert resumed.returncode == 0 and job.encode() in resumed.stderr
    assert json.loads(citespan("jobs", "list", "--json", *here).stdout)["state"] == "queued"
    unknown = citespan("jobs", "resume", "job_none", *here)
    assert unknown.returncode == 2 and b"job_none" in unknown.stderr


def test_a_service_leaves_a_stopped_job_alone_until_it_is_resumed(tmp_path: Path) -> None:
    folder = tmp_path / "library"
    job = stopped(folder, 3)
    with Server(folder, tmp_path / "log") as server, httpx2.Client(base_url=server.url, timeout=60) as client:
        facts = client.get(f"/v1/jobs/{job}").json()
        assert (facts["state"], facts["error"], facts["done"]) == ("stopped", "nobody knows why", 0)
        assert ended(client, job)["state"] == "stopped"
        assert client.post(f"/v1/jobs/{job}/resume").json()["state"] in ("queued", "running")
        assert (ended(client, job)["state"], ended(client, job)["done"]) == ("done", 3)
        assert_problem(client.post(f"/v1/jobs/{job}/resume"), 409)
        assert_problem(client.post("/v1/jobs/job_none/resume"), 404)
