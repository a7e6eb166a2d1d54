"""Several ways to understand a question → candidates for each, and the answer that is supported best.  Pure.

Searching costs little and reading much: the likeliest reading is read as any question is, the others together about as
much again.
"""

from collections.abc import Sequence
from dataclasses import replace

from index import Candidate
from qa.followup import Variant
from qa.merging import normalize
from qa.types import Answer, Span

# What an answer from an article that the conversation has not spoken of counts, where the question goes on from it.
ELSEWHERE = 0.85


def shares(variants: Sequence[Variant], passages: int) -> list[int]:
    """Return how many passages are read for each way to understand a question.

    Args:
        variants: the likeliest first.
        passages: that one question may have.
    """
    rest = len(variants) - 1
    return [passages, *[max(1, passages // rest)] * rest] if rest else [passages]


def together(found: Sequence[Sequence[Candidate]], passages: int) -> tuple[Candidate, ...]:
    """Return the candidates of all ways to understand a question, each once, the best of each first."""
    seen: dict[str, Candidate] = {}
    for place in range(max(map(len, found), default=0)):
        for some in found:
            if place < len(some):
                seen.setdefault(some[place].passage.id, some[place])
    return tuple(seen.values())[:passages]


def wanted(spans: Sequence[Span], without: Sequence[str]) -> list[Span]:
    """Return the spans that do not say again what was said before."""
    said = [normalize(text).split() for text in without]
    return [span for span in spans if not any(_within(normalize(span.text).split(), words) for words in said)]


def worth(answer: Answer, variant: Variant, titles: Sequence[str]) -> float:
    """Return what an answer counts beside those of other ways to understand the question.

    Args:
        answer: the answer.
        variant: how the question was understood.
        titles: of the articles that the conversation has answers from.
    """
    if not answer.answers:
        return 0.0
    known = answer.answers[0].evidence[0].article.title in titles
    return answer.confidence * variant.weight * (1.0 if known or not titles else ELSEWHERE)


def named(answer: Answer, question: str, variant: Variant, candidates: tuple[Candidate, ...]) -> Answer:
    """Return an answer as that to the question as it was asked."""
    return replace(answer, question=question, standalone_question=variant.question, candidates=candidates)


def _within(words: list[str], said: list[str]) -> bool:
    """Whether a span says what was said: the same words, or some of them."""
    return bool(words) and any(said[at : at + len(words)] == words for at in range(len(said) - len(words) + 1)) or (
        bool(said) and any(words[at : at + len(said)] == said for at in range(len(words) - len(said) + 1))
    )
