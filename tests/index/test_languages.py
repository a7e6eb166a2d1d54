"""Which language a text or a question is in."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index import detect_language, question_language
from qa import load_examples
from tests.helpers import ROOT, clean_environment

DATA = ROOT / "tests" / "data"
QUESTIONS = {path.stem: path.read_text(encoding="utf-8").splitlines() for path in (DATA / "questions").glob("*.txt")}
OTHERS = sorted(QUESTIONS.keys() - {"en"})
POLISH = (
    "Miasto zostało założone w dwunastym wieku nad brzegiem rzeki"
    ", a jego mieszkańcy trudnili się handlem i rybołówstwem."
)

ENGLISH = "It is not what they said that it was, and we know what it is now."


@pytest.mark.parametrize("language", [*OTHERS, "en"])
def test_the_language_of_a_text_is_detected(language: str) -> None:
    text = (DATA / "sentences" / f"{language}.txt").read_text(encoding="utf-8")
    assert detect_language(text) == language
    paragraphs = text.split("\n\n")
    assert {detect_language(paragraph) for paragraph in paragraphs} <= {language, None}


def test_a_language_without_small_words_of_its_own_here_is_detected_too() -> None:
    assert detect_language(POLISH) == "pl"


@pytest.mark.parametrize(
    "text", ["", "42", "Jürgen Müller, Paris", "!!!", "Berlin, Paris, London, Madrid, Roma, Lisboa"]
)
def test_what_does_not_tell_has_none(text: str) -> None:
    assert detect_language(text) is None


def test_paragraphs_of_an_english_encyclopedia_are_never_taken_for_another_language() -> None:
    examples = load_examples(DATA / "squad-part.json.gz")
    contexts = {example.context for example in examples}
    found = [detect_language(context) for context in contexts]
    assert set(found) <= {"en", None} and found.count("en") >= 0.98 * len(found)
    assert [example.question for example in examples if question_language(example.question)] == []


def test_names_of_other_languages_do_not_make_a_question_one_of_theirs() -> None:
    assert [question for question in QUESTIONS["en"] if question_language(question)] == []


@pytest.mark.parametrize("language", OTHERS)
def test_a_question_in_another_language_is_seen_to_be(language: str) -> None:
    asked = QUESTIONS[language]
    assert len(asked) >= 15
    found = [question_language(question) for question in asked]
    assert sum(one is not None for one in found) >= 0.85 * len(asked)
    assert set(found) <= {language, "und", None}


@given(st.text(max_size=300))
def test_any_text_has_a_language_or_none(text: str) -> None:
    for found in (detect_language(text), question_language(text)):
        assert found is None or found.isalpha()


def test_the_large_model_is_loaded_only_for_what_small_words_do_not_tell() -> None:
    text = (DATA / "sentences" / "de.txt").read_text(encoding="utf-8")
    code = (
        "import sys; from index import detect_language\n"
        f"print(detect_language({text!r}), detect_language({ENGLISH!r}))\n"
        "print('py3langid' in sys.modules)\n"
        f"print(detect_language({POLISH!r}), 'py3langid' in sys.modules)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], env=clean_environment(), capture_output=True, text=True, check=True
    )
    assert ran.stdout.split("\n")[:3] == ["de en", "False", "pl True"]
