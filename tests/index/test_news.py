"""What a collection says of the time since a mark."""

import pytest

from index import Article, Library, Mark, match_terms


def text(name: str) -> str:
    return f"The mill of {name} was built by the brothers {name}son in a dry summer."


def test_a_mark_tells_what_came_changed_and_went(library: Library) -> None:
    collection = library.collection()
    for name in ("Arn", "Bel", "Cor"):
        collection.add_one(Article(text=text(name), id=name.lower()))
    with collection.store.read() as view:
        mark = view.news.mark()
        assert mark.count == 3
        assert list(view.news.vectors(mark)) == [] and len(view.news.matching(match_terms("mill"), mark)) == 0
        versions = {(one, view.sha256(one) or "") for one in ("arn", "bel", "cor")}
        assert view.news.standing(versions | {("arn", "0" * 64), ("none", "")}) == versions
    collection.add_one(Article(text=text("Dun"), id="dun"))
    collection.add_one(Article(text=text("Eth"), id="bel"))
    collection.remove("cor")
    with collection.store.read() as view:
        news = view.news
        now = news.mark()
        assert (now.generation, now.count) == (mark.generation + 3, 3)
        assert news.fresh(["arn", "bel", "dun", "none"], mark) == {"bel", "dun"}
        assert news.changed(["arn", "bel", "cor"], mark) == {"bel", "cor"}
        assert {one for one, _ in news.standing(versions)} == {"arn"}
        ids = [key for batch, vectors in news.vectors(mark, batch=1) for key in batch.tolist()]
        assert len(ids) == 2 and all(vectors.shape == (1, 384) for _, vectors in news.vectors(mark, batch=1))
        assert news.matching(match_terms("Who built Dun's mill?"), mark).tolist() == ids
        assert news.matching(match_terms("Dun"), mark).tolist() == ids[:1]
        assert news.matching([], mark).tolist() == []


def test_numbers_are_not_given_twice(library: Library) -> None:
    collection = library.collection()
    collection.add_one(Article(text=text("Arn"), id="arn"))
    with collection.store.read() as view:
        mark = view.news.mark()
    collection.remove("arn")
    collection.add_one(Article(text=text("Arn"), id="arn"))
    with collection.store.read() as view:
        assert view.news.fresh(["arn"], mark) == view.news.changed(["arn"], mark) == {"arn"}
        assert view.news.mark().passages > mark.passages
        assert mark != Mark() and view.news.fresh(["arn"], Mark()) == {"arn"}


@pytest.mark.parametrize("name", ["no such", "", "x' OR '1"])
def test_unknown_articles_have_changed_and_are_not_fresh(library: Library, name: str) -> None:
    with library.collection().store.read() as view:
        assert view.news.changed([name], Mark()) == {name} and view.news.fresh([name], Mark()) == set()
