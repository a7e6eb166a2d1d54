"""A standing question's answer then and now: has it changed?  Pure.

Four things are told: ``new`` (there was no answer and now is one), ``different`` (another answer leads), ``gone`` (what
supported the answer is no longer there) and ``contradicted`` (the answer stands, but articles that came since, asked
alone, give another one).

A change needs a cause in the articles.  That the reader words an answer otherwise, that a confidence moves a little, or
that a ranking shifts by what is around it is none: an answer is another one only if a sentence says so that was not
there when the last answer was told, or if a sentence that said the last one is no longer there.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Literal

from qa.answers.merging import agree, normalize
from qa.types import Answer, Evidence, RankedAnswer

Kind = Literal["new", "different", "gone", "contradicted"]
# An answer that was told is let go of below this share of the confidence that it took to tell it, so that one on the
# threshold does not come and go.
LET_GO = 0.8
# An answer that has at least this share of the leading one's confidence is not displaced by it, only contradicted; and
# one contradicts that has, from articles that came since alone, at least this share of the confidence of the one told.
CLOSE = 0.8
MAX_PLACES = 20
MAX_RIVALS = 50


@dataclass(frozen=True, slots=True)
class Place:
    """Where an answer stood.

    Attributes:
        article_id: its article.
        sha256: of the article's text.
        start: offset of the span's first code point in that text.
        end: offset after its last code point.
        sentence: around it, normalized.
    """

    article_id: str
    sha256: str
    start: int
    end: int
    sentence: str

    @classmethod
    def of(cls, piece: Evidence) -> "Place":
        """Make it of a piece of evidence."""
        article = piece.article
        return cls(article.id, article.sha256, piece.article_start, piece.article_end, normalize(piece.sentence))

    @property
    def version(self) -> tuple[str, str]:
        """The article with its very text."""
        return self.article_id, self.sha256


@dataclass(frozen=True, slots=True)
class Standing:
    """An answer that was told, and what it rests on since.

    Attributes:
        text: as it was told.
        members: the same, normalized: several where it is a list, else one.
        confidence: when it was last asked for.
        places: what it rests on, the best MAX_PLACES.
        rivals: answers that contradict it and were told, normalized.
    """

    text: str
    members: tuple[str, ...]
    confidence: float
    places: tuple[Place, ...]
    rivals: tuple[str, ...] = ()

    @classmethod
    def of(cls, answer: RankedAnswer) -> "Standing":
        """Make it of an answer that is told now."""
        return cls(answer.text, _members(answer), round(answer.confidence, 4), _places(answer))

    def found_again(self, answer: RankedAnswer) -> "Standing":
        """Return it with what it rests on now; as what it was told stays, so that it cannot wander off."""
        return replace(self, confidence=round(answer.confidence, 4), places=_places(answer))

    def contradicted_by(self, answer: RankedAnswer) -> "Standing":
        """Return it with a rival more."""
        return replace(self, rivals=(*self.rivals, normalize(answer.text))[-MAX_RIVALS:])


@dataclass(frozen=True, slots=True)
class Since:
    """What has become of articles since an answer was told.

    Attributes:
        fresh: ids of articles that came since, or have another text.
        kept: (id, SHA-256) of articles that the answer rests on and that are there as they were.
        lost: whether any passage that was read for it has gone.
    """

    fresh: Collection[str]
    kept: Collection[tuple[str, str]]
    lost: bool


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a question's being asked again comes to.

    Attributes:
        kind: what has happened to the answer, None where nothing has.
        told: the answer that is new, leads or contradicts; None where kind is None or ``gone``.
        found: the answer that was told before, as it was found again; None where it was not.
    """

    kind: Kind | None = None
    told: RankedAnswer | None = None
    found: RankedAnswer | None = None


def judge(
    before: Standing | None,
    answer: Answer,
    since: Since,
    threshold: float,
    alone: Callable[[Collection[str]], Answer | None],
) -> Judgement:
    """Say what has become of the answer that was told last.

    Args:
        before: the answer that was told, None where there was none.
        answer: to the same question, now.
        since: what has become of articles.
        threshold: confidence below which no answer is given.
        alone: asks the question of fresh articles alone, but for some with these ids; None where none is left.
    """
    lead = answer.answers[0] if answer.answered else None
    if before is None:
        caused = lead is not None and (since.lost or any(piece.article.id in since.fresh for piece in lead.evidence))
        return Judgement("new", lead) if caused else Judgement()
    whole = all(place.version in since.kept for place in before.places)
    found = next((one for one in answer.answers if says_the_same(before, one, whole=whole)), None)
    confidence = 0.0 if found is None else found.confidence
    if lead is not None and lead is not found and confidence < CLOSE * lead.confidence:
        if not whole or _is_news(before, lead, since):
            return Judgement("different", lead)
    elif lead is None and not whole and confidence < LET_GO * threshold:
        return Judgement("gone")
    rival = _rival(before, found, whole, alone) if since.fresh else None
    return Judgement(None if rival is None else "contradicted", rival, found)


def says_the_same(before: Standing, answer: RankedAnswer, *, whole: bool = True) -> bool:
    """Return whether an answer says what another that was told says.

    So do "1956" and "26 July 1956", whatever stands at the same place, and whatever another copy of the same sentence
    has.  A list says the same if it has the same members; one with fewer takes nothing back while the sentences that
    named the others are there.

    Args:
        before: the answer that was told.
        answer: the one that was found.
        whole: whether all that the former rests on is there.
    """
    old, new = set(before.members), set(_members(answer))
    if len(old) > 1 or len(new) > 1:
        return old == new or (whole and new < old)
    if agree(before.members[0], next(iter(new))):
        return True
    return not any(_unsaid(before, piece) for piece in answer.evidence)


def _rival(
    before: Standing, found: RankedAnswer | None, whole: bool, alone: Callable[[Collection[str]], Answer | None]
) -> RankedAnswer | None:
    """Return an answer that contradicts the one that was told, None where none does that is not known."""
    pieces = found.evidence if found else ()
    asked = alone({piece.article.id for piece in pieces})
    if asked is None or not asked.answered or asked.confidence < CLOSE * before.confidence:
        return None
    rival = asked.answers[0]
    families = {piece.article.family for piece in pieces if piece.article.family is not None}
    independent = any(piece.article.family not in families and _unsaid(before, piece) for piece in rival.evidence)
    known = normalize(rival.text) in before.rivals
    return None if known or not independent or says_the_same(before, rival, whole=whole) else rival


def _is_news(before: Standing, answer: RankedAnswer, since: Since) -> bool:
    return any(piece.article.id in since.fresh and _unsaid(before, piece) for piece in answer.evidence)


def _unsaid(before: Standing, piece: Evidence) -> bool:
    """Whether a piece of evidence is none of what an answer rests on, nor a copy of that."""
    here = Place.of(piece)
    return not any(
        place.sentence == here.sentence
        or (place.version == here.version and here.start < place.end and place.start < here.end)
        for place in before.places
    )


def _members(answer: RankedAnswer) -> tuple[str, ...]:
    found = [item.text for item in answer.items] or [answer.text]
    return tuple(sorted({normalize(one) or one for one in found}))


def _places(answer: RankedAnswer) -> tuple[Place, ...]:
    return tuple(Place.of(piece) for piece in answer.evidence[:MAX_PLACES])
