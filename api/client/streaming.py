"""An answer or a job that is followed event by event."""

from collections.abc import AsyncGenerator, Generator
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

import httpx2

from api.client.calls import StreamCall, record
from api.client.errors import error_of_event

T = TypeVar("T")
# Larger than any event of the service.
MAX_EVENT_BYTES = 64 * 1024 * 1024


class Stream(Generic[T]):
    """An iterator over events; the request is sent when the first is asked for.

    Leaving its ``with`` block, or ``close``, ends the connection, and with it the work at the service.
    """

    def __init__(self, events: Generator[T]) -> None:
        self._events = events

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        return next(self._events)

    def close(self) -> None:
        """End it."""
        self._events.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncStream(Generic[T]):
    """As Stream, asynchronous; end it with ``async with`` or ``aclose`` where it is not read to its end."""

    def __init__(self, events: AsyncGenerator[T]) -> None:
        self._events = events

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        return await anext(self._events)

    async def aclose(self) -> None:
        """End it."""
        await self._events.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


def read_event(call: StreamCall[T], event: httpx2.ServerSentEvent, response: httpx2.Response) -> T | None:
    """Return what an event holds, None where it is of an unknown kind.

    Raises:
        CitespanAPIError: it says that the work failed.
        UnexpectedReply: it holds something else than its name says.
    """
    if event.event == "error":
        raise error_of_event(record(event.data, dict[str, Any]), response.headers.get("x-request-id"))
    return call.event(event.event, event.data)
