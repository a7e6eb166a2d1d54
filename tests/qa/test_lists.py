import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa.decoding import ScoredSpan
from qa.lists import FLOOR, GAP, items, members
from tests.qa.test_merging import candidate, span


@pytest.mark.parametrize(
    ("question", "text", "expected"),
    [
        ("Which countries recognize it?", "North Korea and Syria", ["North Korea", "Syria"]),
        ("Who were the founders?", "Ann Lee, Bob Ray and Cy Young", ["Ann Lee", "Bob Ray", "Cy Young"]),
        ("What colours does it have?", "red, white, and blue", ["red", "white", "blue"]),
        ("Which country did he visit?", "Trinidad and Tobago", []),
        ("Who won?", "Syria", []),
        ("Which countries?", "Syria", []),
        ("Which cities did he see?", "Paris and then he left", []),
    ],
)
def test_a_list_has_items_with_places_of_their_own(question: str, text: str, expected: list[str]) -> None:
    found = candidate(f"It was {text} indeed.", start=100)
    made = items(question, span(found, text, 1.0))
    assert [item.text for item in made] == expected
    for item in made:
        assert found.passage.text[item.article_start - 100 : item.article_end - 100] == item.text


TEXT = "The band was Ann on drums; Bob, Cy and Di played strings, and the hall was full."


def scored(part: str, score: float) -> ScoredSpan:
    at = TEXT.index(part)
    return ScoredSpan(at, at + len(part), score)


def chosen(question: str, *spans: ScoredSpan) -> list[str]:
    return [TEXT[start:end] for start, end in members(question, TEXT, spans)]


def test_members_stand_apart_or_together() -> None:
    spans = [scored("Bob, Cy and Di", 9.0), scored("Cy and Di", 8.5), scored("Ann", 8.0), scored("hall", 9.0 - GAP - 1)]
    assert chosen("What are the names of the players?", *spans) == ["Ann", "Bob", "Cy", "Di"]
    assert chosen("Who played drums?", *spans) == ["Bob, Cy and Di"]
    assert chosen("What are the names?") == []


def test_what_the_reader_does_not_believe_in_is_no_member() -> None:
    spans = [scored("Ann", FLOOR + 1), scored("hall", FLOOR - 1)]
    assert chosen("Which people were there?", *spans) == ["Ann"]


@given(st.lists(st.tuples(st.integers(0, 70), st.integers(1, 12), st.floats(-5, 12)), max_size=12))
def test_members_never_overlap_and_come_in_the_order_of_the_text(found: list[tuple[int, int, float]]) -> None:
    spans = sorted((ScoredSpan(start, start + length, score) for start, length, score in found), key=lambda s: -s.score)
    places = members("Which people are they?", TEXT, spans)
    assert all(one[1] <= two[0] for one, two in itertools.pairwise(places))
    assert all(any(s.start <= start < end <= s.end for s in spans) for start, end in places)
    assert bool(places) == bool(spans)
