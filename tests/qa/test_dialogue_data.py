"""The dialogues that conversations are measured with are what their page says: shape, sets, answers verbatim."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from index import Article, open_source
from qa.answers.merging import normalize
from tests.helpers import ROOT, SAMPLES

FOLDER = ROOT / "tests" / "data" / "dialogues"
PRACTICE = "practice"
SETS = ("development", "final", PRACTICE)
# The folders that a set's articles lie in; each set asks about every article of its own.
FOLDERS = {"development": (SAMPLES,), "final": (SAMPLES,), PRACTICE: (SAMPLES, FOLDER / PRACTICE)}
KINDS = {
    "pronoun",
    "possessive",
    "ellipsis",
    "why",
    "else",
    "demonstrative",
    "answer",
    "topic",
    "switch",
    "correction",
}
FIRST = {"question", "answers", "article"}
FOLLOW_UP = FIRST | {"kind", "standalone"}


def load(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (FOLDER / f"{name}.jsonl").read_text("utf-8").splitlines()]


def turns(name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    return ((dialogue["id"], turn) for dialogue in load(name) for turn in dialogue["turns"])


def follow_ups(name: str) -> list[dict[str, Any]]:
    return [turn for dialogue in load(name) for turn in dialogue["turns"][1:]]


@pytest.fixture(scope="module")
def texts() -> dict[str, dict[str, str]]:
    """By set, each article's text as the library keeps it, by its file's name, or by its id where a file holds several.

    No name may stand for two articles: a dialogue says by it alone where its answers are.
    """
    read = {folder: articles(folder) for folders in FOLDERS.values() for folder in folders}
    assert sum(map(len, read.values())) == len(set().union(*read.values()))
    return {
        name: {key: text for folder in folders for key, text in read[folder].items()}
        for name, folders in FOLDERS.items()
    }


def articles(folder: Path) -> dict[str, str]:
    found = {}
    for path in sorted(folder.iterdir()):
        read = [item for item in open_source(path) if isinstance(item, Article)]
        found.update({path.name: read[0].text} if len(read) == 1 else {one.id: one.text for one in read})
    return found


@pytest.mark.parametrize("name", SETS)
def test_a_set_has_its_shape(name: str) -> None:
    dialogues = load(name)
    prefix = "p" if name == PRACTICE else "d"
    assert len(dialogues) >= 60
    for dialogue in dialogues:
        assert set(dialogue) == {"id", "turns"} and re.fullmatch(rf"{prefix}\d{{3}}", dialogue["id"])
        first, *rest = dialogue["turns"]
        assert len(rest) in (1, 2) and set(first) == FIRST and first["answers"], dialogue["id"]
        for turn in rest:
            assert set(turn) == FOLLOW_UP and turn["kind"] in KINDS, dialogue["id"]
            assert turn["standalone"].strip() == turn["standalone"] != "", dialogue["id"]
            # A switch stands alone as it is; any other follow-up says too little by itself.
            assert (turn["question"] == turn["standalone"]) == (turn["kind"] == "switch"), dialogue["id"]
        for turn in dialogue["turns"]:
            assert turn["question"].strip() == turn["question"] != "", dialogue["id"]
            assert (turn["article"] is None) == (not turn["answers"]), dialogue["id"]
            assert len(set(turn["answers"])) == len(turn["answers"]), dialogue["id"]


@pytest.mark.parametrize("name", SETS)
def test_every_kind_and_every_article_is_there(name: str, texts: dict[str, dict[str, str]]) -> None:
    counts = Counter(turn["kind"] for turn in follow_ups(name))
    assert set(counts) == KINDS and min(counts.values()) >= 5
    assert {turn["article"] for _, turn in turns(name)} - {None} == set(texts[name])
    assert sum(not turn["answers"] for turn in follow_ups(name)) >= 10


@pytest.mark.parametrize("name", SETS)
def test_every_answer_stands_verbatim_in_its_article(name: str, texts: dict[str, dict[str, str]]) -> None:
    missing = [
        (dialogue, turn["article"], answer)
        for dialogue, turn in turns(name)
        for answer in turn["answers"]
        # Whole words of it, and something left after SQuAD's normalisation: else any answer would be as good.
        if not (normalize(answer) and re.search(rf"(?<!\w){re.escape(answer)}(?!\w)", texts[name][turn["article"]]))
    ]
    assert missing == []


def test_no_dialogue_is_twice_or_in_two_sets() -> None:
    every = [dialogue for name in SETS for dialogue in load(name)]
    assert len({dialogue["id"] for dialogue in every}) == len(every)
    # Two dialogues with the same first question count as one. Failing shows ids alone: the final half is not read.
    first: dict[str, list[str]] = {}
    for dialogue in every:
        first.setdefault(dialogue["turns"][0]["question"].casefold(), []).append(dialogue["id"])
    assert [ids for ids in first.values() if len(ids) > 1] == []


def test_the_readme_counts_as_the_files_do() -> None:
    rows = re.findall(
        r"^\| (.+?) \| (\d+) \| (\d+) \| (\d+) \|", (FOLDER / "README.md").read_text("utf-8"), re.MULTILINE
    )
    written = {what.strip("`"): tuple(map(int, numbers)) for what, *numbers in rows}
    asked = {name: follow_ups(name) for name in SETS}
    counted = {kind: tuple(sum(turn["kind"] == kind for turn in asked[name]) for name in SETS) for kind in KINDS}
    assert written == counted | {
        "dialogues": tuple(len(load(name)) for name in SETS),
        "of them with two follow-ups": tuple(sum(len(one["turns"]) == 3 for one in load(name)) for name in SETS),
        "follow-ups": tuple(len(asked[name]) for name in SETS),
        "of them without an answer": tuple(sum(not turn["answers"] for turn in asked[name]) for name in SETS),
    }
