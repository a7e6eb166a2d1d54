"""/v1/chat/completions, /v1/models and /v1/embeddings, as programs for OpenAI's API call them."""

import base64
import time
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

import numpy as np
import numpy.typing as npt
from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from api.auth.callers import Scope
from api.concurrency.worker_pool import SEARCH, Job
from api.http.openapi import body_of
from api.http.request_body import read_body, until_gone
from api.http.request_context import ask_context, caller_of, needs, ready_state, sender_of, state_of, take_place
from api.openai.errors import TOO_LONG, ErrorOut, Refusal
from api.openai.history import understood
from api.openai.models import chat_models, collection_of, described, encoder_of, unknown
from api.openai.requests import ChatIn, ChatOptions, EmbeddingIn
from api.openai.responses import (
    ChatOut,
    EmbeddingOut,
    EmbeddingsOut,
    EmbeddingUsage,
    ModelOut,
    ModelsOut,
    Reply,
    Usage,
    completion_id,
    usage_of,
)
from api.openai.streams import reply_stream
from api.service.ask import ask
from api.service.context import State
from index import DEFAULT_COLLECTION, ArticleInfo, SentenceEncoder, new_id

_ERRORS: dict[int | str, dict[str, Any]] = {
    "default": {"model": ErrorOut, "description": "an error, and what to change"}
}
router = APIRouter(tags=["openai"], dependencies=[needs(Scope.ASK)], responses=_ERRORS)
# Texts embedded between two looks at whether anybody still waits.
_TURN = 8
# Of text to embed, that count as one unit of work.
_CHARACTERS = 1_000


@router.post(
    "/v1/chat/completions",
    response_model=ChatOut,
    openapi_extra=body_of(ChatIn),
    operation_id="create_chat_completion",
    responses={
        200: {
            "content": {"text/event-stream": {"schema": {"type": "object"}}},
            "description": "the reply; where stream is true, chunks",
        }
    },
)
async def create_chat_completion(request: Request) -> Any:
    """Answer the last message of a conversation from the articles of the collection that the model stands for."""
    context = ask_context(request)
    state = context.state
    chat = await read_body(request, ChatIn, state.settings.chat_body_bytes)
    chat.check()
    collection = collection_of(context.caller, state, chat.model).name
    conversation = understood(chat.messages)
    asked = (chat.citespan or ChatOptions()).asked(conversation.question, collection)
    answer_id, begun = new_id(), int(time.time())

    def address(article: ArticleInfo) -> str:
        return article.url or _own_address(request, article.id, collection)

    async def work() -> tuple[Reply, Usage]:
        answer = await ask(context, asked, history=conversation.history)
        reply = Reply.of(answer, chat.model, answer_id, begun)
        counts = await run_in_threadpool(_tokens, state, [*conversation.texts, reply.content])
        return reply, usage_of(counts[:-1], counts[-1])

    if not chat.stream:
        reply, usage = await work()
        return reply.whole(address, usage)
    head = {"id": completion_id(answer_id), "object": "chat.completion.chunk", "created": begun, "model": chat.model}

    def chunk(choices: list[dict[str, Any]], usage: Usage | None = None, **more: Any) -> dict[str, Any]:
        counted = {"usage": usage.model_dump() if usage else None} if chat.counts else {}
        return {**head, "choices": choices, **counted, **more}

    def chunks(done: tuple[Reply, Usage]) -> Iterator[dict[str, Any]]:
        reply, usage = done
        for choice, more in reply.deltas(address):
            yield chunk([{"index": 0, **choice, "logprobs": None}], **more)
        if chat.counts:
            yield chunk([], usage)

    first = {"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None, "logprobs": None}
    return await reply_stream(work(), chunks, chunk([first]))


@router.get("/v1/models", response_model=ModelsOut, operation_id="list_models")
async def list_models(request: Request) -> Any:
    """List the collections that can be chatted with, as models."""
    return ModelsOut(data=await run_in_threadpool(chat_models, caller_of(request), state_of(request)))


@router.get("/v1/models/{model:path}", response_model=ModelOut, operation_id="retrieve_model")
async def retrieve_model(request: Request, model: str) -> Any:
    """Return one model: a collection's, or the encoder's."""
    state = state_of(request)
    encoder = state.qa.library.encoder
    if isinstance(encoder, SentenceEncoder) and model == encoder.card.name:
        return ModelOut(id=model, created=0, name=model)
    return await run_in_threadpool(described, collection_of(caller_of(request), state, model))


@router.post(
    "/v1/embeddings", response_model=EmbeddingsOut, openapi_extra=body_of(EmbeddingIn), operation_id="create_embedding"
)
async def create_embedding(request: Request) -> Any:
    """Return the vectors of some texts, from the encoder that the articles are found with."""
    state = ready_state(request)
    asked = await read_body(request, EmbeddingIn, state.settings.article_body_bytes)
    encoder = encoder_of(state)
    if asked.model != encoder.card.name:
        raise unknown(asked.model, f"the one that embeds is {encoder.card.name}")
    if asked.dimensions not in (None, encoder.dimension):
        raise Refusal(400, f"dimensions can only be {encoder.dimension}: leave it out", param="dimensions")
    texts = asked.texts()
    take_place(request)

    def work(job: Job) -> str:
        # Written here too: a million numbers would keep the event loop from everybody else.
        return _written(asked, *_embedded(encoder, texts, asked.asks, job))

    written = await state.workers.run(
        SEARCH,
        work,
        gone=lambda: until_gone(request),
        kind="embed",
        sender=sender_of(request),
        size=max(1.0, sum(map(len, texts)) / _CHARACTERS),
    )
    return Response(written, media_type="application/json")


def _written(asked: EmbeddingIn, vectors: npt.NDArray[np.float32], tokens: int) -> str:
    packed = asked.encoding_format == "base64"
    out = [
        EmbeddingOut(index=place, embedding=base64.b64encode(row.tobytes()).decode() if packed else row.tolist())
        for place, row in enumerate(vectors.astype("<f4", copy=False))
    ]
    usage = EmbeddingUsage(prompt_tokens=tokens, total_tokens=tokens)
    # Checking each number against the model again would take longer than embedding them.
    return EmbeddingsOut.model_construct(data=out, model=asked.model, usage=usage).model_dump_json()


def _embedded(
    encoder: SentenceEncoder, texts: Sequence[str], asks: bool, job: Job
) -> tuple[npt.NDArray[np.float32], int]:
    rows, tokens = [], 0
    for at in range(0, len(texts), _TURN):
        job.check()
        turn = texts[at : at + _TURN]
        for place, count in enumerate(encoder.count_tokens(turn), at):
            tokens += count
            if count > encoder.longest:
                raise Refusal(
                    400,
                    f"a text has {count:,} tokens and may have {encoder.longest:,}: embed it in parts",
                    param=f"input[{place}]",
                    code=TOO_LONG,
                )
        rows.append(encoder.encode_queries(turn) if asks else encoder.encode_passages(turn))
    return np.concatenate(rows), tokens


def _tokens(state: State, texts: Sequence[str]) -> list[int]:
    """Count tokens as the encoder does; words where it does not say."""
    encoder = state.qa.library.encoder
    if isinstance(encoder, SentenceEncoder):
        return encoder.count_tokens(texts)
    return [len(text.split()) for text in texts]


def _own_address(request: Request, article: str, collection: str) -> str:
    place = f"{str(request.base_url).rstrip('/')}/v1/articles/{quote(article, safe='')}"
    return place if collection == DEFAULT_COLLECTION else f"{place}?collection={collection}"
