"""The work on a question grows no faster than what is asked, what was said and what is read, whatever that is."""

import random
from collections.abc import Callable

import pytest

from index import ArticleInfo, Candidate, Passage
from qa.answers.lists import LIST_N_BEST, asks_for_several, parts_of
from qa.answers.merging import evidence, merge, normalize
from qa.followups.answer_selection import alike
from qa.followups.retrieval_budget import wanted
from qa.followups.rewriter import variants
from qa.reading.excerpts import Cropper
from qa.types import MAX_QUESTION_CHARACTERS, Span, Turn
from qa.word_overlap import coverage
from tests.growth import FORMS, TIMES, check_growth

_ASKED = Turn("Who built the Tower of London?", None, "William", (), "The Tower was built by William.", "The Tower")
# A passage has at most 2,400 characters.
_PASSAGE = 400


def _turns(text: str) -> list[Turn]:
    return [Turn(text, None, text, (text[:200],) * 5, text, text[:300])] * 6


QUESTIONS: dict[str, Callable[[str], object]] = {
    "a follow-up": lambda text: variants(text, [_ASKED]),
    "a conversation": lambda text: variants("And when did he do that in the same year?", _turns(text)),
    "else": lambda text: variants("Who else?", _turns(text)),
    "a follow-up to itself": lambda text: variants(text, _turns(text)),
    "several": asks_for_several,
}
TEXTS: dict[str, Callable[[str], object]] = {
    "members": parts_of,
    "cropping": lambda text: Cropper("Who was king of the country in 1999?", [text] * 2).part(text),
    "cropping by an answer": lambda text: Cropper(text[:1_000], [text] * 2).part(text, text),
    "normal form": normalize,
    "same answers": lambda text: alike(text[: len(text) // 4] + " x", text[: len(text) // 2]),
    "coverage": lambda text: coverage(text[:1_000], text),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_work_grows_with_the_question_and_what_was_said(name: str) -> None:
    for form in FORMS:
        check_growth(QUESTIONS[name], form, MAX_QUESTION_CHARACTERS // TIMES)


@pytest.mark.parametrize("name", TEXTS)
def test_work_grows_with_the_passage(name: str) -> None:
    for form in FORMS:
        check_growth(TEXTS[name], form, _PASSAGE)


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("answers", ["distinct", "the same"])
def test_work_grows_with_the_spans_that_are_merged(several: bool, answers: str) -> None:
    """As many passages of one article as may be read, each with as many spans as are looked at."""

    def work(text: str) -> None:
        spans = _spans(len(text), distinct=answers == "distinct")
        groups = merge(spans, [span.score for span in spans], 1.0 if several else None)
        assert groups and [evidence(span) for group in groups[:20] for span in group.spans]

    check_growth(work, "a", 600)


def _spans(count: int, *, distinct: bool) -> list[Span]:
    dice = random.Random(0)
    article = ArticleInfo("a", "", None, None, None, (), "0" * 64)
    spans = []
    for number in range(count // LIST_N_BEST):
        text = " ".join(f"w{dice.randrange(10**6 if distinct else 9)}." for _ in range(250))
        start = number * 2_400
        candidate = Candidate(Passage("a", number, start, start + len(text), text), article, 1.0, 1.0, 1, 1)
        for _ in range(LIST_N_BEST):
            first = text.index("w", dice.randrange(len(text) - 20))
            last = text.index(".", first)
            spans.append(Span(candidate, first, last, text[first:last], dice.uniform(1, 2)))
    return spans


def test_of_an_answer_of_very_many_members_the_first_are_looked_at() -> None:
    turn = Turn("Which ships sailed?", None, "Ship 0", tuple(f"Ship {number}" for number in range(5_000)))
    [reading, *_] = variants("Which else?", [turn] * 6)
    assert reading.without[:3] == ("Ship 0", "Ship 0", "Ship 1") and len(reading.without) < 400


def test_work_grows_with_what_was_answered_before() -> None:
    spans = _spans(LIST_N_BEST, distinct=True)
    for form in FORMS:
        check_growth(lambda text: wanted(spans, [text[at : at + 200] for at in range(0, len(text), 10)]), form, 400)
