"""Readers side by side on the development halves and on near-misses of passages that no run learns from.

    python -m training.train_reader ... --out RUN --snapshot MODEL     # of a run that goes on
    python -m training.compare MODEL [MODEL ...] --data DATA

``threshold`` is the score with the best F1 on SQuAD 2.0, for each model its own; there and on the near-misses an answer
scored below it is refused. Half near-misses, half questions with an answer: ``refused`` says how many of each.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from qa import Example, QuestionAnswering, evaluate_reading, load_examples
from qa.evaluation.metrics import auroc, f1
from qa.options import Options
from training.held_out import development_rows
from training.leaks import Known
from training.run import recipe

# Each development set, and how many of its first questions are asked.
SETS = {
    "SQuAD 1.1": ("squad11-dev-A.json.gz", 600),
    "NewsQA": ("newsqa-dev-A.jsonl.gz", 150),
    "NQ-open": ("nq-open-dev-gold-A.jsonl.gz", 400),
    "MultiSpanQA": ("multispanqa-A.jsonl.gz", 127),
}
UNANSWERABLE = ("squad20-dev-A.json.gz", 600)
NEAR_MISSES = 700
# What a passage without a token to read scores.
_NOTHING = -100.0


@dataclass(frozen=True)
class Readings:
    """What a reader makes of questions with their passages.

    Attributes:
        scores: of each question's best span, higher where an answer is likelier: float64 (n,).
        gains: F1 of that span, 0 where the passage holds no answer: float64 (n,).
        answerable: bool (n,).
    """

    scores: np.ndarray
    gains: np.ndarray
    answerable: np.ndarray

    @classmethod
    def of(cls, qa: QuestionAnswering, examples: Sequence[Example]) -> "Readings":
        """Read each example's own passage."""
        scores, gains = [], []
        for example in examples:
            span = qa.read_text(example.question, example.context)
            text = example.context[span.start : span.end] if span else ""
            scores.append(span.score if span else _NOTHING)
            gains.append(0.0 if example.impossible else f1(text, example.references))
        return cls(np.array(scores), np.array(gains), np.array([not example.impossible for example in examples]))

    def f1(self, threshold: float) -> float:
        """Return F1 in percent where a span scored below the threshold is refused, which an unanswerable one should."""
        refused = self.scores < threshold
        return 100 * float(np.where(refused, ~self.answerable, self.gains).mean())

    def best_threshold(self) -> float:
        """Return the threshold with the best F1, to a tenth."""
        options = np.unique(np.round(self.scores, 1))
        return float(options[int(np.argmax([self.f1(option) for option in options]))])

    def area(self) -> float:
        """Return the area under ROC of answerable by score, 0..1."""
        return round(auroc(self.scores, self.answerable) or 0.5, 4)

    def refused(self, chosen: np.ndarray, threshold: float) -> float:
        """Return the share in percent of some questions (bool (n,)) that are refused at a threshold."""
        return round(100 * float((self.scores[chosen] < threshold).mean()), 1)


def measure(
    model: Path, dev: Path, near: Sequence[dict[str, Any]], share: float = 1.0
) -> dict[str, dict[str, float | dict[str, float]]]:
    """Return a model's figures by set.

    Args:
        model: its folder.
        dev: folder of the development sets.
        near: from development_rows().
        share: of the questions of each set, 0..1, that are asked.
    """

    def part(name: str, count: int) -> list[Example]:
        return load_examples(dev / name)[: max(2, round(count * share))]

    figures: dict[str, dict[str, float | dict[str, float]]] = {}
    with TemporaryDirectory() as folder, QuestionAnswering.open(folder, options=Options(reader=str(model))) as qa:
        for title, (name, count) in SETS.items():
            report = evaluate_reading(qa, part(name, count))
            figures[title] = {"f1": report.spans["f1"] if report.spans else round(report.f1 or 0.0, 2)}
        unsure = Readings.of(qa, part(*UNANSWERABLE))
        threshold = unsure.best_threshold()
        figures["SQuAD 2.0"] = {"f1": round(unsure.f1(threshold), 2), "auroc": unsure.area(), "threshold": threshold}
        readings = Readings.of(qa, [_example(row) for row in near])
    kinds = np.array([row.get("kind", "answered") for row in near])
    figures["near-misses"] = {
        "auroc": readings.area(),
        "f1": round(readings.f1(threshold), 2),
        "refused": {
            "near-misses": readings.refused(~readings.answerable, threshold),
            **{str(kind): readings.refused(kinds == kind, threshold) for kind in np.unique(kinds)},
        },
    }
    return figures


def _example(row: dict[str, Any]) -> Example:
    answers = tuple(answer["text"] for answer in row["answers"])
    return Example(row["question"], row["context"], answers, not answers, title=row.get("title") or "")


def table(figures: dict[str, dict[str, dict[str, float | dict[str, float]]]]) -> str:
    """Return figures by model and set as a table in Markdown, a column for each model."""
    flat = {
        model: {
            f"{title}, {what}{detail}": value
            for title, row in sets.items()
            for what, number in row.items()
            for detail, value in (
                ((f" of {kind}", share) for kind, share in number.items())
                if isinstance(number, dict)
                else (("", number),)
            )
        }
        for model, sets in figures.items()
    }
    lines = ["| | " + " | ".join(flat) + " |", "| --- |" + " --- |" * len(flat)]
    for row in dict.fromkeys(row for numbers in flat.values() for row in numbers):
        cells = [f"{numbers[row]:g}" if row in numbers else "" for numbers in flat.values()]
        lines.append(f"| {row} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print a table, and write the figures where --out says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=Path, nargs="+", help="folders in transformers' layout")
    parser.add_argument("--data", type=Path, required=True, help="folder with train/ and eval/")
    parser.add_argument("--config", type=Path, default=Path(__file__).with_name("reader-12.toml"))
    parser.add_argument("--share", type=float, default=1.0, help="of each set's questions; fewer are quicker")
    parser.add_argument("--out", type=Path, help="JSON; figures of other models that it holds stay")
    options = parser.parse_args(arguments)
    dev = options.data / "eval"
    count = round(NEAR_MISSES * options.share)
    near = development_rows(options.data / "train", recipe(options.config), Known(dev), count)
    figures = json.loads(options.out.read_text(encoding="utf-8")) if options.out and options.out.exists() else {}
    for model in options.models:
        figures[str(model)] = measure(model, dev, near, options.share)
        print(json.dumps({str(model): figures[str(model)]}), flush=True)
        if options.out:
            options.out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    print(table(figures))


if __name__ == "__main__":
    main()
