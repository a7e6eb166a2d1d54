"""Fit confidence: what spans are ranked by, the logistic, the threshold.  Writes qa/weights/calibration.json.

Each development question is asked five ways over a library that holds the development corpus, since
people's libraries differ: of all paragraphs; of all but those of its own Wikipedia article; of its
own article alone; of its own article without the paragraphs that hold the answer's words; of one other
article.  In the second, the fourth and the fifth no passage holds the answer.  All questions fit the
numbers; the figures that are reported are of each half by numbers that the other half fitted.  The
ways weigh as WEIGHTS says: people mostly ask what their articles hold.

    python -m training.calibrate --data DATA/eval --train DATA/train
"""

import argparse
import hashlib
import itertools
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import Progress
from scipy.optimize import minimize
from sklearn.metrics import log_loss, roc_auc_score

from index import ArticleInfo, Candidate, Filters, Passage, leave_out
from qa import Example, QuestionAnswering, Span, load_examples
from qa.answers.calibration import COVERED, FILE, MARGIN_CAP, RELEVANT, Calibration, shipped
from qa.answers.merging import distinct, lead
from qa.evaluation.evaluate import OUTCOMES, RIGHT_F1
from qa.evaluation.gold_articles import all_articles, digest
from qa.evaluation.metrics import calibration_error, f1, risk_coverage_area
from qa.evaluation.run_log import gather
from qa.reading.plan import Plan
from qa.word_overlap import coverage
from training.development_data import SQUAD, UNANSWERABLE, library
from training.list_gap import choose, unread
from training.run import recipe

HERE = Path(__file__).parent
READ = 10
# Deep enough that ten are left once an article of up to a hundred paragraphs is left out.
DEEP = 200
# The first so many questions by chance; quality is measured on the last ones.
FITTED = 600
# When reading may stop is a matter of single questions: of so many first ones, asked of all paragraphs.
STOPPED = 2_000
SEED = 20231123
MEDIUM, HIGH = 0.65, 0.85
WRONG_COST = 1.0
# Points of F1 that stopping early may cost on the questions that fit it.
LOST = 0.1
# Points of F1 by which what retrieval adds may fall behind the best, for a better likelihood.
WITHIN = 0.3
# What a word costs a span: of 800 answerable rows F1 is 70.7 and exact match 59.9 without, 71.3 and 61.8
# with this, 70.8 and 61.3 with three times as much; spans of over 12 words fall from 5.1 % to 0.5 %.
LENGTH = 0.05
# What is tried for what retrieval adds; less, or a similarity of 8, was worse.
SIMILARITIES = (0.0, 2.0, 4.0)
RETRIEVALS = (4.0, 6.0, 8.0, 10.0, 12.0)
# Of each hundred questions, how many are asked so.
WEIGHTS = {"all": 50, "all but own": 16, "own": 12, "own but gold": 6, "other": 16}
KINDS = tuple(WEIGHTS)
# Where top() says how good the answer is, after what confidence is fitted on.
GOOD = 4
ANSWERABLE = ("all", "own")


def ask(
    qa: QuestionAnswering, examples: Sequence[Example], path: Path, kinds: Sequence[str] = KINDS
) -> list[dict[str, Any]]:
    """Retrieve and read for each question in each way; a row each, spans as Span.  Goes on where it was stopped."""
    collection = qa.library.collection("squad")
    articles = all_articles(collection)
    homes = {article.sha256: article.id for article in articles}
    titles: dict[str, list[str]] = {}
    for article in articles:
        titles.setdefault(_title(article.id), []).append(article.id)

    def one(example: Example) -> dict[str, Any]:
        gold = homes[digest(example.context)]
        own = titles[_title(gold)]
        strangers = sorted(titles.keys() - {_title(gold)})
        stranger = random.Random(f"{SEED} {example.question}").choice(strangers)
        vector = collection.encode_query(example.question)

        def found(ids: Sequence[str] | None = None, limit: int = READ) -> list[Candidate]:
            if ids is not None and not ids:
                return []
            filters = Filters(article_ids=tuple(ids or ()))
            return collection.search(example.question, limit=limit, filters=filters, vector=vector)

        ways: dict[str, Callable[[], list[Candidate]]] = {
            "all": found,
            "all but own": lambda: leave_out(found(limit=DEEP), own, READ),
            "own": lambda: found(own),
            # Nor a neighbour that says the same: what it answers would be right.
            "own but gold": lambda: [
                c
                for c in found([article for article in own if article != gold])
                if not any(answer.lower() in c.passage.text.lower() for answer in example.answers)
            ],
            "other": lambda: found(titles[stranger]),
        }
        rows = []
        for kind in kinds:
            candidates = ways[kind]()
            spans = qa.read(example.question, Plan(example.question, candidates, qa.calibration).everything())
            rows.append(_row(kind, example, candidates, spans))
        return {"ways": rows}

    head = {"format": OUTCOMES, "task": f"ways {list(kinds)}", "models": [card.sha256 for card in qa.models()]}
    with Progress() as bar:
        task = bar.add_task("asking", total=len(examples))
        outcomes = gather(head, examples, one, path, lambda done: bar.update(task, completed=done))
    return [_with_spans(row) for outcome in outcomes for row in outcome["ways"]]


