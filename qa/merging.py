"""Spans that say the same → one answer each.  Pure.

Equal texts are one answer with several pieces of evidence.  Spans that overlap in an article are
one place: the better one stands for both.  Where several things are asked for, spans of one passage
that score nearly alike are one answer: a list.
"""

import re
import string
from collections.abc import Sequence
from dataclasses import dataclass, replace

from index import sentence_around
from qa.calibration import Calibration
from qa.lists import asks_for_several
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
        value: what answers are ranked by: the best of its spans.
        together: the best span and those of its passage that are the answer with it.
    """

    spans: tuple[Span, ...]
    value: float
    together: tuple[Span, ...]

    @property
    def best(self) -> Span:
        """The span that the answer's text is taken from."""
        return self.spans[0]


def distinct(question: str, spans: Sequence[Span], numbers: Calibration) -> list[Group]:
    """Group spans into distinct answers to a question, best first by what the fitted numbers say."""
    values = [numbers.span_value(span) for span in spans]
    return merge(spans, values, numbers.list_gap if asks_for_several(question) else None)


def merge(spans: Sequence[Span], values: Sequence[float], list_gap: float | None = None) -> list[Group]:
    """Group spans into distinct answers, best first.

    Args:
        spans: from any number of passages.
        values: what each is ranked by; higher is better.
        list_gap: how far below the best span of a list its other members may be ranked; None where
            one thing is asked for.
    """
    order = sorted(range(len(spans)), key=lambda place: (-values[place], _place(spans[place])))
    kept: dict[str, list[Span]] = {}
    best: dict[str, float] = {}
    taken: dict[str, list[tuple[int, int]]] = {}
    for index in order:
        span = spans[index]
        places = taken.setdefault(span.candidate.article.id, [])
        if any(span.article_start < end and start < span.article_end for start, end in places):
            continue
        key = normalize(span.text) or span.text
        group = kept.setdefault(key, [])
        best.setdefault(key, values[index])
        if group and span.score < min(0.0, group[0].score - _WEAK):
            continue
        places.append((span.article_start, span.article_end))
        group.append(span)
    groups = [Group(tuple(group), best[key], (group[0],)) for key, group in kept.items()]
    return groups if list_gap is None else _lists(groups, list_gap)


def _lists(groups: list[Group], gap: float) -> list[Group]:
    """The same answers, those that stand in the passage of a better one and score nearly as well taken into it."""
    found: list[Group] = []
    for group in groups:
        for place, better in enumerate(found):
            best = better.best
            other = group.best
            near = other.score > 0 and group.value >= better.value - gap
            if near and best.candidate.passage.id == other.candidate.passage.id:
                found[place] = replace(better, together=(*better.together, other))
                break
        else:
            found.append(group)
    return found


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
    """Count the articles behind an answer; copies of one text or of one sentence are one witness."""
    witnesses: dict[str, str] = {}
    articles: set[str] = set()
    independent = 0
    for piece in pieces:
        if piece.article.id in articles:
            continue
        articles.add(piece.article.id)
        marks = (piece.article.sha256, normalize(piece.sentence))
        if not any(mark in witnesses for mark in marks):
            independent += 1
        witnesses.update(dict.fromkeys(marks, piece.article.id))
    return Support(articles=len(articles), independent=independent)


def _place(span: Span) -> tuple[str, int, int]:
    return (span.candidate.article.id, span.article_start, span.article_end)
