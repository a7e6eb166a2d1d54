"""The dialogues that conversations are measured with are what their page says: shape, halves, answers verbatim."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from index import Article, open_source
from qa.merging import normalize
from tests.helpers import ROOT, SAMPLES

FOLDER = ROOT / "tests" / "data" / "dialogues"
HALVES = ("development", "final")
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


def load(half: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (FOLDER / f"{half}.jsonl").read_text("utf-8").splitlines()]


def turns(half: str) -> Iterator[tuple[str, dict[str, Any]]]:
    return ((dialogue["id"], turn) for dialogue in load(half) for turn in dialogue["turns"])


def follow_ups(half: str) -> list[dict[str, Any]]:
    return [turn for dialogue in load(half) for turn in dialogue["turns"][1:]]


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    """Each article's text as the library keeps it, by its file's name, or by its own id where a file holds several."""
    found = {}
    for path in sorted(SAMPLES.iterdir()):
        articles = [item for item in open_source(path) if isinstance(item, Article)]
        found.update({path.name: articles[0].text} if len(articles) == 1 else {one.id: one.text for one in articles})
    return found


@pytest.mark.parametrize("half", HALVES)
def test_a_half_has_its_shape(half: str) -> None:
    dialogues = load(half)
    assert len(dialogues) >= 60
    for dialogue in dialogues:
        assert set(dialogue) == {"id", "turns"} and re.fullmatch(r"d\d{3}", dialogue["id"])
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


@pytest.mark.parametrize("half", HALVES)
def test_every_kind_and_every_article_is_there(half: str, texts: dict[str, str]) -> None:
    counts = Counter(turn["kind"] for turn in follow_ups(half))
    assert set(counts) == KINDS and min(counts.values()) >= 5
    assert {turn["article"] for _, turn in turns(half)} - {None} == set(texts)
    assert sum(not turn["answers"] for turn in follow_ups(half)) >= 10


@pytest.mark.parametrize("half", HALVES)
def test_every_answer_stands_verbatim_in_its_article(half: str, texts: dict[str, str]) -> None:
    missing = [
        (name, turn["article"], answer)
        for name, turn in turns(half)
        for answer in turn["answers"]
        # Whole words of it, and something left after SQuAD's normalisation: else any answer would be as good.
        if not (normalize(answer) and re.search(rf"(?<!\w){re.escape(answer)}(?!\w)", texts[turn["article"]]))
    ]
    assert missing == []


def test_no_dialogue_is_twice_or_in_both_halves() -> None:
    both = [dialogue for half in HALVES for dialogue in load(half)]
    assert len({dialogue["id"] for dialogue in both}) == len(both)
    assert len({dialogue["turns"][0]["question"].casefold() for dialogue in both}) == len(both)
    asked = [tuple(turn["question"].casefold() for turn in dialogue["turns"]) for dialogue in both]
    assert len(set(asked)) == len(asked)


def test_the_readme_counts_as_the_files_do() -> None:
    rows = re.findall(r"^\| (.+?) \| (\d+) \| (\d+) \|", (FOLDER / "README.md").read_text("utf-8"), re.MULTILINE)
    written = {name.strip("`"): (int(one), int(two)) for name, one, two in rows}
    halves = [follow_ups(half) for half in HALVES]
    counted = {kind: tuple(sum(turn["kind"] == kind for turn in half) for half in halves) for kind in KINDS}
    assert written == counted | {
        "dialogues": tuple(len(load(half)) for half in HALVES),
        "of them with two follow-ups": tuple(sum(len(one["turns"]) == 3 for one in load(half)) for half in HALVES),
        "follow-ups": tuple(len(half) for half in halves),
        "of them without an answer": tuple(sum(not turn["answers"] for turn in half) for half in halves),
    }