def _row(kind: str, example: Example, chosen: Sequence[Candidate], spans: Sequence[Span]) -> dict[str, Any]:
    places = {c.passage.id: place for place, c in enumerate(chosen)}
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
        "spans": [[places[s.candidate.passage.id], s.start, s.end, s.score] for s in spans],
    }


def _title(article_id: str) -> str:
    return article_id.rpartition("#")[0]


def _with_spans(row: dict[str, Any]) -> dict[str, Any]:
    """A row as it was kept, its spans made Span again."""
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
    spans = [
        Span(candidates[at], start, end, candidates[at].passage.text[start:end], score)
        for at, start, end, score in row["spans"]
    ]
    return {**row, "read": candidates, "spans": spans}


def stopped(row: dict[str, Any], numbers: Calibration) -> dict[str, Any]:
    """A row as it is when reading stops where the numbers say so."""
    found: dict[int, list[Span]] = {}
    for span in row["spans"]:
        found.setdefault(id(span.candidate), []).append(span)
    spans: list[Span] = []
    read: list[Candidate] = []
    plan = Plan(row["question"], row["read"], numbers)
    while not plan.done:
        some = [part.candidate for part in plan.next(spans)]
        read += some
        spans += [span for candidate in some for span in found.get(id(candidate), [])]
    return {**row, "read": read, "spans": spans}


def top(row: dict[str, Any], numbers: Calibration) -> tuple[float, float, float, float, float]:
    """Return value, margin, relevance and coverage of the best answer and its F1 (0 where the answer was left out)."""
    groups = distinct(row["question"], row["spans"], numbers)
    if not groups:
        return -20.0, 0.0, 0.0, 0.0, 0.0
    margin = lead(groups)
    good = f1(groups[0].best.text, row["answers"]) if row["kind"] in ANSWERABLE else 0.0
    relevance = max(span.candidate.similarity for span in row["spans"])
    covered = min(coverage(row["question"], groups[0].best.candidate.passage.text), COVERED)
    return groups[0].value, min(margin, MARGIN_CAP), min(relevance, RELEVANT), covered, good


def fit(rows: list[dict[str, Any]], more: list[dict[str, Any]], start: Calibration) -> Calibration:
    """Fit everything but the reading threshold and the gap between the members of a list.

    A grid over what retrieval adds to a span's value; at each point a logistic below a ceiling is fitted (with a
    ceiling of 1 calibration error was 0.038, with a fitted one 0.024, by halves of 600 questions), and the point
    with the best likelihood is taken among those whose best answers are within WITHIN points of F1 of the best.
    Ranking and confidence come from one number that way.

    Args:
        rows: of the questions that fit it.
        more: of more questions asked of all paragraphs: they help to choose what retrieval adds, when reading stops.
        start: what is not fitted here.
    """
    whole = [row for row in [*rows, *more] if row["kind"] == "all"]
    tried = []
    for similarity, retrieval in itertools.product(SIMILARITIES, RETRIEVALS):
        numbers = replace(start, length=LENGTH, similarity=similarity, retrieval=retrieval)
        table = np.array([top(row, numbers) for row in rows])
        weights = np.array([WEIGHTS[row["kind"]] for row in rows])
        figure = 100 * float(np.mean([top(row, numbers)[GOOD] for row in whole]))
        loss, fitted = below_ceiling(table, weights, numbers)
        tried.append((loss, figure, fitted))
        print(f"similarity {similarity:4.1f} retrieval {retrieval:4.1f}: F1 {figure:.2f} log loss {loss:.4f}")
    best = max(figure for _, figure, _ in tried)
    chosen = enough([*rows, *more], min((one for one in tried if one[1] >= best - WITHIN), key=lambda one: one[0])[2])
    # Confidence is that of the answers which are given, after reading as much as is read.
    read = [stopped(row, chosen) for row in rows]
    weights = np.array([WEIGHTS[row["kind"]] for row in rows])
    chosen = below_ceiling(np.array([top(row, chosen) for row in read]), weights, chosen)[1]
    # A wrong answer costs WRONG_COST of what a right one is worth: as much.  With calibrated confidence giving
    # an answer pays from cost / (1 + cost) on.  A guess below that is still shown, as a guess, with its sentence.
    return replace(chosen, threshold=round(WRONG_COST / (1 + WRONG_COST), 2))


