"""Server-sent events: the steps of an answer while it is being found."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing
from typing import Any

import orjson
from fastapi.responses import StreamingResponse

from api.problems import problem_of
from api.workers import ASK, Cancelled, Job, Workers

PING_SECONDS = 15.0
HEADERS = {"X-Accel-Buffering": "no", "Cache-Control": "no-store"}
Event = tuple[str, Any]
# JSON may hold them as they are; str.splitlines() ends lines there, and so does what a dot in a browser's pattern takes.
_SEPARATORS = ((b"\xe2\x80\xa8", rb"\u2028"), (b"\xe2\x80\xa9", rb"\u2029"), (b"\xc2\x85", rb"\u0085"))


def one_line(data: Any) -> bytes:
    """Return something as JSON that is one line, whatever a client takes for the end of one."""
    text = orjson.dumps(data)
    for separator, escaped in _SEPARATORS:
        text = text.replace(separator, escaped)
    return text


def event_text(name: str, data: Any, event_id: str | None = None) -> bytes:
    """Return one event as bytes.

    Args:
        name: of the event.
        data: anything that JSON has.
        event_id: what a client that comes back says it has seen, None where there is nothing to come back to.
    """
    own = "" if event_id is None else f"id: {event_id}\n"
    return f"{own}event: {name}\ndata: ".encode() + one_line(data) + b"\n\n"


async def continued(first: bytes, rest: AsyncGenerator[bytes]) -> AsyncIterator[bytes]:
    """Yield an event that has been taken already, then the others; they are closed whatever happens."""
    async with aclosing(rest):
        yield first
        async for event in rest:
            yield event


def stream(workers: Workers, steps: Callable[[Job], Iterator[Event]]) -> StreamingResponse:
    """Return a response that sends events as a worker thread makes them.

    The client's leaving stops the work before its next step.

    Args:
        workers: where the work is done.
        steps: makes the iterator of (event name, data); called with its Job and run in the worker thread.
    """
    return StreamingResponse(
        _events(workers, steps),
        media_type="text/event-stream",
        headers=HEADERS,
    )


async def _events(workers: Workers, steps: Callable[[Job], Iterator[Event]]) -> AsyncIterator[bytes]:
    loop = asyncio.get_running_loop()
    ready: asyncio.Queue[Event | None] = asyncio.Queue()
    jobs: list[Job] = []

    def work(job: Job) -> None:
        for event in steps(job):
            loop.call_soon_threadsafe(ready.put_nowait, event)
            job.check()

    async def run() -> None:
        try:
            await workers.run(ASK, work, started=jobs.append)
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
                yield b": still at it\n\n"
                continue
            if event is None:
                return
            yield event_text(*event)
    finally:
        for job in jobs:
            job.cancel()
        task.cancel()
