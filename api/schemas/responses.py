"""Reply models of the HTTP interface, and how they are made of the frozen types."""

from typing import Literal

from pydantic import BaseModel, Field

from index import Added, ArticleInfo, Candidate, CollectionInfo, Passage, StoredArticle, new_id
from qa import Answer, RankedAnswer


class ArticleRef(BaseModel):
    """What is known about an article."""

    id: str
    title: str
    url: str | None
    source: str | None
    published: str | None
    tags: list[str]
    sha256: str
    author: str | None
    updated: str | None
    language: str | None

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
            author=info.author,
            updated=info.updated,
            language=info.language,
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
    page: int | None
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
                    page=piece.page,
                    score=round(piece.score, 4),
                )
                for piece in answer.evidence
            ],
        )


class HintOut(BaseModel):
    """What whoever asked should know beside the answer."""

    code: Literal["language", "unkept"]
    message: str


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
    hints: list[HintOut]
    standalone_question: str | None = Field(
        None, exclude_if=lambda value: value is None, description="the question as understood, in a conversation only"
    )

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
            hints=[HintOut(code=hint.code, message=hint.message) for hint in answer.hints],
            standalone_question=answer.standalone_question,
        )


class RetrievedOut(BaseModel):
    """While an answer is streamed: its id and the candidates."""

    id: str
    passages: list[CandidateOut]


class UnderstoodOut(BaseModel):
    """While an answer is streamed in a conversation: the question as it was understood."""

    standalone_question: str


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


class FailureOut(BaseModel):
    """A file or line that could not be used, and why."""

    source: str
    reason: str


class UploadOut(BaseModel):
    """What became of several files, or of a file with several articles."""

    articles: list[AddedOut]
    failures: list[FailureOut]


class ArticleRow(ArticleRef):
    """An article in a listing."""

    characters: int
    passages: int
    added: str
    origin: str | None
    vanished: str | None

    @classmethod
    def from_info(cls, info: ArticleInfo) -> "ArticleRow":
        """Make it of the frozen type."""
        base = ArticleRef.from_info(info).model_dump()
        return cls(
            **base,
            characters=info.characters,
            passages=info.passages,
            added=info.added,
            origin=info.origin,
            vanished=info.vanished,
        )


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
    """An article, whole or a stretch of it; every offset counts from the beginning of the article."""

    text: str
    start: int = Field(description="where text begins in the article: 0, unless a stretch was asked for")
    end: int = Field(description="where text ends in it: characters, unless a stretch was asked for")
    masked: list[MaskedOut]
    passages: list[PassageRange]
    characters: int
    added: str
    origin: str | None
    vanished: str | None
    pages: list[int]
    found_in: dict[str, str]

    @classmethod
    def from_stored(cls, stored: StoredArticle, start: int = 0, end: int | None = None) -> "ArticleOut":
        """Make it of the frozen type; of a stretch it has the masked ranges and passages that reach into it.

        Args:
            stored: the whole article.
            start: of the stretch, in code points.
            end: of the stretch; None, or what is beyond the article's end, is that end.
        """
        end = len(stored.text) if end is None else min(end, len(stored.text))
        whole = start == 0 and end == len(stored.text)
        return cls(
            **ArticleRef.from_info(stored.info).model_dump(),
            text=stored.text[start:end],
            start=start,
            end=end,
            masked=[
                MaskedOut(start=m.start, end=m.end, rule=m.rule)
                for m in stored.masked
                if whole or (m.start < end and m.end > start)
            ],
            passages=[
                PassageRange(id=p.id, start=p.start, end=p.end)
                for p in stored.passages
                if whole or (p.start < end and p.end > start)
            ],
            characters=stored.info.characters,
            added=stored.info.added,
            origin=stored.info.origin,
            vanished=stored.info.vanished,
            pages=list(stored.info.pages),
            found_in=dict(stored.info.found_in),
        )


class CollectionOut(BaseModel):
    """A collection's name and size; copies are near-copies of an earlier article."""

    name: str
    articles: int
    passages: int
    characters: int
    copies: int
    duplicate_rate: float

    @classmethod
    def from_info(cls, info: CollectionInfo) -> "CollectionOut":
        """Make it of the frozen type."""
        return cls(
            name=info.name,
            articles=info.articles,
            passages=info.passages,
            characters=info.characters,
            copies=info.copies,
            duplicate_rate=round(info.copies / info.articles, 4) if info.articles else 0.0,
        )


class CollectionsOut(BaseModel):
    """All collections."""

    collections: list[CollectionOut]


class VerifyOut(BaseModel):
    """Whether an answer still stands: unchanged, elsewhere in its article, no longer, or without its article."""

    status: Literal["valid", "moved", "changed", "deleted"]
    article_start: int | None = None
    article_end: int | None = None
