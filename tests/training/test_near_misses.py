"""Near-misses: every kind is made, none of them has an answer in its passage, and crops show what fools a reader."""

import random
import re
from typing import Any

import pytest

from training import near_misses
from training.held_out import is_held_out
from training.names import Lexicon, names_in
from training.near_misses import KINDS, evidence, make
from training.relations import siblings

TARN = (
    "The Tarn Mill opened in 1912. It was bought by Hugo Marsh in 1921 for 450 pounds. "
    "Ida Holm wrote the first history of the village of Elm Cross, which nobody printed. "
    "A clerk in Low Barrow kept the books. Mayor Peter Vane gave a speech in May 1950."
)


def row(question: str, answer: str, context: str = TARN, **more: Any) -> dict[str, Any]:
    """An example of the file ``a``."""
    answers = [{"text": answer, "start": context.index(answer)}]
    return {"src": "a", "title": "", "context": context, "question": question, "answers": answers} | more


# What teaches the lexicon which names are of persons and of places.
NAMES = [
    row("Who wrote a history?", "Ida Holm"),
    row("Who bought the mill?", "Hugo Marsh"),
    row("Who gave a speech?", "Peter Vane"),
    row("Where was the clerk?", "Low Barrow"),
    row("Which village had a history?", "Elm Cross"),
    row("Who led the choir?", "Ann Lee", "Ann Lee led the choir."),
    row("Where is the lake?", "Sund Hollow", "The lake is in Sund Hollow."),
]


def made(kind: str, example: dict[str, Any], count: int = 1, seeds: int = 30) -> list[dict[str, Any]]:
    """Near-misses of one kind, of one example and by many seeds."""
    settings = {"from": ["b"]} | dict.fromkeys(KINDS, 0) | {kind: count}
    rows = [*NAMES, example | {"src": "b"}]
    return [turned for seed in range(seeds) for turned in make(rows, settings, random.Random(seed))]


def test_names_in_leaves_out_what_only_begins_a_sentence() -> None:
    names = [
        name for name, _ in names_in("When did Ida Holm's village, Elm Cross, burn? The University of Tarn knows.")
    ]
    assert names == ["Ida Holm", "Elm Cross", "University of Tarn"]
    text = "After Hugo Marsh came"
    assert [text[start : start + len(name)] for name, start in names_in(text)] == ["Hugo Marsh"]


def test_lexicon_knows_kinds_by_questions_heads_and_surnames() -> None:
    lexicon = Lexicon([*NAMES, row("Who came?", "Ann Moor", "Ann Moor came.")])
    assert lexicon.kind("Ida Holm") == "person" and lexicon.kind("Elm Cross") == "place"
    assert lexicon.kind("Weir College") == "organisation" and lexicon.kind("Battle of Weir") == "event"
    assert lexicon.kind("Ann Porter") == "person", "a first name that two answers have"
    assert lexicon.kind("Holm") is None and lexicon.kind("Holm", ["Ida Holm"]) == "person"
    assert lexicon.kind("Qwx") is None


def test_another_name_is_of_the_same_kind_and_none_the_passage_could_answer_for() -> None:
    turned = made("name", row("When was the mill bought by Hugo Marsh?", "1921"))
    names = {re.search(r"by (.*)\?", one["question"]).group(1) for one in turned}  # type: ignore[union-attr]
    assert "Ann Lee" in names, "of the same data"
    assert names - {"Ann Lee"} <= {"Ida Holm", "Peter Vane"} and len(names) > 1, "of the same passage"
    assert all(one["answers"] == [] and one["impossible"] and one["context"] == TARN for one in turned)

    (place, *_) = made("place", row("What did Ida Holm write in Elm Cross?", "history"))
    assert "Elm Cross" not in place["question"]
    # The sentence with the other name says what is asked for: no near-miss.
    both = "Hugo Marsh bought the mill in 1921, and Peter Vane bought the mill in 1930."
    for one in made("name", row("When was the mill bought by Hugo Marsh?", "1921", both)):
        assert "Peter Vane" not in one["question"]


def test_another_time_lies_in_no_span_the_passage_speaks_of() -> None:
    turned = made("time", row("Who bought the mill in 1921?", "Hugo Marsh"))
    years = {int(re.findall(r"\d{4}", one["question"])[0]) for one in turned}
    assert years and 1921 not in years
    assert all(year in (1950,) or not 1912 <= year <= 1950 for year in years)
    # "before 1950" is true of other years too.
    assert made("time", row("Who bought the mill before 1921?", "Hugo Marsh")) == []
    (month, *_) = made("time", row("Who gave a speech in May?", "Peter Vane"))
    assert "May" not in month["question"]


def test_another_number_has_as_many_digits_and_is_not_in_the_passage() -> None:
    for one in made("number", row("Who paid 450 pounds?", "Hugo Marsh")):
        (number,) = re.findall(r"\d+", one["question"])
        assert len(number) == 3 and number not in TARN
    assert made("number", row("Who paid more than 450 pounds?", "Hugo Marsh")) == []


