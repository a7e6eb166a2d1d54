"""Readers side by side: the figures are those of what was refused, and the command measures the shipped reader."""

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qa import load_examples
from qa.reading.reader import MANIFEST
from tests.helpers import ROOT
from training import compare
from training.compare import SETS, UNANSWERABLE, Readings
from training.near_misses import KINDS
from training.run import recipe

PART = ROOT / "tests" / "data" / "squad-part.json.gz"


def test_readings_know_the_threshold_that_is_best_and_what_it_refuses() -> None:
    readings = Readings(
        scores=np.array([9.0, 8.0, 7.0, 3.0, 2.0, 1.0]),
        gains=np.array([1.0, 0.5, 0.0, 0.6, 0.0, 0.0]),
        answerable=np.array([True, True, False, True, False, False]),
    )
    assert readings.area() == pytest.approx(8 / 9, abs=1e-4)
    # Above the second score F1 of the answered is 1.5 of 6 and all three others are refused.
    assert readings.best_threshold() == pytest.approx(8.0)
    assert readings.f1(8.0) == pytest.approx(100 * 4.5 / 6)
    assert readings.f1(2.5) == pytest.approx(100 * 4.1 / 6)
    assert readings.f1(10.0) == pytest.approx(50.0)
    assert readings.refused(readings.answerable, 8.0) == 33.3
    assert readings.refused(~readings.answerable, 8.0) == 100.0


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with train/ and eval/, of different passages."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "train").mkdir()
    (folder / "eval").mkdir()
    examples = [example for example in load_examples(PART) if example.answers]
    titles = sorted({example.title for example in examples})
    rows: dict[bool, list[dict[str, Any]]] = {True: [], False: []}
    for example in examples:
        text = example.answers[0]
        answers = [{"text": text, "start": example.context.index(text)}]
        row = {"title": example.title, "context": example.context, "question": example.question, "answers": answers}
        rows[example.title in titles[: len(titles) // 2]].append(row | {"impossible": False})

    def write(path: Path, lines: list[dict[str, Any]]) -> None:
        if path.name.endswith(".json.gz"):
            paragraphs = [
                {"context": row["context"], "qas": [row | {"is_impossible": row["impossible"]}]} for row in lines
            ]
            text = json.dumps({"data": [{"title": "T", "paragraphs": paragraphs}]})
        else:
            text = "".join(json.dumps(row) + "\n" for row in lines)
        with gzip.open(path, "wt", encoding="utf-8") as file:
            file.write(text)

    measured = rows[True][:8]
    for name, _ in SETS.values():
        write(folder / "eval" / name, [row | {"multi": "multi" in name} for row in measured])
    unanswerable = [row | {"answers": [], "impossible": True, "question": "Who sold it?"} for row in measured[:4]]
    write(folder / "eval" / UNANSWERABLE[0], measured[4:] + unanswerable)
    sources = recipe(ROOT / "training" / "reader-12.toml")["near_misses"]["from"]
    for name in sources:
        write(folder / "train" / f"{name}.jsonl.gz", rows[False] if name == sources[0] else [])
    return folder


def test_compare_prints_a_table_and_keeps_figures_of_other_models(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = (ROOT / "training" / "reader-12.toml").read_text().replace("held_out = 0.02", "held_out = 0.9")
    (tmp_path / "all.toml").write_text(config)
    out = tmp_path / "figures.json"
    out.write_text(json.dumps({"another": {}}))
    shipped = MANIFEST.parent / "reader"
    arguments = [str(shipped), "--data", str(data), "--config", str(tmp_path / "all.toml"), "--share", "0.04"]
    compare.main([*arguments, "--out", str(out)])
    figures = json.loads(out.read_text())
    assert list(figures) == ["another", str(shipped)]
    sets = figures[str(shipped)]
    assert sets["SQuAD 1.1"]["f1"] > 50, "a reader that was trained"
    refused = sets["near-misses"]["refused"]
    assert set(refused) <= {"answered", "near-misses", *KINDS} and {"answered", "near-misses", "relation"} <= set(
        refused
    )
    assert all(0 <= share <= 100 for share in refused.values())
    printed = capsys.readouterr().out
    assert f"| SQuAD 2.0, auroc |  | {sets['SQuAD 2.0']['auroc']:g} |" in printed
    assert f"| near-misses, refused of relation |  | {refused['relation']:g} |" in printed
