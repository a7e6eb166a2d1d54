"""What a reply says beside its answer."""

from dataclasses import replace

import pytest

from qa import QuestionAnswering
from qa.language_hints import hints

GERMAN = "Wer ist der Präsident von Frankreich?"


def test_only_models_that_read_english_alone_are_spoken_of(qa: QuestionAnswering) -> None:
    encoder, reader = qa.models()
    assert (encoder.language, reader.language) == ("en", "en")
    (hint,) = hints(GERMAN, [encoder, reader])
    assert hint.code == "language"
    assert hint.message == (
        "The question seems to be in German; the models in use read English. Ask in English, or configure a "
        "multilingual encoder and reader (CITESPAN_ENCODER, CITESPAN_READER)."
    )
    (hint,) = hints(GERMAN, [replace(encoder, language=None), reader])
    assert "the reader in use reads English" in hint.message and "CITESPAN_ENCODER" not in hint.message
    assert hints(GERMAN, [replace(encoder, language=None), replace(reader, language=None)]) == ()


@pytest.mark.parametrize("question", ["Who is Jürgen Müller?", "Where is São Paulo?", "population of 北京", "1956"])
def test_a_name_is_no_reason(qa: QuestionAnswering, question: str) -> None:
    assert hints(question, qa.models()) == () == qa.ask(question).hints


def test_an_answer_has_them(qa: QuestionAnswering) -> None:
    assert [hint.code for hint in qa.ask(GERMAN).hints] == ["language"]
