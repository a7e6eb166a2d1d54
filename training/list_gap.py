"""How far below the best span of a list its other members may be ranked.

Chosen on lists of the training data that the recipes' mixtures leave out.
"""

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.progress import track

from qa import QuestionAnswering
from qa.answers.merging import best_members
from qa.evaluation.metrics import span_counts, span_figures
from qa.reading.plan import given
from training.jsonl import read_lines
from training.leaks import Known
from training.reading_data import examples

LISTS = ("multispanqa", "quoref_part")
SINGLES = ("squad11_train_part", "quoref_part")
EACH = 120
GAPS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0)


def unread(folder: Path, dev: Path, configs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return lists of the training data that recipes' mixtures leave out, and as many questions with one answer.

    Args:
        folder: of the training data.
        dev: of the development data, none of which is returned.
        configs: the recipes.
    """
    known = Known(dev)
    read = {
        (row["question"], row["context"])
        for config in configs
        for row in examples(folder, config["mixture"], known, random.Random(config["data_seed"]))
    }
    dice = random.Random(configs[0]["data_seed"])

    files = {
        name: [
            row
            for row in known.without(read_lines(folder / f"{name}.jsonl.gz"))
            if (row["question"], row["context"]) not in read
        ]
        for name in dict.fromkeys(LISTS + SINGLES)
    }

    def left(name: str, several: bool) -> list[dict[str, Any]]:
        rows = [row for row in files[name] if bool(row.get("multi")) == several and len(row["answers"]) > several]
        dice.shuffle(rows)
        return rows

    lists = [row for name in LISTS for row in left(name, several=True)[:EACH]]
    return lists + [row for name in SINGLES for row in left(name, several=False)[: len(lists) // len(SINGLES)]]


def choose(qa: QuestionAnswering, rows: Sequence[dict[str, Any]]) -> float:
    """Return the smallest gap with which F1 over spans is within a point of the best.

    A wrong member beside a right answer is worse for who reads it than a missing one.

    Args:
        qa: whose reader reads.
        rows: from unread().
    """
    read = [qa.read(row["question"], [given(row["context"])]) for row in track(rows, "reading lists")]
    found = {}
    for gap in GAPS:
        numbers = replace(qa.calibration, list_gap=gap)
        counts = [
            span_counts(best_members(row["question"], spans, numbers), [answer["text"] for answer in row["answers"]])
            for row, spans in zip(rows, read, strict=True)
        ]
        figures = span_figures(counts)
        print(f"list gap {gap}: {figures}")
        found[gap] = figures["f1"]
    return min(gap for gap, figure in found.items() if figure >= max(found.values()) - 1.0)
