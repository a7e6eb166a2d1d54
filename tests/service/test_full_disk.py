"""A disk that is full: what adds is refused early, what answers and removes goes on, and what is removed makes room."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from api.auth.callers import Scope
from api.auth.keys import Keys
from index import Library, Records
from tests.crash.plain_encoder import PlainEncoder
from tests.helpers import Server, assert_problem, citespan
from tests.jobs import ended, line, post

QUESTION = {"question": "Who keeps the lighthouse at Varn?"}
KEEPER = "The lighthouse at Varn is kept by Olga Tamm."
MIB = 1024**2


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a disk of a test's own can be mounted by root only")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(disk: Path, leave: int = 0) -> None:
    """Take what is free of the disk but for some bytes, as another program would."""
    state = os.statvfs(disk)
    with (disk / "filler").open("ab") as file:
        os.posix_fallocate(file.fileno(), file.tell(), state.f_bavail * state.f_frsize - leave)
    assert os.statvfs(disk).f_bavail * state.f_frsize == leave


def article(number: int) -> dict[str, str]:
    words = (f"The {number}th crane lifts crate {place * number} of {place % 97} sheds." for place in range(200))
    return {"id": f"a{number}", "title": f"Quay {number}", "text": " ".join(words)}


def filled(client: httpx2.Client) -> int:
    """Add articles until one is refused; return how many there are."""
    for number in range(500):
        reply = client.post("/v1/articles", json=article(number))
        if reply.status_code != 201:
            assert "nearly full" in assert_problem(reply, 507)["detail"]
            return number
    raise AssertionError("the disk does not get full")


def asked(client: httpx2.Client, times: int) -> None:
    for _ in range(times):
        reply = client.post("/v1/ask", json=QUESTION)
        assert reply.status_code == 200 and reply.json()["answer"] == "Olga Tamm"


@pytest.mark.timeout(300)
def test_a_full_disk_answers_is_emptied_and_takes_articles_again(tmp_path: Path, disk: Path) -> None:
    server = Server(disk / "library", tmp_path / "log", CITESPAN_ASK_SECONDS="60")
    with server, httpx2.Client(base_url=server.url, timeout=60) as client:
        client.post("/v1/articles", json={"id": "keeper", "text": KEEPER})
        talk = client.post("/v1/conversations").json()["id"]
        spare = client.post("/v1/conversations").json()["id"]
        assert client.get("/readyz").json() == {"status": "ready"}
        fill(disk, leave=9 * MIB)
        count = filled(client)
        assert count > 3
        asked(client, 20)
        ready = client.get("/readyz")
        assert ready.status_code == 200 and "nearly full" in ready.json()["adds"]
        assert "citespan_adds_refused 1.0" in client.get("/metrics").text
        assert_problem(post(client, "default", *map(line, range(20))), 507)
        for number in range(count // 2):
            assert client.delete(f"/v1/articles/a{number}").status_code == 204
        for number in range(2):
            assert client.post("/v1/articles", json=article(900 + number)).status_code == 201
        job = post(client, "default", *map(line, range(20))).json()["job"]["id"]
        assert ended(client, job)["done"] == 20

        fill(disk)
        asked(client, 20)
        answered = client.post(f"/v1/conversations/{talk}/messages", json=QUESTION)
        assert answered.status_code == 200 and answered.json()["answer"] == "Olga Tamm"
        assert answered.json()["kept"] is False and [hint["code"] for hint in answered.json()["hints"]] == ["unkept"]
        streamed = client.post(
            f"/v1/conversations/{talk}/messages", json=QUESTION, headers={"Accept": "text/event-stream"}
        )
        assert '"kept":false' in streamed.text and "event: done" in streamed.text
        assert client.get(f"/v1/conversations/{talk}").json()["messages"] == []
        assert_problem(client.post("/v1/articles", json=article(950)), 507)
        assert_problem(post(client, "default", line(1)), 507)
        assert client.delete(f"/v1/conversations/{spare}").status_code == 204
        for number in range(count // 2, count):
            assert client.delete(f"/v1/articles/a{number}").status_code == 204
        asked(client, 5)
        (disk / "filler").unlink()
        assert client.post("/v1/articles", json=article(951)).status_code == 201
        kept = client.post(f"/v1/conversations/{talk}/messages", json=QUESTION).json()
        assert kept["kept"] is True and kept["hints"] == []
    expected = {"keeper", "a900", "a901", "a951", *(f"n{number}" for number in range(20))}
    with Library.open(server.library, encoder=PlainEncoder(), read_only=True) as library:
        assert {info.id for info in library.collection().list(limit=1_000).articles} == expected
    checked = citespan("check", "--json", "--library", str(server.library))
    assert checked.returncode == 0, checked.stdout.decode()


@pytest.mark.timeout(300)
def test_a_service_starts_on_a_full_disk_and_removes_everything(tmp_path: Path, disk: Path) -> None:
    server = Server(disk / "library", tmp_path / "log")
    with server, httpx2.Client(base_url=server.url, timeout=60) as client:
        client.post("/v1/articles", json={"id": "keeper", "text": KEEPER})
        client.post("/v1/articles", json={"id": "other", "text": KEEPER, "collection": "second"})
        records = Records(disk / "library")
        Keys(records).add("writer", Scope.ADMIN)
        records.close()
        fill(disk, leave=2 * MIB)  # so that the reserve is left behind
    fill(disk)
    server.environment["CITESPAN_KEYS"] = "off"
    with server, httpx2.Client(base_url=server.url, timeout=60) as client:
        asked(client, 3)
        assert client.delete("/v1/articles/keeper").status_code == 204
        assert client.delete("/v1/collections/second").status_code == 204
        refused = citespan("keys", "revoke", "writer", "--library", str(server.library))
        assert refused.returncode == 0, refused.stderr
        assert client.delete("/v1/collections/default").status_code == 204
        assert client.get("/v1/articles").json()["articles"] == []
        (disk / "filler").unlink()
        assert client.post("/v1/articles", json=article(1)).status_code == 201
    added = citespan("list", "--json", "--library", str(server.library))
    assert json.loads(added.stdout)["id"] == "a1"
