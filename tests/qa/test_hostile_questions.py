"""Runs and mixtures of hostile forms as questions, conversations and answers: never a fault, always within bounds."""

from hypothesis import given, settings
from hypothesis import strategies as st

from qa.answers.lists import parts_of
from qa.followups.rewriter import READINGS, variants
from qa.reading.excerpts import Cropper
from qa.types import MAX_QUESTION_CHARACTERS, Turn
from tests.growth import FORMS, text_of

RUNS = st.builds(text_of, st.sampled_from(FORMS), st.one_of(st.integers(1, 40), st.integers(100, 500)))
TEXTS = st.lists(RUNS, min_size=1, max_size=5).map("".join)
QUESTIONS = TEXTS.map(lambda text: text[:MAX_QUESTION_CHARACTERS].strip()).filter(lambda text: text != "")
TURNS = st.builds(
    Turn, QUESTIONS, answer=st.none() | TEXTS, items=st.lists(TEXTS, max_size=3).map(tuple), sentence=st.none() | TEXTS
)


@settings(max_examples=150, deadline=None)
@given(QUESTIONS, st.lists(TURNS, max_size=3))
def test_readings_are_few_questions_of_a_bounded_length_and_always_the_same(question: str, history: list[Turn]) -> None:
    readings = variants(question, history)
    assert 1 <= len(readings) <= READINGS
    assert all(0 < len(reading.question) <= MAX_QUESTION_CHARACTERS and reading.query for reading in readings)
    assert len({(reading.question, reading.query) for reading in readings}) == len(readings)
    assert readings == variants(question, history)


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_members_of_a_list_are_in_order_and_hold_words(text: str) -> None:
    position = 0
    for start, end in parts_of(text):
        assert position <= start < end <= len(text) and text[start:end] == text[start:end].strip()
        assert any(map(str.isalnum, text[start:end])) or "_" in text[start:end]
        position = end


@settings(max_examples=200, deadline=None)
@given(QUESTIONS, TEXTS)
def test_a_part_of_a_passage_is_within_it(question: str, text: str) -> None:
    start, end = Cropper(question, [text]).part(text)
    assert 0 <= start < end <= len(text)
