"""Request and reply models of the HTTP interface, and how they come from and go to the frozen types."""

import secrets
import time
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from index import (
    Added,
    Article,
    ArticleInfo,
    Candidate,
    CollectionInfo,
    Filters,
    Passage,
    StoredArticle,
    read_html,
)
from qa import MAX_LIMIT, MAX_PASSAGES, MAX_QUESTION_CHARACTERS, Answer, RankedAnswer

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
Question = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_QUESTION_CHARACTERS, strict=True)
]
Names = Annotated[list[Annotated[str, Field(max_length=300)]], Field(max_length=1_000)]


class Strict(BaseModel):
    """A request body: no unknown fields, no "5" for 5."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)


class FiltersIn(Strict):
    """Which articles may be searched; what is left out allows all."""

    published_from: str | None = Field(None, description="ISO 8601; only articles published then or later")
    published_to: str | None = Field(None, description="ISO 8601; only articles published then or earlier")
    sources: Names = Field(default_factory=list, description="only these sources")
    tags: Names = Field(default_factory=list, description="only articles with one of these tags")
    article_ids: Names = Field(default_factory=list, description="only these articles")

    def to_filters(self, as_of: str | None = None) -> Filters:
        """Return the frozen type.

        Raises:
            QueryError: a date is not ISO 8601, or from is after to.
        """
        return Filters(
            published_from=self.published_from,
            published_to=self.published_to,
            sources=tuple(self.sources),
            tags=tuple(self.tags),
            article_ids=tuple(self.article_ids),
            as_of=as_of,
        )


class AskIn(Strict):
    """A question."""

    question: Question
    collection: str = "default"
    limit: int = Field(5, ge=1, le=MAX_LIMIT, description="at most so many distinct answers")
    passages: int = Field(10, ge=1, le=MAX_PASSAGES, description="at most so many passages are read")
    filters: FiltersIn = Field(default_factory=FiltersIn)
    as_of: str | None = Field(None, description="ISO 8601; hides what was published later")
    min_confidence: float = Field(0.0, ge=0, le=1, description="answers below it are left out")
    include: list[Literal["passages"]] = Field(default_factory=list, max_length=1)

    def arguments(self) -> dict[str, Any]:
        """Return the keyword arguments of QuestionAnswering.steps."""
        return {
            "collection": self.collection,
            "limit": self.limit,
            "passages": self.passages,
            "filters": self.filters.to_filters(self.as_of),
            "min_confidence": self.min_confidence,
        }


class SearchIn(Strict):
    """Words to look for."""

    query: Question
    collection: str = "default"
    limit: int = Field(10, ge=1, le=100)
    filters: FiltersIn = Field(default_factory=FiltersIn)


class ArticleIn(Strict):
    """An article to add: either text or html."""

    text: str | None = None
    html: str | None = None
    id: str | None = None
    title: str | None = None
    url: str | None = None
    source: str | None = None
    published: str | None = None
    tags: list[str] = Field(default_factory=list, max_length=64)
    collection: str = "default"

    def to_article(self) -> Article:
        """Return the frozen type; html is extracted.

        Raises:
            InputError: a field cannot be used.
        """
        known = {"title": self.title, "url": self.url, "source": self.source, "published": self.published}
        fields: dict[str, Any] = {name: value for name, value in known.items() if value is not None}
        if self.id is not None:
            fields["id"] = self.id
        fields["tags"] = tuple(self.tags)
        if self.html is not None:
            return read_html(self.html, **fields)
        return Article(text=self.text or "", **fields)


class VerifyIn(Strict):
    """An answer given earlier: does it still stand in its source?"""

    article_id: str = Field(max_length=200)
    article_start: int = Field(ge=0)
    article_end: int = Field(ge=0)
    text: str = Field(min_length=1, max_length=10_000)
    sha256: str | None = Field(None, pattern="^[0-9a-f]{64}$")
    collection: str = "default"


class ArticleRef(BaseModel):
    """What is known about an article."""

    id: str
    title: str
    url: str | None
    source: str | None
    published: str | None
    tags: list[str]
    sha256: str

    @classmethod
    def from_info(cls, info: ArticleInfo) -> "ArticleRef":
        """Make it of the frozen type."""
        return cls(
            id=info.id,
            title=info.title,
            url=info.url,
            source=info.source,
            published=info.published,
            tags=list(info.tags),
            sha256=info.sha256,
        )


class PassageRef(BaseModel):
    """A passage with its place in its article."""

    id: str
    text: str
    article_start: int
    article_end: int

    @classmethod
    def from_passage(cls, passage: Passage) -> "PassageRef":
        """Make it of the frozen type."""
        return cls(id=passage.id, text=passage.text, article_start=passage.start, article_end=passage.end)


class CandidateOut(BaseModel):
    """A passage that retrieval proposes."""

    article: ArticleRef
    passage: PassageRef
    score: float
    similarity: float
    dense_rank: int | None
    lexical_rank: int | None

    @classmethod
    def from_candidate(cls, candidate: Candidate) -> "CandidateOut":
        """Make it of the frozen type."""
        return cls(
            article=ArticleRef.from_info(candidate.article),
            passage=PassageRef.from_passage(candidate.passage),
            score=round(candidate.score, 6),
            similarity=round(candidate.similarity, 4),
            dense_rank=candidate.dense_rank,
            lexical_rank=candidate.lexical_rank,
        )


class EvidenceOut(BaseModel):
    """One place that supports an answer: passage.text[start:end] is the span, and so is the article's text."""

    article: ArticleRef
    passage: PassageRef
    sentence: str
    start: int
    end: int
    article_start: int
    article_end: int
    score: float


