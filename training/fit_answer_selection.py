"""Fit how the answer of a follow-up is chosen among readings.  Writes qa/weights/choosing.json.

The follow-ups of some dialogues are asked in their conversations; each answer that a reading proposes is a row: what
tells right from wrong (qa.followups.answer_selection), and whether it is right.  A logistic with a penalty on its
slopes says how likely an answer is right.  The threshold is about where most follow-ups come out right, those without
an answer among them.  What is reported is of each article's dialogues by numbers that those of other articles fitted:
the rows are few.

    python -m training.fit_answer_selection [--halves development practice] [--rounds 2]
"""

import argparse
import json
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize

from benchmarks.dialogues import articles, load, right_texts, turn_of
from qa import QuestionAnswering, Turn
from qa.evaluation.metrics import calibration_error
from qa.followups.answer_selection import FEATURES, FILE, Choice, Reading, features, proposals, shipped
from qa.followups.interpret import understand

PENALTY = 4.0
FOLDS = 10
PASSAGES = 10
# Follow-ups that may come out wrong for a higher threshold, as a share.
WITHIN = 0.011
THRESHOLDS = np.round(np.arange(0.2, 0.51, 0.05), 2)


def rows(qa: QuestionAnswering, dialogues: Iterable[dict[str, Any]], half: str) -> list[dict[str, Any]]:
    """Ask every follow-up in its conversation; of each that has more than one reading, its proposals and features."""
    found = []
    for dialogue in dialogues:
        history: list[Turn] = []
        for turn in dialogue["turns"]:
            if "kind" in turn:
                collection = qa.library.collection("default")
                understood = understand(collection, turn["question"], history, passages=PASSAGES)
                if not understood.alone:
                    readings = [
                        Reading(one, qa.ask_of(one.question, some, without=one.without))
                        for one, some in zip(understood.variants, understood.found, strict=True)
                    ]
                    proposed = proposals(readings)
                    found.append(
                        {
                            "article": f"{half} {dialogue['turns'][0].get('article')}",
                            "wanted": bool(turn["answers"]),
                            "features": [
                                features(one, proposed, understood.question, understood.history, understood.homes)
                                for one in proposed
                            ],
                            "right": [right_texts(one.answer, turn["answers"]) for one in proposed],
                        }
                    )
            history.append(turn_of(qa.ask(turn["question"], history=history)))
    return found


def fit(some: Sequence[dict[str, Any]]) -> Choice:
    """Return the likeliest logistic with a penalty, and no threshold yet."""
    table = np.array([one for row in some for one in row["features"]])
    good = np.array([one for row in some for one in row["right"]])
    mean, scale = table.mean(axis=0), table.std(axis=0) + 1e-9
    scaled = (table - mean) / scale

    def loss(point: np.ndarray) -> float:
        logit = point[0] + scaled @ point[1:]
        return float(np.logaddexp(0.0, np.where(good, -logit, logit)).sum()) + PENALTY * float(point[1:] @ point[1:])

    point = minimize(loss, np.zeros(table.shape[1] + 1)).x
    weights = point[1:] / scale
    return Choice(float(point[0] - weights @ mean), tuple(map(float, weights)), 0.0)


def judged(row: dict[str, Any], choice: Choice) -> tuple[float, bool]:
    """Return how likely the best proposal of a follow-up seems, and whether it is right."""
    likely = [(choice.probability(one), good) for one, good in zip(row["features"], row["right"], strict=True)]
    return max(likely, default=(0.0, False), key=lambda one: one[0])


def share_right(outcomes: Sequence[tuple[float, bool]], some: Sequence[dict[str, Any]], threshold: float) -> float:
    """Return the share of follow-ups that come out right where answers below a threshold are not given."""
    return float(
        np.mean(
            [
                good if likely >= threshold else not row["wanted"]
                for (likely, good), row in zip(outcomes, some, strict=True)
            ]
        )
    )


def held_out(some: Sequence[dict[str, Any]]) -> list[tuple[float, bool]]:
    """Judge each follow-up by numbers that the dialogues of other articles fitted."""
    names = sorted({row["article"] for row in some})
    fold = {name: place % FOLDS for place, name in enumerate(names)}
    fitted = [fit([row for row in some if fold[row["article"]] != one]) for one in range(FOLDS)]
    return [judged(row, fitted[fold[row["article"]]]) for row in some]


def main() -> None:
    """Ask, fit, report, write; again with what is said by the new numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--halves", nargs="+", default=["development", "practice"])
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    for _ in range(options.rounds):
        shipped.cache_clear()
        some = []
        for half in options.halves:
            with tempfile.TemporaryDirectory() as folder, QuestionAnswering.open(Path(folder) / "library") as qa:
                for source in articles(half):
                    qa.add(source)
                some += rows(qa, load(half), half)
        outcomes = held_out(some)
        shares = [share_right(outcomes, some, threshold) for threshold in THRESHOLDS]
        # The highest of those about as good: a peak of few dialogues is chance, and a wrong answer worse than none.
        good = [one for one, share in zip(THRESHOLDS, shares, strict=True) if share >= max(shares) - WITHIN]
        threshold = float(good[-1])
        choice = fit(some)
        none = [(one, row) for one, row in zip(outcomes, some, strict=True) if not row["wanted"]]
        facts = {
            "format": 1,
            "numbers": {
                "intercept": choice.intercept,
                "weights": dict(zip(FEATURES, choice.weights, strict=True)),
                "threshold": threshold,
            },
            "held_out": {
                "follow_ups": len(some),
                "right": round(100 * share_right(outcomes, some, threshold), 1),
                "right_without_answer": round(100 * float(np.mean([one[0] < threshold for one, _ in none])), 1),
                "right_by_threshold": {
                    str(one): round(100 * share, 1) for one, share in zip(THRESHOLDS, shares, strict=True)
                },
                "ece": round(calibration_error(*map(np.array, zip(*outcomes, strict=True))), 4),
            },
        }
        print(json.dumps(facts["held_out"], indent=2))
        FILE.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
