"""What a library takes: disk, memory and time by number of passages.

    python -m benchmarks.sizes [--passages 1000 10000 50000] [--work DIR]

Texts are sentences of the samples in new orders, so words and lengths are those of news.  Vectors are random: how much
room they take and how long a search among them takes does not depend on what they say.  What embedding takes is in
docs/benchmarks.md.
"""

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from index import Article, Library, sentence_spans

SAMPLES = Path(__file__).parent.parent / "samples" / "articles"
SENTENCES_AN_ARTICLE = 24


class RandomEncoder:
    """Unit vectors that say nothing, of the shipped encoder's dimension."""

    fingerprint, dimension = "random", 384

    def __init__(self) -> None:
        self._chance = np.random.default_rng(1)

    def encode_passages(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return a vector for each text."""
        vectors = self._chance.standard_normal((len(texts), self.dimension), dtype=np.float32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def encode_queries(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return a vector for each text."""
        return self.encode_passages(texts)


def articles(chance: random.Random) -> Iterator[Article]:
    """Give articles without end."""
    paths = [path for path in sorted(SAMPLES.iterdir()) if path.suffix in (".txt", ".md")]
    texts = [path.read_text(encoding="utf-8", errors="ignore") for path in paths]
    sentences = [text[start:end] for text in texts for start, end in sentence_spans(text) if end - start > 40]
    number = 0
    while True:
        number += 1
        chosen = chance.sample(sentences, min(SENTENCES_AN_ARTICLE, len(sentences)))
        # Numbers of their own keep the articles from being copies of each other.
        text = " ".join(
            f"{sentence} In {chance.randrange(10_000)} it was {chance.randrange(10_000)}." for sentence in chosen
        )
        yield Article(id=f"a{number}", title=f"Report {number}", text=text)


def resident() -> float:
    """Return this process's resident memory in MiB."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def fill(folder: Path, passages: int) -> dict[str, float]:
    """Make a library of at least this many passages; return its figures."""
    begun, count, size = time.perf_counter(), 0, 0
    source = articles(random.Random(passages))
    with Library.open(folder, encoder=RandomEncoder()) as library:
        collection = library.collection()
        while count < passages:
            for added in collection.add([next(source) for _ in range(64)]):
                count += added.passages
                size += len(collection.get(added.id).text)
    seconds = time.perf_counter() - begun
    database = (folder / "default" / "articles.db").stat().st_size
    snapshot = sum(path.stat().st_size for path in (folder / "default").glob("vectors-*"))
    return {"passages": count, "text": size, "database": database, "snapshot": snapshot, "write_seconds": seconds}


def look(folder: str) -> None:
    """Open a library in this process; print what that takes as JSON."""
    before = resident()
    begun = time.perf_counter()
    with Library.open(folder, encoder=RandomEncoder(), read_only=True) as library:
        library.warm_up()
        opened = time.perf_counter() - begun
        collection = library.collection()
        times = []
        for number in range(30):
            begun = time.perf_counter()
            collection.search(f"the minister said {number} in the harbour", limit=10)
            times.append(time.perf_counter() - begun)
        figures = {"open_seconds": opened, "memory": resident() - before, "search_ms": 1000 * float(np.median(times))}
    print(json.dumps(figures))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--passages", type=int, nargs="+", default=[1_000, 10_000, 50_000])
    parser.add_argument("--work", type=Path, help="where the libraries are made for a while")
    parser.add_argument("--look", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.look:
        look(options.look)
        return
    print(
        "passages | text MiB | database MiB | snapshot MiB | memory MiB | open s | search ms | write s, vectors given"
    )
    for passages in options.passages:
        folder = Path(tempfile.mkdtemp(prefix="citespan-sizes-", dir=options.work))
        try:
            figures = fill(folder / "library", passages)
            command = [sys.executable, "-m", "benchmarks.sizes", "--look", str(folder / "library")]
            figures |= json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        finally:
            shutil.rmtree(folder)
        mebibytes = [figures[name] / 2**20 for name in ("text", "database", "snapshot")]
        print(
            f"{figures['passages']:,} | {mebibytes[0]:.1f} | {mebibytes[1]:.1f} | {mebibytes[2]:.1f} | "
            f"{figures['memory']:.0f} | {figures['open_seconds']:.2f} | {figures['search_ms']:.1f} | "
            f"{figures['write_seconds']:.0f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