def enough(rows: list[dict[str, Any]], numbers: Calibration) -> Calibration:
    """Return the numbers with the smallest reach that costs at most LOST points of F1 beside reading everything."""
    whole = [row for row in rows if row["kind"] == "all"]
    values = [numbers.reading_value(span.text, span.score) for row in whole for span in row["spans"]]
    everything = float(np.mean([top(row, numbers)[GOOD] for row in whole]))
    found = replace(numbers, reach=max(values))
    for reach in np.arange(min(np.ceil(max(values)), 16.0), 0.0, -1.0):
        tried = replace(numbers, reach=float(reach))
        read = [stopped(row, tried) for row in whole]
        figure = float(np.mean([top(row, tried)[GOOD] for row in read]))
        mean = np.mean([len(row["read"]) for row in read])
        print(f"reach {reach:5.1f}: F1 {100 * figure:.2f} of {100 * everything:.2f}, {mean:.1f} passages read")
        if 100 * (everything - figure) <= LOST:
            found = tried
    return found


def below_ceiling(table: np.ndarray, weights: np.ndarray, numbers: Calibration) -> tuple[float, Calibration]:
    """Return the log loss and the numbers with the likeliest ceiling · logistic(value, margin, relevance, coverage).

    Args:
        table: (n, 5), what top() says of each row.
        weights: (n,), of the rows.
        numbers: the other numbers.
    """
    features, right = table[:, :GOOD], table[:, GOOD] >= RIGHT_F1
    scale = features.std(axis=0) + 1e-9

    def loss(point: np.ndarray) -> float:
        ceiling, intercept, *slopes = point
        surety = ceiling / (1 + np.exp(-(intercept + features / scale @ slopes)))
        # A trace of a penalty: halves of few questions may be told apart wholly.
        return float(log_loss(right, surety, sample_weight=weights)) + 1e-4 * float(np.square(slopes).sum())

    found = minimize(loss, [0.95, 0.0, 1.0, 1.0, 1.0, 1.0], bounds=[(0.5, 0.999), (None, None), *[(0, None)] * 4])
    ceiling, intercept, *slopes = (float(number) for number in found.x)
    names = ("value", "margin", "relevance", "coverage")
    weighed = {name: float(slope / one) for name, slope, one in zip(names, slopes, scale, strict=True)}
    fitted = replace(numbers, ceiling=ceiling, intercept=intercept, **weighed)
    return float(found.fun), fitted


