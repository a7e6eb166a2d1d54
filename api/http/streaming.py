"""Responses that send events while they are being made: the steps of an answer, and what others follow."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing

from fastapi.responses import StreamingResponse

from api.concurrency.worker_pool import ASK, Cancelled, Job, finished
from api.errors import problem_of
from api.service.ask import AskContext
from api.service.event_stream import EVENTS, HEADERS, PING, PING_SECONDS, Event, event_text


def followed(first: bytes, rest: AsyncGenerator[bytes]) -> StreamingResponse:
    """Return a response that sends an event that has been taken already, then the others.

    What goes wrong before the first event is thus an error of the request, and no event.
    """
    return StreamingResponse(_continued(first, rest), media_type=EVENTS, headers=HEADERS)


async def _continued(first: bytes, rest: AsyncGenerator[bytes]) -> AsyncIterator[bytes]:
    # Closed whatever happens.
    async with aclosing(rest):
        yield first
        async for event in rest:
            yield event


def stream(context: AskContext, steps: Callable[[Job], Iterator[Event]], *, kind: str) -> StreamingResponse:
    """Return a response that sends events as a worker thread makes them.

    The client's leaving stops the work before its next step.

    Args:
        context: who asks.
        steps: makes the iterator of (event name, data); called with its Job and run in the worker thread.
        kind: of work, see Lane.submit().

    Raises:
        Problem: 503, it would have to wait too long.
    """
    loop = asyncio.get_running_loop()
    ready: asyncio.Queue[Event | None] = asyncio.Queue()

    def work(job: Job) -> None:
        for event in steps(job):
            loop.call_soon_threadsafe(ready.put_nowait, event)
            job.check()

    # Queued before the reply begins, so that a refusal is one.
    job = context.state.workers.submit(ASK, work, kind=kind, sender=context.sender)
    return StreamingResponse(_events(job, ready), media_type=EVENTS, headers=HEADERS)


async def _events(job: Job, ready: "asyncio.Queue[Event | None]") -> AsyncIterator[bytes]:
    async def run() -> None:
        try:
            await finished(job)
        except Cancelled:
            return
        except Exception as error:
            ready.put_nowait(("error", problem_of(error).body()))
        finally:
            ready.put_nowait(None)

    task = asyncio.ensure_future(run())
    try:
        while True:
            try:
                event = await asyncio.wait_for(ready.get(), PING_SECONDS)
            except TimeoutError:
                yield PING
                continue
            if event is None:
                return
            yield event_text(*event)
    finally:
        job.cancel()
        task.cancel()
