"""Fit confidence: what spans are ranked by, the logistic, the threshold.  Writes qa/weights/calibration.json.

Each development question is asked twice over a library that holds the development corpus: as it is,
and with every passage of its own Wikipedia article left out, so that no passage holds the answer.
Questions at even places fit the numbers, those at odd places give the figures that are reported.

    python training/calibrate.py --library LIBRARY --questions squad11-dev-A.json.gz --reading squad20-dev-A.json.gz
"""

import argparse
import json
import random
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from index import ArticleInfo, Candidate, Passage
from qa import Example, QuestionAnswering, Span, load_examples
from qa.calibration import FILE, MARGIN_CAP, Calibration, retrieval_score, shipped
from qa.evaluation import RIGHT_F1, calibration_error, f1
from qa.merging import merge

READ = 10
SEED = 20231123


def gather(qa: QuestionAnswering, examples: Sequence[Example], path: Path) -> None:
    """Retrieve and read for each question, with and without its own article; one JSON line each."""
    done = sum(1 for _ in path.open()) // 2 if path.exists() else 0
    homes = {article.sha256: article.id for article in _all(qa)}
    import hashlib

    with path.open("a", encoding="utf-8") as out:
        for example in examples[done:]:
            home = homes[hashlib.sha256(example.context.encode()).hexdigest()].split("#")[0]
            found = qa.library.collection().search(example.question, limit=60)
            rest = [c for c in found if c.article.id.split("#")[0] != home]
            lines = []
            for kind, chosen in (("with", found[:READ]), ("without", rest[:READ])):
                spans = qa.read(example.question, chosen)
                places = {id(candidate): place for place, candidate in enumerate(chosen)}
                row = {
                    "kind": kind,
                    "question": example.question,
                    "answers": example.answers,
                    "candidates": [
                        {
                            "article": c.article.id,
                            "number": c.passage.number,
                            "start": c.passage.start,
                            "text": c.passage.text,
                            "score": c.score,
                            "similarity": c.similarity,
                        }
                        for c in chosen
                    ],
                    "spans": [[places[id(s.candidate)], s.start, s.end, s.score] for s in spans],
                }
                lines.append(json.dumps(row))
            out.write("\n".join(lines) + "\n")
            out.flush()


def load(path: Path) -> list[dict[str, Any]]:
    """Read gathered lines back, spans as Span."""
    rows = []
    for line in path.open(encoding="utf-8"):
        row = json.loads(line)
        candidates = [
            Candidate(
                Passage(c["article"], c["number"], c["start"], c["start"] + len(c["text"]), c["text"]),
                ArticleInfo(c["article"], "", None, None, None, (), c["article"]),
                c["score"],
                c["similarity"],
                None,
                None,
            )
            for c in row["candidates"]
        ]
        row["spans"] = [
            Span(candidates[at], start, end, candidates[at].passage.text[start:end], score)
            for at, start, end, score in row["spans"]
        ]
        rows.append(row)
    return rows


def top(row: dict[str, Any], numbers: Calibration) -> tuple[float, float, float]:
    """Return value and margin of the best answer and its F1 (0 where the answer was left out)."""
    groups = merge(row["spans"], [numbers.span_value(span) for span in row["spans"]])
    if not groups:
        return -20.0, 0.0, 0.0
    margin = groups[0].value - groups[1].value if len(groups) > 1 else MARGIN_CAP
    good = f1(groups[0].best.text, row["answers"]) if row["kind"] == "with" else 0.0
    return groups[0].value, min(margin, MARGIN_CAP), good


def choose_ranking(rows: list[dict[str, Any]], start: Calibration) -> Calibration:
    """Grid search of what retrieval adds to a span's score, by the F1 of the best answer."""
    best, chosen = -1.0, start
    for similarity in (0.0, 2.0, 4.0, 6.0, 8.0):
        for retrieval in (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0):
            numbers = replace(start, similarity=similarity, retrieval=retrieval)
            figure = float(np.mean([top(row, numbers)[2] for row in rows if row["kind"] == "with"]))
            print(f"similarity {similarity:4.1f} retrieval {retrieval:4.1f}: F1 {100 * figure:.2f}")
            if figure > best:
                best, chosen = figure, numbers
    return chosen


