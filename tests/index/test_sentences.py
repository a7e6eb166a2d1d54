"""Sentences against those that a person marked, in thirteen languages."""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index import sentence_around, sentence_spans
from tests.helpers import ROOT

GOLD = ROOT / "tests" / "data" / "sentences"
LANGUAGES = sorted(path.stem for path in GOLD.glob("*.txt"))
# What each language's text begins with, so that what follows is cut as that language is.
BEGINNINGS = {
    "en": "",
    "de": "Das ist nicht wahr und sie war es. ",
    "ru": "Это было не так, и он знал. ",
    "ja": "これは本です。",
}
HOSTILE = [
    "a", " ", ".", "a.", "\n", "“", "«",
    "http://", "U.S. ", "z. B. ", "。", "「", "」", "「」", "(", "1. ", "г. ", "! ", "😀. ",
    "ก\u0e31", "\u0301", "é'", "。」", "...",
]  # fmt: skip


def paragraphs(language: str) -> Iterator[list[str]]:
    for paragraph in (GOLD / f"{language}.txt").read_text(encoding="utf-8").split("\n\n"):
        yield paragraph.strip().split("\n")


def found(language: str) -> tuple[set[str], set[str]]:
    """The sentences that are there and those that are found, each with its paragraph's number."""
    wanted, got = set(), set()
    for number, lines in enumerate(paragraphs(language)):
        text = ("" if language in ("zh", "ja") else " ").join(lines)
        wanted |= {f"{number} {line}" for line in lines}
        got |= {f"{number} {text[start:end]}" for start, end in sentence_spans(text)}
    return wanted, got


def test_there_are_enough_in_each_of_thirteen_languages() -> None:
    assert len(LANGUAGES) == 13
    assert all(sum(map(len, paragraphs(language))) >= 20 for language in LANGUAGES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_sentences_are_those_that_a_person_marked(language: str) -> None:
    wanted, got = found(language)
    assert len(wanted & got) >= 0.95 * len(wanted), wanted - got
    assert len(wanted & got) >= 0.92 * len(got), got - wanted


def test_a_part_is_cut_as_the_whole_is() -> None:
    text = "Er kam am 3. Juni mit Dr. Müller an. Sie blieben z. B. bei uns. Das war schön."
    start = text.index("bei")
    assert sentence_around(text, start, start + 3) == "Sie blieben z. B. bei uns."


def test_a_long_quotation_is_not_kept_in_one_piece() -> None:
    speech = "私はそう思う。" * 30
    assert len(sentence_spans(f"彼は言った。「{speech}」")) > 20


def check_whole(text: str) -> None:
    """Sentences are in order, trimmed, and hold every character that is not white space."""
    position = 0
    for start, end in sentence_spans(text):
        assert position <= start < end and not text[position:start].strip()
        assert not text[start].isspace() and not text[end - 1].isspace()
        position = end
    assert not text[position:].strip()


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(sorted(BEGINNINGS)),
    st.text(
        st.one_of(st.characters(exclude_categories=("Cs",)), st.sampled_from(" .\n!?。」「（）«»„“'1aжあ다.")),
        max_size=500,
    ),
)
def test_sentences_leave_nothing_out(language: str, more: str) -> None:
    check_whole(BEGINNINGS[language] + more)


@pytest.mark.parametrize("unit", HOSTILE)
@pytest.mark.parametrize("language", sorted(BEGINNINGS))
def test_hundred_thousand_characters_of_anything_are_cut(language: str, unit: str) -> None:
    check_whole(BEGINNINGS[language] + unit * (100_000 // len(unit)))
