"""The same questions of the same paragraphs with the same weights, in turns: Citespan and what one would take instead.

    python -m benchmarks.peers --data DATA/eval --work runs/development

Peers that are not installed are left out and said to be: ``pip install -r benchmarks/peers.txt`` brings them.  Blocks
of questions go round in turns, so that whatever else the machine does weighs on all alike; ratios hold on any machine,
milliseconds on this one.
"""

import importlib.util
import resource
import shutil
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import track
from safetensors.torch import load_file, save_file

from benchmarks.shared import arguments, paragraphs, questions, show
from index import Machine, SentenceEncoder
from qa import Example, QuestionAnswering
from qa.evaluation.metrics import f1
from qa.reading.reader import Reader
from training.development_data import library

SEED = 20261126
READ = 10
BLOCK = 8
Ask = Callable[[str], str]


@dataclass
class Contestant:
    """One system and what it did.

    Attributes:
        name: what the table calls it.
        ask: question → answer, empty for none.
        seconds: of each question.
        right: F1 of each answer.
        failed: questions at which it broke; they count as answered wrong.
        unusable: why it was not asked at all, None where it was.
    """

    name: str
    ask: Ask
    seconds: list[float] = field(default_factory=list)
    right: list[float] = field(default_factory=list)
    failed: int = 0
    unusable: str | None = None


def plain(texts: Sequence[str], vectors: np.ndarray, encoder: str, reader: str) -> Ask:
    """Return the script that everybody writes: sentence-transformers, faiss, transformers, best span of ten."""
    import faiss
    from sentence_transformers import SentenceTransformer
    from transformers import AutoModelForQuestionAnswering, AutoTokenizer

    embedder = SentenceTransformer(encoder, device="cpu", local_files_only=True, model_kwargs={"dtype": torch.float32})
    tokenizer = AutoTokenizer.from_pretrained(reader, local_files_only=True)
    network = AutoModelForQuestionAnswering.from_pretrained(reader, local_files_only=True, dtype=torch.float32).eval()
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)

    def ask(question: str) -> str:
        query = embedder.encode([question], normalize_embeddings=True, show_progress_bar=False)
        _, found = index.search(query, READ)
        passages = [texts[place] for place in found[0]]
        batch = tokenizer(
            [question] * len(passages),
            passages,
            truncation="only_second",
            max_length=384,
            padding=True,
            return_tensors="pt",
            return_offsets_mapping=True,
        )
        offsets = batch.pop("offset_mapping").numpy()
        with torch.inference_mode():
            output = network(**batch)
        best, answer = -np.inf, ""
        for row, passage in enumerate(passages):
            inside = np.array([sequence == 1 for sequence in batch.sequence_ids(row)])
            start = np.where(inside, output.start_logits[row].numpy(), -np.inf)
            end = np.where(inside, output.end_logits[row].numpy(), -np.inf)
            scores = np.triu(start[:, None] + end[None, :]) - np.tril(np.full((len(start),) * 2, np.inf), -1)
            scores -= np.triu(np.full((len(start),) * 2, np.inf), 30)
            scores[np.isnan(scores)] = -np.inf
            first, last = np.unravel_index(int(np.argmax(scores)), scores.shape)
            score = float(scores[first, last]) - float(output.start_logits[row, 0] + output.end_logits[row, 0])
            if score > best:
                best, answer = score, passage[offsets[row, first, 0] : offsets[row, last, 1]]
        return answer

    return ask


def txtai(texts: Sequence[str], encoder: str, reader: str) -> Ask:
    """Return txtai's extractor over its own index of the paragraphs."""
    from txtai.embeddings import Embeddings
    from txtai.pipeline import Extractor

    embeddings = Embeddings({"path": encoder, "content": True, "gpu": False})
    embeddings.index([(place, text, None) for place, text in enumerate(texts)])
    extractor = Extractor(embeddings, reader, gpu=False, context=READ, task="question-answering")

    def ask(question: str) -> str:
        found = extractor([("answer", question, question, False)])
        return str(found[0][1] or "")

    return ask


def haystack(texts: Sequence[str], vectors: np.ndarray, encoder: str, reader: str) -> Ask:
    """Return Haystack's in-memory embedding retriever and extractive reader."""
    from haystack import Document
    from haystack.components.embedders import SentenceTransformersTextEmbedder
    from haystack.components.readers import ExtractiveReader
    from haystack.components.retrievers.in_memory import InMemoryEmbeddingRetriever
    from haystack.document_stores.in_memory import InMemoryDocumentStore
    from haystack.utils import ComponentDevice

    store = InMemoryDocumentStore(embedding_similarity_function="dot_product")
    store.write_documents(
        [
            Document(id=str(place), content=text, embedding=vector.tolist())
            for place, (text, vector) in enumerate(zip(texts, vectors, strict=True))
        ]
    )
    cpu = ComponentDevice.from_str("cpu")
    embedder = SentenceTransformersTextEmbedder(
        model=encoder, device=cpu, normalize_embeddings=True, progress_bar=False
    )
    retriever = InMemoryEmbeddingRetriever(store, top_k=READ)
    extractor = ExtractiveReader(model=reader, device=cpu, top_k=1, no_answer=False)
    embedder.warm_up()
    extractor.warm_up()

    def ask(question: str) -> str:
        vector = embedder.run(question)["embedding"]
        documents = retriever.run(query_embedding=vector)["documents"]
        answers = extractor.run(query=question, documents=documents)["answers"]
        return str(answers[0].data or "") if answers else ""

    return ask