def fit_confidence(rows: list[dict[str, Any]], numbers: Calibration) -> Calibration:
    """Fit the logistic, then the confidence that best parts answers to give from answers to keep back."""
    table = np.array([top(row, numbers) for row in rows])
    right = table[:, 2] >= RIGHT_F1
    model = LogisticRegression(C=100.0).fit(table[:, :2], right)
    fitted = replace(
        numbers,
        intercept=float(model.intercept_[0]),
        value=float(model.coef_[0][0]),
        margin=max(0.0, float(model.coef_[0][1])),
    )
    confidences = np.array([fitted.confidence(value, margin) for value, margin, _ in table])
    # A wrong answer costs as much as a right one is worth.
    options = np.arange(0.05, 0.95, 0.01)
    gains = [float(((confidences >= t) * np.where(right, 1.0, -1.0)).sum()) for t in options]
    return replace(fitted, threshold=round(float(options[int(np.argmax(gains))]), 2))


def report(rows: list[dict[str, Any]], numbers: Calibration) -> dict[str, float]:
    """Figures on rows that fitted nothing."""
    table = np.array([top(row, numbers) for row in rows])
    held = np.array([row["kind"] == "with" for row in rows])
    right = table[:, 2] >= RIGHT_F1
    confidences = np.array([numbers.confidence(value, margin) for value, margin, _ in table])
    given = confidences >= numbers.threshold
    return {
        "questions": len(rows),
        "open_f1": round(100 * float(table[held, 2].mean()), 2),
        "ece": round(calibration_error(confidences, right), 4),
        "auroc_right": round(float(roc_auc_score(right, confidences)), 4),
        "auroc_in_collection": round(float(roc_auc_score(held, confidences)), 4),
        "answered_with": round(100 * float(given[held].mean()), 1),
        "answered_without": round(100 * float(given[~held].mean()), 1),
        "precision_when_answered": round(100 * float(right[given].mean()), 1),
        **{
            f"precision_{low:.2f}_{high:.2f}": round(100 * float(right[inside].mean()), 1)
            for low, high in ((numbers.threshold, numbers.medium), (numbers.medium, numbers.high), (numbers.high, 1.01))
            if (inside := (confidences >= low) & (confidences < high)).any()
        },
    }


def reading_threshold(qa: QuestionAnswering, examples: Sequence[Example]) -> float:
    """Return the score below which one given paragraph counts as without an answer, by best F1."""
    scores, gains = [], []
    for example in examples:
        found = qa.read_text(example.question, example.context)
        prediction = example.context[found.start : found.end] if found else ""
        scores.append(found.score if found else -100.0)
        spoken = 0.0 if example.impossible else f1(prediction, example.answers)
        gains.append((spoken, float(example.impossible)))
    order = np.array(scores)
    table = np.array(gains)
    options = np.unique(np.round(order, 1))
    figures = [float(np.where(order >= t, table[:, 0], table[:, 1]).mean()) for t in options]
    best = int(np.argmax(figures))
    print(f"reading: F1 {100 * figures[best]:.2f} at threshold {options[best]:.1f} ({len(examples)} questions)")
    return float(options[best])


def _all(qa: QuestionAnswering) -> list[ArticleInfo]:
    articles: list[ArticleInfo] = []
    cursor = None
    while True:
        page = qa.library.collection().list(limit=1000, cursor=cursor)
        articles += page.articles
        cursor = page.next_cursor
        if cursor is None:
            return articles


def main() -> None:
    """Gather (resumable), fit, report, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--library", required=True, help="holds the development corpus")
    parser.add_argument("--questions", required=True)
    parser.add_argument("--reading", required=True)
    parser.add_argument("--number", type=int, default=600)
    parser.add_argument("--gathered", default="runs/calibration.jsonl")
    options = parser.parse_args()
    examples = load_examples(options.questions)
    random.Random(SEED).shuffle(examples)
    path = Path(options.gathered)
    path.parent.mkdir(parents=True, exist_ok=True)
    with QuestionAnswering.open(options.library, read_only=True) as qa:
        gather(qa, examples[: options.number], path)
        unsure = load_examples(options.reading)
        random.Random(SEED).shuffle(unsure)
        threshold = reading_threshold(qa, unsure[: options.number])
    rows = load(path)
    fit = [row for place, row in enumerate(rows) if place // 2 % 2 == 0]
    held_out = [row for place, row in enumerate(rows) if place // 2 % 2 == 1]
    numbers = fit_confidence(fit, choose_ranking(fit, shipped()))
    numbers = replace(numbers, medium=0.5, high=0.75, reading_threshold=threshold)
    figures = report(held_out, numbers)
    print(json.dumps(figures, indent=2))
    facts = {"format": 1, "numbers": asdict(numbers), "held_out": figures}
    FILE.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
