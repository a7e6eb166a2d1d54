"""Jobs over the lives of a service: an orderly restart, a disk that is full, another program in between."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.helpers import Server, assert_problem, clean_environment
from tests.jobs import articles, begun, ended, files, follow, line, post

# More than the small disk holds.
SOME = 1_500


def test_a_job_goes_on_after_an_orderly_restart(tmp_path: Path) -> None:
    server = Server(tmp_path / "library", tmp_path / "log")
    with server, httpx2.Client(base_url=server.url, timeout=60) as client:
        job = begun(client, "default", *["[]" if number % 10 == 0 else line(number) for number in range(600)])
        events = follow(client, job)
        assert next(facts for _, facts in events if facts["done"])["done"] < 540
        assert server.stop() == 0
    with server, httpx2.Client(base_url=server.url, timeout=60) as client:
        last = ended(client, job)
        assert (last["state"], last["done"], last["failed"], last["total"]) == ("done", 540, 60, 600)
        assert len(articles(client, "default")) == 540 and files(server) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 42 MiB, 40 of them taken."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=42m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a disk of a test's own can be mounted by root only")
    (folder / "filler").write_bytes(bytes(40 * 1024**2))
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_refuses_a_batch_and_stops_no_job(tmp_path: Path, small_disk: Path) -> None:
    with (
        Server(small_disk / "library", tmp_path / "log", CITESPAN_FREE_BYTES="0") as server,
        httpx2.Client(base_url=server.url, timeout=60) as client,
    ):
        job = begun(client, "default", *map(line, range(SOME)))
        waiting = next(facts for _, facts in follow(client, job) if facts["waits"])
        assert waiting["waits"] == "the disk is full" and 0 < waiting["done"] < SOME
        assert_problem(post(client, "default", *map(line, range(40_000))), 507)
        assert files(server) == [f"{job}.ndjson"]
        (small_disk / "filler").unlink()
        last = ended(client, job)
        assert (last["state"], last["done"], last["failed"]) == ("done", SOME, 0)


def test_jobs_are_not_begun_by_the_command(tmp_path: Path) -> None:
    """A job waits for a service: `citespan list` beside it neither works on it nor loses it."""
    server = Server(tmp_path / "library", tmp_path / "log")
    with server, httpx2.Client(base_url=server.url, timeout=60) as client:
        job = begun(client, "default", *map(line, range(400)))
        next(facts for _, facts in follow(client, job) if facts["done"])
        server.stop(9)
    command = [sys.executable, "-m", "api.cli", "add", "-", "--library", str(server.library)]
    added = subprocess.run(command, input=line(9_999).encode(), env=clean_environment(), capture_output=True)
    assert added.returncode == 0, added.stderr
    with server, httpx2.Client(base_url=server.url, timeout=60) as client:
        assert ended(client, job)["done"] == 400
        assert len(articles(client, "default")) == 401
