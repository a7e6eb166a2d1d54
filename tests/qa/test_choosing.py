"""How the answer of a follow-up is chosen among readings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index import ArticleInfo, Candidate, Filters, Passage
from qa import Answer, Evidence, RankedAnswer, Support, Turn
from qa.answers.calibration import shipped as calibration
from qa.followups.answer_selection import FEATURES, KINDS, Reading, alike, chosen, features, proposals, shipped
from qa.followups.retrieval_budget import at_home, joined, shares
from qa.followups.rewriter import Variant

SAID = [Turn("Who nationalised the canal?", answer="Nasser", article_id="suez")]
TEXT = "Nasser took the canal in 1956 at Alexandria. It was opened again in April 1957."


def candidate(
    article: str, text: str = TEXT, score: float = 1.0, similarity: float = 0.5, number: int = 0
) -> Candidate:
    info = ArticleInfo(article, article, None, None, None, (), article)
    return Candidate(Passage(article, number, 0, len(text), text), info, score, similarity, 1, 1)


def reading(kind: str, *said: tuple[str, float], article: str = "suez") -> Reading:
    found = candidate(article)
    answers = []
    for text, confidence in said:
        at = TEXT.index(text)
        piece = Evidence(found.article, found.passage, TEXT, at, at + len(text), at, at + len(text), 5.0)
        answers.append(RankedAnswer(text, confidence, (piece,), (), Support(1, 1)))
    answered = bool(said)
    reason = None if answered else "no_answer_in_passages"
    level = "low" if answered else "none"
    answer = Answer("q", answered, reason, tuple(answers), level, (found,))  # type: ignore[arg-type]
    return Reading(Variant(f"as {kind}", "q", leans=True, kind=kind), answer)  # type: ignore[arg-type]


def choose(*readings: Reading, limit: int = 5, threshold: float = 0.3) -> tuple[Variant, Answer]:
    return chosen(
        readings,
        "When was it taken?",
        SAID,
        ("suez",),
        limit=limit,
        min_confidence=0.0,
        threshold=threshold,
        calibration=calibration(),
    )


def test_what_readings_agree_on_is_likelier_than_what_one_is_about_as_sure_of() -> None:
    variant, answer = choose(
        reading("first", ("April 1957", 0.8)), reading("other", ("1956", 0.78)), reading("stated", ("in 1956", 0.78))
    )
    assert answer.answers[0].text in ("1956", "in 1956") and variant.kind in ("other", "stated")
    assert [one.text for one in answer.answers[1:]] == ["April 1957"]


def test_an_answer_that_one_more_reading_has_is_surer() -> None:
    alone = choose(reading("first", ("1956", 0.7)), reading("stated"))[1].confidence
    both = choose(reading("first", ("1956", 0.7)), reading("stated", ("1956", 0.7)))[1].confidence
    assert both > alone


def test_where_no_reading_finds_anything_there_is_no_answer() -> None:
    variant, answer = choose(reading("first"), reading("stated"))
    assert not answer.answered and answer.answers == () and answer.reason == "no_answer_in_passages"
    assert variant.kind == "first"


def test_what_is_not_likely_enough_is_shown_as_a_guess_only() -> None:
    answer = choose(reading("first", ("1956", 0.1)), threshold=0.9)[1]
    assert not answer.answered and answer.level == "none" and answer.answers[0].text == "1956"


confidences = st.floats(0.02, 1.0)
readings = st.lists(
    st.builds(
        lambda kind, said: reading(kind, *said),
        st.sampled_from(KINDS),
        st.lists(st.tuples(st.sampled_from(["1956", "April 1957", "Nasser", "Alexandria"]), confidences), max_size=3),
    ),
    min_size=1,
    max_size=5,
)


@given(readings, st.integers(1, 5))
def test_answers_are_ranked_distinct_where_readings_differ_and_within_the_limit(
    some: list[Reading], limit: int
) -> None:
    answer = choose(*some, limit=limit)[1]
    sure = [one.confidence for one in answer.answers]
    assert sure == sorted(sure, reverse=True) and len(sure) <= limit
    assert answer == choose(*some, limit=limit)[1]
    read = {one.passage.id for one in answer.candidates}
    assert all(piece.passage.id in read for one in answer.answers for piece in one.evidence)
    for one in proposals(some):
        assert len(features(one, proposals(some), "q", SAID, ())) == len(FEATURES) == len(shipped().weights)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [("1956", "26 July 1956", True), ("the pound", "Pound", True), ("1956", "1957", False), ("x", "", False)],
)
def test_what_holds_the_other_says_the_same(one: str, other: str, same: bool) -> None:
    assert alike(one, other) is alike(other, one) is same


def test_passages_of_the_article_spoken_of_are_always_read() -> None:
    others = [candidate(f"o{number}", score=1.0 - number / 10, similarity=0.6) for number in range(5)]
    own = [candidate("suez", score=1.0, similarity=0.3)]
    found = joined(others, own, 3)
    assert len(found) == 3 and "suez" in [one.article.id for one in found]
    # First among its own only: it is not as good as what everything was searched for.
    assert found[0].article.id == "o0" and found == tuple(sorted(found, key=lambda one: -one.score))


def test_the_article_spoken_of_is_not_read_where_filters_leave_it_out() -> None:
    assert at_home(Filters(article_ids=("other",)), ("suez",)) is None
    assert at_home(Filters(article_ids=("other", "suez")), ("suez",)) == Filters(article_ids=("suez",))
    assert at_home(Filters(sources=("x",)), ("suez",)) == Filters(sources=("x",), article_ids=("suez",))
    assert at_home(None, ()) is None


def test_a_question_that_stands_alone_is_read_as_without_a_conversation() -> None:
    assert shares([Variant("q", "q")], 10) == [10]
    assert shares([Variant("q", "q")] * 4, 10) == [10, 2, 2, 2]
    assert shares([Variant("q", "q")] * 2, 1) == [1, 1]