def widened(folder: str, work: Path) -> str:
    """Return a copy of a model with its weights in float32: peers would run half precision as it is, slowly."""
    source = Path(folder)
    copy = work / f"float32-{source.name}"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(source, copy)
    for part in copy.glob("*.safetensors"):
        save_file({name: tensor.float() for name, tensor in load_file(part).items()}, part, metadata={"format": "pt"})
    return str(copy)


def run(contestants: Sequence[Contestant], examples: Sequence[Example]) -> None:
    """Ask every contestant every question, block by block in turns; each block's first contestant is another.

    One that fails at its first questions is asked no more.
    """
    for contestant in contestants:
        try:
            for example in examples[:2]:  # what is loaded or allocated at the first question
                contestant.ask(example.question)
        except Exception as error:  # whatever a peer may raise
            contestant.unusable = f"in its warm-up: {type(error).__name__}: {error}"[:200]
    contestants = [contestant for contestant in contestants if contestant.unusable is None]
    blocks = [examples[first : first + BLOCK] for first in range(0, len(examples), BLOCK)]
    for number, block in enumerate(track(blocks, "asking")):
        for place in range(len(contestants)):
            contestant = contestants[(number + place) % len(contestants)]
            for example in block:
                begun = time.perf_counter()
                try:
                    answer = contestant.ask(example.question)
                except Exception:  # whatever a peer may raise
                    answer = ""
                    contestant.failed += 1
                contestant.seconds.append(time.perf_counter() - begun)
                contestant.right.append(f1(answer, example.references))


def figures(contestants: Sequence[Contestant], base: Contestant) -> list[dict[str, Any]]:
    """Return a row for each: milliseconds, how many times faster than the base, F1."""

    def p95(seconds: Sequence[float]) -> float:
        return float(np.percentile(seconds, 95))

    def row(contestant: Contestant) -> dict[str, Any]:
        seconds = contestant.seconds
        if contestant.unusable is not None or not seconds or not base.seconds:
            measured: dict[str, Any] = dict.fromkeys(("median_ms", "p95_ms", "faster_median", "faster_p95"))
            right = None
        else:
            measured = {
                "median_ms": round(1000 * statistics.median(seconds), 1),
                "p95_ms": round(1000 * p95(seconds), 1),
                "faster_median": round(statistics.median(base.seconds) / statistics.median(seconds), 2),
                "faster_p95": round(p95(base.seconds) / p95(seconds), 2),
            }
            right = round(100 * statistics.fmean(contestant.right), 1)
        failed = contestant.failed if contestant.unusable is None else contestant.unusable
        return {"system": contestant.name, "questions": len(seconds), **measured, "failed": failed, "f1": right}

    return [row(contestant) for contestant in contestants]


def main() -> None:
    """Run and print."""
    parser = arguments(__doc__)
    parser.add_argument("--questions", type=int, default=96)
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    library(options.data, options.work / "library")
    examples = questions(options.data, SEED)[-options.questions :]
    own = SentenceEncoder()
    encoder, reader = (widened(path, options.work) for path in (own.card.path, Reader().card.path))
    texts, vectors = paragraphs(options.data, options.work, own)
    console = Console()
    with QuestionAnswering.open(options.work / "library", read_only=True) as qa:
        qa.warm_up()
        base = Contestant("plain script", plain(texts, vectors, encoder, reader))
        exact = QuestionAnswering(qa.library, Reader(machine=Machine(precision="float32")), thorough=True)
        contestants = [
            Contestant("Citespan", lambda question: _text(qa, question)),
            Contestant("Citespan, float32, all ten read", lambda question: _text(exact, question)),
            base,
        ]
        makers: dict[str, Callable[[], Ask]] = {
            "txtai": lambda: txtai(texts, encoder, reader),
            "haystack": lambda: haystack(texts, vectors, encoder, reader),
        }
        for name, make in makers.items():
            if importlib.util.find_spec(name) is None:
                console.print(f"{name} is not installed: left out")
                continue
            try:
                contestants.append(Contestant(name, make()))
            except Exception as error:  # whatever a peer may raise
                console.print(f"{name} does not start and is left out: {type(error).__name__}: {error}")
        run(contestants, examples)
    rows = figures(contestants, base)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    show(rows, {"peak_mib_of_all_together": peak}, options.json)


def _text(qa: QuestionAnswering, question: str) -> str:
    answer = qa.ask(question, collection="squad", passages=READ)
    return answer.answers[0].text if answer.answers else ""


if __name__ == "__main__":
    main()
