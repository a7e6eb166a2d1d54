"""The same articles into an empty collection, in turns: Citespan, and sentence-transformers with FAISS alone.

    python -m benchmarks.indexing --data DATA/eval --work runs/development

Citespan also cleans, splits, writes the articles, their words and vectors to the disk and syncs them; the plain script
only embeds texts that are passages already, and keeps the vectors.
"""

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.shared import arguments, memory_bytes, show
from index import Article, Library, SentenceEncoder
from index.embedding.encoder import embedded_text
from training.development_data import CORPUS
from training.jsonl import read_lines

TURNS = 4


def main() -> None:
    """Index, print."""
    import faiss
    from sentence_transformers import SentenceTransformer

    parser = arguments(__doc__)
    options = parser.parse_args()
    rows = read_lines(options.data / CORPUS)
    encoder = SentenceEncoder()
    encoder.encode_queries(["Is it ready?"])
    plain = SentenceTransformer(
        str(encoder.card.path), device="cpu", local_files_only=True, model_kwargs={"dtype": torch.float32}
    )
    blocks = [rows[turn::TURNS] for turn in range(TURNS)]
    seconds: dict[str, list[float]] = {"Citespan": [], "sentence-transformers and FAISS": []}
    passages = {name: 0 for name in seconds}
    memory = []
    for block in blocks:
        with (
            tempfile.TemporaryDirectory() as folder,
            Library.open(Path(folder) / "library", encoder=encoder) as library,
        ):
            collection = library.collection("default", create=True)
            articles = [Article(row["text"], id=row["id"], title=row["title"]) for row in block]
            begun = time.perf_counter()
            for added in collection.add(articles):
                passages["Citespan"] += added.passages
            seconds["Citespan"].append(time.perf_counter() - begun)
        memory.append(memory_bytes() // 2**20)
        name = "sentence-transformers and FAISS"
        texts = [embedded_text(row["title"], row["text"]) for row in block]
        begun = time.perf_counter()
        vectors = plain.encode(texts, normalize_embeddings=True, show_progress_bar=False)
        index = faiss.IndexFlatIP(vectors.shape[1])
        index.add(np.asarray(vectors, np.float32))
        seconds[name].append(time.perf_counter() - begun)
        passages[name] += len(texts)
    rates = {name: passages[name] / sum(seconds[name]) for name in seconds}
    table: list[dict[str, Any]] = [
        {
            "system": name,
            "passages": passages[name],
            "seconds": round(sum(seconds[name]), 1),
            "passages_per_second": round(rates[name], 1),
            "times plain": round(rates[name] / rates["sentence-transformers and FAISS"], 2),
        }
        for name in seconds
    ]
    show(table, {"resident MiB after each block": memory}, options.json)


if __name__ == "__main__":
    main()
