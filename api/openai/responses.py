"""What programs get that speak OpenAI's API."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, Field

from api.openai.message_text import Citation, written
from api.schemas.responses import AskOut
from api.service.event_stream import one_line
from index import ArticleInfo
from qa import Answer

OWNER = "citespan"


class UrlCitation(BaseModel):
    """Which stretch of the content stands in which article; offsets count code points, the end excluded."""

    start_index: int
    end_index: int
    url: str = Field(description="the article's; of one without an address its place in this service")
    title: str


class Annotation(BaseModel):
    """A citation."""

    type: Literal["url_citation"] = "url_citation"
    url_citation: UrlCitation


class ReplyMessage(BaseModel):
    """What is replied."""

    role: Literal["assistant"] = "assistant"
    content: str
    refusal: str | None = None
    annotations: list[Annotation]


class Choice(BaseModel):
    """The one reply."""

    index: Literal[0] = 0
    message: ReplyMessage
    logprobs: None = None
    finish_reason: Literal["stop"] = "stop"


class Usage(BaseModel):
    """Tokens, as the encoder counts them."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class EmbeddingUsage(BaseModel):
    """Tokens, as the encoder counts them."""

    prompt_tokens: int
    total_tokens: int


class ChatOut(BaseModel):
    """The reply to a conversation."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[Choice]
    usage: Usage
    citespan: AskOut = Field(description="the whole proof: what POST /v1/ask replies")


class ModelOut(BaseModel):
    """A collection that can be chatted with, or the encoder."""

    id: str
    object: Literal["model"] = "model"
    created: int = Field(description="when its first article came in, in seconds since 1970; 0 where there is none")
    owned_by: str = OWNER
    name: str = Field(description="for people")


class ModelsOut(BaseModel):
    """All collections that can be chatted with."""

    object: Literal["list"] = "list"
    data: list[ModelOut]


class EmbeddingOut(BaseModel):
    """The vector of one text: numbers, or in base64 their float32 in little-endian order."""

    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str


class EmbeddingsOut(BaseModel):
    """The vectors of some texts, each of unit length."""

    object: Literal["list"] = "list"
    data: list[EmbeddingOut]
    model: str
    usage: EmbeddingUsage


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer on its way to a program that speaks OpenAI's API.

    Attributes:
        model: as it was asked for.
        proof: what /v1/ask would reply.
        content: what a person reads.
        citations: stretches of the content that stand in an article.
        created: seconds since 1970.
    """

    model: str
    proof: AskOut
    content: str
    citations: tuple[Citation, ...]
    created: int

    @classmethod
    def of(cls, answer: Answer, model: str, answer_id: str, created: int) -> "Reply":
        """Make it of an answer."""
        content, citations = written(answer)
        return cls(model, AskOut.from_answer(answer, answer_id=answer_id), content, citations, created)

    def whole(self, address: Callable[[ArticleInfo], str], usage: Usage) -> ChatOut:
        """Return it as one reply.

        Args:
            address: of an article.
            usage: what it took.
        """
        message = ReplyMessage(content=self.content, annotations=self._annotations(address))
        return ChatOut(
            id=completion_id(self.proof.id),
            created=self.created,
            model=self.model,
            choices=[Choice(message=message)],
            usage=usage,
            citespan=self.proof,
        )

    def deltas(self, address: Callable[[ArticleInfo], str]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        """Yield it word by word, then its citations, then its end: what a chunk's choice has, and what is beside it."""
        for word in words(self.content):
            yield {"delta": {"content": word}, "finish_reason": None}, {}
        annotations = [one.model_dump() for one in self._annotations(address)]
        if annotations:
            yield {"delta": {"annotations": annotations}, "finish_reason": None}, {}
        yield {"delta": {}, "finish_reason": "stop"}, {"citespan": self.proof.model_dump()}

    def _annotations(self, address: Callable[[ArticleInfo], str]) -> list[Annotation]:
        return [
            Annotation(
                url_citation=UrlCitation(
                    start_index=one.start,
                    end_index=one.end,
                    url=address(one.article),
                    title=one.article.title or one.article.id,
                )
            )
            for one in self.citations
        ]


def words(text: str) -> list[str]:
    """Return a text in pieces of a word each, with the white space after it; together they are the text."""
    pieces: list[str] = []
    begin = 0
    for place in range(1, len(text)):
        if text[place - 1].isspace() and not text[place].isspace():
            pieces.append(text[begin:place])
            begin = place
    return [*pieces, text[begin:]] if text else []


def completion_id(answer_id: str) -> str:
    """Return the id of a completion that an answer is."""
    return "chatcmpl-" + answer_id.partition("_")[2]


def chunk_text(data: Any) -> bytes:
    """Return one event of a stream as bytes."""
    return b"data: " + one_line(data) + b"\n\n"


DONE = b"data: [DONE]\n\n"


def usage_of(prompt: Sequence[int], completion: int) -> Usage:
    """Return what a conversation took."""
    total = sum(prompt)
    return Usage(prompt_tokens=total, completion_tokens=completion, total_tokens=total + completion)
