"""Exact match, F1, recall: with the gold paragraph given, or open over a whole collection.

Exact match and F1 are SQuAD's (Rajpurkar et al. 2016, arXiv:1606.05250; with unanswerable
questions 2018, arXiv:1806.03822).
"""

import gzip
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from index import DEFAULT_COLLECTION, Collection, InputError, UnsupportedFormat
from qa.merging import normalize
from qa.pipeline import QuestionAnswering

RECALL_AT = (1, 5, 10, 20)
# An answer counts as right for calibration if it shares at least this F1 with a reference.
RIGHT_F1 = 0.5
_BINS = 10


@dataclass(frozen=True, slots=True)
class Example:
    """One question with its reference answers.

    Attributes:
        question: the question.
        context: the paragraph that holds the answer, or seems to.
        answers: references; any of them is right; where ``multi``, one that joins all spans.
        impossible: whether the paragraph holds no answer.
        multi: whether the answer has several spans.
    """

    question: str
    context: str
    answers: tuple[str, ...]
    impossible: bool
    multi: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """Figures, in percent where they are shares but for ece and auroc, which are 0..1.

    Attributes:
        task: ``reading`` or ``open``.
        questions: how many were asked.
        exact_match: mean over all questions.
        f1: mean over all questions.
        has_answer: the same over the answerable ones, with their number.
        no_answer: the same over the unanswerable ones; None where there are none.
        answered: share of questions that the product would have answered, and how many of those
            answers were right; None for reading.
        recall: share of questions with the gold paragraph among the first k; None for reading.
        mrr: mean reciprocal rank of the gold paragraph among the first 20, 0..1; None for reading.
        ece: expected calibration error of confidence, 10 bins; None for reading.
        auroc: area under ROC: of answerable by score (reading) or of right by confidence (open);
            None where all are alike.
        median_ms: median time of one question.
    """

    task: str
    questions: int
    exact_match: float
    f1: float
    has_answer: dict[str, float]
    no_answer: dict[str, float] | None = None
    answered: dict[str, float] | None = None
    recall: dict[str, float] | None = None
    mrr: float | None = None
    ece: float | None = None
    auroc: float | None = None
    median_ms: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the figures that apply, for JSON."""
        facts = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {name: value for name, value in facts.items() if value is not None}


def load_examples(path: str | Path) -> list[Example]:
    """Read questions in SQuAD's format (.json) or one example a line (.jsonl), either one gzipped.

    Raises:
        InputError: no such file, or a line or field is not as it should be.
        UnsupportedFormat: another suffix.
    """
    file = Path(path)
    name = file.name.removesuffix(".gz")
    try:
        raw = file.read_bytes()
        text = (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).decode("utf-8")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}") from error
    try:
        if name.endswith(".jsonl"):
            examples = [_from_line(json.loads(line)) for line in text.splitlines() if line.strip()]
        elif name.endswith(".json"):
            examples = list(_from_squad(json.loads(text)))
        else:
            raise UnsupportedFormat(f"{path}: give a .json file in SQuAD's format or .jsonl, either may end in .gz")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is not a file of questions: {type(error).__name__}: {error}") from error
    if not examples:
        raise InputError(f"{path} holds no questions")
    return examples


def exact_match(prediction: str, references: Sequence[str]) -> float:
    """Return 1.0 if the normalised prediction equals a normalised reference, else 0.0; no reference: "" is right."""
    return float(any(normalize(prediction) == normalize(reference) for reference in references or ("",)))


def f1(prediction: str, references: Sequence[str]) -> float:
    """Return the best F1, 0..1, over the bags of normalised words; no reference: "" is right."""
    return max(_f1(normalize(prediction).split(), normalize(r).split()) for r in references or ("",))


def evaluate_reading(
    qa: QuestionAnswering, examples: Sequence[Example], *, progress: Callable[[int], None] | None = None
) -> Report:
    """Read each question's own paragraph.

    Where the file has unanswerable questions, a span scored below the fitted threshold counts as
    "no answer"; where all are answerable, the best span is always given, as SQuAD 1.1 has it.

    Args:
        qa: whose reader reads.
        examples: the questions.
        progress: called after each question with how many are done.
    """
    abstains = any(example.impossible for example in examples)
    rows, scores, times = [], [], []
    for done, example in enumerate(examples, 1):
        begun = _now()
        found = qa.read_text(example.question, example.context)
        times.append(_now() - begun)
        score = found.score if found else -100.0
        silent = found is None or (abstains and score < qa.calibration.reading_threshold)
        prediction = "" if silent or found is None else example.context[found.start : found.end]
        rows.append(_judge(prediction, example))
        scores.append(score)
        if progress:
            progress(done)
    answerable = np.array([not example.impossible for example in examples])
    return Report(
        task="reading",
        auroc=_auroc(np.array(scores), answerable),
        median_ms=round(float(np.median(times)), 1),
        **_figures(rows, examples),
    )


def evaluate_open(
    qa: QuestionAnswering,
    examples: Sequence[Example],
    *,
    collection: str = DEFAULT_COLLECTION,
    progress: Callable[[int], None] | None = None,
) -> Report:
    """Ask each question of the whole collection: retrieval and answering together.

    Exact match and F1 judge the best answer whether or not its confidence reached the threshold, as
    with systems that always answer; ``answered`` says what the threshold does.

    Args:
        qa: which is asked.
        examples: the questions.
        collection: must hold the questions' paragraphs as articles.
        progress: called after each question with how many are done.

    Raises:
        InputError: the collection holds none of the paragraphs.
    """
    homes = _articles_by_text(qa.library.collection(collection))
    if not any(_digest(example.context) in homes for example in examples):
        raise InputError(
            f"collection {collection!r} holds none of the questions' paragraphs: add them first (citespan add FILE)"
        )
    rows, ranks, confidences, given, times = [], [], [], [], []
    depth = max(RECALL_AT)
    for done, example in enumerate(examples, 1):
        answer = qa.ask(example.question, collection=collection, limit=1)
        times.append(answer.timings.total)
        best = answer.answers[0].text if answer.answers else ""
        prediction = (answer.text or "") if example.impossible else best
        rows.append(_judge(prediction, example))
        confidences.append(answer.confidence)
        given.append(answer.answered)
        found = qa.library.collection(collection).search(example.question, limit=depth * 2)
        order = list(dict.fromkeys(candidate.article.id for candidate in found))[:depth]
        gold = homes.get(_digest(example.context), set())
        ranks.append(next((rank for rank, article in enumerate(order, 1) if article in gold), 0))
        if progress:
            progress(done)
    right = np.array([row[1] >= RIGHT_F1 for row in rows])
    sure = np.array(given)
    with_answer = np.array([not example.impossible for example in examples])
    placed = np.array(ranks)[with_answer]
    return Report(
        task="open",
        answered={
            "share": _percent(sure),
            "right_when_answered": _percent(right[sure]) if sure.any() else 0.0,
        },
        recall={str(k): _percent((placed > 0) & (placed <= k)) for k in RECALL_AT},
        mrr=round(float(np.mean([1 / rank if rank else 0.0 for rank in placed])), 4),
        ece=round(calibration_error(np.array(confidences), right), 4),
        auroc=_auroc(np.array(confidences), right),
        median_ms=round(float(np.median(times)), 1),
        **_figures(rows, examples),
    )


def calibration_error(confidences: "np.ndarray[Any, Any]", right: "np.ndarray[Any, Any]") -> float:
    """Return the expected calibration error, 0..1, over 10 bins of equal width (Guo et al. 2017, arXiv:1706.04599)."""
    bins = np.minimum((confidences * _BINS).astype(int), _BINS - 1)
    gaps = [
        abs(confidences[bins == which].mean() - right[bins == which].mean()) * (bins == which).mean()
        for which in np.unique(bins)
    ]
    return float(sum(gaps))


def _judge(prediction: str, example: Example) -> tuple[float, float]:
    references = () if example.impossible else example.answers
    return exact_match(prediction, references), f1(prediction, references)


def _f1(predicted: list[str], reference: list[str]) -> float:
    if not predicted or not reference:
        return float(predicted == reference)
    same = sum((Counter(predicted) & Counter(reference)).values())
    return 2 * same / (len(predicted) + len(reference))


def _figures(rows: Sequence[tuple[float, float]], examples: Sequence[Example]) -> dict[str, Any]:
    table = np.array(rows)
    impossible = np.array([example.impossible for example in examples])

    def mean(chosen: "np.ndarray[Any, Any]") -> dict[str, float]:
        part = table[chosen]
        return {
            "questions": len(part),
            "exact_match": round(float(part[:, 0].mean()) * 100, 2) if len(part) else 0.0,
            "f1": round(float(part[:, 1].mean()) * 100, 2) if len(part) else 0.0,
        }

    overall = mean(np.ones(len(table), bool))
    return {
        "questions": len(table),
        "exact_match": overall["exact_match"],
        "f1": overall["f1"],
        "has_answer": mean(~impossible),
        "no_answer": mean(impossible) if impossible.any() else None,
    }


def _auroc(scores: "np.ndarray[Any, Any]", positive: "np.ndarray[Any, Any]") -> float | None:
    """Return the share of (positive, negative) pairs in the right order, ties half; None if one side is empty."""
    from scipy.stats import rankdata

    count = int(positive.sum())
    rest = len(positive) - count
    if not count or not rest:
        return None
    ranks = rankdata(scores)
    return round(float((ranks[positive].sum() - count * (count + 1) / 2) / (count * rest)), 4)


def _articles_by_text(collection: Collection) -> dict[str, set[str]]:
    homes: dict[str, set[str]] = {}
    cursor = None
    while True:
        page = collection.list(limit=1_000, cursor=cursor)
        for article in page.articles:
            homes.setdefault(article.sha256, set()).add(article.id)
        cursor = page.next_cursor
        if cursor is None:
            return homes


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _percent(flags: "np.ndarray[Any, Any]") -> float:
    return round(float(np.mean(flags)) * 100, 2) if len(flags) else 0.0


def _now() -> float:
    import time

    return time.perf_counter() * 1000


def _from_line(facts: dict[str, Any]) -> Example:
    texts = tuple(str(answer["text"]) for answer in facts["answers"])
    multi = bool(facts.get("multi", False))
    return Example(
        question=str(facts["question"]),
        context=str(facts["context"]),
        answers=(", ".join(texts),) if multi and texts else texts,
        impossible=bool(facts.get("impossible", not texts)),
        multi=multi,
    )


def _from_squad(facts: dict[str, Any]) -> Iterator[Example]:
    for article in facts["data"]:
        for paragraph in article["paragraphs"]:
            for question in paragraph["qas"]:
                texts = tuple(dict.fromkeys(str(answer["text"]) for answer in question["answers"]))
                impossible = bool(question.get("is_impossible", False))
                yield Example(str(question["question"]), str(paragraph["context"]), texts, impossible)
