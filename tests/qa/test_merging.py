import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index import ArticleInfo, Candidate, Passage
from qa import Evidence, RankedAnswer, Span, Support
from qa.answers.calibration import shipped
from qa.answers.merging import evidence, lead, merge, normalize, support


def candidate(text: str, article: str = "a", start: int = 0, number: int = 0, sha: str = "") -> Candidate:
    info = ArticleInfo(article, article.upper(), None, None, None, (), sha or article)
    return Candidate(Passage(article, number, start, start + len(text), text), info, 0.1, 0.5, 1, 1)


def span(found: Candidate, text: str, score: float) -> Span:
    at = found.passage.text.index(text)
    return Span(found, at, at + len(text), text, score)


def test_equal_texts_from_several_articles_are_one_answer() -> None:
    one = candidate("Only North Korea and Syria did.")
    two = candidate("It was the North Korea, they said.", "b")
    groups = merge([span(one, "North Korea", 3.0), span(two, "the North Korea", 2.0)], [3.0, 2.0])
    assert len(groups) == 1 and [s.candidate.article.id for s in groups[0].spans] == ["a", "b"]


def test_overlapping_spans_are_one_place_also_across_neighbouring_passages() -> None:
    left = candidate("It rained. Only Syria did.", number=0)
    right = candidate("Only Syria did. The end.", start=11, number=1)
    groups = merge(
        [span(left, "Syria", 3.0), span(left, "Only Syria", 2.0), span(right, "Syria", 1.0), span(right, "end", 0.5)],
        [3.0, 2.0, 1.0, 0.5],
    )
    assert [(g.best.text, len(g.spans)) for g in groups] == [("Syria", 1), ("end", 1)]


def test_a_place_the_reader_does_not_believe_in_is_no_evidence() -> None:
    groups = merge(
        [span(candidate("x Syria"), "Syria", 5.0), span(candidate("y Syria", "b"), "Syria", -4.0)], [5.0, -4.0]
    )
    assert len(groups[0].spans) == 1


def test_what_is_a_part_of_an_answer_is_no_rival_of_it() -> None:
    found = candidate("On 26 July 1956 he spoke; in 1956 and 1869 they dug. Nobody came.")
    spans = [span(found, "26 July 1956", 9.0), span(found, "in 1956", 8.5), span(found, "1869", 6.0)]
    parts = [Span(found, 29, 33, found.passage.text[29:33], 8.5) if one.text == "in 1956" else one for one in spans]
    assert parts[1].text == "1956"
    groups = merge(parts, [one.score for one in parts])
    assert [group.best.text for group in groups] == ["26 July 1956", "1956", "1869"]
    assert lead(groups) == 3.0 and lead(groups[:2]) == lead(groups[:1]) == math.inf


def test_a_member_joins_its_list_where_a_copy_of_it_scores_better() -> None:
    here, copy = candidate("Ann played drums, Di sang."), candidate("Di sang.", "b")
    spans = [span(here, "Ann", 9.0), span(here, "Di", 8.8), span(copy, "Di", 8.9)]
    (group,) = merge(spans, [one.score for one in spans], list_gap=0.5)
    assert [(one.text, one.candidate.article.id) for one in group.together] == [("Ann", "a"), ("Di", "a")]
    assert len(merge(spans, [one.score for one in spans], list_gap=0.1)) == 2


@given(st.permutations(range(4)))
def test_the_order_of_spans_does_not_matter(order: list[int]) -> None:
    spans = [span(candidate(f"w{n} word{n % 2} end", f"a{n}"), f"word{n % 2}", float(n)) for n in range(4)]
    shuffled = [spans[n] for n in order]
    groups = merge(shuffled, [s.score for s in shuffled])
    assert [(g.best.text, g.value, len(g.spans)) for g in groups] == [("word1", 3.0, 2), ("word0", 2.0, 2)]


def test_copies_are_one_witness() -> None:
    same = [evidence(span(candidate("Only Syria did.", name, sha="s"), "Syria", 1.0)) for name in "abc"]
    copied = evidence(span(candidate("It rained. Only Syria did.", "d"), "Syria", 1.0))
    other = evidence(span(candidate("The state of Syria agreed.", "e"), "Syria", 1.0))
    assert support([*same, copied, other]) == Support(articles=5, independent=2)


def test_normalising_is_squads() -> None:
    assert normalize("  The “Quick”, brown   fox! ") == "quick brown fox"
    assert normalize("a") == "" and normalize("U.S.") == "us"


def test_types_refuse_what_is_not_verbatim() -> None:
    found = candidate("Only Syria did.")
    with pytest.raises(ValueError, match="verbatim"):
        Span(found, 0, 4, "Onl", 1.0)
    good = evidence(span(found, "Syria", 1.0))
    with pytest.raises(ValueError, match="agree"):
        Evidence(**{**{f.name: getattr(good, f.name) for f in dataclasses.fields(good)}, "article_start": 3})
    with pytest.raises(ValueError, match="verbatim"):
        RankedAnswer("Libya", 0.5, (good,), (), Support(1, 1))


@given(
    st.tuples(st.floats(-50, 50), st.floats(-50, 50), st.floats(-1, 1), st.floats(0, 1)),
    st.tuples(st.floats(0, 20), st.floats(0, 20), st.floats(0, 1), st.floats(0, 1)),
)
def test_confidence_is_a_probability_that_grows_with_all_that_speaks_for_an_answer(
    known: tuple[float, float, float, float], more: tuple[float, float, float, float]
) -> None:
    numbers = dataclasses.replace(shipped(), intercept=-1, value=0.5, margin=0.2, relevance=3, coverage=2)
    low = numbers.confidence(*known)
    high = numbers.confidence(*(one + two for one, two in zip(known, more, strict=True)))
    assert 0.0 <= low <= high <= 1.0
