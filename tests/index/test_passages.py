from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index import MaskedRange, sentence_around, sentence_spans, split_passages
from index.text.passages import PASSAGE_PIECES, estimate_pieces

ANY_TEXT = st.text(
    st.one_of(
        st.characters(exclude_categories=("Cs",)),
        st.sampled_from(" .\n\r\t!?\u0301\u200d😀אبé。"),
    ),
    max_size=2_000,
)


@settings(max_examples=500, deadline=None)
@given(ANY_TEXT, st.integers(5, 60))
def test_passages_are_verbatim_in_order_and_cover_every_character_that_is_not_space(text: str, pieces: int) -> None:
    passages = split_passages("a", text, pieces=pieces)
    covered = [False] * len(text)
    previous = -1
    for number, passage in enumerate(passages):
        assert passage.number == number
        assert text[passage.start : passage.end] == passage.text
        assert passage.start > previous and passage.text == passage.text.strip()
        previous = passage.start
        covered[passage.start : passage.end] = [True] * len(passage.text)
    assert all(done or character.isspace() for done, character in zip(covered, text, strict=True))


@settings(max_examples=300, deadline=None)
@given(ANY_TEXT, st.lists(st.integers(0, 2_000), max_size=8))
def test_no_passage_touches_a_masked_range(text: str, cuts: list[int]) -> None:
    cuts = sorted({cut for cut in cuts if cut <= len(text)})
    masked = [MaskedRange(a, b, "rule") for a, b in zip(cuts[::2], cuts[1::2], strict=False)]
    for passage in split_passages("a", text, masked, pieces=30):
        assert all(passage.end <= m.start or m.end <= passage.start for m in masked)


def test_neighbours_share_one_sentence_and_fit_the_size() -> None:
    text = " ".join(f"Sentence number {n} says that the river rose again on day {n}." for n in range(80))
    passages = split_passages("a", text)
    assert len(passages) > 3
    for left, right in pairwise(passages):
        shared = text[right.start : left.end]
        assert shared.startswith("Sentence number") and shared.count(".") == 1
    assert max(estimate_pieces(passage.text) for passage in passages) <= PASSAGE_PIECES


@pytest.mark.parametrize("unit", ["a", "a.", ".", "\n", "U.S. ", "“", "http://x.y/z ", "的", "a\n"])
def test_a_million_characters_of_anything_are_split(unit: str) -> None:
    text = unit * (200_000 // len(unit))
    passages = split_passages("a", text)
    assert all(len(passage.text) <= PASSAGE_PIECES * 12 for passage in passages)


def test_sentences_end_at_blank_lines_and_at_the_marks_of_other_scripts() -> None:
    text = "A headline\n\nIt rained. 你好。再见。 क्या हुआ। हाँ।"
    assert [text[a:b] for a, b in sentence_spans(text)] == [
        "A headline",
        "It rained.",
        "你好。",
        "再见。",
        "क्या हुआ।",
        "हाँ।",
    ]


def test_wrapped_lines_are_one_sentence() -> None:
    text = "The committee met on Monday morning and agreed that the\nbridge should be closed "
    text += "at once, while the engineers of\nthe town look at the cracks.\n"
    assert len(sentence_spans(text)) == 1


def test_the_sentence_around_a_span_is_verbatim() -> None:
    text = "It rained. Only North Korea and Syria did. The end."
    start = text.index("North")
    assert sentence_around(text, start, start + 11) == "Only North Korea and Syria did."
