import json
from pathlib import Path

import pytest

from index import Article, InputError, UnsupportedFormat
from qa import (
    Example,
    QuestionAnswering,
    evaluate_confidence,
    evaluate_open,
    evaluate_reading,
    evaluate_retrieval,
    load_examples,
)
from tests.helpers import ROOT

PART = ROOT / "tests" / "data" / "squad-part.json.gz"


def test_reads_both_formats_and_says_what_is_wrong(tmp_path: Path) -> None:
    line = {
        "question": "q",
        "context": "c",
        "answers": [{"text": "a", "start": 0}, {"text": "b", "start": 1}],
        "multi": True,
    }
    (tmp_path / "a.jsonl").write_text(json.dumps(line) + "\n")
    (example,) = load_examples(tmp_path / "a.jsonl")
    assert example.answers == ("a", "b") and example.references == ("a, b",)
    assert example.multi and not example.impossible
    assert len(load_examples(PART)) == 300
    for name, text, kind in (
        ("b.csv", "x", UnsupportedFormat),
        ("c.json", "{", InputError),
        ("d.jsonl", "", InputError),
    ):
        (tmp_path / name).write_text(text)
        with pytest.raises(kind):
            load_examples(tmp_path / name)
    with pytest.raises(InputError, match="cannot be read"):
        load_examples(tmp_path / "nope.json")


@pytest.fixture(scope="module")
def squad(qa: QuestionAnswering) -> str:
    """A collection with the paragraphs of the questions, named by the title of their article."""
    titles = {example.context: example.title for example in load_examples(PART)}
    qa.add(
        [Article(text, id=f"p{n}", title=title) for n, (text, title) in enumerate(titles.items())], collection="squad"
    )
    return "squad"


def test_reading_and_open_figures_on_real_questions(qa: QuestionAnswering, squad: str) -> None:
    examples = load_examples(PART)[:40]
    reading = evaluate_reading(qa, examples)
    assert reading.questions == 40 and reading.f1 > 55 and reading.exact_match <= reading.f1
    assert reading.no_answer is None and "recall" not in reading.as_dict()
    found = evaluate_open(qa, examples, collection=squad)
    assert found.recall is not None and found.recall["5"] >= 90 and found.recall["1"] <= found.recall["20"]
    assert found.f1 > 45 and found.answered is not None and found.mrr is not None and found.ece is not None
    with pytest.raises(InputError, match="add them first"):
        evaluate_open(qa, examples)


def test_retrieval_and_confidence_figures_on_real_questions(qa: QuestionAnswering, squad: str) -> None:
    examples = load_examples(PART)[:40]
    found = evaluate_retrieval(qa, examples, collection=squad)
    assert found.recall is not None and found.dense is not None and found.lexical is not None
    assert found.recall["5"] >= 90 and found.dense["5"] >= 75 and found.lexical["5"] >= 75
    assert found.f1 is None and "exact_match" not in found.as_dict()

    sure = evaluate_confidence(qa, examples[::4], collection=squad)
    assert sure.questions == 20 and sure.levels is not None and sure.bins is not None
    assert sum(row["answers"] for row in sure.levels.values()) == sum(row["questions"] for row in sure.bins) == 20
    assert sure.auroc_in_collection is not None and sure.auroc_in_collection > 0.6
    with pytest.raises(InputError, match="answerable"):
        evaluate_retrieval(qa, [Example("q", "c", (), True)], collection=squad)


def test_a_run_that_was_stopped_goes_on_from_its_outcomes(qa: QuestionAnswering, tmp_path: Path) -> None:
    examples = load_examples(PART)[:12]
    kept = tmp_path / "runs" / "reading.jsonl"
    seen: list[int] = []

    def stop(done: int) -> None:
        seen.append(done)
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate_reading(qa, examples, kept=kept, progress=stop)
    with kept.open("a") as file:
        file.write('{"of": "cut sho')
    seen.clear()
    report = evaluate_reading(qa, examples, kept=kept, progress=seen.append)
    assert seen == [5, 6, 7, 8, 9, 10, 11, 12]
    again = evaluate_reading(qa, examples)
    assert (report.f1, report.has_answer, report.auroc) == (again.f1, again.has_answer, again.auroc)
    assert len(kept.read_text().splitlines()) == 13
    # A shorter run makes its figures of the first outcomes; other questions are another run.
    assert evaluate_reading(qa, examples[:3], kept=kept).questions == 3
    with pytest.raises(InputError, match="another file"):
        evaluate_reading(qa, examples[::-1], kept=kept)
    # A file of somebody's is refused and left as it was.
    for content in ("not json\n", '{"data": []}', kept.read_text().replace("reading", "open") + "cut"):
        (tmp_path / "theirs.json").write_text(content)
        with pytest.raises(InputError, match="another file"):
            evaluate_reading(qa, examples, kept=tmp_path / "theirs.json")
        assert (tmp_path / "theirs.json").read_text() == content


def test_lists_are_measured_span_by_span(qa: QuestionAnswering) -> None:
    text = "Only North Korea and Syria recognize the annexations."
    question = "Which countries recognize the annexations?"
    report = evaluate_reading(qa, [Example(question, text, ("North Korea", "Syria"), False, multi=True)])
    assert report.spans is not None and report.spans["f1"] == 100.0 and report.spans["questions"] == 1
