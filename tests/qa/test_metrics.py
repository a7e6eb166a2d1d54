import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa.evaluation.metrics import (
    auroc,
    calibration_error,
    exact_match,
    f1,
    recall_and_mrr,
    reliability,
    risk_coverage_area,
    span_counts,
    span_figures,
)


def test_exact_match_and_f1_are_squads() -> None:
    assert exact_match("the Eiffel Tower!", ["Eiffel tower"]) == 1.0
    assert f1("the tall Eiffel Tower", ["Eiffel Tower"]) == pytest.approx(0.8)
    assert f1("", []) == 1.0 and f1("x", []) == 0.0 and exact_match("", []) == 1.0
    assert f1("x", ["y", "x z"]) == pytest.approx(2 / 3)


def test_calibration_error_by_hand() -> None:
    surety, right = np.array([0.95, 0.95, 0.15, 0.15]), np.array([True, True, False, False])
    assert calibration_error(surety, right) == pytest.approx(0.1)
    assert [(row["from"], row["questions"], row["right"]) for row in reliability(surety, right)] == [
        (0.1, 2, 0.0),
        (0.9, 2, 1.0),
    ]


def test_risk_and_coverage_by_hand() -> None:
    surety = np.array([0.9, 0.8, 0.7, 0.6])
    assert risk_coverage_area(surety, np.array([True, True, True, True])) == 0.0
    # The surest is right, the next wrong, then right, then wrong: risks 0, 1/2, 1/3, 1/2.
    assert risk_coverage_area(surety, np.array([True, False, True, False])) == pytest.approx(
        (1 / 2 + 1 / 3 + 1 / 2) / 4
    )


def test_recall_and_mrr_by_hand() -> None:
    recall, mrr = recall_and_mrr([1, 2, 0, 20])
    assert recall == {"1": 25.0, "5": 50.0, "10": 50.0, "20": 75.0}
    assert mrr == pytest.approx((1 + 1 / 2 + 1 / 20) / 4, abs=1e-4)


def test_several_spans_by_hand() -> None:
    counts = [span_counts(["North Korea", "the Syria", "Mali"], ["Syria", "North Korea"]), span_counts([], ["a b"])]
    figures = span_figures(counts)
    # Two of three given and of three wanted; nothing given to the second question counts as one given, wrong.
    assert figures["precision"] == 50.0 and figures["recall"] == pytest.approx(66.67)
    partly = span_figures([span_counts(["big North Korea"], ["North Korea"])])
    assert partly["f1"] == 0.0 and partly["overlap_f1"] == pytest.approx(80.0)
    assert span_figures([span_counts([], [])])["f1"] == 0.0


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60))
def test_areas_and_errors_are_shares(rows: list[tuple[float, bool]]) -> None:
    surety, right = np.array([one for one, _ in rows]), np.array([two for _, two in rows])
    assert 0 <= calibration_error(surety, right) <= 1 and 0 <= risk_coverage_area(surety, right) <= 1
    assert sum(row["questions"] for row in reliability(surety, right)) == len(rows)
    area = auroc(surety, right)
    assert (area is None) == (right.all() or not right.any())
    if area is not None:
        assert area + (auroc(-surety, right) or 0.0) == pytest.approx(1.0, abs=2e-4)
