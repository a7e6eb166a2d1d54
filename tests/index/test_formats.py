"""Files of every kind that people have: each question is answered from its file, and what is known is found."""

import json

import pytest

from index import Library
from qa import QuestionAnswering
from tests.helpers import ROOT

FILES = ROOT / "tests" / "data" / "formats"
QUESTIONS = json.loads((ROOT / "tests" / "data" / "format-questions.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def asked(tmp_path_factory, qa):
    """All files, added at once to a library of their own."""
    folder = tmp_path_factory.mktemp("formats") / "library"
    with QuestionAnswering(Library.open(folder, encoder=qa.library.encoder), qa.reader) as opened:
        opened.add(FILES)
        yield opened


@pytest.mark.parametrize("case", QUESTIONS, ids=lambda case: case["file"])
def test_the_answer_is_found_in_its_file_and_on_its_page(asked, case) -> None:
    answer = asked.ask(case["question"])
    assert answer.answered, answer
    evidence = answer.answers[0].evidence[0]
    assert case["answer"] in answer.text, answer.text
    assert evidence.article.origin == str(FILES / case["file"])
    assert evidence.page == case["page"]
