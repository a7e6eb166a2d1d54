"""Which standing questions new passages could touch: told without reading, and most often without searching.  Pure.

A question has the answer of its first candidates, and of nothing else.  So it can change only if one of these changes
or goes, or if another passage comes in among them.  The highest fused score that a passage can
have follows from its cosine and from whether it has a word of the question (see fuse in index.search.retriever), so one
product of matrices rules most passages out.  The rest are searched for, and only other candidates are read.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from index import RANK_CONSTANT, SIMILARITY_WEIGHT, Candidate

# What the rank by words adds at most to a fused score's logarithm; it is where the score of 1 lies.
_WORDS = RANK_CONSTANT / (RANK_CONSTANT + 1)
# Vectors are stored in half precision.
_ROUNDING = 0.005
# A candidate's score may be so much another before its passage is read again: what words weigh changes a little with
# every article that comes.
_DRIFT = 0.03
_GROWTH = 0.1


@dataclass(frozen=True, slots=True)
class ReadPassage:
    """A candidate as it was when a question was last asked.

    Attributes:
        article_id: its article.
        sha256: of the article's text.
        start: offset of its first code point in that text.
        score: fused score.
        similarity: cosine with the question.
    """

    article_id: str
    sha256: str
    start: int
    score: float
    similarity: float

    @classmethod
    def of(cls, candidate: Candidate) -> "ReadPassage":
        """Make it of a candidate."""
        article, passage = candidate.article, candidate.passage
        return cls(article.id, article.sha256, passage.start, round(candidate.score, 5), round(candidate.similarity, 5))

    @property
    def place(self) -> tuple[str, str, int]:
        """What tells it from other passages."""
        return self.article_id, self.sha256, self.start


def least_similarity(read: Sequence[ReadPassage], wanted: int, matching: int) -> tuple[float, float]:
    """Return the cosines from which on a new passage could be among the candidates.

    Args:
        read: the candidates.
        wanted: how many are read where there are so many.
        matching: how many new passages have a word of the question: each may push all others down by one rank.

    Returns:
        That of a passage without any word of the question, and that of one with some.  -1 where any passage could be.
    """
    if len(read) < wanted:
        return -1.0, -1.0
    highest = max(one.similarity for one in read)
    floor = math.log(max(1e-9, min(one.score for one in read)))
    floor -= _WORDS - RANK_CONSTANT / (RANK_CONSTANT + 1 + matching)
    # A cosine above the highest moves all the others. SIMILARITY_WEIGHT is what a cosine weighs at least.
    without = highest + min(0.0, (floor + _WORDS) / SIMILARITY_WEIGHT)
    return without - _ROUNDING, highest + min(0.0, floor / SIMILARITY_WEIGHT) - _ROUNDING


def outgrown(then: int, now: int) -> bool:
    """Return whether a collection has so many more or fewer passages that each question is searched for anew.

    What words weigh changes with every passage, and a new one can push others past each other though it comes not in
    itself: both too little to look for each time.
    """
    return abs(now - then) > _GROWTH * then


def same_reading(read: Sequence[ReadPassage], candidates: Sequence[Candidate]) -> bool:
    """Return whether a question has the candidates that it had: reading them would give the same answer."""
    before = {one.place: one for one in read}
    now = [ReadPassage.of(candidate) for candidate in candidates]
    return len(before) == len(now) and all(
        one.place in before and abs(one.score - before[one.place].score) <= _DRIFT for one in now
    )
