"""Lines that a site's articles share, through a library."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from index import Article, Collection, Library
from qa import QuestionAnswering


def article(n: int, *, site: str = "larch.example", more: str = "") -> Article:
    return Article(
        f"The Larch Observer\nA bridge over stream number {n}\n"
        f"Engineers have built bridge {n} over the stream, which took them {n + 3} months in all.{more}\n"
        "The Observer Building, Larch\nPrinted on a press from the last century\n",
        id=f"{site}-{n}",
        url=f"https://www.{site}/{n}",
    )


def repeated(collection: Collection, article_id: str) -> list[str]:
    stored = collection.get(article_id)
    return [stored.text[m.start : m.end] for m in stored.masked if m.rule == "repeated"]


FURNITURE = ["The Larch Observer", "The Observer Building, Larch", "Printed on a press from the last century"]


def test_articles_of_one_batch_tell_what_their_site_has_around_them(library: Library) -> None:
    collection = library.collection()
    list(collection.add([article(n) for n in range(4)]))
    assert all(repeated(collection, f"larch.example-{n}") == FURNITURE for n in range(4))
    assert collection.check() == []


def test_what_came_before_is_masked_anew_once_its_site_is_known(library: Library) -> None:
    collection = library.collection()
    collection.add_one(article(0))
    collection.add_one(article(1))
    before = collection.get("larch.example-0")
    assert before.masked == () and "Printed on a press" in before.passages[-1].text
    collection.add_one(article(2))
    after = collection.get("larch.example-0")
    assert repeated(collection, "larch.example-0") == FURNITURE
    assert (after.text, after.info.added) == (before.text, before.info.added)
    assert [row.id for row in collection.list().articles] == [f"larch.example-{n}" for n in range(3)]
    assert not any("Printed on a press" in found.passage.text for found in collection.search("printed on a press"))
    assert collection.search("bridge 0", limit=5) and collection.check() == []


def test_other_sites_and_articles_of_no_site_are_left_alone(library: Library) -> None:
    collection = library.collection()
    list(collection.add([article(n) for n in range(3)]))
    collection.add_one(article(9, site="other.example"))
    collection.add_one(Article(article(8).text, id="nowhere"))
    assert repeated(collection, "other.example-9") == [] == repeated(collection, "nowhere")


def test_articles_that_go_take_their_lines_with_them(library: Library) -> None:
    collection = library.collection()
    list(collection.add([article(n) for n in range(3)]))
    collection.remove("larch.example-0")
    collection.remove("larch.example-1")
    collection.add_one(article(7))
    assert repeated(collection, "larch.example-7") == []
    assert collection.check() == []


def test_an_article_added_again_and_again_counts_once(library: Library) -> None:
    collection = library.collection()
    for turn in range(5):
        collection.add_one(article(0, more=f" That was turn {turn}."))
    assert repeated(collection, "larch.example-0") == []
    collection.add_one(article(1))
    assert repeated(collection, "larch.example-1") == []


def test_what_is_known_of_a_site_outlasts_closing(tmp_path: Path, qa: QuestionAnswering) -> None:
    with Library.open(tmp_path / "l", encoder=qa.library.encoder) as library:
        list(library.collection().add([article(n) for n in range(2)]))
    with Library.open(tmp_path / "l", encoder=qa.library.encoder) as library:
        library.collection().add_one(article(2))
        assert repeated(library.collection(), "larch.example-0") == FURNITURE
        assert library.collection().check() == []


Deed = tuple[str, int]


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(st.tuples(st.sampled_from(["add", "change", "remove"]), st.integers(0, 4)), max_size=10))
def test_however_articles_came_and_went_only_what_is_there_counts(library: Library, deeds: Sequence[Deed]) -> None:
    collection = library.collection("here", create=True)
    there: dict[int, Article] = {}
    for turn, (deed, n) in enumerate(deeds):
        if deed != "remove":
            there[n] = article(n, more=f" That was turn {turn}." if deed == "change" else "")
            collection.add_one(there[n])
        elif n in there:
            collection.remove(there.pop(n).id)
    fresh = library.collection("fresh", create=True)
    list(fresh.add(there.values()))
    for one in (collection, fresh):
        one.add_one(article(9))
        assert one.check() == []
    assert repeated(collection, "larch.example-9") == repeated(fresh, "larch.example-9")
    assert bool(repeated(fresh, "larch.example-9")) == (len(there) >= 2)
    library.remove_collection("here")
    library.remove_collection("fresh")


@pytest.mark.parametrize("source", ["The Observer", "the observer"])
def test_a_source_stands_in_for_an_address(library: Library, source: str) -> None:
    collection = library.collection()
    for n in range(3):
        collection.add_one(Article(article(n).text, id=f"a{n}", source=source if n else "The Observer"))
    assert repeated(collection, "a0") == FURNITURE
