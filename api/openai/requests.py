"""What programs send that speak OpenAI's API: fields of a closed list with their ranges; others are passed over.

What a language model would be tuned by (temperature and the like) is checked and changes nothing: an answer is found
in the articles, not drawn.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from api.openai.errors import Refusal
from api.schemas.requests import AskIn, FiltersIn, Strict
from qa import MAX_LIMIT, MAX_PASSAGES

MAX_INPUTS = 2_048

_TEXT_PART = {
    "type": "object",
    "required": ["type", "text"],
    "properties": {"type": {"const": "text"}, "text": {"type": "string"}},
}
Content = Annotated[
    Any, WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": _TEXT_PART}, {"type": "null"}]})
]
Texts = Annotated[
    Any,
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}),
]


class Lenient(BaseModel):
    """A body of which more may come than is read; what is read is strict."""

    model_config = ConfigDict(strict=True, extra="ignore", allow_inf_nan=False)


class ChatMessage(Lenient):
    """One message of a conversation; those of system, developer and tools are passed over."""

    role: Literal["user", "assistant", "system", "developer", "tool", "function"]
    content: Content = None


class StreamOptions(Lenient):
    """How a stream ends."""

    include_usage: bool | None = Field(None, description="whether a last chunk says how many tokens it was")


class ResponseFormat(Lenient):
    """What a reply should look like: text, since answers are verbatim."""

    type: str


class ChatOptions(Strict):
    """What POST /v1/ask takes beside the question."""

    filters: FiltersIn = Field(default_factory=FiltersIn)
    as_of: str | None = Field(None, description="ISO 8601; hides what was published later")
    limit: int = Field(5, ge=1, le=MAX_LIMIT, description="at most so many distinct answers in the proof")
    passages: int = Field(10, ge=1, le=MAX_PASSAGES, description="at most so many passages are read")
    min_confidence: float = Field(0.0, ge=0, le=1, description="answers below it are left out")

    def asked(self, question: str, collection: str) -> AskIn:
        """Return the question as POST /v1/ask takes it."""
        return AskIn(question=question, collection=collection, **{name: getattr(self, name) for name in _OPTIONS})


_OPTIONS = tuple(ChatOptions.model_fields)


class ChatIn(Lenient):
    """A conversation whose last message is a question."""

    model: str = Field(min_length=1, max_length=200, description="citespan, or citespan/COLLECTION")
    messages: list[ChatMessage] = Field(min_length=1, max_length=2_000)
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: int | None = Field(None, ge=1, le=1, description="there is one answer")
    response_format: ResponseFormat | None = None
    modalities: list[str] | None = Field(None, max_length=8)
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, ge=0, le=1)
    frequency_penalty: float | None = Field(None, ge=-2, le=2)
    presence_penalty: float | None = Field(None, ge=-2, le=2)
    seed: int | None = Field(None, ge=-(2**63), lt=2**63)
    max_tokens: int | None = Field(None, ge=1, le=2**31)
    max_completion_tokens: int | None = Field(None, ge=1, le=2**31)
    top_logprobs: int | None = Field(None, ge=0, le=20)
    stop: str | Annotated[list[str], Field(max_length=4)] | None = None
    citespan: ChatOptions | None = Field(None, description="what POST /v1/ask takes beside the question")

    def check(self) -> None:
        """Refuse what would be another reply than the one that comes.

        Raises:
            Refusal: 400.
        """
        if self.response_format is not None and self.response_format.type != "text":
            raise Refusal(
                400,
                "answers are verbatim text: leave response_format out; the proof as JSON is under citespan",
                param="response_format",
            )
        if self.modalities is not None and self.modalities != ["text"]:
            raise Refusal(400, 'answers are text: leave modalities out, or say ["text"]', param="modalities")

    @property
    def counts(self) -> bool:
        """Whether a stream ends with its usage."""
        return bool(self.stream_options and self.stream_options.include_usage)


class EmbeddingIn(Lenient):
    """Texts to embed."""

    model: str = Field(min_length=1, max_length=200, description="the encoder's name")
    input: Texts = Field(description=f"a text, or 1 to {MAX_INPUTS:,} of them")
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = Field(None, ge=1, description="the encoder's own, nothing else")
    input_type: Literal["passage", "document", "search_document", "query", "search_query"] = Field(
        "passage", description="whether the texts are searched for or searched with: some encoders tell them apart"
    )

    def texts(self) -> list[str]:
        """Return the texts.

        Raises:
            Refusal: 400, tokens, nothing or something else.
        """
        given = [self.input] if isinstance(self.input, str) else self.input
        if not isinstance(given, list) or not 1 <= len(given) <= MAX_INPUTS:
            raise Refusal(400, f"input must be a text, or a list of 1 to {MAX_INPUTS:,} texts", param="input")
        if any(isinstance(one, int | list) for one in given):
            raise Refusal(
                400,
                "input must be text, not tokens, which are another model's "
                "(with LangChain's OpenAIEmbeddings: check_embedding_ctx_length=False)",
                param="input",
            )
        for place, one in enumerate(given):
            if not isinstance(one, str) or not one.strip():
                raise Refusal(400, "each input must be a text that is not empty", param=f"input[{place}]")
        return given

    @property
    def asks(self) -> bool:
        """Whether the texts are searched with."""
        return self.input_type in ("query", "search_query")
