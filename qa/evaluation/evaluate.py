"""Questions with references → figures: reading, open answering, retrieval, confidence.

Each question gives an outcome, a plain record; figures are made of the outcomes alone.  Outcomes can
be kept in a file, a line each: to be looked at, and for a run that was stopped to go on.
"""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from index import DEFAULT_COLLECTION, InputError, leave_out
from qa.evaluation.datasets import Example
from qa.evaluation.gold_articles import digest, find_homes, find_kin, rank
from qa.evaluation.metrics import (
    auroc,
    calibration_error,
    exact_match,
    f1,
    percent,
    recall_and_mrr,
    reliability,
    risk_coverage_area,
    span_counts,
    span_figures,
)
from qa.evaluation.run_log import Outcome, Progress, gather
from qa.question_answering import QuestionAnswering

# Grows with what outcomes hold and with how answers are made: older ones are of another run.
OUTCOMES = 4
# An answer counts as right for calibration if it shares at least this F1 with a reference.
RIGHT_F1 = 0.5
# Passages looked at for the first 20 articles, by the very search that answering uses.
_LOOKED_AT = 50
# And where articles are left out of what was found.
_DEPTH = 200
# And where the two rankings are taken apart: what one of them has among its first 20 is hardly below this in both.
_APART = 500
_READ = 10
_NO_SPAN = -100.0


