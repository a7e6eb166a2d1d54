"""Fit confidence: what spans are ranked by, the logistic, the threshold.  Writes qa/weights/calibration.json.

Each development question is asked five ways over a library that holds the development corpus, since
people's libraries differ: of all paragraphs; of all but those of its own Wikipedia article; of its
own article alone; of its own article without the paragraph that holds the answer; of one other
article.  In the second, the fourth and the fifth no passage holds the answer.  Questions at even
places fit the numbers, those at odd places give the figures that are reported.  The ways weigh as WEIGHTS
says: people mostly ask what their articles hold.

    python -m training.calibrate --data DATA/eval
"""

import argparse
import hashlib
import json
import random
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score

from index import ArticleInfo, Candidate, Filters, Passage
from qa import Example, QuestionAnswering, Span, load_examples
from qa.calibration import FILE, MARGIN_CAP, Calibration, shipped
from qa.evaluation import RIGHT_F1
from qa.merging import merge
from qa.metrics import calibration_error, f1, risk_coverage_area
from training.development import SQUAD, UNANSWERABLE, library

READ = 10
SEED = 20231123
MEDIUM, HIGH = 0.55, 0.8
WRONG_COST = 0.25


# Of each hundred questions, how many are asked so.
WEIGHTS = {"all": 60, "all but own": 12, "own": 12, "own but gold": 8, "other": 8}
KINDS = tuple(WEIGHTS)
ANSWERABLE = ("all", "own")


def gather(qa: QuestionAnswering, examples: Sequence[Example], path: Path) -> None:
    """Retrieve and read for each question in each way; one JSON line each.  Goes on where it was stopped."""
    done = sum(1 for _ in path.open()) // len(KINDS) if path.exists() else 0
    articles = _all(qa)
    homes = {article.sha256: article.id for article in articles}
    titles: dict[str, list[str]] = {}
    for article in articles:
        titles.setdefault(_title(article.id), []).append(article.id)
    dice = random.Random(SEED)
    strangers = [dice.choice(sorted(titles)) for _ in examples]
    collection = qa.library.collection("squad")
    with path.open("a", encoding="utf-8") as out:
        for example, stranger in list(zip(examples, strangers, strict=True))[done:]:
            gold = homes[hashlib.sha256(example.context.encode()).hexdigest()]
            own = titles[_title(gold)]
            other = titles[stranger if stranger != _title(gold) else sorted(titles)[0]]

            def found(ids: Sequence[str] = (), limit: int = READ, question: str = example.question) -> list[Candidate]:
                return collection.search(question, limit=limit, filters=Filters(article_ids=tuple(ids)))

            ways = {
                "all": found(),
                "all but own": [c for c in found(limit=60) if c.article.id not in own][:READ],
                "own": found(own),
                "own but gold": found([article for article in own if article != gold]),
                "other": found(other),
            }
            lines = [json.dumps(_row(qa, kind, example, ways[kind])) for kind in KINDS]
            out.write("\n".join(lines) + "\n")
            out.flush()


def _row(qa: QuestionAnswering, kind: str, example: Example, chosen: Sequence[Candidate]) -> dict[str, Any]:
    places = {id(candidate): place for place, candidate in enumerate(chosen)}
    return {
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
        "spans": [[places[id(s.candidate)], s.start, s.end, s.score] for s in qa.read(example.question, chosen)],
    }


def _title(article_id: str) -> str:
    return article_id.rpartition("#")[0]


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
    good = f1(groups[0].best.text, row["answers"]) if row["kind"] in ANSWERABLE else 0.0
    return groups[0].value, min(margin, MARGIN_CAP), good


def fit(rows: list[dict[str, Any]], start: Calibration) -> Calibration:
    """Fit everything but the reading threshold.

    A grid over what retrieval adds to a span's value; at each point the logistic is fitted, and the
    point with the best likelihood is taken among those whose best answers are within one point
    of F1 of the best, which is well inside the noise.  Ranking and confidence come from one number that way.
    """
    tried = []
    for similarity in (0.0, 2.0, 4.0, 6.0, 8.0, 10.0):
        for retrieval in (0.0, 0.5, 1.0, 2.0, 3.0, 4.0):
            numbers = replace(start, similarity=similarity, retrieval=retrieval)
            table = np.array([top(row, numbers) for row in rows])
            everything = np.array([row["kind"] == "all" for row in rows])
            weights = np.array([WEIGHTS[row["kind"]] for row in rows])
            figure = 100 * float(table[everything, 2].mean())
            right = table[:, 2] >= RIGHT_F1
            model = LogisticRegression(C=100.0).fit(table[:, :2], right, weights)
            loss = float(log_loss(right, model.predict_proba(table[:, :2])[:, 1], sample_weight=weights))
            fitted = replace(
                numbers,
                intercept=float(model.intercept_[0]),
                value=float(model.coef_[0][0]),
                margin=max(0.0, float(model.coef_[0][1])),
            )
            tried.append((loss, figure, fitted))
            print(f"similarity {similarity:4.1f} retrieval {retrieval:4.1f}: F1 {figure:.2f} log loss {loss:.4f}")
    best = max(figure for _, figure, _ in tried)
    chosen = min((one for one in tried if one[1] >= best - 1.0), key=lambda one: one[0])[2]
    # A wrong answer costs WRONG_COST of what a right one is worth.  Far less than one, since an
    # unsure answer is marked so and comes with its sentence: a reader sees through it at a glance,
    # while an answer withheld is not seen at all.  With calibrated confidence giving an answer
    # pays from cost / (1 + cost) on.
    return replace(chosen, threshold=round(WRONG_COST / (1 + WRONG_COST), 2))


