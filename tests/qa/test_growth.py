"""The work on a question grows no faster than what is asked, what was said and what is read, whatever that is."""

from collections.abc import Callable

import pytest

from qa.choosing import alike
from qa.cropping import Cropper
from qa.followup import variants
from qa.lists import asks_for_several, parts_of
from qa.merging import normalize
from qa.types import MAX_QUESTION_CHARACTERS, Turn
from qa.wording import coverage
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
