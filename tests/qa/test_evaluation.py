import json
from pathlib import Path

import numpy as np
import pytest

from index import Article, InputError, UnsupportedFormat
from qa import QuestionAnswering, evaluate_open, evaluate_reading, load_examples
from qa.evaluation import calibration_error, exact_match, f1
from tests.helpers import ROOT

PART = ROOT / "tests" / "data" / "squad-part.json.gz"


def test_exact_match_and_f1_are_squads() -> None:
    assert exact_match("the Eiffel Tower!", ["Eiffel tower"]) == 1.0
    assert f1("the tall Eiffel Tower", ["Eiffel Tower"]) == pytest.approx(0.8)
    assert f1("", []) == 1.0 and f1("x", []) == 0.0 and exact_match("", []) == 1.0
    assert f1("x", ["y", "x z"]) == pytest.approx(2 / 3)


def test_calibration_error_by_hand() -> None:
    assert calibration_error(np.array([0.95, 0.95, 0.15, 0.15]), np.array([True, True, False, False])) == pytest.approx(
        0.1
    )


def test_reads_both_formats_and_says_what_is_wrong(tmp_path: Path) -> None:
    line = {
        "question": "q",
        "context": "c",
        "answers": [{"text": "a", "start": 0}, {"text": "b", "start": 1}],
        "multi": True,
    }
    (tmp_path / "a.jsonl").write_text(json.dumps(line) + "\n")
    (example,) = load_examples(tmp_path / "a.jsonl")
    assert example.answers == ("a, b",) and example.multi and not example.impossible
    assert len(load_examples(PART)) == 300
    for name, text, kind in (
        ("b.csv", "x", UnsupportedFormat),
        ("c.json", "{", InputError),
        ("d.jsonl", "", InputError),
    ):
        (tmp_path / name).write_text(text)
        with pytest.raises(kind):
            load_examples(tmp_path / name)
    with pytest.raises(InputError, match="cannot be read"):
        load_examples(tmp_path / "nope.json")


def test_reading_and_open_figures_on_real_questions(qa: QuestionAnswering) -> None:
    examples = load_examples(PART)[:40]
    reading = evaluate_reading(qa, examples)
    assert reading.questions == 40 and reading.f1 > 55 and reading.exact_match <= reading.f1
    assert reading.no_answer is None and "recall" not in reading.as_dict()
    contexts = dict.fromkeys(example.context for example in load_examples(PART))
    qa.add([Article(text, id=f"p{n}") for n, text in enumerate(contexts)], collection="squad")
    found = evaluate_open(qa, examples, collection="squad")
    assert found.recall is not None and found.recall["5"] >= 90 and found.recall["1"] <= found.recall["20"]
    assert found.f1 > 45 and found.answered is not None and found.mrr is not None and found.ece is not None
    with pytest.raises(InputError, match="add them first"):
        evaluate_open(qa, examples)
