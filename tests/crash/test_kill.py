"""SIGKILL at random moments: what was acknowledged is there, what was not is there whole or not at all."""

import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx2
import numpy as np
import pytest

from index import Library
from index.ingest import embedded_text
from index.passages import split_passages
from qa import QuestionAnswering
from tests.crash.child import ARTICLES, VERSIONS, StoredEncoder, article
from tests.helpers import COMMAND, ROOT, Server, citespan, clean_environment

KILLS = 50
SEED = 20_250_101
EVERYWHERE = "subject harbour wall"


@pytest.fixture(scope="module")
def vectors(tmp_path_factory: pytest.TempPathFactory, qa: QuestionAnswering) -> Path:
    """What the real encoder makes of every article that may come."""
    texts: dict[str, None] = {}
    for number in range(ARTICLES):
        for version in range(VERSIONS):
            one = article(number, version)
            texts |= dict.fromkeys(embedded_text(one.title, p.text) for p in split_passages(one.id, one.text))
            texts[f"subject{number}x version{number}v{version}"] = None
    texts[EVERYWHERE] = None
    path = tmp_path_factory.mktemp("vectors") / "vectors.npz"
    encoder = qa.library.encoder
    np.savez(
        path,
        texts=np.array(list(texts)),
        vectors=encoder.encode_passages(list(texts)),
        fingerprint=np.array(encoder.fingerprint),
    )
    return path


def kill_once(folder: Path, vectors: Path, journal: Path, seed: int, delay: float) -> list[str]:
    """Run the child, kill it some time after it opened the library; return what it wrote to its journal."""
    journal.unlink(missing_ok=True)
    command = [sys.executable, "-m", "tests.crash.child", str(folder), str(vectors), str(journal), str(seed), "23"]
    child = subprocess.Popen(command, cwd=ROOT, env=clean_environment(), stderr=subprocess.PIPE)
    assert child.stderr is not None
    end = time.monotonic() + 60
    while not journal.exists() or not journal.read_text().startswith("open"):
        assert child.poll() is None, child.stderr.read().decode()
        assert time.monotonic() < end
        time.sleep(0.002)
    time.sleep(delay)
    child.send_signal(signal.SIGKILL)
    assert child.wait(30) == -signal.SIGKILL, child.stderr.read().decode()
    child.stderr.close()
    return journal.read_text().splitlines()


def follow(lines: list[str], versions: dict[str, str]) -> tuple[str, str] | None:
    """Bring the acknowledged versions up to date; return the change that was under way when the kill came."""
    underway = None
    for line in lines[1:]:
        what, name, version = line.split(" ")
        if what == "will":
            underway = (name, version)
        else:
            assert underway == (name, version)
            versions[name] = version
            underway = None
    return underway


def test_fifty_kills_while_articles_come_and_go(tmp_path: Path, vectors: Path) -> None:
    folder, journal, encoder = tmp_path / "library", tmp_path / "journal", StoredEncoder(str(vectors))
    chance = random.Random(SEED)
    versions: dict[str, str] = {}
    changes = wholly_done = interrupted = 0
    for kill in range(KILLS):
        # The delay is that of 0 to about 40 changes, uneven on purpose.
        lines = kill_once(folder, vectors, journal, SEED + kill, chance.random() ** 2 * 0.4)
        changes += sum(line.startswith("done") for line in lines)
        underway = follow(lines, versions)
        with Library.open(folder, encoder=encoder) as library:
            collection = library.collection()
            assert collection.check() == [], f"kill {kill} of seed {SEED}"
            present = {info.id: collection.get(info.id) for info in collection.list(limit=100).articles}
            if underway is not None:
                interrupted += 1
                name, version = underway
                text = article(int(name[1:]), int(version)).text if version != "-" else None
                if (present[name].text if name in present else None) == text:
                    versions[name] = version
                    wholly_done += 1
            expected = {name: version for name, version in versions.items() if version != "-"}
            assert set(present) == set(expected), f"kill {kill} of seed {SEED}"
            for name, version in expected.items():
                wanted = article(int(name[1:]), int(version))
                stored = present[name]
                assert (stored.text, stored.info.title) == (wanted.text, wanted.title)
                assert tuple(p.text for p in stored.passages) == tuple(
                    p.text for p in split_passages(name, wanted.text)
                )
                found = collection.search(f"subject{name[1:]}x version{name[1:]}v{version}", limit=100)
                of_it = [candidate for candidate in found if candidate.article.id == name]
                assert len(of_it) == len(stored.passages)
                assert all(one.dense_rank and one.lexical_rank for one in of_it)
            assert {c.article.id for c in collection.search(EVERYWHERE, limit=100)} <= set(expected)
        names = {path.name for path in folder.rglob("*") if path.is_file()}
        assert not {name for name in names if name.endswith(".tmp")}
        assert len(names) <= 8, names
    assert changes >= 4 * KILLS, "the kills came before there was anything to lose"
    assert interrupted >= KILLS // 5, "hardly a kill fell into a change"
    assert wholly_done < interrupted, "no change was undone: the kills came too late to show anything"


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
