"""The records of answering: spans, evidence, answers, replies.

All are frozen.  The verbatim rule is checked when they are built: a span's text is its passage's
text at its offsets, and evidence holds that same text at the article's offsets.
"""

from dataclasses import dataclass, field
from typing import Literal

from index import ArticleInfo, Candidate, Passage

MAX_QUESTION_CHARACTERS = 1_000
Level = Literal["high", "medium", "low", "none"]
Reason = Literal["empty_collection", "nothing_relevant", "no_answer_in_passages", "below_threshold"]


@dataclass(frozen=True, slots=True)
class Hint:
    """What whoever asked should know, beside the answer.

    Attributes:
        code: what it is about, for programs: ``language``.
        message: one or two sentences for people: what is so, and what to do.
    """

    code: Literal["language", "unkept"]
    message: str


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a passage that the reader proposes as an answer.

    Attributes:
        candidate: the passage it stands in, with its retrieval scores.
        start: offset of its first code point in the passage's text.
        end: offset after its last code point.
        text: the passage's text from start to end.
        score: start logit plus end logit minus the no-answer score of the same window; comparable
            across passages (Clark & Gardner 2018, arXiv:1710.10723); above 0 the reader prefers
            the span to "no answer here".
    """

    candidate: Candidate
    start: int
    end: int
    text: str
    score: float

    def __post_init__(self) -> None:
        if self.start >= self.end or self.candidate.passage.text[self.start : self.end] != self.text:
            raise ValueError(f"span {self.start}..{self.end} is not verbatim in passage {self.candidate.passage.id}")

    @property
    def article_start(self) -> int:
        """Offset of its first code point in the article's text."""
        return self.candidate.passage.start + self.start

    @property
    def article_end(self) -> int:
        """Offset after its last code point in the article's text."""
        return self.candidate.passage.start + self.end


@dataclass(frozen=True, slots=True)
class Evidence:
    """One place that supports an answer, checkable against the article's text.

    Attributes:
        article: what is known about the article.
        passage: the passage.
        sentence: the sentence of the passage that holds the span, verbatim.
        start: offset of the span's first code point in the passage's text.
        end: offset after its last code point.
        article_start: the same in the article's text.
        article_end: the same in the article's text.
        score: the reader's score, as in Span.
    """

    article: ArticleInfo
    passage: Passage
    sentence: str
    start: int
    end: int
    article_start: int
    article_end: int
    score: float

    def __post_init__(self) -> None:
        if self.article_start - self.start != self.passage.start or self.article_end - self.end != self.passage.start:
            raise ValueError(f"evidence offsets in passage and article of {self.passage.id} do not agree")

    @property
    def page(self) -> int | None:
        """Number, from 1, of the article's page that it begins on; None for what has no pages."""
        return self.article.page_at(self.article_start)

    @property
    def quote(self) -> str:
        """The sentence the answer stands in, verbatim."""
        return self.sentence

    @property
    def text(self) -> str:
        """The span itself, verbatim."""
        return self.passage.text[self.start : self.end]


@dataclass(frozen=True, slots=True)
class Item:
    """One member of an answer that is a list, verbatim with its own place.

    Attributes:
        text: the member.
        article_id: the article it stands in.
        article_start: offset of its first code point in the article's text.
        article_end: offset after its last code point.
    """

    text: str
    article_id: str
    article_start: int
    article_end: int


@dataclass(frozen=True, slots=True)
class Support:
    """How many articles stand behind an answer.

    Attributes:
        articles: articles among the evidence.
        independent: the same, with copies of one text counted once.
    """

    articles: int
    independent: int


@dataclass(frozen=True, slots=True)
class RankedAnswer:
    """One answer: spans that say the same thing, from one or more articles.

    Attributes:
        text: verbatim from the first piece of evidence; where the members of a list stand apart, the best of them.
        confidence: estimated probability that it is right, 0..1.
        evidence: the places that support it, best first, at least one.
        items: its members where it is a list, else empty.
        support: how many articles stand behind it.
    """

    text: str
    confidence: float
    evidence: tuple[Evidence, ...]
    items: tuple[Item, ...]
    support: Support

    def __post_init__(self) -> None:
        if not self.evidence or self.evidence[0].text != self.text:
            raise ValueError("an answer's text must be verbatim from its first piece of evidence")
        if not 0.0 <= self.confidence <= 1.0:
            raise ValueError(f"confidence must be 0..1, not {self.confidence}")


@dataclass(frozen=True, slots=True)
class Timings:
    """Where the time of one question went, in milliseconds."""

    embed: float = 0.0
    retrieve: float = 0.0
    read: float = 0.0
    total: float = 0.0


@dataclass(frozen=True, slots=True)
class Turn:
    """One question of a conversation and what was answered.

    Attributes:
        question: as it was asked.
        standalone_question: as it was understood, None where it is not known.
        answer: the answer's text, None where there was none.
        items: the members of an answer that is a list.
        sentence: the sentence that the answer stands in, None where it is not known.
        title: of the article that it stands in, None where it is not known.
        article_id: of the same article, None where it is not known.
    """

    question: str
    standalone_question: str | None = None
    answer: str | None = None
    items: tuple[str, ...] = ()
    sentence: str | None = None
    title: str | None = None
    article_id: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """The reply to one question.

    Attributes:
        question: the question as it was asked, trimmed.
        answered: whether an answer reached the threshold.
        reason: why not, None where answered.
        answers: distinct answers, best first; where not answered, at most low-confidence guesses.
        level: ``high``, ``medium`` or ``low``; ``none`` where not answered.
        candidates: the passages that were read, best first.
        timings: where the time went.
        hints: what whoever asked should know beside it; most often nothing.
        standalone_question: the question as it was understood in a conversation, None outside of one.
    """

    question: str
    answered: bool
    reason: Reason | None
    answers: tuple[RankedAnswer, ...]
    level: Level
    candidates: tuple[Candidate, ...]
    timings: Timings = field(default=Timings(), compare=False)
    hints: tuple[Hint, ...] = ()
    standalone_question: str | None = None

    def __post_init__(self) -> None:
        if self.answered == (self.reason is not None) or (self.answered and not self.answers):
            raise ValueError("an answered question has answers and no reason, another one a reason")

    @property
    def text(self) -> str | None:
        """The best answer, verbatim; None where there is none."""
        return self.answers[0].text if self.answered else None

    @property
    def confidence(self) -> float:
        """Estimated probability that the best answer is right; of the best guess where not answered."""
        return self.answers[0].confidence if self.answers else 0.0

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """The places that support the best answer; empty where there is none."""
        return self.answers[0].evidence if self.answered else ()


@dataclass(frozen=True, slots=True)
class Retrieved:
    """First step: the candidates, best first."""

    candidates: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True)
class Improved:
    """A step in between: the answer as it stands after some of the candidates were read."""

    answer: Answer
