"""An answer's proof as flat metadata, the same in every framework; pure.

Of every passage: ``article_id``, ``title``, ``url``, ``source``, ``published``, ``sha256``, ``passage_id``, ``score``
(of retrieval), and ``article_start`` and ``article_end``, between which the article's text is the passage.

Where the passage holds an answer also ``answer``, ``quote`` (how this passage says it), ``sentence``, ``confidence``,
``start`` and ``end`` (the passage's text between them is the quote), ``answer_start`` and ``answer_end`` (the article's
text between them is it too), ``page``, and how many articles support the answer: ``support_articles``,
``support_independent``.  Offsets count Unicode code points.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from api.client import Answer, ArticleInfo, Candidate, Evidence, Passage, RankedAnswer


@dataclass(frozen=True, slots=True)
class Proof:
    """A passage with what is to be known of it.

    Attributes:
        passage: the passage.
        metadata: as the module says.
        score: of retrieval, None where it is not known.
    """

    passage: Passage
    metadata: dict[str, Any]
    score: float | None


def of_candidate(candidate: Candidate) -> Proof:
    """Return the proof of a passage that was found."""
    metadata = _place(candidate.article, candidate.passage, candidate.score)
    return Proof(candidate.passage, metadata, candidate.score)


def of_evidence(answer: RankedAnswer, piece: Evidence, score: float | None = None) -> Proof:
    """Return the proof of an answer in one of the places that support it.

    Args:
        answer: the answer.
        piece: the place.
        score: of retrieval.
    """
    metadata = {
        **_place(piece.article, piece.passage, score),
        "answer": answer.text,
        "quote": piece.quote,
        "sentence": piece.sentence,
        "confidence": answer.confidence,
        "start": piece.start,
        "end": piece.end,
        "answer_start": piece.article_start,
        "answer_end": piece.article_end,
        "page": piece.page,
        "support_articles": answer.support.articles,
        "support_independent": answer.support.independent,
    }
    return Proof(piece.passage, metadata, score)


def of_answer(answer: Answer) -> Iterator[Proof]:
    """Yield each passage of a reply once: first those that hold an answer, the best first, then the candidates."""
    scores = {candidate.passage.id: candidate.score for candidate in answer.passages}
    seen: set[str] = set()
    if answer.answered:
        for ranked in answer.answers:
            for piece in ranked.evidence:
                if piece.passage.id not in seen:
                    seen.add(piece.passage.id)
                    yield of_evidence(ranked, piece, scores.get(piece.passage.id))
    for candidate in answer.passages:
        if candidate.passage.id not in seen:
            seen.add(candidate.passage.id)
            yield of_candidate(candidate)


def _place(article: ArticleInfo, passage: Passage, score: float | None) -> dict[str, Any]:
    return {
        "article_id": article.id,
        "title": article.title,
        "url": article.url,
        "source": article.source,
        "published": article.published,
        "sha256": article.sha256,
        "passage_id": passage.id,
        "article_start": passage.article_start,
        "article_end": passage.article_end,
        "score": score,
    }
