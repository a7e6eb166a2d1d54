"""A question in its conversation → the ways it may be understood, with candidates for each, and then its answer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from index import Candidate, Collection, Filters
from qa.answers.calibration import Calibration
from qa.followups.answer_selection import Reading, chosen
from qa.followups.retrieval_budget import AT_HOME, HOMES, at_home, holds, joined, shares, together
from qa.followups.rewriter import TURNS, Variant, variants
from qa.types import MAX_QUESTION_CHARACTERS, Answer, Turn


@dataclass(frozen=True, slots=True)
class Understood:
    """A question, how it may be understood, and what is read for that.

    Attributes:
        question: as it was asked, trimmed.
        history: what was said before, in order.
        variants: how it may be understood, the likeliest first.
        found: the candidates of each, best first.
        homes: ids of the articles that the last answers stand in, as far as that matters.
    """

    question: str
    history: tuple[Turn, ...]
    variants: tuple[Variant, ...]
    found: tuple[tuple[Candidate, ...], ...]
    homes: tuple[str, ...]

    @property
    def alone(self) -> bool:
        """Whether it stands alone, so that its answer is what it is without a conversation."""
        return len(self.variants) == 1 and not self.variants[0].leans

    def candidates(self, passages: int) -> tuple[Candidate, ...]:
        """Return at most so many candidates, the best first."""
        return together(self.found, passages)

    def settled(
        self,
        readings: Sequence[Reading],
        *,
        limit: int,
        min_confidence: float,
        threshold: float,
        calibration: Calibration,
    ) -> Answer:
        """Return the answer as it stands after some of the readings.

        Args:
            readings: at least one, in the order of ``variants``.
            limit: at most so many distinct answers.
            min_confidence: answers below it are left out.
            threshold: confidence below which no answer is given, of a question that does not stand alone.
            calibration: numbers of levels.
        """
        if self.alone:
            return replace(readings[0].answer, standalone_question=self.question if self.history else None)
        variant, answer = chosen(
            readings,
            self.question,
            self.history,
            self.homes,
            limit=limit,
            min_confidence=min_confidence,
            threshold=threshold,
            calibration=calibration,
        )
        return replace(answer, standalone_question=variant.question)


def understand(
    searched: Collection,
    question: str,
    history: Sequence[Turn],
    *,
    passages: int,
    filters: Filters | None = None,
    check: Callable[[], None] = lambda: None,
    lap: Callable[[str], None] = lambda name: None,
) -> Understood:
    """Return a question with the ways it may be understood and the candidates of each.

    Args:
        searched: where to look.
        question: as it was asked, trimmed.
        history: what was said before, in order; the last TURNS count.
        passages: at most so many candidates for one question.
        filters: which articles may be searched.
        check: called before each search; what it raises ends the work.
        lap: called after each step with its name.
    """
    last = tuple(history[-TURNS:])
    ways = variants(question, last)
    homes = _homes(searched, last, filters, check) if ways[0].leans else ()
    near = at_home(filters, homes)
    found = []
    vectors: dict[str, npt.NDArray[np.float32]] = {}
    for variant, share in zip(ways, shares(ways, passages), strict=True):
        check()
        if variant.query not in vectors:
            vectors[variant.query] = searched.encode_query(variant.query)
        vector = vectors[variant.query]
        lap("embed")
        some = tuple(searched.search(variant.query, limit=share, filters=filters, vector=vector))
        if near is not None and variant.leans:
            # In a large library a short question may not find the article that is being spoken of.
            own = searched.search(variant.query, limit=min(share, AT_HOME), filters=near, vector=vector)
            some = joined(some, own, share)
        found.append(some)
        lap("retrieve")
    return Understood(question, last, ways, tuple(found), homes)


def _homes(
    searched: Collection, history: Sequence[Turn], filters: Filters | None, check: Callable[[], None]
) -> tuple[str, ...]:
    """Ids of the articles that the last answers stand in; looked for where the history does not say."""
    found: dict[str, None] = {}
    for turn in [turn for turn in reversed(history) if turn.answer][:HOMES]:
        if turn.article_id is not None:
            found.setdefault(turn.article_id)
            continue
        check()
        asked = f"{turn.standalone_question or turn.question} {turn.answer}"[:MAX_QUESTION_CHARACTERS]
        near = searched.search(asked, limit=AT_HOME, filters=filters) if asked.strip() else []
        found.update(dict.fromkeys([one.article.id for one in near if holds(one, turn)][:1]))
    return tuple(found)
