"""What is read of the candidates: which next, how much of each, and when the rest is left unread.  Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from index import ArticleInfo, Candidate, Passage
from qa.answers.calibration import Calibration
from qa.answers.lists import asks_for_several
from qa.answers.merging import normalize
from qa.reading.excerpts import WHOLE, Cropper
from qa.types import Span
from qa.word_overlap import beginnings

# Passages read between two looks at the clock, the client and the best answer so far.  A network on a processor takes
# as long for two one by one as for both together.
CHUNK = 1
# Passages of near-copies are copies of each other if so many words of the one that has fewer are in both.
_ALIKE = 0.8


@dataclass(frozen=True, slots=True)
class Part:
    """What is read of a candidate: its passage's text from one offset to another."""

    candidate: Candidate
    start: int
    end: int

    @classmethod
    def whole(cls, candidate: Candidate) -> "Part":
        """All of a candidate's passage."""
        return cls(candidate, 0, len(candidate.passage.text))

    @property
    def text(self) -> str:
        """The text that is read."""
        return self.candidate.passage.text[self.start : self.end]


def given(text: str) -> Part:
    """Return all of a text that no library holds."""
    passage = Passage("", 0, 0, len(text), text)
    return Part.whole(Candidate(passage, ArticleInfo("", "", None, None, None, (), ""), 0.0, 0.0, None, None))


class Plan:
    """Says step by step what is read for a question.

    The best candidates are read whole and of the others the part that speaks of the question, best first.  Once no
    unread candidate is likely to hold a better answer, only those are read that have the words of the best one: they
    may support it.  Of a question for several things all candidates are read whole.

    Args:
        question: what is asked.
        candidates: best first.
        numbers: say when reading may stop; None reads all candidates, and all of each.
    """

    def __init__(self, question: str, candidates: Sequence[Candidate], numbers: Calibration | None) -> None:
        self._question, self._candidates, self._numbers = question, candidates, numbers
        self._unread = tuple(candidates)
        everything = numbers is None or asks_for_several(question)
        self._whole = list(candidates) if everything else _best_distinct(candidates)
        self._cropper: Cropper | None = None

    @property
    def done(self) -> bool:
        """Whether nothing is left to read."""
        return not self._unread

    def next(self, spans: Sequence[Span]) -> tuple[Part, ...]:
        """Return what is read next, nothing where that is enough.

        Args:
            spans: found so far.
        """
        numbers = self._numbers
        if numbers is not None and spans:
            best = max(spans, key=numbers.span_value)
            if numbers.settled(numbers.span_value(best), self._unread):
                words = f" {normalize(best.text)} "
                rest, self._unread = self._unread, ()
                return tuple(self._part(one, best.text) for one in rest if words in f" {normalize(one.passage.text)} ")
        some, self._unread = self._unread[:CHUNK], self._unread[CHUNK:]
        return tuple(self._part(one) for one in some)

    def everything(self) -> tuple[Part, ...]:
        """Return what would be read if reading did not stop before the end."""
        rest, self._unread = self._unread, ()
        return tuple(self._part(one) for one in rest)

    def _part(self, candidate: Candidate, also: str = "") -> Part:
        if any(candidate is one for one in self._whole):
            return Part.whole(candidate)
        if self._cropper is None:
            self._cropper = Cropper(self._question, [one.passage.text for one in self._candidates])
        return Part(candidate, *self._cropper.part(candidate.passage.text, also))


def _best_distinct(candidates: Sequence[Candidate]) -> list[Candidate]:
    """The best WHOLE candidates, and their copies: those take nobody's place, or an answer would seem surer by them."""
    distinct: list[Candidate] = []
    found: list[Candidate] = []
    for one in candidates:
        if not any(_is_copy(one, other) for other in distinct):
            if len(distinct) == WHOLE:
                continue
            distinct.append(one)
        found.append(one)
    return found


def _is_copy(one: Candidate, other: Candidate) -> bool:
    if one.article.id == other.article.id:
        return False
    if one.passage.text == other.passage.text:
        return True
    if one.article.family is None or one.article.family != other.article.family:
        return False
    # Copies may be cut at other places.
    words, others = beginnings(one.passage.text), beginnings(other.passage.text)
    return len(words & others) >= _ALIKE * min(len(words), len(others))
