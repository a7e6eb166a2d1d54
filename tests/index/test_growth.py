"""The work on an article grows no faster than its text, whatever it is made of."""

from collections.abc import Callable

import pytest

from index import decode_text, find_furniture, metadata_from_text, read_bytes, sentence_spans, split_passages
from index.boilerplate.lines import line_hashes
from index.sources.formats.markdown import extract
from index.text.near_duplicates import bands, shingles
from index.text.query_terms import indexed, match_terms
from index.text.sentences import sentences
from tests.growth import FORMS, check_growth, text_of

_LENGTH = 3_000
_LANGUAGES = {"de", "ru", "ar", "hi", "fi"}
WORK: dict[str, Callable[[str], object]] = {
    "English sentences": lambda text: list(sentences(text, 0, len(text), "en")),
    "German sentences": lambda text: list(sentences(text, 0, len(text), "de")),
    "Chinese sentences": lambda text: list(sentences(text, 0, len(text), "zh")),
    "passages": lambda text: split_passages("a", text),
    "furniture": find_furniture,
    "metadata": metadata_from_text,
    "lines": line_hashes,
    "copies": lambda text: bands(shingles(text)),
    "words": lambda text: [indexed(text, language) for language in (None, "de", "uk")],
    "query": lambda text: match_terms(text, _LANGUAGES),
    "decoding": lambda text: decode_text(text.encode()),
    "wrong decoding": lambda text: decode_text(text.encode("windows-1251", "replace")),
    "text file": lambda text: list(read_bytes(text.encode(), "a.txt")),
    "Markdown": lambda text: extract(text.encode()),
}


def test_there_are_enough_hostile_forms() -> None:
    assert len(set(FORMS)) == len(FORMS) >= 40


@pytest.mark.parametrize("name", WORK)
def test_work_grows_with_the_text(name: str) -> None:
    work = WORK[name]
    work("Loaded once. It may take a while.")
    for form in FORMS:
        check_growth(work, form, _LENGTH)


@pytest.mark.parametrize("form", ["?", "!", "!["])
def test_a_run_of_marks_leaves_the_sentences_around_it_as_they_are(form: str) -> None:
    run = text_of(form, 200_000)
    text = f"What is this?\n{run}\nIt goes on. Here it ends."
    parts = [text[start:end] for start, end in sentence_spans(text)]
    assert parts[0] == "What is this?" and "".join(parts[1:-2]) == run
    assert parts[-2:] == ["It goes on.", "Here it ends."]


@pytest.mark.parametrize("length", [499, 500, 501, 502, 5_000])
def test_a_long_address_leaves_the_sentences_around_it_as_they_are(length: int) -> None:
    address = text_of("https://example.org/?a=(b)&c=d!", length - 5) + "/page"
    text = f"It is at {address} today. Is it? “Yes.” He left {address}. She stayed."
    parts = [text[start:end] for start, end in sentence_spans(text)]
    assert parts == [f"It is at {address} today.", "Is it?", "“Yes.”", f"He left {address}.", "She stayed."]