def report(rows: list[dict[str, Any]], numbers: Calibration) -> dict[str, Any]:
    """Figures on rows that fitted nothing."""
    table = np.array([top(row, numbers) for row in rows])
    kinds = np.array([row["kind"] for row in rows])
    held = np.isin(kinds, ANSWERABLE)
    right = table[:, 2] >= RIGHT_F1
    confidences = np.array([numbers.confidence(value, margin) for value, margin, _ in table])
    given = confidences >= numbers.threshold
    levels = {
        "low": (numbers.threshold, numbers.medium),
        "medium": (numbers.medium, numbers.high),
        "high": (numbers.high, 1.01),
    }
    inside = {name: (confidences >= low) & (confidences < high) for name, (low, high) in levels.items()}
    return {
        "questions": len(rows),
        "open_f1": round(100 * float(table[kinds == "all", 2].mean()), 2),
        "ece": round(calibration_error(confidences, right), 4),
        "ece_open": round(calibration_error(confidences[kinds == "all"], right[kinds == "all"]), 4),
        "aurc_open": round(risk_coverage_area(confidences[kinds == "all"], right[kinds == "all"]), 4),
        "auroc_right": round(float(roc_auc_score(right, confidences)), 4),
        "auroc_in_collection": round(float(roc_auc_score(held, confidences)), 4),
        "answered": {kind: round(100 * float(given[kinds == kind].mean()), 1) for kind in KINDS},
        "precision_when_answered": round(100 * float(right[given].mean()), 1),
        "precision": {name: round(100 * float(right[rows_in].mean()), 1) for name, rows_in in inside.items()},
        "share": {name: round(100 * float(rows_in.mean()), 1) for name, rows_in in inside.items()},
    }


def reading_threshold(qa: QuestionAnswering, examples: Sequence[Example]) -> float:
    """Return the score below which one given paragraph counts as without an answer, by best F1."""
    scores, gains = [], []
    for example in examples:
        found = qa.read_text(example.question, example.context)
        prediction = example.context[found.start : found.end] if found else ""
        scores.append(found.score if found else -100.0)
        spoken = 0.0 if example.impossible else f1(prediction, example.references)
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
        page = qa.library.collection("squad").list(limit=1000, cursor=cursor)
        articles += page.articles
        cursor = page.next_cursor
        if cursor is None:
            return articles


def main() -> None:
    """Gather (resumable), fit, report, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the development sets")
    parser.add_argument("--work", type=Path, default=Path("runs/calibration"))
    parser.add_argument("--number", type=int, default=1200)
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    library(options.data, options.work / "library")
    examples = load_examples(options.data / SQUAD)
    random.Random(SEED).shuffle(examples)
    with QuestionAnswering.open(options.work / "library", read_only=True) as qa:
        mark = hashlib.sha256("".join(card.sha256 for card in qa.models()).encode()).hexdigest()[:12]
        path = options.work / f"{mark}.jsonl"
        gather(qa, examples[: options.number], path)
        unsure = load_examples(options.data / UNANSWERABLE)
        random.Random(SEED).shuffle(unsure)
        threshold = reading_threshold(qa, unsure[: options.number])
    rows = load(path)
    fitting = [row for place, row in enumerate(rows) if place // len(KINDS) % 2 == 0]
    held_out = [row for place, row in enumerate(rows) if place // len(KINDS) % 2 == 1]
    numbers = fit(fitting, shipped())
    numbers = replace(numbers, medium=MEDIUM, high=HIGH, reading_threshold=threshold)
    figures = report(held_out, numbers)
    print(json.dumps(figures, indent=2))
    facts = {"format": 1, "numbers": asdict(numbers), "held_out": figures}
    FILE.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
