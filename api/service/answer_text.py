"""What every entrance tells people alike.

Why there is no answer, which other answers are worth a line, and where in its sentence an answer is marked.
"""

from collections.abc import Sequence
from typing import Protocol, TypeVar

# An answer less likely than this is not worth a person's line.
_LEAST = 0.05
_REASONS = {
    "empty_collection": "there are no articles in this collection yet",
    "nothing_relevant": "nothing in the articles is about this",
    "no_answer_in_passages": "the passages that came closest do not answer this",
    "below_threshold": "what was found is too unsure to be called an answer",
}


class Likely(Protocol):
    """An answer, as qa has it or as it is shown."""

    @property
    def confidence(self) -> float:
        """Estimated probability that it is right."""


One = TypeVar("One", bound=Likely)


def why_none(reason: str | None) -> str:
    """Return why there is no answer, as the end of a sentence.

    Args:
        reason: of an answer that there is none; None, as old records may have it, for one that is too unsure.
    """
    return _REASONS[reason or "below_threshold"]


def none_sentence(reason: str | None) -> str:
    """Return why there is no answer, as a sentence of its own."""
    words = why_none(reason)
    return f"{words[0].upper()}{words[1:]}."


NONE_SENTENCES = tuple(none_sentence(reason) for reason in _REASONS)
"""All that none_sentence() may return."""


def worth_telling(answers: Sequence[One]) -> list[One]:
    """Return the answers after the best that are likely enough to be told, in order."""
    return [one for one in answers[1:] if one.confidence >= _LEAST]


def within_sentence(passage: str, sentence: str, start: int, end: int) -> tuple[int, int] | None:
    """Return where a span stands in its sentence, None where it goes beyond it.

    Args:
        passage: text in which the sentence may stand more than once.
        sentence: around the span.
        start: offset of the span's first code point in the passage.
        end: offset after its last one.
    """
    begins = passage.rfind(sentence, 0, start + len(sentence)) if sentence else -1
    if begins < 0 or not start < end <= begins + len(sentence):
        return None
    return start - begins, end - begins
