"""What the figures are: exact match, F1, recall, calibration, ranking of right before wrong.  Pure.

Exact match and F1 are SQuAD's (Rajpurkar et al. 2016, arXiv:1606.05250; with unanswerable
questions 2018, arXiv:1806.03822).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from qa.answers.merging import normalize

RECALL_AT = (1, 5, 10, 20)
_BINS = 10
Numbers = npt.NDArray[Any]


def exact_match(prediction: str, references: Sequence[str]) -> float:
    """Return 1.0 if the normalised prediction equals a normalised reference, else 0.0; no reference: "" is right."""
    return float(any(normalize(prediction) == normalize(reference) for reference in references or ("",)))


def f1(prediction: str, references: Sequence[str]) -> float:
    """Return the best F1, 0..1, over the bags of normalised words; no reference: "" is right."""
    return max(_f1(normalize(prediction).split(), normalize(r).split()) for r in references or ("",))


@dataclass(frozen=True, slots=True)
class SpanCounts:
    """What one question adds to the measures of several spans.

    Exact spans as MultiSpanQA counts them (Li et al. 2022); partial
    ones by shared words, where MultiSpanQA takes shared characters.

    Attributes:
        predicted: spans given.
        gold: reference spans.
        same: spans given that equal a reference, normalised.
        precise: each span given, its best share of words that lie in one reference, summed.
        recalled: each reference, its best share of words that lie in one span given, summed.
    """

    predicted: int
    gold: int
    same: int
    precise: float
    recalled: float


def span_counts(predicted: Sequence[str], gold: Sequence[str]) -> SpanCounts:
    """Compare spans given with reference spans."""
    given = sorted({normalize(text) for text in predicted} - {""})
    wanted = sorted({normalize(text) for text in gold} - {""})
    shared = np.zeros((len(given), len(wanted)))
    for row, one in enumerate(given):
        for column, two in enumerate(wanted):
            shared[row, column] = sum((Counter(one.split()) & Counter(two.split())).values())
    precise = shared / np.array([[len(one.split())] for one in given]) if given else shared
    recalled = shared / np.array([len(two.split()) for two in wanted]) if wanted else shared
    return SpanCounts(
        predicted=len(given),
        gold=len(wanted),
        same=len(set(given) & set(wanted)),
        precise=float(precise.max(axis=1).sum()) if shared.size else 0.0,
        recalled=float(recalled.max(axis=0).sum()) if shared.size else 0.0,
    )


def span_figures(counts: Sequence[SpanCounts]) -> dict[str, float]:
    """Return precision, recall and F1 of spans over all questions, exact and by shared words, in percent."""
    # A question without a span given, or without one to give, counts as one: so that saying nothing costs.
    predicted = max(1, sum(max(1, one.predicted) for one in counts))
    gold = max(1, sum(max(1, one.gold) for one in counts))
    exact = [100 * sum(one.same for one in counts) / whole for whole in (predicted, gold)]
    partly = [
        100 * sum(one.precise for one in counts) / predicted,
        100 * sum(one.recalled for one in counts) / gold,
    ]
    return {
        "questions": len(counts),
        "precision": round(exact[0], 2),
        "recall": round(exact[1], 2),
        "f1": round(_harmonic(*exact), 2),
        "overlap_f1": round(_harmonic(*partly), 2),
    }


def recall_and_mrr(ranks: Sequence[int]) -> tuple[dict[str, float], float]:
    """Return recall at RECALL_AT in percent, and the mean reciprocal rank 0..1.

    Args:
        ranks: of the gold paragraph, from 1; 0 where it is not among the first 20.
    """
    placed = np.array(ranks)
    recall = {str(k): percent((placed > 0) & (placed <= k)) for k in RECALL_AT}
    mrr = float(np.mean([1 / rank if rank else 0.0 for rank in ranks])) if len(ranks) else 0.0
    return recall, round(mrr, 4)


def calibration_error(confidences: Numbers, right: Numbers, weights: Numbers | None = None) -> float:
    """Return the expected calibration error, 0..1, over 10 bins of equal width (Guo et al. 2017, arXiv:1706.04599).

    Args:
        confidences: 0..1 (n,).
        right: whether each answer was right (n,).
        weights: how much each counts (n,); None for all the same.
    """
    counts = np.ones(len(right)) if weights is None else weights
    bins = _bins(confidences)
    gaps = np.array([abs(float(np.sum((counts * (confidences - right))[bins == which]))) for which in np.unique(bins)])
    return float(gaps.sum() / max(1e-12, counts.sum()))


def reliability(confidences: Numbers, right: Numbers) -> list[dict[str, float]]:
    """Return each bin of confidence that is not empty: its questions, mean confidence and share of right, 0..1."""
    bins = _bins(confidences)
    return [
        {
            "from": round(int(which) / _BINS, 2),
            "questions": int((bins == which).sum()),
            "confidence": float(confidences[bins == which].mean()),
            "right": float(right[bins == which].mean()),
        }
        for which in np.unique(bins)
    ]


def risk_coverage_area(confidences: Numbers, right: Numbers) -> float:
    """Return the area under the risk-coverage curve, 0..1, lower is better (Geifman & El-Yaniv 2017, arXiv:1705.08500).

    The mean, over every number of questions one might answer, of the share of wrong answers among
    so many surest.
    """
    order = np.argsort(-confidences, kind="stable")
    wrong = 1.0 - right[order].astype(float)
    return float((np.cumsum(wrong) / np.arange(1, len(wrong) + 1)).mean()) if len(wrong) else 0.0


def auroc(scores: Numbers, positive: Numbers) -> float | None:
    """Return the share of (positive, negative) pairs in the right order, ties half; None if one side is empty."""
    from scipy.stats import rankdata

    count = int(positive.sum())
    rest = len(positive) - count
    if not count or not rest:
        return None
    ranks = rankdata(scores)
    return round(float((ranks[positive].sum() - count * (count + 1) / 2) / (count * rest)), 4)


def percent(flags: Numbers) -> float:
    """Return the share that is true, in percent; 0 of none."""
    return round(float(np.mean(flags)) * 100, 2) if len(flags) else 0.0


def _bins(confidences: Numbers) -> Numbers:
    return np.asarray(np.minimum((confidences * _BINS).astype(int), _BINS - 1))


def _f1(predicted: list[str], reference: list[str]) -> float:
    if not predicted or not reference:
        return float(predicted == reference)
    same = sum((Counter(predicted) & Counter(reference)).values())
    return 2 * same / (len(predicted) + len(reference))


def _harmonic(one: float, two: float) -> float:
    return 2 * one * two / (one + two) if one + two else 0.0