def report(halves: Sequence[tuple[list[dict[str, Any]], Calibration]]) -> dict[str, Any]:
    """Figures on rows, each half with numbers that it did not fit; the ways weigh as WEIGHTS says, as in the fit."""
    rows = [row for half, _ in halves for row in half]
    numbers = halves[0][1]
    table = np.array([top(stopped(row, fitted), fitted) for half, fitted in halves for row in half])
    kinds = np.array([row["kind"] for row in rows])
    weights = np.array([float(WEIGHTS[row["kind"]]) for row in rows])
    held = np.isin(kinds, ANSWERABLE)
    whole = kinds == "all"
    right = table[:, GOOD] >= RIGHT_F1
    fitted_by = [fitted for half, fitted in halves for _ in half]
    confidences = np.array([by.confidence(*row[:GOOD]) for by, row in zip(fitted_by, table, strict=True)])
    given = confidences >= numbers.threshold
    levels = {
        "low": (numbers.threshold, numbers.medium),
        "medium": (numbers.medium, numbers.high),
        "high": (numbers.high, 1.01),
    }
    inside = {name: (confidences >= low) & (confidences < high) for name, (low, high) in levels.items()}

    def share(of: np.ndarray, among: np.ndarray) -> float | None:
        return round(100 * float(np.average(of[among], weights=weights[among])), 1) if among.any() else None

    return {
        "questions": len(rows) // len(KINDS),
        "open_f1": round(100 * float(table[whole, GOOD].mean()), 2),
        "ece": round(calibration_error(confidences, right, weights), 4),
        "ece_open": round(calibration_error(confidences[whole], right[whole]), 4),
        "aurc_open": round(risk_coverage_area(confidences[whole], right[whole]), 4),
        "auroc_right": round(float(roc_auc_score(right, confidences, sample_weight=weights)), 4),
        "auroc_in_collection": round(float(roc_auc_score(held, confidences, sample_weight=weights)), 4),
        "answered": {kind: share(given, kinds == kind) for kind in KINDS},
        "precision_when_answered": share(right, given),
        "precision": {name: share(right, rows_in) for name, rows_in in inside.items()},
        "share": {name: share(rows_in, np.ones(len(rows), bool)) for name, rows_in in inside.items()},
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


def reading_scale(qa: QuestionAnswering, examples: Sequence[Example], threshold: float) -> float:
    """Return the width of the logistic that makes a probability of a value in one given paragraph, by log loss.

    Args:
        qa: whose reader reads.
        examples: questions of which about half have no answer in their paragraph.
        threshold: the value at which the probability is a half.
    """
    values, right = [], []
    for example in examples:
        found = qa.read_text(example.question, example.context)
        if found is not None:
            text = example.context[found.start : found.end]
            values.append(qa.calibration.reading_value(text, found.score) - threshold)
            right.append(not example.impossible and f1(text, example.references) >= RIGHT_F1)
    margins, hits = np.array(values), np.array(right)
    widths = np.arange(0.5, 8.0, 0.1)
    losses = [float(np.logaddexp(0.0, np.where(hits, -margins, margins) / width).mean()) for width in widths]
    best = int(np.argmin(losses))
    print(f"reading: log loss {losses[best]:.3f} at scale {widths[best]:.1f} ({len(values)} questions)")
    return round(float(widths[best]), 2)


def main() -> None:
    """Gather (resumable), fit, report, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the development sets")
    parser.add_argument("--train", type=Path, required=True, help="folder of the training data")
    parser.add_argument("--recipes", type=Path, nargs="+", default=[HERE / "reader.toml"])
    parser.add_argument("--work", type=Path, default=Path("runs/development"))
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    library(options.data, options.work / "library")
    examples = load_examples(options.data / SQUAD)
    random.Random(SEED).shuffle(examples)
    with QuestionAnswering.open(options.work / "library", read_only=True) as qa:
        made_with = f"{OUTCOMES} {[card.sha256 for card in qa.models()]}"
        mark = hashlib.sha256(made_with.encode()).hexdigest()[:12]
        rows = ask(qa, examples[:FITTED], options.work / f"ways-{mark}.jsonl")
        more = ask(qa, examples[FITTED:STOPPED], options.work / f"all-{mark}.jsonl", ("all",))
        unsure = load_examples(options.data / UNANSWERABLE)
        random.Random(SEED).shuffle(unsure)
        qa.calibration = replace(shipped(), length=LENGTH)
        threshold = reading_threshold(qa, unsure[:FITTED])
        scale = reading_scale(qa, unsure[:FITTED], threshold)
        recipes = [recipe(path) for path in options.recipes]
        lists = unread(options.train, options.data, recipes)
        gap = choose(qa, lists)
    start = replace(shipped(), list_gap=gap, medium=MEDIUM, high=HIGH, reading_threshold=threshold, reading_scale=scale)
    halves = [[row for place, row in enumerate(rows) if place // len(KINDS) % 2 == half] for half in (0, 1)]
    figures = report([(half, fit(other, more, start)) for half, other in (halves, halves[::-1])])
    numbers = fit(rows, more, start)
    print(json.dumps(figures, indent=2))
    facts = {"format": 1, "numbers": asdict(numbers), "held_out": figures}
    FILE.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
