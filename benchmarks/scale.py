"""Search among 10 thousand, 100 thousand and 1 million vectors: time, recall beside exact search, memory, opening.

    python -m benchmarks.scale --data DATA/eval --work runs/development

The vectors of the development paragraphs, with noise beyond the real ones so that each stays about as near to its own
questions as a neighbouring paragraph; questions are real.
"""

import multiprocessing
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.shared import arguments, memory_bytes, paragraphs, questions, show
from index import SentenceEncoder
from index.search.vector_index import EXACT, VectorIndex

SEED = 20261128
SIZES = (10_000, 100_000, 1_000_000)
QUESTIONS = 200
BATCH = 20_000
# Cosine of a made vector and the real one that it is made from.
NEAR = 0.75
FIRST = 10
# As deep as a question is searched for; what is found is then ranked by its exact cosines.
POOL = 100


def vectors_of(real: np.ndarray, count: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield (ids, unit vectors) in batches: the real ones, then copies with noise; the same each time."""
    dimension = real.shape[1]
    for at in range(0, count, BATCH):
        size = min(BATCH, count - at)
        dice = np.random.default_rng([SEED, at])
        chosen = real[dice.integers(0, len(real), size)]
        noise = dice.standard_normal((size, dimension), dtype=np.float32)
        noise *= np.sqrt(1 - NEAR**2) / NEAR / np.sqrt(dimension)
        made = chosen + noise
        if at == 0:
            made[: len(real)] = real[:size]
        made /= np.linalg.norm(made, axis=1, keepdims=True)
        yield np.arange(at, at + size, dtype=np.int64), made.astype(np.float32)


def truth(real: np.ndarray, count: int, queries: np.ndarray) -> list[set[int]]:
    """Return the ids of each query's first ten by exact search, a batch at a time."""
    best_ids = np.empty((len(queries), 0), np.int64)
    best = np.empty((len(queries), 0), np.float32)
    for ids, rows in vectors_of(real, count):
        scores = np.concatenate([best, queries @ rows.T], axis=1)
        names = np.concatenate([best_ids, np.broadcast_to(ids, (len(queries), len(ids)))], axis=1)
        top = np.argpartition(-scores, FIRST, axis=1)[:, :FIRST]
        best, best_ids = np.take_along_axis(scores, top, 1), np.take_along_axis(names, top, 1)
    return [set(row.tolist()) for row in best_ids]


def measure(real: np.ndarray, count: int, queries: np.ndarray, folder: Path) -> dict[str, Any]:
    """Return the figures of one size."""
    begun = time.perf_counter()
    if count > EXACT:
        index = VectorIndex.grown(real.shape[1], count, lambda: vectors_of(real, count))
    else:
        index = VectorIndex(real.shape[1])
        for batch in vectors_of(real, count):
            index.add(*batch)
    built = time.perf_counter() - begun
    index.save(folder, generation=1, encoder="scale")
    del index
    # In a process of its own, whose memory is this index's alone.
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        facts, found = pool.apply(searched, (folder, queries))
    wanted = truth(real, count, queries)
    recall = np.mean([len(one & set(ids)) / FIRST for one, ids in zip(wanted, found, strict=True)])
    return {"passages": count, "build_s": round(built, 1), **facts, "recall_at_10": round(float(recall), 4)}


def searched(folder: Path, queries: np.ndarray) -> tuple[dict[str, Any], list[list[int]]]:
    """Open an index and search it; return the figures, and what each query found."""
    import faiss  # noqa: F401 - what the library takes is not the index's

    before = memory_bytes()
    begun = time.perf_counter()
    loaded = VectorIndex.load(folder, encoder="scale", dimension=queries.shape[1])
    opened = time.perf_counter() - begun
    if loaded is None:
        raise SystemExit("the snapshot cannot be read back")
    memory = memory_bytes() - before
    seconds, found = [], []
    for query in queries:
        begun = time.perf_counter()
        ids, _ = loaded[0].search(query, POOL)
        seconds.append(time.perf_counter() - begun)
        found.append(ids.tolist())
    facts = {
        "open_s": round(opened, 2),
        "bytes_a_passage": round(memory / len(loaded[0])),
        "search_median_ms": round(1000 * float(np.median(seconds)), 2),
        "search_p95_ms": round(1000 * float(np.percentile(seconds, 95)), 2),
    }
    return facts, found


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    options = parser.parse_args()
    encoder = SentenceEncoder()
    _, real = paragraphs(options.data, options.work, encoder)
    asked = questions(options.data, SEED)[:QUESTIONS]
    queries = encoder.encode_queries([example.question for example in asked])
    rows = []
    for count in options.sizes:
        with tempfile.TemporaryDirectory(dir=options.work) as folder:
            rows.append(measure(real, count, queries, Path(folder)))
    show(rows, {}, options.json)


if __name__ == "__main__":
    main()
