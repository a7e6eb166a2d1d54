"""What counts as a change of a standing question's answer, and that what is not asked again has not changed."""

import gzip
import json
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index import Article, ArticleInfo, Candidate, Collection, Failure, Filters, Library, Passage, open_source
from index.search.retriever import fuse
from qa import (
    Answer,
    QuestionAnswering,
    RankedAnswer,
    StandingQuestion,
    Support,
    Watched,
    asked_again,
    first_asked,
    mark_of,
    touched_by_news,
    touched_by_search,
)
from qa.types import Evidence, Item
from qa.watches.answer_changes import LET_GO, Since, Standing, judge, says_the_same
from qa.watches.score_bounds import ReadPassage, least_similarity, same_reading
from tests.helpers import ROOT, SAMPLES

THRESHOLD = 0.5


def piece(text: str, sentence: str, article_id: str, family: int | None = None) -> Evidence:
    info = ArticleInfo(article_id, "T", None, None, None, (), f"sha of {sentence}", family=family)
    start = sentence.index(text)
    passage = Passage(article_id, 0, 0, len(sentence), sentence)
    return Evidence(info, passage, sentence, start, start + len(text), start, start + len(text), 9.0)


def ranked(confidence: float, *pieces: Evidence, items: Sequence[str] = ()) -> RankedAnswer:
    members = tuple(Item(one, pieces[0].article.id, 0, 1) for one in items)
    return RankedAnswer(pieces[0].text, confidence, pieces, members, Support(len(pieces), len(pieces)))


def reply(*answers: RankedAnswer) -> Answer:
    answered = bool(answers) and answers[0].confidence >= THRESHOLD
    return Answer("?", answered, None if answered else "below_threshold", answers, "high" if answered else "none", ())


def since(*pieces: Evidence, fresh: Sequence[str] = (), lost: bool = False) -> Since:
    return Since(set(fresh), {(one.article.id, one.article.sha256) for one in pieces}, lost)


def kind(before: RankedAnswer | None, now: Answer, changed: Since, alone: Answer | None = None) -> str | None:
    standing = None if before is None else Standing.of(before)
    return judge(standing, now, changed, THRESHOLD, lambda but: alone).kind


OLGA = piece("Olga Tamm", "The lighthouse was built by Olga Tamm.", "a")
PETER = piece("Peter Holm", "Research shows that Peter Holm built it.", "b")


def test_an_answer_where_there_was_none_is_new_if_an_article_brought_it() -> None:
    now = reply(ranked(0.9, OLGA))
    assert kind(None, now, since(fresh=["a"])) == "new"
    assert kind(None, now, since(lost=True)) == "new"  # what spoke against it has gone
    assert kind(None, now, since()) is None
    assert kind(None, reply(ranked(0.4, OLGA)), since(fresh=["a"])) is None


def test_another_answer_that_leads_by_an_article_that_came_is_different() -> None:
    now = reply(ranked(0.9, PETER), ranked(0.1, OLGA))
    assert kind(ranked(0.9, OLGA), now, since(OLGA, fresh=["b"])) == "different"
    assert kind(ranked(0.9, OLGA), now, since(OLGA)) is None, "the ranking alone has shifted"
    assert kind(ranked(0.9, OLGA), now, since()) == "different", "what supported the old one has gone"


def test_an_answer_that_is_nearly_as_good_is_not_displaced_but_contradicted() -> None:
    now = reply(ranked(0.6, PETER), ranked(0.55, OLGA))
    assert kind(ranked(0.9, OLGA), now, since(OLGA, fresh=["b"]), reply(ranked(0.9, PETER))) == "contradicted"


def test_a_contradiction_is_told_once_and_must_be_comparable_and_independent() -> None:
    before, now = ranked(0.9, OLGA), reply(ranked(0.9, OLGA))
    changed = since(OLGA, fresh=["b"])
    assert kind(before, now, changed, reply(ranked(0.85, PETER))) == "contradicted"
    assert kind(before, now, changed, reply(ranked(0.6, PETER))) is None, "hardly supported beside 0.9"
    told = Standing.of(before).contradicted_by(ranked(0.85, PETER))
    assert judge(told, now, changed, THRESHOLD, lambda but: reply(ranked(0.85, PETER))).kind is None
    copy = replace(PETER, article=replace(PETER.article, family=7))
    olga = ranked(0.9, replace(OLGA, article=replace(OLGA.article, family=7)))
    assert kind(olga, reply(olga), since(OLGA, fresh=["b"]), reply(ranked(0.85, copy))) is None, (
        "a copy of its own source"
    )