class ItemOut(BaseModel):
    """One member of an answer that is a list."""

    text: str
    article_id: str
    article_start: int
    article_end: int


class SupportOut(BaseModel):
    """How many articles stand behind an answer; copies count once as independent."""

    articles: int
    independent: int


class AnswerOut(BaseModel):
    """One distinct answer."""

    text: str
    confidence: float
    items: list[ItemOut]
    support: SupportOut
    evidence: list[EvidenceOut]

    @classmethod
    def from_ranked(cls, answer: RankedAnswer) -> "AnswerOut":
        """Make it of the frozen type."""
        return cls(
            text=answer.text,
            confidence=round(answer.confidence, 4),
            items=[
                ItemOut(text=i.text, article_id=i.article_id, article_start=i.article_start, article_end=i.article_end)
                for i in answer.items
            ],
            support=SupportOut(articles=answer.support.articles, independent=answer.support.independent),
            evidence=[
                EvidenceOut(
                    article=ArticleRef.from_info(piece.article),
                    passage=PassageRef.from_passage(piece.passage),
                    sentence=piece.sentence,
                    start=piece.start,
                    end=piece.end,
                    article_start=piece.article_start,
                    article_end=piece.article_end,
                    score=round(piece.score, 4),
                )
                for piece in answer.evidence
            ],
        )


class AskOut(BaseModel):
    """The reply to a question."""

    id: str
    question: str
    answered: bool
    reason: Literal["empty_collection", "nothing_relevant", "no_answer_in_passages", "below_threshold"] | None
    answer: str | None
    confidence: float
    confidence_level: Literal["high", "medium", "low", "none"]
    answers: list[AnswerOut]
    passages: list[CandidateOut]
    timings_ms: dict[str, float]

    @classmethod
    def from_answer(cls, answer: Answer, *, passages: bool = False, answer_id: str | None = None) -> "AskOut":
        """Make it of the frozen type.

        Args:
            answer: the answer.
            passages: whether the candidates are wanted; where there is no answer they come anyway.
            answer_id: its id; None makes one.
        """
        shown = answer.candidates if passages or not answer.answered else ()
        timings = answer.timings
        return cls(
            id=answer_id or new_id(),
            question=answer.question,
            answered=answer.answered,
            reason=answer.reason,
            answer=answer.text,
            confidence=round(answer.confidence, 4),
            confidence_level=answer.level,
            answers=[AnswerOut.from_ranked(one) for one in answer.answers],
            passages=[CandidateOut.from_candidate(candidate) for candidate in shown],
            timings_ms={
                "embed": round(timings.embed, 1),
                "retrieve": round(timings.retrieve, 1),
                "read": round(timings.read, 1),
                "total": round(timings.total, 1),
            },
        )


class SearchOut(BaseModel):
    """The passages that speak most of a query."""

    passages: list[CandidateOut]


class AddedOut(BaseModel):
    """What became of an article."""

    id: str
    title: str
    passages: int
    created: bool

    @classmethod
    def from_added(cls, added: Added) -> "AddedOut":
        """Make it of the frozen type."""
        return cls(id=added.id, title=added.title, passages=added.passages, created=added.created)


class ArticleRow(ArticleRef):
    """An article in a listing."""

    characters: int
    passages: int
    added: str

    @classmethod
    def from_info(cls, info: ArticleInfo) -> "ArticleRow":
        """Make it of the frozen type."""
        base = ArticleRef.from_info(info).model_dump()
        return cls(**base, characters=info.characters, passages=info.passages, added=info.added)


class ArticlesOut(BaseModel):
    """One page of a listing."""

    articles: list[ArticleRow]
    next_cursor: str | None


class MaskedOut(BaseModel):
    """Page furniture, with the rule that found it."""

    start: int
    end: int
    rule: str


class PassageRange(BaseModel):
    """Where a passage stands in its article."""

    id: str
    start: int
    end: int


class ArticleOut(ArticleRef):
    """A whole article."""

    text: str
    masked: list[MaskedOut]
    passages: list[PassageRange]
    characters: int
    added: str

    @classmethod
    def from_stored(cls, stored: StoredArticle) -> "ArticleOut":
        """Make it of the frozen type."""
        return cls(
            **ArticleRef.from_info(stored.info).model_dump(),
            text=stored.text,
            masked=[MaskedOut(start=m.start, end=m.end, rule=m.rule) for m in stored.masked],
            passages=[PassageRange(id=p.id, start=p.start, end=p.end) for p in stored.passages],
            characters=stored.info.characters,
            added=stored.info.added,
        )


class CollectionOut(BaseModel):
    """A collection's name and size."""

    name: str
    articles: int
    passages: int
    characters: int

    @classmethod
    def from_info(cls, info: CollectionInfo) -> "CollectionOut":
        """Make it of the frozen type."""
        return cls(name=info.name, articles=info.articles, passages=info.passages, characters=info.characters)


class CollectionsOut(BaseModel):
    """All collections."""

    collections: list[CollectionOut]


class VerifyOut(BaseModel):
    """Whether an answer still stands: unchanged, elsewhere in its article, no longer, or without its article."""

    status: Literal["valid", "moved", "changed", "deleted"]
    article_start: int | None = None
    article_end: int | None = None


def new_id() -> str:
    """Return a new answer id: ``ans_`` and a ULID (48 bits of milliseconds, 80 random ones), sortable by time."""
    number = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    return "ans_" + "".join(_CROCKFORD[(number >> shift) & 31] for shift in range(125, -1, -5))
