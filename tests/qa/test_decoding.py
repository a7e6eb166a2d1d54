import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from qa.reading.reader import Window
from qa.reading.span_decoding import decode


def window(text: str, start: list[float], end: list[float], no_answer: float = 0.0, passage: int = 0) -> Window:
    """A window whose tokens are the words of a text."""
    offsets, position = [], 0
    for word in text.split(" "):
        offsets.append((position, position + len(word)))
        position += len(word) + 1
    count = len(offsets)
    return Window(
        passage,
        np.array(start, np.float32),
        np.array(end, np.float32),
        no_answer,
        np.array(offsets, np.int64),
        np.arange(count),
    )


def test_best_span_first_scored_against_no_answer() -> None:
    text = "only North Korea and Syria did"
    found = decode(text, [window(text, [0, 5, 0, 0, 4, 0], [0, 0, 3, 0, 6, 0], no_answer=2.0)])
    assert [(text[s.start : s.end], s.score) for s in found[:2]] == [("North Korea and Syria", 9.0), ("Syria", 8.0)]


def test_start_never_after_end_and_length_is_limited() -> None:
    text = "a b c d"
    found = decode(text, [window(text, [0, 0, 0, 9], [9, 0, 0, 0])], max_tokens=2)
    assert all(s.start < s.end and len(text[s.start : s.end].split()) <= 2 for s in found)
    assert decode(text, [window(text, [9, 0, 0, 0], [0, 0, 0, 9])], max_tokens=1)[0].end - 1 in (0, 6)


def test_windows_are_compared_by_their_own_no_answer_score() -> None:
    text = "left right"
    one = window(text, [5, 0], [5, 0], no_answer=9.0)
    other = window(text, [0, 3], [0, 3], no_answer=0.0)
    assert text[decode(text, [one, other])[0].start :] == "right"


def test_a_span_keeps_its_combining_marks_and_joined_emoji() -> None:
    text = "cafe\u0301 👩\u200d🚀 x"
    offsets = np.array([(0, 4), (6, 7), (10, 11)], np.int64)
    made = Window(
        0,
        np.array([9, 0, 0], np.float32),
        np.array([0, 9, 0], np.float32),
        0.0,
        offsets,
        np.arange(3),
    )
    best = decode(text, [made])[0]
    assert text[best.start : best.end] == "cafe\u0301 👩\u200d🚀"


def test_no_span_begins_or_ends_inside_of_a_word() -> None:
    text = "unbelievable story"
    made = Window(
        0,
        np.array([0, 9, 0], np.float32),
        np.array([9, 0, 1], np.float32),
        0.0,
        np.array([(0, 2), (2, 12), (13, 18)], np.int64),
        np.array([0, 0, 1]),
    )
    assert {text[s.start : s.end] for s in decode(text, [made])} <= {"unbelievable", "unbelievable story", "story"}


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_the_best_is_what_brute_force_finds(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 12))
    scores = st.lists(st.floats(-9, 9, width=16), min_size=count, max_size=count)
    start, end = data.draw(scores), data.draw(scores)
    text = " ".join("w" * 3 for _ in range(count))
    found = decode(text, [window(text, start, end, 1.0)], max_tokens=5)
    expected = max(start[i] + end[j] - 1.0 for i in range(count) for j in range(i, min(count, i + 5)))
    assert abs(found[0].score - expected) < 1e-4
    assert [s.score for s in found] == sorted((s.score for s in found), reverse=True)
    assert len({(s.start, s.end) for s in found}) == len(found)


def test_a_span_does_not_run_from_a_heading_into_the_paragraph() -> None:
    text = "The story of CRISPR\n\nBacteria keep a memory."
    offsets = np.array([(0, 3), (4, 9), (10, 12), (13, 19), (21, 29), (30, 34)], np.int64)
    made = Window(
        0,
        np.array([9, 0, 0, 5, 1, 0], np.float32),
        np.array([0, 0, 0, 2, 9, 0], np.float32),
        0.0,
        offsets,
        np.arange(6),
    )
    found = [text[span.start : span.end] for span in decode(text, [made], n_best=50)]
    assert found[0] == "The story of CRISPR" and "Bacteria" in found
    assert not [span for span in found if "\n" in span]


def test_a_span_may_run_over_a_wrapped_line() -> None:
    text = "The committee met on Monday morning and agreed that North\n"
    text += "Korea should be asked once more before the end of the month, and\nsaid so."
    start = text.index("North")
    offsets = np.array([(start, start + 5), (start + 6, start + 11)], np.int64)
    made = Window(0, np.array([9, 0], np.float32), np.array([0, 9], np.float32), 0.0, offsets, np.arange(2))
    best = decode(text, [made])[0]
    assert text[best.start : best.end] == "North\nKorea"
