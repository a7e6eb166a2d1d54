"""An article that takes too much processor time is refused, and those beside it are added.

The clock is the test's own: each look at it finds a second gone, so that a long text runs out of time and a short one
does not, however fast the machine is.
"""

import itertools
import json
from pathlib import Path

import pytest

import index.ingestion.time_budget
from index import Article, ArticleTooSlow, Failure, Library, find_furniture, split_passages
from qa import QuestionAnswering

SHORT = "The lighthouse at Varn was built in 1893 by Olga Tamm."
LONG = "\n".join(f"Ship number {number} sailed to Oslo with tar and came back with salt." for number in range(200))


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index.ingestion.time_budget, "thread_time", itertools.count(0.0).__next__)


def test_adding_one_article_is_refused_and_stores_nothing(library: Library) -> None:
    collection = library.collection()
    with pytest.raises(ArticleTooSlow, match=r"slow: .*30 seconds of processor time: cut it.*CITESPAN_ARTICLE_SECONDS"):
        collection.add_one(Article(LONG, id="slow"))
    assert collection.info().articles == 0 and collection.check() == []
    assert collection.add_one(Article(SHORT, id="quick")).created


def test_a_stored_article_stays_when_its_new_text_takes_too_long(library: Library) -> None:
    collection = library.collection()
    collection.add_one(Article(SHORT, id="one"))
    with pytest.raises(ArticleTooSlow):
        collection.add_one(Article(LONG, id="one"))
    assert collection.get("one").text == SHORT


def test_the_other_articles_of_a_batch_are_added(library: Library) -> None:
    collection = library.collection()
    refused: list[Failure] = []
    articles = [Article(SHORT, id="a"), Article(LONG, id="b"), Article(f"{SHORT} It is red.", id="c")]
    added = list(collection.add(articles, unusable=refused.append))
    assert [item.id for item in added] == ["a", "c"]
    assert [(item.source, type(item.error)) for item in refused] == [("b", ArticleTooSlow)]


def test_a_job_names_the_line_goes_on_and_is_not_begun_again(qa: QuestionAnswering, tmp_path: Path) -> None:
    lines = [
        json.dumps({"id": name, "text": text}).encode() for name, text in (("a", SHORT), ("b", LONG), ("c", SHORT))
    ]
    with Library.open(tmp_path / "l", encoder=qa.library.encoder) as library:
        jobs = library.collection().jobs
        with jobs.receive() as incoming:
            incoming.write(b"\n".join(lines))
            job = incoming.queue()
        ended = jobs.run(job.id)
        assert (ended.state, ended.done, ended.failed) == ("done", 2, 1)
        [failure] = jobs.failures(job.id)[0]
        assert failure.source == "line 2" and "processor time" in failure.reason
    with Library.open(tmp_path / "l", encoder=qa.library.encoder) as library:
        assert library.open_jobs() == []
        assert {info.id for info in library.collection().list().articles} == {"a", "c"}


def test_a_library_may_allow_more_time(qa: QuestionAnswering, tmp_path: Path) -> None:
    with Library.open(tmp_path / "l", encoder=qa.library.encoder, article_seconds=1e6) as library:
        assert library.collection().add_one(Article(LONG, id="slow")).created


@pytest.mark.parametrize("text", [LONG, "word " * 20_000, "a" * 100_000, "?\n" * 500, "Is it? " * 500])
def test_the_work_on_a_long_text_looks_at_the_clock_often(text: str) -> None:
    looks = itertools.count()
    find_furniture(text, check=lambda: next(looks))
    split_passages("a", text, check=lambda: next(looks))
    assert next(looks) >= len(text) // 1_200, "a piece of work between two looks at the clock is too large"
