"""What the tools take: types with descriptions for the models that choose and use them."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from api.schemas.requests import FiltersIn
from index import DEFAULT_COLLECTION
from qa import MAX_LIMIT, MAX_QUESTION_CHARACTERS, Turn

MAX_PAGE_CHARACTERS = 100_000

Question = Annotated[
    str,
    Field(
        min_length=1,
        max_length=MAX_QUESTION_CHARACTERS,
        description="A factual question in whole words, such as 'When does the north wing reopen?'. One question at a "
        "time. It must stand on its own, unless history is given.",
    ),
]
Query = Annotated[
    str,
    Field(min_length=1, max_length=MAX_QUESTION_CHARACTERS, description="Words or a question to find passages for."),
]
CollectionName = Annotated[
    str, Field(description=f"Which collection of articles. Leave it out for {DEFAULT_COLLECTION!r}.")
]
Answers = Annotated[int, Field(ge=1, le=MAX_LIMIT, description="At most so many distinct answers.")]
Passages = Annotated[int, Field(ge=1, le=100, description="At most so many passages.")]
PublishedFrom = Annotated[
    str | None, Field(description="ISO 8601 date: only articles published then or later, such as 2023-01-01.")
]
PublishedTo = Annotated[
    str | None, Field(description="ISO 8601 date: only articles published then or earlier, such as 2023-12-31.")
]
AsOf = Annotated[
    str | None, Field(description="ISO 8601 date: answer as of then, as if nothing later had been published.")
]
_Names = Annotated[list[Annotated[str, Field(max_length=300)]], Field(max_length=1_000)]
Sources = Annotated[_Names, Field(description="Only articles of these sources (sites or publishers).")]
Tags = Annotated[_Names, Field(description="Only articles with one of these tags.")]
ArticleIds = Annotated[_Names, Field(description="Only these articles, by their ids.")]
ArticleId = Annotated[
    str, Field(min_length=1, max_length=200, description="The article's id, as ask_articles and search_articles give.")
]


class TurnIn(BaseModel):
    """A question of the conversation so far, and what was answered."""

    model_config = ConfigDict(extra="forbid")

    question: str = Field(min_length=1, max_length=MAX_QUESTION_CHARACTERS, description="as it was asked")
    answer: str | None = Field(None, max_length=10_000, description="the text of the answer that was given to it")
    standalone_question: str | None = Field(None, max_length=10_000, description="as it was understood")
    items: list[Annotated[str, Field(max_length=1_000)]] = Field(
        default_factory=list, max_length=100, description="the members of an answer that is a list"
    )
    sentence: str | None = Field(None, max_length=10_000, description="the sentence that the answer stands in")
    title: str | None = Field(None, max_length=1_000, description="title of the article that it stands in")

    def to_turn(self) -> Turn:
        """Return the frozen type."""
        return Turn(**self.model_dump(exclude={"items"}), items=tuple(self.items))


History = Annotated[
    list[TurnIn],
    Field(
        max_length=50,
        description="The conversation before the question, oldest first. With it a follow-up such as 'When did they do "
        "it?' is understood.",
    ),
]


def filters_in(**given: Any) -> FiltersIn:
    """Return filters as the HTTP interface takes them; what is None is left out."""
    return FiltersIn(**{name: value for name, value in given.items() if value is not None})
