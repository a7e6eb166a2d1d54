"""Fusing both rankings, and candidates as they would be without some articles."""

from hypothesis import given
from hypothesis import strategies as st

from index import Filters, leave_out
from index.search.retriever import DEPTH, fuse
from qa import QuestionAnswering

COSINES = st.lists(st.floats(-1, 1), min_size=1, max_size=30)


@given(COSINES, st.randoms(use_true_random=False))
def test_fused_scores_lie_between_nothing_and_first_in_both(cosines: list[float], dice: object) -> None:
    similarity = dict(enumerate(cosines))
    dense = sorted(similarity, key=lambda key: -similarity[key])
    lexical = dice.sample(dense, len(dense) // 2)  # type: ignore[attr-defined]
    scores = fuse(similarity, dense, lexical)
    assert scores.keys() == similarity.keys() and all(0 < score <= 1 for score in scores.values())
    rest = [scores[key] for key in dense if key not in lexical]
    assert rest == sorted(rest, reverse=True)
    if lexical and lexical[0] == dense[0]:
        assert scores[dense[0]] == 1.0


def test_close_cosines_are_told_apart_as_well() -> None:
    order = list(range(DEPTH))
    far = fuse({key: 0.9 - 0.006 * key for key in order}, order, [])
    near = fuse({key: 0.9 - 0.0005 * key for key in order}, order, [])
    assert near[order[-1]] < 0.5 * near[0] and far[order[-1]] < 0.1 * far[0]
    few = fuse({1: 0.60, 2: 0.59}, [1, 2], [2, 1])
    assert few[2] > few[1], "of two passages nobody knows how far apart cosines usually lie"
    assert fuse({}, [], []) == {}


def test_leaving_articles_out_is_searching_without_them(qa: QuestionAnswering) -> None:
    collection = qa.library.collection()
    names = [info.id for info in collection.list(limit=100).articles]
    for question in ("Who nationalised the Suez Canal?", "When did Kim first meet Putin?", "banks of Iceland"):
        found = collection.search(question, limit=200)
        gone = {found[0].article.id, found[3].article.id}
        left = leave_out(found, gone, 10)
        wanted = collection.search(
            question, limit=10, filters=Filters(article_ids=tuple(name for name in names if name not in gone))
        )
        assert [candidate.passage.id for candidate in left] == [candidate.passage.id for candidate in wanted]
        for one, two in zip(left, wanted, strict=True):
            assert abs(one.score - two.score) < 1e-6
            assert (one.dense_rank, one.lexical_rank) == (two.dense_rank, two.lexical_rank)
