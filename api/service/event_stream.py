"""Server-sent events: the steps of an answer while it is being found."""

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing
from typing import Any

import orjson
from fastapi import Request
from fastapi.responses import StreamingResponse

from api.auth.callers import sender_of
from api.concurrency.worker_pool import ASK, Cancelled, Job, finished
from api.errors import problem_of
from api.service.context import ready_state

EVENTS = "text/event-stream"
PING_SECONDS = 15.0
# A comment, which clients pass over.
PING = b": still at it\n\n"
# Within this time it is noticed that a service stops.
_TICK_SECONDS = 1.0
HEADERS = {"X-Accel-Buffering": "no", "Cache-Control": "no-store"}
Event = tuple[str, Any]
# JSON may hold them as they are, but str.splitlines() ends lines there, and so does a dot in a browser's pattern.
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


class Pulse:
    """Says now and then on a stream that somebody is still there, so that no proxy gives it up.

    Args:
        seconds: of silence before that is said.
    """

    def __init__(self, seconds: float = PING_SECONDS) -> None:
        self._seconds = seconds
        self.spoken()

    def spoken(self) -> None:
        """Note that something was sent."""
        self._spoken = time.monotonic()

    async def until(self, changed: asyncio.Event, stopping: threading.Event) -> AsyncIterator[bytes]:
        """Yield signs of life until something has changed or the service stops."""
        while True:
            if time.monotonic() - self._spoken >= self._seconds:
                yield PING
                self.spoken()
            if changed.is_set() or stopping.is_set():
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(changed.wait(), _TICK_SECONDS)


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


def stream(request: Request, steps: Callable[[Job], Iterator[Event]], *, kind: str) -> StreamingResponse:
    """Return a response that sends events as a worker thread makes them.

    The client's leaving stops the work before its next step.

    Args:
        request: whose sender is asked for.
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
    job = ready_state(request).workers.submit(ASK, work, kind=kind, sender=sender_of(request))
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
