"""A process that adds, replaces and removes articles until it is killed.

    python -m tests.crash.child LIBRARY VECTORS JOURNAL SEED SNAPSHOT_EVERY

Before each change its intention goes to the journal, after it its acknowledgement: one line each, in
one write.  A kill loses no write that the operating system has taken.
"""

import os
import random
import sys
from collections.abc import Sequence
from pathlib import Path

import datasketch  # noqa: F401  (a third of a second, which the first article would take: kills should come later)
import numpy as np
import numpy.typing as npt

import index.search.live_vectors
from index import Article, Library

ARTICLES = 12
VERSIONS = 4


class StoredEncoder:
    """Real vectors, made once by the real encoder: a process that lives for a moment cannot load it.

    Args:
        path: .npz with texts, vectors and the real encoder's fingerprint.
    """

    def __init__(self, path: str) -> None:
        held = np.load(path)
        self.fingerprint = str(held["fingerprint"])
        self.dimension = int(held["vectors"].shape[1])
        self._known = dict(zip(held["texts"].tolist(), held["vectors"], strict=True))

    def encode_passages(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        return np.stack([self._known[text] for text in texts])

    def encode_queries(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        return self.encode_passages(texts)


def article(number: int, version: int) -> Article:
    """Return one of the articles that come and go; later versions are longer, so that passages change in number."""
    word, mark = f"subject{number}x", f"version{number}v{version}"
    sentence = f"The {word} of {mark} was seen near the old harbour wall by the keeper and by two of the pilots. "
    return Article(id=f"a{number}", title=f"About {word}", text=(sentence * (1 + 9 * version)).strip())


def main(folder: str, vectors: str, journal: str, seed: str, snapshot_every: str) -> None:
    # Small, so that kills fall into snapshots too.
    index.search.live_vectors.SNAPSHOT_EVERY = int(snapshot_every)
    chance = random.Random(int(seed))
    log = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def write(line: str) -> None:
        os.write(log, f"{line}\n".encode())

    with Library.open(Path(folder), encoder=StoredEncoder(vectors)) as library:
        collection = library.collection()
        present = {info.id for info in collection.list(limit=100).articles}
        write("open")
        while True:
            number = chance.randrange(ARTICLES)
            name = f"a{number}"
            if name in present and chance.random() < 0.4:
                write(f"will {name} -")
                collection.remove(name)
                present.discard(name)
                write(f"done {name} -")
            else:
                version = chance.randrange(VERSIONS)
                write(f"will {name} {version}")
                collection.add_one(article(number, version))
                present.add(name)
                write(f"done {name} {version}")


if __name__ == "__main__":
    main(*sys.argv[1:])
