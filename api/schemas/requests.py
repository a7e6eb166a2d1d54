"""Request models of the HTTP interface, and how they become the frozen types."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from index import (
    DEFAULT_COLLECTION,
    DEFAULT_EVERY,
    MAX_EVERY,
    MIN_EVERY,
    Article,
    FetchPolicy,
    Filters,
    fetch_article,
    read_html,
    read_text,
    shared_fetcher,
)
from qa import MAX_LIMIT, MAX_PASSAGES, MAX_QUESTION_CHARACTERS, MAX_TITLE, Turn

Question = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_QUESTION_CHARACTERS, strict=True)
]
MAX_HISTORY = 20
# What an answer before may have: they are stretches of passages.
MAX_SAID = 10_000
Names = Annotated[list[Annotated[str, Field(max_length=300)]], Field(max_length=1_000)]


class Strict(BaseModel):
    """A request body: no unknown fields, no "5" for 5."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)


class PageQuery(Strict):
    """Which page of a listing is wanted."""

    limit: int = Field(50, ge=1, le=1_000, description="at most so many")
    cursor: str | None = Field(None, max_length=100, description="next_cursor of the page before")


class CollectionQuery(Strict):
    """Which collection is meant."""

    collection: str = DEFAULT_COLLECTION


class FiltersIn(Strict):
    """Which articles may be searched; what is left out allows all."""

    published_from: str | None = Field(None, description="ISO 8601; only articles published then or later")
    published_to: str | None = Field(None, description="ISO 8601; only articles published then or earlier")
    sources: Names = Field(default_factory=list, description="only these sources")
    tags: Names = Field(default_factory=list, description="only articles with one of these tags")
    article_ids: Names = Field(default_factory=list, description="only these articles")

    @classmethod
    def from_filters(cls, filters: Filters) -> Self:
        """Make it of the frozen type."""
        return cls(
            published_from=filters.published_from,
            published_to=filters.published_to,
            sources=list(filters.sources),
            tags=list(filters.tags),
            article_ids=list(filters.article_ids),
        )

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


class TurnIn(Strict):
    """A question that was asked before, and what was answered."""

    question: Question
    answer: str | None = Field(None, max_length=MAX_SAID, description="null where there was none")
    standalone_question: Question | None = Field(None, description="the question as it was understood")

    def to_turn(self) -> Turn:
        """Return the frozen type."""
        return Turn(self.question, self.standalone_question, self.answer)


class QuestionIn(Strict):
    """A question, wherever it is asked."""

    question: Question
    collection: str = DEFAULT_COLLECTION
    limit: int = Field(5, ge=1, le=MAX_LIMIT, description="at most so many distinct answers")
    passages: int = Field(
        10,
        ge=1,
        le=MAX_PASSAGES,
        description="at most so many passages are read; fewer where the rest is not likely to hold a better answer",
    )
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


class AskIn(QuestionIn):
    """A question."""

    history: list[TurnIn] = Field(
        default_factory=list,
        max_length=MAX_HISTORY,
        description="what was said before, in order: a follow-up is understood in its light",
    )

    def turns(self) -> tuple[Turn, ...]:
        """Return what was said before."""
        return tuple(turn.to_turn() for turn in self.history)


class MessageIn(QuestionIn):
    """A question of a conversation."""

    standalone_question: Question | None = Field(
        None, description="how the question is to be understood; left out, that is found out from what was said"
    )
    replaces: str | None = Field(
        None, min_length=1, max_length=100, description="id of the message that this one takes the place of"
    )


class ConversationIn(Strict):
    """A conversation to begin."""

    title: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_TITLE)] | None = Field(
        None, description="what it is called; left out, its first question"
    )


class SearchIn(Strict):
    """Words to look for."""

    query: Question
    collection: str = DEFAULT_COLLECTION
    limit: int = Field(10, ge=1, le=100)
    filters: FiltersIn = Field(default_factory=FiltersIn)


class ArticleIn(Strict):
    """An article to add: text, or html, or only the url of a page that is fetched."""

    text: str | None = None
    html: str | None = None
    id: str | None = None
    title: str | None = None
    url: str | None = None
    source: str | None = None
    published: str | None = None
    author: str | None = None
    language: str | None = None
    tags: list[str] = Field(default_factory=list, max_length=64)
    collection: str = DEFAULT_COLLECTION

    def to_article(self) -> Article:
        """Return the frozen type; html is extracted, and title, source and date are found where not given.

        Raises:
            InputError: a field cannot be used.
        """
        if self.html is not None:
            return read_html(self.html, **self._known())
        return read_text(self.text or "", **self._known())

    def fetched(self, policy: FetchPolicy) -> Article:
        """Fetch the page at the url and return its article; what is given beside it wins over what the page says.

        Raises:
            FetchError: it cannot be fetched.
            InputError: it holds no article, or a field cannot be used.
        """
        known = self._known()
        return fetch_article(known.pop("url"), shared_fetcher(policy), **known)

    def _known(self) -> dict[str, Any]:
        fields = self.model_dump(exclude={"text", "html", "collection"})
        fields["tags"] = tuple(self.tags)
        return {name: value for name, value in fields.items() if value is not None}


class ArticleQuery(CollectionQuery):
    """Which article, and how much of its text."""

    start: int = Field(0, ge=0, description="first character that is wanted, in code points")
    end: int | None = Field(None, ge=1, description="where the text ends that is wanted; left out, the article's end")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.end is not None and self.end <= self.start:
            raise ValueError("end must be beyond start")
        return self


class SubscriptionIn(Strict):
    """A feed or sitemap to follow."""

    url: str = Field(min_length=1, max_length=2_000, description="its address, http or https")
    every_seconds: int = Field(
        DEFAULT_EVERY, ge=MIN_EVERY, le=MAX_EVERY, description="time between two rounds in seconds"
    )
    collection: str = DEFAULT_COLLECTION


class WatchIn(Strict):
    """A standing question."""

    question: Question
    collection: str = DEFAULT_COLLECTION
    filters: FiltersIn = Field(default_factory=FiltersIn)
    webhook: str | None = Field(
        None,
        min_length=1,
        max_length=2_000,
        description="address that is told when the answer changes, http or https",
    )


class UploadIn(Strict):
    """What is known of the files of an upload, beside the files; id, title and url with a single file only."""

    id: str | None = None
    title: str | None = None
    url: str | None = None
    source: str | None = None
    published: str | None = None
    author: str | None = None
    language: str | None = None
    tags: list[str] = Field(default_factory=list, max_length=64)
    collection: str = DEFAULT_COLLECTION

    def known(self) -> dict[str, Any]:
        """Return the fields of Article that are given; what is left empty in a form is not."""
        facts = self.model_dump(exclude={"collection"})
        facts["tags"] = tuple(tag for tag in self.tags if tag)
        return {name: value for name, value in facts.items() if value}


class VerifyIn(Strict):
    """An answer given earlier: does it still stand in its source?"""

    article_id: str = Field(max_length=200)
    article_start: int = Field(ge=0)
    article_end: int = Field(ge=0)
    text: str = Field(min_length=1, max_length=10_000)
    sha256: str | None = Field(None, pattern="^[0-9a-f]{64}$")
    collection: str = DEFAULT_COLLECTION
