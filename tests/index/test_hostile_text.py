"""Runs and mixtures of hostile forms: cleaning, sentences and passages keep their promises on any of them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index import find_furniture, sentence_spans, split_passages
from index.text.passages import PASSAGE_PIECES
from tests.growth import FORMS, text_of

# Runs around the length beyond which nupunkt is handed the ends of a stretch only, and short pieces between them.
RUNS = st.builds(text_of, st.sampled_from(FORMS), st.one_of(st.integers(1, 40), st.integers(240, 1_200)))
TEXTS = st.lists(RUNS, min_size=1, max_size=6).map("".join)


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(["", "Das ist nicht wahr und sie war es. ", "Это было не так, и он знал. ", "これは本です。"]),
    TEXTS,
)
def test_sentences_leave_nothing_out(beginning: str, text: str) -> None:
    text = beginning + text
    position = 0
    for start, end in sentence_spans(text):
        assert position <= start < end and not text[position:start].strip()
        assert text[start:end] == text[start:end].strip()
        position = end
    assert not text[position:].strip()


@settings(max_examples=200, deadline=None)
@given(TEXTS)
def test_passages_hold_all_that_is_not_masked_and_nothing_that_is(text: str) -> None:
    masked = find_furniture(text)
    hidden = set()
    position = 0
    for part in masked:
        assert position <= part.start < part.end <= len(text)
        hidden.update(range(part.start, part.end))
        position = part.end
    held = set()
    previous = -1
    for passage in split_passages("a", text, masked):
        assert text[passage.start : passage.end] == passage.text == passage.text.strip()
        assert passage.start > previous and len(passage.text) <= PASSAGE_PIECES * 12
        assert hidden.isdisjoint(range(passage.start, passage.end))
        held.update(range(passage.start, passage.end))
        previous = passage.start
    assert all(at in held or at in hidden or text[at].isspace() for at in range(len(text)))


@pytest.mark.parametrize("form", FORMS)
def test_a_long_run_of_a_form_leaves_the_paragraphs_around_it_as_they_are(form: str) -> None:
    text = (
        f"The ship sailed to Oslo. It came back with salt.\n\n{text_of(form, 5_000)}\n\nThe harbour froze. Nobody left."
    )
    parts = [text[start:end] for start, end in sentence_spans(text)]
    assert parts[:2] == ["The ship sailed to Oslo.", "It came back with salt."]
    assert parts[-2:] == ["The harbour froze.", "Nobody left."]
