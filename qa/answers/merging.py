"""Spans that say the same → one answer each.  Pure.

Equal texts are one answer with several pieces of evidence.  Spans that overlap in an article are
one place: the better one stands for both.  Where several things are asked for, spans of one passage
that score nearly alike are one answer: a list.
"""

import math
import re
import string
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace

from index import sentence_around
from qa.answers.calibration import Calibration
from qa.answers.lists import asks_for_several, items
from qa.types import Evidence, Span, Support

# A span that the reader likes less than "no answer here" supports an answer only if it is about as
# good as the answer's best.
_WEAK = 2.0
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation + "“”‘’«»–—…")


@dataclass(frozen=True, slots=True)
class Group:
    """Spans that say the same thing.

    Attributes:
        spans: best first, at least one, none at the same place.
        values: what each of them is ranked by.
        together: the best span and those of its passage that are the answer with it.
    """

    spans: tuple[Span, ...]
    values: tuple[float, ...]
    together: tuple[Span, ...]

    @property
    def best(self) -> Span:
        """The span that the answer's text is taken from."""
        return self.spans[0]

    @property
    def value(self) -> float:
        """What answers are ranked by: that of the best span."""
        return self.values[0]


def distinct(question: str, spans: Sequence[Span], numbers: Calibration) -> list[Group]:
    """Group spans into distinct answers to a question, best first by what the fitted numbers say."""
    values = [numbers.span_value(span) for span in spans]
    return merge(spans, values, numbers.list_gap if asks_for_several(question) else None)


def best_members(question: str, spans: Sequence[Span], numbers: Calibration) -> list[str]:
    """Return the members of the best answer; itself where it is no list; nothing where there is none."""
    groups = distinct(question, spans, numbers)[:1]
    return [one.text for group in groups for one in items(question, group.together) or (group.best,)]


def lead(groups: Sequence[Group]) -> float:
    """Return by how much the best answer is better than the next that says something else.

    What is a part of it, or has it as a part, agrees with it.

    Args:
        groups: best first, at least one.
    """
    best = normalize(groups[0].best.text)
    for other in groups[1:]:
        if not agree(best, normalize(other.best.text)):
            return groups[0].value - other.value
    return math.inf


def agree(one: str, other: str) -> bool:
    """Return whether one of two normalized texts has all words of the other: "1956" and "26 july 1956"."""
    words, others = set(one.split()), set(other.split())
    return bool(words and others and (words <= others or others <= words))


def merge(spans: Sequence[Span], values: Sequence[float], list_gap: float | None = None) -> list[Group]:
    """Group spans into distinct answers, best first.

    Args:
        spans: from any number of passages.
        values: what each is ranked by; higher is better.
        list_gap: how far below the best span of a list its other members may be ranked; None where
            one thing is asked for.
    """
    order = sorted(range(len(spans)), key=lambda place: (-values[place], _place(spans[place])))
    kept: dict[str, list[tuple[Span, float]]] = {}
    # By article the ranges that are taken, in order: none overlaps another.
    taken: dict[str, list[tuple[int, int]]] = {}
    for index in order:
        span = spans[index]
        ranges = taken.setdefault(span.candidate.article.id, [])
        at = bisect_right(ranges, span.article_start, key=lambda taken_range: taken_range[1])
        if at < len(ranges) and ranges[at][0] < span.article_end:
            continue
        key = normalize(span.text) or span.text
        group = kept.setdefault(key, [])
        if group and span.score < min(0.0, group[0][0].score - _WEAK):
            continue
        ranges.insert(at, (span.article_start, span.article_end))
        group.append((span, values[index]))
    groups = [
        Group(tuple(span for span, _ in group), tuple(value for _, value in group), (group[0][0],))
        for group in kept.values()
    ]
    return groups if list_gap is None else _lists(groups, list_gap)


def _lists(groups: list[Group], gap: float) -> list[Group]:
    """The same answers, those that stand in the passage of a better one and score nearly as well taken into it."""
    lists: list[Group] = []
    by_passage: dict[str, list[int]] = {}
    for group in groups:
        # The best list that takes one of the group's spans in, and the first of those spans.
        index, member = min(
            (
                (index, order)
                for order, (span, value) in enumerate(zip(group.spans, group.values, strict=True))
                if span.score > 0
                for index in by_passage.get(span.candidate.passage.id, ())
                if value >= lists[index].value - gap
            ),
            default=(-1, -1),
        )
        if index < 0:
            by_passage.setdefault(group.best.candidate.passage.id, []).append(len(lists))
            lists.append(group)
        else:
            lists[index] = replace(lists[index], together=(*lists[index].together, group.spans[member]))
    return lists


def normalize(text: str) -> str:
    """Return a text as SQuAD compares answers: lower case, without articles, punctuation and extra spaces."""
    bare = text.lower().translate(_PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", bare).split())


def evidence(span: Span) -> Evidence:
    """Return a span as evidence, with the sentence it stands in."""
    passage = span.candidate.passage
    return Evidence(
        article=span.candidate.article,
        passage=passage,
        sentence=sentence_around(passage.text, span.start, span.end),
        start=span.start,
        end=span.end,
        article_start=span.article_start,
        article_end=span.article_end,
        score=span.score,
    )


def support(pieces: Sequence[Evidence]) -> Support:
    """Count the articles behind an answer; near-copies and copies of one sentence are one witness."""
    witnesses: set[str | int] = set()
    articles: set[str] = set()
    independent = 0
    for piece in pieces:
        if piece.article.id in articles:
            continue
        articles.add(piece.article.id)
        marks: set[str | int] = {piece.article.sha256, normalize(piece.sentence)}
        if piece.article.family is not None:
            marks.add(piece.article.family)
        independent += witnesses.isdisjoint(marks)
        witnesses |= marks
    return Support(articles=len(articles), independent=independent)


def _place(span: Span) -> tuple[str, int, int]:
    return (span.candidate.article.id, span.article_start, span.article_end)
