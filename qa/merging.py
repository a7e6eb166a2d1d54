"""Spans that say the same → one answer each.  Pure.

Equal texts are one answer with several pieces of evidence.  Spans that overlap in an article are
one place: the better one stands for both.
"""

import re
import string
from collections.abc import Sequence
from dataclasses import dataclass

from index import sentence_around
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
    """

    spans: tuple[Span, ...]
    value: float

    @property
    def best(self) -> Span:
        """The span that the answer's text is taken from."""
        return self.spans[0]


def merge(spans: Sequence[Span], values: Sequence[float]) -> list[Group]:
    """Group spans into distinct answers, best first.

    Args:
        spans: from any number of passages.
        values: what each is ranked by; higher is better.
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
    return [Group(tuple(group), best[key]) for key, group in kept.items()]


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
