"""A chat's reply word by word: chunks as OpenAI's clients read them.

A reply has no words before the answer is found, so nothing is sent until then: whatever goes wrong up to there has a
status of its own, and clients try again as its headers say.  Only an answer that takes long begins without: a proxy
would give up on a connection on which nothing comes.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

from fastapi.responses import StreamingResponse

from api.concurrency.worker_pool import Cancelled
from api.errors import problem_of
from api.openai.errors import error_of
from api.openai.responses import DONE, chunk_text
from api.service.event_stream import EVENTS, HEADERS, PING, PING_SECONDS


async def reply_stream(
    work: Awaitable[Any],
    chunks: Callable[[Any], Iterator[dict[str, Any]]],
    head: dict[str, Any],
    *,
    patience: float = PING_SECONDS,
) -> StreamingResponse:
    """Return a response that streams what some work comes to.

    Args:
        work: comes to what is to be streamed; cancelled when the client goes.
        chunks: what it came to, as chunks.
        head: the first chunk.
        patience: seconds after which the stream begins though the work is not done, and between signs of life.

    Raises:
        Exception: whatever the work raises before the stream begins.
    """
    task = asyncio.ensure_future(work)
    try:
        done, _ = await asyncio.wait({task}, timeout=patience)
    except asyncio.CancelledError:
        task.cancel()
        raise
    if done:
        task.result()
    return StreamingResponse(_sent(task, chunks, head, patience), media_type=EVENTS, headers=HEADERS)


async def _sent(
    task: "asyncio.Future[Any]",
    chunks: Callable[[Any], Iterator[dict[str, Any]]],
    head: dict[str, Any],
    patience: float,
) -> AsyncIterator[bytes]:
    try:
        yield chunk_text(head)
        while not task.done():
            await asyncio.wait({task}, timeout=patience)
            if not task.done():
                yield PING
        try:
            for chunk in chunks(task.result()):
                yield chunk_text(chunk)
        except Cancelled:
            return
        except Exception as error:
            yield chunk_text(error_of(problem_of(error)))
        yield DONE
    finally:
        task.cancel()