@pytest.mark.parametrize(
    ("question", "text", "others"),
    [
        ("When was Ida Holm born?", "Ida Holm was born in 1890.", {"died", "buried", "married"}),
        ("When was Ida Holm born?", "Ida Holm (1890–1950) was born in Tarn.", {"buried", "married"}),
        ("How wide is the bridge?", "The bridge is 9 metres wide.", {"how long", "how high", "how deep"}),
        ("When was it opened?", "It opened in 1912 and closed in 1950.", {"demolished", "renovated", "sold"}),
        ("Who is the mayor?", "The mayor is Peter Vane.", {"former mayor", "deputy mayor", "governor"}),
        ("Who is the former mayor?", "The mayor is Peter Vane, the former one Ida Holm.", {"next mayor"}),
        ("Who bought the mill?", "Hugo Marsh bought the mill.", {"rented"}),
        # Who was sold how much is both sides of one event.
        ("How many mills were bought?", "Hugo Marsh bought the mill.", set()),
        # The passage does not speak of what the question turns on.
        ("When was it opened?", "It stands in Tarn.", set()),
    ],
)
def test_a_sibling_takes_the_place_of_a_relation_where_the_passage_is_silent(
    question: str, text: str, others: set[str]
) -> None:
    words = {sibling.words for sibling in siblings(question, text)}
    assert others <= words and (others or not words)
    assert "died" not in words or "1890–" not in text
    assert "current" not in words, "who is something is its current holder"
    for sibling in siblings(question, text):
        assert question[sibling.start : sibling.end].lower() != sibling.words


def test_a_relation_changed_keeps_the_rest_of_the_question() -> None:
    example = row("When was the mill opened?", "1912", "The mill opened in 1912.")
    questions = {turned["question"] for turned in made("relation", example)}
    assert "When was the mill demolished?" in questions and "When was the mill opened?" not in questions
    assert all(re.fullmatch(r"When was the mill [a-z]+\?", question) for question in questions)


def test_an_attribute_is_asked_of_a_subject_of_which_the_passage_does_not_speak() -> None:
    other = "Hugo Marsh studied chemistry at Weir College before the war."
    rows = [
        row("When did Hugo Marsh buy the Tarn Mill?", "1921", title="Tarn Mill", src="b"),
        row("What did Hugo Marsh study at college?", "chemistry", other, title="Tarn Mill", src="b"),
    ]
    settings = {"from": ["b"]} | dict.fromkeys(KINDS, 0) | {"attribute": 40}
    turned = [one for seed in range(20) for one in make([*NAMES, *rows], settings, random.Random(seed))]
    exchanged = {(one["question"], one["context"]) for one in turned}
    assert ("What did Hugo Marsh study at college?", TARN) in exchanged
    plain = {one["question"] for one in turned if one["context"] == TARN} - {rows[1]["question"]}
    assert any("Hugo Marsh" in question for question in plain), plain
    # Of years it does speak, so nothing is asked that a year may answer; and no subject is asked of that it lacks.
    assert not any(question.startswith("When was") and "born" in question for question in plain)
    assert all(
        any(name in one["context"] for name, _ in names_in(one["question"]))
        for one in turned
        if names_in(one["question"])
    )


def test_a_negated_sentence_denies_what_is_asked() -> None:
    turned = made("negated", row("Who was the mill bought by?", "Hugo Marsh"))
    assert {one["context"].replace(TARN, "") for one in turned} != {""}
    texts = {re.search(r"It was (\w+) bought", one["context"]).group(1) for one in turned}  # type: ignore[union-attr]
    assert texts == {"not", "never"}
    for one in turned:
        first, end = one["keep"]
        assert "bought by Hugo Marsh" in one["context"][first:end]
    twice = "It was bought by Hugo Marsh. Hugo Marsh kept it."
    assert made("negated", row("Who was it bought by?", "Hugo Marsh", twice)) == []


def test_a_crop_keeps_the_answer_and_the_nearest_mention_of_each_name() -> None:
    example = row("What did Hugo Marsh pay?", "450 pounds")
    span = evidence(example)
    assert span is not None
    assert TARN[slice(*span)] == "Hugo Marsh in 1921 for 450 pounds"
    far = "Hugo Marsh came. " + "It rained. " * 80 + "He paid 450 pounds."
    span = evidence(row("What did Hugo Marsh pay?", "450 pounds", far))
    assert span is not None and far[slice(*span)] == "450 pounds"
    assert evidence(example | {"answers": []}) is None
    assert evidence(example | {"multi": True}) is None


def test_near_misses_are_the_same_for_the_same_seed_and_no_more_than_ordered() -> None:
    rows = [*NAMES, row("When was the mill bought by Hugo Marsh?", "1921")]
    settings = {"from": ["a"]} | dict.fromkeys(KINDS, 2)
    turned = make(rows, settings, random.Random(7))
    assert turned == make(rows, settings, random.Random(7))
    counts = [sum(one["kind"] == kind for one in turned) for kind in KINDS]
    assert max(counts) <= 2 and sum(counts) == len(turned) > 4
    assert all(0 <= one["keep"][0] < one["keep"][1] <= len(one["context"]) for one in turned)
    assert near_misses.make(rows, settings | {"from": ["other"]}, random.Random(7)) == []


def test_a_passage_is_held_out_in_every_run_or_in_none() -> None:
    texts = [f"passage {number}" for number in range(2_000)]
    held = [text for text in texts if is_held_out(text, 0.1)]
    assert 150 < len(held) < 250
    assert all(is_held_out(text, 0.2) for text in held)
    assert not any(is_held_out(text, 0.0) for text in texts)