def test_gone_needs_a_source_that_has_gone_and_an_answer_on_the_threshold_does_not_flicker() -> None:
    before = ranked(0.9, OLGA)
    assert kind(before, reply(), since()) == "gone"
    assert kind(before, reply(), since(OLGA)) is None, "it still says so, word for word"
    other = piece("Olga Tamm", "Olga Tamm is said to have built it.", "c")
    assert kind(before, reply(ranked(LET_GO * THRESHOLD + 0.01, other)), since()) is None
    assert kind(before, reply(ranked(LET_GO * THRESHOLD - 0.01, other)), since()) == "gone"


@pytest.mark.parametrize(
    "other",
    [
        piece("olga tamm", "Everyone knows that olga tamm built it.", "b"),
        piece("the engineer Olga Tamm", "It was the engineer Olga Tamm who built it.", "b"),
        piece("built by Olga", "The lighthouse was built by Olga Tamm.", "b"),  # another stretch of a copied sentence
        piece("The lighthouse", "The lighthouse was built by Olga Tamm.", "b"),
    ],
)
def test_the_same_in_other_words_is_no_change(other: Evidence) -> None:
    assert says_the_same(Standing.of(ranked(0.9, OLGA)), ranked(0.9, other))
    assert (
        kind(ranked(0.9, OLGA), reply(ranked(0.9, other)), since(OLGA, fresh=["b"]), reply(ranked(0.9, other))) is None
    )


def test_a_list_changes_when_it_gets_a_member_and_not_when_a_shorter_one_comes() -> None:
    old = piece("North Korea", "North Korea recognizes it.", "a")
    both = piece("North Korea and Syria", "Now North Korea and Syria recognize it.", "b")
    shorter = piece("Syria", "Syria, too, recognizes it.", "c")
    longer = ranked(0.9, both, items=["North Korea", "Syria"])
    assert kind(ranked(0.9, old), reply(longer), since(old, fresh=["b"])) == "different"
    assert kind(longer, reply(ranked(0.9, shorter)), since(both, fresh=["c"])) is None
    assert kind(longer, reply(ranked(0.9, shorter)), since(fresh=["c"])) == "different"
    again = ranked(0.9, both, items=["Syria", "North Korea"])
    assert kind(longer, reply(again), since(both, fresh=["b"])) is None


def test_many_small_steps_do_not_carry_an_answer_away() -> None:
    first = ranked(0.9, piece("1956", "It was 1956.", "a"))
    nearer = ranked(0.9, piece("from 1956 to 1960", "It lasted from 1956 to 1960.", "b"))
    last = ranked(0.9, piece("1960", "It ended in 1960.", "c"))
    standing = Standing.of(first).found_again(nearer)
    assert says_the_same(standing, nearer) and not says_the_same(standing, last)


WORD = st.sampled_from(["olga", "peter", "tamm", "holm", "1956", "the"])


@given(st.lists(WORD, min_size=1, max_size=3), st.lists(WORD, min_size=1, max_size=3), st.floats(0, 1), st.booleans())
def test_nothing_is_told_without_a_cause_in_the_articles(
    one: list[str], other: list[str], confidence: float, lost: bool
) -> None:
    before = ranked(0.9, piece(" ".join(one), " ".join(one) + " did.", "a"))
    now = reply(ranked(confidence, piece(" ".join(other), "It was " + " ".join(other) + ".", "b")))
    assert kind(before, now, since(*before.evidence, lost=lost)) is None
    assert judge(None, now, since(), THRESHOLD, lambda but: None).kind is None


COSINES = st.floats(-0.2, 1).map(lambda cosine: round(cosine, 3))


@given(st.lists(st.tuples(COSINES, st.booleans()), min_size=10, max_size=25), st.data())
def test_what_the_bound_keeps_out_would_be_no_candidate(old: list[tuple[float, bool]], data: st.DataObject) -> None:
    def first(similarity: dict[int, float], lexical: list[int]) -> dict[int, float]:
        dense = sorted(similarity, key=lambda key: (-similarity[key], key))
        fused = fuse(similarity, dense, lexical)
        return {key: fused[key] for key in sorted(fused, key=lambda key: (-fused[key], key))[:10]}

    similarity = {number: cosine for number, (cosine, _) in enumerate(old)}
    lexical = data.draw(st.permutations([number for number, (_, word) in enumerate(old) if word]))
    before = first(similarity, lexical)
    read = [ReadPassage(str(key), "s", 0, score, similarity[key]) for key, score in before.items()]
    new = data.draw(st.lists(st.tuples(COSINES, st.booleans()), min_size=1, max_size=4))
    without, some = least_similarity(read, 10, sum(word for _, word in new))
    for number, (cosine, word) in enumerate(new, 1_000):
        similarity[number] = cosine
        if word:
            lexical = list(lexical)
            lexical.insert(data.draw(st.integers(0, len(lexical))), number)
    kept_out = {number for number, (cosine, word) in enumerate(new, 1_000) if cosine < (some if word else without)}
    if len(kept_out) == len(new):
        assert not kept_out & set(first(similarity, lexical))
    assert least_similarity(read, 11, 0) == (-1.0, -1.0), "there is a place left for anything"


