import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa import Span
from qa.answers.calibration import shipped
from qa.answers.lists import asks_for_several, items
from qa.answers.merging import distinct
from tests.qa.test_merging import candidate, span


@pytest.mark.parametrize(
    ("question", "text", "expected"),
    [
        ("Which countries recognize it?", "North Korea and Syria", ["North Korea", "Syria"]),
        ("Who were the founders?", "Ann Lee, Bob Ray and Cy Young", ["Ann Lee", "Bob Ray", "Cy Young"]),
        ("What colours does it have?", "red, white, and blue", ["red", "white", "blue"]),
        ("Which country did he visit?", "Trinidad and Tobago", []),
        ("Who wrote the song?", "Ann Lee and Bob Ray", ["Ann Lee", "Bob Ray"]),
        ("Who played there?", "Dallas and the Arizona Cardinals", ["Dallas", "the Arizona Cardinals"]),
        ("Who sang it?", "Simon & Garfunkel", []),
        ("When did he die?", "June 17, 2013", []),
        ("When were they passed?", "June 17, 2013 and May 2, 2014", ["June 17, 2013", "May 2, 2014"]),
        ("How many are known?", "96,660 and 128,843", ["96,660", "128,843"]),
        ("How many are there?", "3,000,000,000", []),
        ("Where are they?", "Paris, France and Berlin, Germany", ["Paris, France", "Berlin, Germany"]),
        ("Who marched?", "Martin Luther King, Jr. and Rosa Parks", ["Martin Luther King, Jr.", "Rosa Parks"]),
        ("Which country includes it?", "Trinidad and Tobago", []),
        ("What are its colours?", "red, white and blue, respectively", []),
        ("Which place was it?", "Honolulu, Oahu, Hawaii, United States", []),
        ("Where was it filmed?", "Austin, Texas", []),
        ("What are its reindeer?", "Dasher, Dancer, Prancer, Vixen", ["Dasher", "Dancer", "Prancer", "Vixen"]),
        ("Who won?", "Syria", []),
        ("Which countries?", "Syria", []),
        ("Which cities did he see?", "Paris and then he left", []),
    ],
)
def test_a_list_has_items_with_places_of_their_own(question: str, text: str, expected: list[str]) -> None:
    found = candidate(f"It was {text} indeed.", start=100)
    made = items(question, (span(found, text, 1.0),))
    assert [item.text for item in made] == expected
    for item in made:
        assert found.passage.text[item.article_start - 100 : item.article_end - 100] == item.text


@pytest.mark.parametrize(
    ("question", "several"),
    [
        ("Which countries recognize it?", True),
        ("What other religions form a small percentage?", True),
        ("What are the main centers?", True),
        ("Name three European capitals.", True),
        ("What kinds of laws are they?", True),
        ("List the two most important synaptic markers", True),
        ("What does NASA stand for?", False),
        ("Which company makes the phone?", False),
        ("What year was James born?", False),
        ("What is Paris known for?", False),
        ("What is the status of it?", False),
        ("What causes barotrauma?", False),
    ],
)
def test_the_words_of_a_question_say_whether_several_things_are_asked_for(question: str, several: bool) -> None:
    assert asks_for_several(question) is several


# Fitted numbers change; what is done with them does not.
NUMBERS = replace(shipped(), list_gap=1.0, length=0.05)
TEXT = "The band was Ann on drums; Bob, Cy and Di played strings, and the hall was full."


def together(question: str, *spans: Span) -> list[str]:
    groups = distinct(question, spans, NUMBERS)
    return [item.text for item in items(question, groups[0].together)]


def test_members_stand_apart_or_together() -> None:
    found = candidate(TEXT)
    far = 9.0 - NUMBERS.list_gap - 1
    spans = [span(found, "Bob, Cy and Di", 9.5), span(found, "Cy and Di", 8.5), span(found, "Ann", 8.9)]
    spans.append(span(found, "hall", far))
    assert together("What are the names of the players?", *spans) == ["Ann", "Bob", "Cy", "Di"]
    assert together("Who played drums?", *spans) == ["Bob", "Cy", "Di"]
    assert together("Which group was it?", *spans) == []


def test_a_member_is_named_once() -> None:
    found = candidate("Bob and Cy played strings. Ann led; the Bob wrote.")
    spans = [span(found, "Bob and Cy", 9.0), span(found, "Ann", 8.9), span(found, "the Bob", 8.9)]
    assert together("Which people played?", *spans) == ["Bob", "Cy", "Ann"]


def test_members_are_no_rivals_of_the_answer_they_belong_to() -> None:
    here, there = candidate(TEXT), candidate("Eve sang.", "b")
    spans = [span(here, "Ann", 9.0), span(here, "Di", 8.9), span(there, "Eve", 8.8)]
    assert [group.best.text for group in distinct("Which people played?", spans, NUMBERS)] == ["Ann", "Eve"]
    assert [group.best.text for group in distinct("Who played?", spans, NUMBERS)] == ["Ann", "Di", "Eve"]


def test_what_the_reader_does_not_believe_in_is_no_member() -> None:
    found = candidate(TEXT)
    assert together("Which people were there?", span(found, "Ann", 0.5), span(found, "hall", -0.1)) == []


@given(st.lists(st.tuples(st.integers(0, 70), st.integers(1, 12), st.floats(-5, 12)), min_size=1, max_size=12))
def test_members_never_overlap_and_come_in_the_order_of_the_text(found: list[tuple[int, int, float]]) -> None:
    here = candidate(TEXT, start=7)
    spans = [Span(here, start, start + length, TEXT[start : start + length], score) for start, length, score in found]
    places = [
        (item.article_start - 7, item.article_end - 7)
        for item in items("Which people are they?", distinct("Which people are they?", spans, NUMBERS)[0].together)
    ]
    assert all(one[1] <= two[0] for one, two in itertools.pairwise(places))
    assert all(any(s.start <= start < end <= s.end for s in spans) for start, end in places)