@dataclass(frozen=True, slots=True)
class Report:
    """Figures, in percent where they are shares but for mrr, ece, aurc and auroc, which are 0..1.

    Attributes:
        task: ``reading``, ``open``, ``retrieval`` or ``confidence``.
        questions: how many were asked.
        exact_match: mean over all questions.
        f1: mean over all questions.
        has_answer: the same over the answerable ones, with their number.
        no_answer: the same over the unanswerable ones.
        spans: where answers have several spans: precision, recall and F1 over the spans.
        answered: share of questions that the product would have answered, and how many of those
            answers were right.
        recall: share of questions with the gold paragraph among the first k.
        mrr: mean reciprocal rank of the gold paragraph among the first 20.
        dense: recall and mrr of the vectors' ranking alone.
        lexical: recall and mrr of the words' ranking alone.
        ece: expected calibration error of confidence, 10 bins.
        aurc: area under the risk-coverage curve of confidence.
        auroc: area under ROC: of answerable by score (reading) or of right by confidence (open, confidence).
        auroc_in_collection: area under ROC of "the answer is in the collection" by confidence.
        levels: of each confidence level, how many answers had it and how many of them were right.
        bins: of each tenth of confidence, how many answers, their mean confidence and how many were right, 0..1.
        median_ms: median time of one question.
    """

    task: str
    questions: int
    exact_match: float | None = None
    f1: float | None = None
    has_answer: dict[str, float] | None = None
    no_answer: dict[str, float] | None = None
    spans: dict[str, float] | None = None
    answered: dict[str, float] | None = None
    recall: dict[str, float] | None = None
    mrr: float | None = None
    dense: dict[str, float] | None = None
    lexical: dict[str, float] | None = None
    ece: float | None = None
    aurc: float | None = None
    auroc: float | None = None
    auroc_in_collection: float | None = None
    levels: dict[str, dict[str, float]] | None = None
    bins: list[dict[str, float]] | None = None
    median_ms: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the figures that apply, for JSON."""
        facts = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {name: value for name, value in facts.items() if value is not None}


def evaluate_reading(
    qa: QuestionAnswering,
    examples: Sequence[Example],
    *,
    kept: Path | None = None,
    progress: Progress | None = None,
) -> Report:
    """Read each question's own paragraph.

    Where the file has unanswerable questions, a span scored below the fitted threshold counts as
    "no answer"; where all are answerable, the best span is always given, as SQuAD 1.1 has it.

    Args:
        qa: whose reader reads.
        examples: the questions.
        kept: a file for the outcomes; what it holds already is not asked again.
        progress: called after each question with how many are done.

    Raises:
        InputError: the file of outcomes is of another run.
    """

    def one(example: Example) -> Outcome:
        begun = time.perf_counter()
        found = qa.read_text(example.question, example.context)
        outcome: Outcome = {
            "ms": (time.perf_counter() - begun) * 1000,
            "text": example.context[found.start : found.end] if found else "",
            "score": found.score if found else _NO_SPAN,
        }
        if example.multi:
            outcome["spans"] = qa.read_list(example.question, example.context)
        return outcome

    rows = gather(_head("reading", qa), examples, one, kept, progress)
    abstains = any(example.impossible for example in examples)
    floor = qa.calibration.reading_threshold if abstains else -np.inf
    texts = [row["text"] if row["score"] >= floor else "" for row in rows]
    several = [
        span_counts(row["spans"], example.answers) for row, example in zip(rows, examples, strict=True) if example.multi
    ]
    return Report(
        task="reading",
        spans=span_figures(several) if several else None,
        auroc=auroc(np.array([row["score"] for row in rows]), ~_impossible(examples)),
        median_ms=_median(rows),
        **_answer_figures(texts, examples),
    )


def evaluate_open(
    qa: QuestionAnswering,
    examples: Sequence[Example],
    *,
    collection: str = DEFAULT_COLLECTION,
    kept: Path | None = None,
    progress: Progress | None = None,
) -> Report:
    """Ask each question of the whole collection: retrieval and answering together.

    Exact match and F1 judge the best answer whether or not its confidence reached the threshold, as
    with systems that always answer; ``answered`` says what the threshold does.  Where the file has
    unanswerable questions they judge the answers that were given.

    Args:
        qa: which is asked.
        examples: the questions.
        collection: must hold the questions' paragraphs as articles.
        kept: a file for the outcomes; what it holds already is not asked again.
        progress: called after each question with how many are done.

    Raises:
        InputError: the collection holds none of the paragraphs, or the file of outcomes is of another run.
    """
    target = qa.library.collection(collection)
    places = find_homes(target, examples, collection)

    def one(example: Example) -> Outcome:
        answer = qa.ask(example.question, collection=collection, limit=1)
        found = target.search(example.question, limit=_LOOKED_AT)
        return {
            "ms": answer.timings.total,
            "text": answer.answers[0].text if answer.answers else "",
            "answered": answer.answered,
            "confidence": answer.confidence,
            "level": answer.level,
            "rank": rank(found, places.get(digest(example.context), set())),
        }

    rows = gather(_head("open", qa, collection), examples, one, kept, progress)
    pairs = list(zip(rows, examples, strict=True))
    abstains = any(example.impossible for example in examples)
    texts = [row["text"] if row["answered"] or not abstains else "" for row in rows]
    ranks = [row["rank"] for row, example in zip(rows, examples, strict=True) if not example.impossible]
    recall, mrr = recall_and_mrr(ranks)
    # Of an unanswerable question every guess is wrong, whatever the confidence that it is given with.
    right = np.array([not example.impossible and _right(row["text"], example) for row, example in pairs])
    return Report(
        task="open",
        recall=recall,
        mrr=mrr,
        median_ms=_median(rows),
        **_answer_figures(texts, examples),
        **_confidence_figures(rows, right),
    )


def evaluate_retrieval(
    qa: QuestionAnswering,
    examples: Sequence[Example],
    *,
    collection: str = DEFAULT_COLLECTION,
    kept: Path | None = None,
    progress: Progress | None = None,
) -> Report:
    """Look for each question's paragraph: by words and vectors together, and by either alone.

    Args:
        qa: whose library is searched.
        examples: the questions.
        collection: must hold the questions' paragraphs as articles.
        kept: a file for the outcomes; what it holds already is not asked again.
        progress: called after each question with how many are done.

    Raises:
        InputError: the collection holds none of the paragraphs, or the file of outcomes is of another run.
    """
    target = qa.library.collection(collection)
    asked = _answerable(examples)
    places = find_homes(target, asked, collection)

    def one(example: Example) -> Outcome:
        gold = places.get(digest(example.context), set())
        begun = time.perf_counter()
        vector = target.encode_query(example.question)
        found = target.search(example.question, limit=_LOOKED_AT, vector=vector)
        spent = (time.perf_counter() - begun) * 1000
        deep = target.search(example.question, limit=_APART, vector=vector)
        dense = sorted((c for c in deep if c.dense_rank), key=lambda c: c.dense_rank or 0)
        lexical = sorted((c for c in deep if c.lexical_rank), key=lambda c: c.lexical_rank or 0)
        return {
            "ms": spent,
            "rank": rank(found, gold),
            "dense": rank(dense, gold),
            "lexical": rank(lexical, gold),
        }

    rows = gather(_head("retrieval", qa, collection), asked, one, kept, progress)
    recall, mrr = recall_and_mrr([row["rank"] for row in rows])
    dense, dense_mrr = recall_and_mrr([row["dense"] for row in rows])
    lexical, lexical_mrr = recall_and_mrr([row["lexical"] for row in rows])
    return Report(
        task="retrieval",
        questions=len(rows),
        recall=recall,
        mrr=mrr,
        dense={**dense, "mrr": dense_mrr},
        lexical={**lexical, "mrr": lexical_mrr},
        median_ms=_median(rows),
    )


def evaluate_confidence(
    qa: QuestionAnswering,
    examples: Sequence[Example],
    *,
    collection: str = DEFAULT_COLLECTION,
    kept: Path | None = None,
    progress: Progress | None = None,
) -> Report:
    """Ask each question twice: of the whole collection, and of it without the articles of the same title.

    The second time its answer is not there.  An answer given then is wrong, whatever it says.

    Args:
        qa: which is asked.
        examples: the questions; unanswerable ones are left out, and those whose paragraph is not there.
        collection: must hold the questions' paragraphs as articles.
        kept: a file for the outcomes; what it holds already is not asked again.
        progress: called after each question with how many are done.

    Raises:
        InputError: the collection holds none of the paragraphs, or the file of outcomes is of another run.
    """
    target = qa.library.collection(collection)
    asked = _answerable(examples)
    places = find_homes(target, asked, collection)
    asked = [example for example in asked if digest(example.context) in places]
    relatives = find_kin(target)

    def one(example: Example) -> Outcome:
        gold = places[digest(example.context)]
        own = {article for group in relatives.values() if gold & set(group) for article in group} | gold
        found = target.search(example.question, limit=_READ)
        others = leave_out(target.search(example.question, limit=_DEPTH), own, _READ)
        outcome: Outcome = {}
        for kind, chosen in (("with", found), ("without", others)):
            answer = qa.ask_of(example.question, chosen, limit=1)
            outcome[kind] = {
                "text": answer.answers[0].text if answer.answers else "",
                "confidence": answer.confidence,
                "level": answer.level,
            }
        return outcome

    rows = gather(_head("confidence", qa, collection), asked, one, kept, progress)
    both = [row["with"] for row in rows] + [row["without"] for row in rows]
    right = np.array(
        [_right(row["with"]["text"], example) for row, example in zip(rows, asked, strict=True)] + [False] * len(rows)
    )
    inside = np.arange(len(both)) < len(rows)
    surety = np.array([row["confidence"] for row in both])
    return Report(
        task="confidence",
        questions=len(both),
        auroc_in_collection=auroc(surety, inside),
        bins=reliability(surety, right),
        **_confidence_figures(both, right),
    )


def _answer_figures(texts: Sequence[str], examples: Sequence[Example]) -> dict[str, Any]:
    pairs = list(zip(texts, examples, strict=True))
    table = np.array([(exact_match(t, e.references), f1(t, e.references)) for t, e in pairs])
    impossible = _impossible(examples)

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


def _confidence_figures(rows: Sequence[Outcome], right: "np.ndarray[Any, Any]") -> dict[str, Any]:
    surety = np.array([row["confidence"] for row in rows])
    given = np.array([row["level"] != "none" for row in rows])
    levels = {}
    for level in ("high", "medium", "low", "none"):
        chosen = np.array([row["level"] == level for row in rows])
        levels[level] = {"answers": int(chosen.sum()), "right": percent(right[chosen])}
    return {
        "answered": {"share": percent(given), "right_when_answered": percent(right[given])},
        "ece": round(calibration_error(surety, right), 4),
        "aurc": round(risk_coverage_area(surety, right), 4),
        "auroc": auroc(surety, right),
        "levels": levels,
    }


def _answerable(examples: Sequence[Example]) -> list[Example]:
    found = [example for example in examples if not example.impossible]
    if not found:
        raise InputError("none of the questions has an answer to look for: give a file with answerable ones")
    return found


def _right(text: str, example: Example) -> bool:
    return f1(text, example.references) >= RIGHT_F1


def _impossible(examples: Sequence[Example]) -> "np.ndarray[Any, Any]":
    return np.array([example.impossible for example in examples])


def _head(task: str, qa: QuestionAnswering, collection: str | None = None) -> dict[str, Any]:
    """What outcomes depend on: outcomes made with anything else are of another run."""
    head: dict[str, Any] = {
        "format": OUTCOMES,
        "task": task,
        "models": [card.sha256 for card in qa.models()],
        "numbers": asdict(qa.calibration),
    }
    if collection is not None:
        head |= {"collection": collection, "threshold": qa.threshold, "thorough": qa.thorough}
    return head


def _median(rows: Sequence[Outcome]) -> float:
    return round(float(np.median([row["ms"] for row in rows])), 1)