def test_candidates_are_the_same_by_place_and_about_by_score() -> None:
    def candidate(score: float, start: int = 0) -> Candidate:
        info = ArticleInfo("a", "T", None, None, None, (), "sha")
        return Candidate(Passage("a", 0, start, start + 3, "abc"), info, score, 0.5, 1, None)

    read = [ReadPassage.of(candidate(0.5))]
    assert same_reading(read, [candidate(0.51)])
    assert not same_reading(read, [candidate(0.6)])
    assert not same_reading(read, [candidate(0.5, 4)])
    assert not same_reading(read, []) and not same_reading(read, [candidate(0.5), candidate(0.4, 4)])


ABOUT = ("great-fire.html", "marathon.md", "webb-telescope.txt")
QUESTIONS = (
    "Where did the Great Fire of London begin?",
    "What is the mirror of the Webb telescope made of?",
    "Who built the lighthouse at Varn?",
)


def others(count: int) -> list[Article]:
    """Articles about something else."""
    pages = json.loads(gzip.decompress((ROOT / "tests" / "data" / "squad-part.json.gz").read_bytes()))["data"]
    return [
        Article(text=page["paragraphs"][0]["context"], id=f"other-{number}", title=page["title"])
        for number, page in enumerate(pages[:count])
    ]


def asked_all(
    qa: QuestionAnswering, collection: Collection, watches: list[StandingQuestion], known: list[Watched], change: object
) -> tuple[set[int], set[int]]:
    """Make a change; return which questions would be asked again, and which answers have changed by asking all."""
    before = mark_of(collection)
    change()  # type: ignore[operator]
    near = touched_by_news(collection, list(zip(watches, known, strict=True)), before)
    asked = {number for number in near if touched_by_search(collection, watches[number], known[number])}
    changed = set()
    for number, watch in enumerate(watches):
        again = asked_again(qa, collection.name, watch, known[number])
        if again.judgement.kind is not None:
            changed.add(number)
        if number in asked:
            known[number] = again.watched
    return asked, changed


def test_whatever_changes_by_asking_all_is_among_what_is_asked_again(qa: QuestionAnswering, library: Library) -> None:
    own = QuestionAnswering(library, qa.reader)
    collection = library.collection()
    list(collection.add(others(16)))
    watches = [StandingQuestion(one, Filters(), collection.encode_query(one)) for one in QUESTIONS]
    known = [first_asked(own, "default", one, Filters())[0] for one in QUESTIONS]
    articles = [one for name in ABOUT for one in open_source(SAMPLES / name) if not isinstance(one, Failure)]
    articles.append(Article(text="The lighthouse at Varn was built in 1893 by Olga Tamm.", id="varn", title="Varn"))
    total = set()
    for article in articles:
        asked, changed = asked_all(own, collection, watches, known, lambda a=article: collection.add_one(a))
        assert changed <= asked, article.title
        total |= changed
    assert total == set(range(len(QUESTIONS)))
    gone = set()
    for article in articles:
        asked, changed = asked_all(own, collection, watches, known, lambda a=article: collection.remove(a.id))
        assert changed <= asked, article.title
        gone |= changed
    assert gone == total


def test_articles_that_a_filter_leaves_out_touch_nothing(qa: QuestionAnswering, library: Library) -> None:
    own = QuestionAnswering(library, qa.reader)
    collection = library.collection()
    collection.add_one(Article(text="The lighthouse at Varn was built by Olga Tamm.", id="a", tags=("sea",)))
    filters = Filters(tags=("sea",))
    question = "Who built the lighthouse at Varn?"
    watch = StandingQuestion(question, filters, collection.encode_query(question))
    known = first_asked(own, "default", question, filters)[0]
    before = mark_of(collection)
    collection.add_one(Article(text="The lighthouse at Varn was built by Peter Holm.", id="b", tags=("hoax",)))
    assert not touched_by_search(collection, watch, known)
    assert asked_again(own, "default", watch, known).judgement.kind is None
    assert mark_of(collection) != before
