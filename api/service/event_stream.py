"""Server-sent events as bytes, and signs of life between them."""

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator
from typing import Any

import orjson

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
