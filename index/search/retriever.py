"""A query → candidates: dense and lexical rankings, fused.

Vectors find paraphrases, words find names and numbers.  A cosine says by how much one passage fits better
than another, so it is used as it is (a convex combination: Bruch, Gai & Ingber 2022, arXiv:2210.11934); BM25's
scores do not compare between questions, so of words only the rank is used, as reciprocal rank fusion does
(Cormack, Clarke & Büttcher 2009, doi:10.1145/1571941.1572114).
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from index.search.vector_index import VectorIndex
from index.stages import stage
from index.storage.database import Store
from index.text.query_terms import match_terms
from index.types import Candidate, Filters

# How deep each ranking is read before fusing; a passage beyond it in both cannot come out on top.
DEPTH = 100
# What a cosine counts beside the rank by words, and how fast that falls off: chosen by 1,500 development
# questions of SQuAD (mean reciprocal rank 0.874; fusing both by rank 0.867 at best) and 1,335 of NQ-open
# (0.968; 0.950).
SIMILARITY_WEIGHT = 4.0
RANK_CONSTANT = 3.0
# Cosines of some encoders lie close together: the first DEPTH, where there are so many, are taken to be at least so
# far apart.
_LEAST_SPREAD = 0.2


@stage("retrieve")
def retrieve(
    query: str,
    vector: npt.NDArray[np.float32],
    *,
    store: Store,
    vectors: VectorIndex,
    limit: int,
    filters: Filters,
) -> list[Candidate]:
    """Return the passages that speak most of a query, best first.

    Database and vectors are read at one moment: a passage that one of them does not know is left
    out, so no candidate is ever half of an old article and half of a new one.

    Args:
        query: what is looked for.
        vector: the same as a unit vector, float32 (dimension,).
        store: articles and words.
        vectors: the vectors of the same collection.
        limit: at most so many candidates.
        filters: which articles may be searched.
    """
    depth = max(DEPTH, 2 * limit)
    with store.read() as view:
        terms = match_terms(query, view.languages())
        allowed = view.allowed(filters)
        dense = [int(key) for key in vectors.search(vector, depth, allowed)[0]]
        lexical = view.lexical(terms, depth, filters)
        ids, rows = view.vectors(list(dict.fromkeys(dense + lexical)))
        similarity = {int(key): float(row @ vector) for key, row in zip(ids, rows, strict=True)}
        fused = fuse(similarity, dense, lexical, _copies(dense + lexical, view.families(dense + lexical)))
        top = sorted(fused, key=lambda key: (-fused[key], key))[: limit + 8]
        found = view.passages(top)
    dense_rank = {key: rank for rank, key in enumerate(dense, 1)}
    lexical_rank = {key: rank for rank, key in enumerate(lexical, 1)}
    return [
        Candidate(
            passage=found[key][0],
            article=found[key][1],
            score=fused[key],
            similarity=float(np.clip(similarity[key], -1.0, 1.0)),
            dense_rank=dense_rank.get(key),
            lexical_rank=lexical_rank.get(key),
        )
        for key in top
        if key in found
    ][:limit]


def leave_out(candidates: Sequence[Candidate], article_ids: Collection[str], limit: int) -> list[Candidate]:
    """Return candidates as they would be if some articles were not in the collection, best first.

    Exact where the candidates hold the first DEPTH passages of other articles in each ranking.

    Args:
        candidates: found with all articles there.
        article_ids: of the articles that are to be gone.
        limit: at most so many.
    """
    left = dict(enumerate(candidate for candidate in candidates if candidate.article.id not in article_ids))
    dense = sorted((key for key in left if left[key].dense_rank), key=lambda key: left[key].dense_rank or 0)[:DEPTH]
    lexical = sorted((key for key in left if left[key].lexical_rank), key=lambda key: left[key].lexical_rank or 0)[
        :DEPTH
    ]
    fused = fuse({key: left[key].similarity for key in {*dense, *lexical}}, dense, lexical)
    dense_rank = {key: rank for rank, key in enumerate(dense, 1)}
    lexical_rank = {key: rank for rank, key in enumerate(lexical, 1)}
    return [
        replace(left[key], score=fused[key], dense_rank=dense_rank.get(key), lexical_rank=lexical_rank.get(key))
        for key in sorted(fused, key=lambda key: (-fused[key], key))[:limit]
    ]


def _copies(found: Sequence[int], families: Mapping[int, tuple[int, int]]) -> set[int]:
    """Ids of passages of articles of which a near-copy was found before.

    Args:
        found: ids, the best first.
        families: family and article of those that have near-copies.
    """
    first: dict[int, int] = {}
    for key in found:
        if key in families:
            family, article = families[key]
            first.setdefault(family, article)
    return {key for key, (family, article) in families.items() if first[family] != article}


def fuse(
    similarity: Mapping[int, float],
    dense: Sequence[int],
    lexical: Sequence[int],
    copies: Collection[int] = frozenset(),
) -> dict[int, float]:
    """Return each id's fused score, above 0 and at most 1: what is first in both rankings has 1.

    Args:
        similarity: of each id, cosine with the query; ids without one are left out.
        dense: ids by vectors, best first.
        lexical: ids by words, best first.
        copies: ids that push nothing behind them further down: a report says no more for being printed twice.
    """
    if not similarity:
        return {}
    highest = max(similarity.values())
    spread = highest - min((similarity[key] for key in dense if key in similarity), default=highest)
    known = len(dense) >= DEPTH and spread > 0
    weight = SIMILARITY_WEIGHT * (max(1.0, _LEAST_SPREAD / spread) if known else 1.0)
    rank: dict[int, int] = {}
    place = 1
    for key in lexical:
        rank[key] = place
        place += key not in copies
    best = RANK_CONSTANT / (RANK_CONSTANT + 1)
    return {
        key: math.exp(
            weight * (cosine - highest) + (RANK_CONSTANT / (RANK_CONSTANT + rank[key]) if key in rank else 0.0) - best
        )
        for key, cosine in similarity.items()
    }
