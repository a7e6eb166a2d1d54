"""SIGKILL at random moments: what was acknowledged is there, what was not is there whole or not at all."""

import random
import shutil
import signal
import subprocess
import threading
from pathlib import Path

import httpx2
import pytest

from index import Library
from qa import QuestionAnswering
from tests.crash.killing import kill_often, save_vectors
from tests.helpers import COMMAND, Server, citespan, clean_environment

KILLS = 30
SEED = 20_250_101


@pytest.fixture(scope="module")
def vectors(tmp_path_factory: pytest.TempPathFactory, qa: QuestionAnswering) -> Path:
    return save_vectors(qa.library.encoder, tmp_path_factory.mktemp("vectors") / "vectors.npz")


def test_thirty_kills_while_articles_come_and_go(tmp_path: Path, vectors: Path) -> None:
    kills = kill_often(tmp_path, vectors, KILLS, SEED)
    assert kills.changes >= 4 * KILLS, "the kills came before there was anything to lose"
    assert kills.interrupted >= KILLS // 5, "hardly a kill fell into a change"
    assert kills.wholly_done < kills.interrupted, "no change was undone: the kills came too late to show anything"


@pytest.mark.timeout(300)
def test_a_killed_server_keeps_what_it_acknowledged(tmp_path: Path, sample_library: Path) -> None:
    shutil.copytree(sample_library, tmp_path / "library")
    acknowledged: dict[str, str] = {}
    underway: dict[str, str] = {}
    chance = random.Random(SEED)
    for life in range(3):
        with Server(tmp_path / "library", tmp_path / "log") as server:
            stop = threading.Timer(0.3 + chance.random(), lambda s=server: s.stop(signal.SIGKILL))
            stop.start()
            try:
                for number in range(10_000):
                    name = f"k{number % 40}"
                    text = f"In life {life} the crane {name}q lifted {number} crates of copper wire at the quay."
                    underway[name] = text
                    reply = httpx2.post(server.url + "/v1/articles", json={"id": name, "text": text}, timeout=30)
                    assert reply.status_code in (200, 201)
                    acknowledged[name] = underway.pop(name)
            except httpx2.TransportError:
                pass
            stop.join()
    assert acknowledged
    with Server(tmp_path / "library", tmp_path / "log") as server, httpx2.Client(base_url=server.url) as client:
        for name, text in acknowledged.items():
            # What was on its way when a kill came may be newer than what was acknowledged.
            assert client.get(f"/v1/articles/{name}").json()["text"] in (text, underway.get(name, text))
            found = client.post("/v1/search", json={"query": f"crane {name}q copper wire", "limit": 3}).json()
            assert name in [one["article"]["id"] for one in found["passages"]]


@pytest.mark.timeout(300)
def test_an_add_that_was_killed_can_be_run_again(tmp_path: Path, qa: QuestionAnswering) -> None:
    folder = tmp_path / "articles"
    folder.mkdir()
    for number in range(120):
        (folder / f"{number}.txt").write_text(f"The ferry number {number} crosses the sound. " * (1 + number % 9))
    command = [*COMMAND, "add", str(folder), "--library", str(tmp_path / "library")]
    child = subprocess.Popen(command, env=clean_environment(), stdout=subprocess.PIPE)
    assert child.stdout is not None
    first = child.stdout.readline()
    child.send_signal(signal.SIGKILL)
    rest = child.stdout.read()
    child.wait()
    child.stdout.close()
    printed = {line.split("\t")[0] for line in (first + rest).decode().splitlines()}
    with Library.open(tmp_path / "library", encoder=qa.library.encoder) as library:
        there = {info.id for info in library.collection().list(limit=500).articles}
        assert printed <= there and library.collection().check() == []
    again = citespan("add", str(folder), "--library", str(tmp_path / "library"))
    assert again.returncode == 0, again.stderr
    lines = again.stdout.decode().splitlines()
    assert len(lines) == 120 and sum(line.endswith("unchanged") for line in lines) == len(there)
    with Library.open(tmp_path / "library", encoder=qa.library.encoder) as library:
        assert library.collection().info().articles == 120 and library.collection().check() == []
