"""Kills a process that adds, replaces and removes articles, again and again, and looks at what it leaves each time."""

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from index import Encoder, Library
from index.embedding.encoder import embedded_text
from index.text.passages import split_passages
from tests.crash.child import ARTICLES, VERSIONS, StoredEncoder, article
from tests.helpers import ROOT, clean_environment

EVERYWHERE = "subject harbour wall"


@dataclass
class Kills:
    """What fell to the kills.

    Attributes:
        changes: how many were acknowledged.
        interrupted: kills that came during a change.
        wholly_done: of these changes, those that were there all the same.
    """

    changes: int = 0
    interrupted: int = 0
    wholly_done: int = 0


def save_vectors(encoder: Encoder, path: Path) -> Path:
    """Keep what the real encoder makes of every article that may come, for processes that cannot load it."""
    texts: dict[str, None] = {}
    for number in range(ARTICLES):
        for version in range(VERSIONS):
            each = article(number, version)
            texts |= dict.fromkeys(embedded_text(each.title, p.text) for p in split_passages(each.id, each.text))
            texts[f"subject{number}x version{number}v{version}"] = None
    texts[EVERYWHERE] = None
    vectors, fingerprint = encoder.encode_passages(list(texts)), np.array(encoder.fingerprint)
    np.savez(path, texts=np.array(list(texts)), vectors=vectors, fingerprint=fingerprint)
    return path


def kill_once(folder: Path, vectors: Path, journal: Path, seed: int, changes: int, delay: float) -> list[str]:
    """Run the child, kill it some time after it has made some changes; return what it wrote to its journal."""
    journal.unlink(missing_ok=True)
    command = [sys.executable, "-m", "tests.crash.child", str(folder), str(vectors), str(journal), str(seed), "23"]
    child = subprocess.Popen(command, cwd=ROOT, env=clean_environment(), stderr=subprocess.PIPE)
    assert child.stderr is not None
    end = time.monotonic() + 60
    # Counted, not timed: how long a change takes depends on what else the machine does.
    while not journal.exists() or journal.read_text().count("done") < changes:
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


def kill_often(
    folder: Path, vectors: Path, count: int, seed: int, killed: Callable[[int], None] = lambda count: None
) -> Kills:
    """Kill the child at random moments; after each kill the library must hold what was acknowledged, and no half.

    Args:
        folder: for the library and the child's journal; exists.
        vectors: from save_vectors().
        count: of kills.
        seed: of the moments and of what the child does.
        killed: called after each kill with how many there were.
    """
    library_folder, journal, encoder = folder / "library", folder / "journal", StoredEncoder(str(vectors))
    chance = random.Random(seed)
    versions: dict[str, str] = {}
    kills = Kills()
    for kill in range(count):
        # Uneven on purpose: some kills come while the library is still being opened.
        changes, delay = int(chance.random() ** 2 * 20), chance.random() * 0.03
        lines = kill_once(library_folder, vectors, journal, seed + kill, changes, delay)
        kills.changes += sum(line.startswith("done") for line in lines)
        underway = follow(lines, versions)
        with Library.open(library_folder, encoder=encoder) as library:
            collection = library.collection()
            assert collection.check() == [], f"kill {kill} of seed {seed}"
            present = {info.id: collection.get(info.id) for info in collection.list(limit=100).articles}
            if underway is not None:
                kills.interrupted += 1
                name, version = underway
                text = article(int(name[1:]), int(version)).text if version != "-" else None
                if (present[name].text if name in present else None) == text:
                    versions[name] = version
                    kills.wholly_done += 1
            expected = {name: version for name, version in versions.items() if version != "-"}
            assert set(present) == set(expected), f"kill {kill} of seed {seed}"
            for name, version in expected.items():
                original = article(int(name[1:]), int(version))
                stored = present[name]
                assert (stored.text, stored.info.title) == (original.text, original.title)
                assert tuple(p.text for p in stored.passages) == tuple(
                    p.text for p in split_passages(name, original.text)
                )
                candidates = collection.search(f"subject{name[1:]}x version{name[1:]}v{version}", limit=100)
                of_it = [candidate for candidate in candidates if candidate.article.id == name]
                assert len(of_it) == len(stored.passages)
                assert all(candidate.dense_rank and candidate.lexical_rank for candidate in of_it)
            assert {c.article.id for c in collection.search(EVERYWHERE, limit=100)} <= set(expected)
        names = {path.name for path in library_folder.rglob("*") if path.is_file()}
        assert not {name for name in names if name.endswith(".tmp")}
        assert len(names) <= 8, names
        killed(kill + 1)
    return kills
