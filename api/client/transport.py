"""How both clients send: connections, attempts, streams, and listings page by page."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Iterable, Iterator
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

import httpx2

from api.client.calls import Call, StreamCall
from api.client.connection import DEFAULT_URL, Address
from api.client.errors import ClientError, ConnectionFailed, error_of, failure_of
from api.client.retries import Attempts, Retries
from api.client.streaming import MAX_EVENT_BYTES, read_event

T = TypeVar("T")


class Page(Protocol):
    """One page of a listing."""

    @property
    def next_cursor(self) -> str | None:
        """What the next page is asked for with, None after the last one."""


P = TypeVar("P", bound=Page)


class _Sending:
    """What both ways of sending know and do."""

    _http: Any

    def __init__(
        self, base_url: str, api_key: str | None, timeout: float, retries: Retries | None, http_client: object | None
    ) -> None:
        self._address = Address(base_url, api_key)
        self._retries = retries or Retries()
        self._owned = http_client is None
        self._timeout = timeout

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._address.base!r})"

    def _open(self, call: StreamCall[Any], arguments: dict[str, Any]) -> Any:
        return self._http.sse(
            **self._address.complete(call.path, arguments),
            timeout=self._timeout,
            follow_redirects=False,
            max_event_size=MAX_EVENT_BYTES,
        )


class Sender(_Sending):
    """Sends calls and waits; what its arguments are, Citespan says."""

    _http: httpx2.Client

    def __init__(
        self,
        base_url: str = DEFAULT_URL,
        *,
        api_key: str | None = None,
        timeout: float = 60.0,
        retries: Retries | None = None,
        http_client: httpx2.Client | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__(base_url, api_key, timeout, retries, http_client)
        self._http = http_client or httpx2.Client()
        self._sleep = sleep

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        if self._owned:
            self._http.close()

    def _send(self, call: Call[T]) -> T:
        attempts = Attempts(self._retries, call)
        while True:
            failure: ClientError
            try:
                with call.arguments() as arguments:
                    response = self._http.request(
                        **self._address.complete(call.path, arguments), timeout=self._timeout, follow_redirects=False
                    )
            except httpx2.RequestError as error:
                failure = failure_of(error)
                failure.__cause__ = error
            else:
                if response.is_success:
                    return call.read(response)
                failure = error_of(response)
                if attempts.settles(failure):
                    return call.read(response)
            self._sleep(attempts.pause(failure))

    def _pages(self, page: Callable[[str | None], Call[P]], entries: Callable[[P], Iterable[T]]) -> Iterator[T]:
        cursor: str | None = None
        while True:
            found = self._send(page(cursor))
            yield from entries(found)
            cursor = found.next_cursor
            if cursor is None:
                return

    def _events(self, call: StreamCall[T]) -> Generator[T]:
        attempts = Attempts(self._retries, call)
        begun = False
        while True:
            failure: ClientError
            try:
                with call.arguments() as arguments, self._open(call, arguments) as source:
                    if not source.response.is_success:
                        source.response.read()
                        raise error_of(source.response)
                    for event in source:
                        found: T | None = read_event(call, event, source.response)
                        if found is not None:
                            yield found
                            begun, attempts = True, Attempts(self._retries, call)
                        if event.event in call.last:
                            return
                raise ConnectionFailed("the stream ended before its last event")
            except httpx2.RequestError as error:
                failure = failure_of(error)
                failure.__cause__ = error
            except ClientError as error:
                failure = error
            if begun and not call.resumes:
                raise failure
            self._sleep(attempts.pause(failure))


class AsyncSender(_Sending):
    """Sends calls asynchronously; what its arguments are, AsyncCitespan says."""

    _http: httpx2.AsyncClient

    def __init__(
        self,
        base_url: str = DEFAULT_URL,
        *,
        api_key: str | None = None,
        timeout: float = 60.0,
        retries: Retries | None = None,
        http_client: httpx2.AsyncClient | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        super().__init__(base_url, api_key, timeout, retries, http_client)
        self._http = http_client or httpx2.AsyncClient()
        self._sleep = sleep

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        if self._owned:
            await self._http.aclose()

    async def _send(self, call: Call[T]) -> T:
        attempts = Attempts(self._retries, call)
        while True:
            failure: ClientError
            try:
                with call.arguments() as arguments:
                    response = await self._http.request(
                        **self._address.complete(call.path, _streamed(arguments)),
                        timeout=self._timeout,
                        follow_redirects=False,
                    )
            except httpx2.RequestError as error:
                failure = failure_of(error)
                failure.__cause__ = error
            else:
                if response.is_success:
                    return call.read(response)
                failure = error_of(response)
                if attempts.settles(failure):
                    return call.read(response)
            await self._sleep(attempts.pause(failure))

    async def _pages(
        self, page: Callable[[str | None], Call[P]], entries: Callable[[P], Iterable[T]]
    ) -> AsyncIterator[T]:
        cursor: str | None = None
        while True:
            found = await self._send(page(cursor))
            for entry in entries(found):
                yield entry
            cursor = found.next_cursor
            if cursor is None:
                return

    async def _events(self, call: StreamCall[T]) -> AsyncGenerator[T]:
        attempts = Attempts(self._retries, call)
        begun = False
        while True:
            failure: ClientError
            try:
                with call.arguments() as arguments:
                    async with self._open(call, arguments) as source:
                        if not source.response.is_success:
                            await source.response.aread()
                            raise error_of(source.response)
                        async for event in source:
                            found: T | None = read_event(call, event, source.response)
                            if found is not None:
                                yield found
                                begun, attempts = True, Attempts(self._retries, call)
                            if event.event in call.last:
                                return
                raise ConnectionFailed("the stream ended before its last event")
            except httpx2.RequestError as error:
                failure = failure_of(error)
                failure.__cause__ = error
            except ClientError as error:
                failure = error
            if begun and not call.resumes:
                raise failure
            await self._sleep(attempts.pause(failure))


def _streamed(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments with a body that is made piece by piece as the asynchronous transport wants it."""
    content = arguments.get("content")
    if content is None or isinstance(content, bytes):
        return arguments

    async def pieces(made: Iterable[bytes] = content) -> AsyncGenerator[bytes]:
        for piece in made:
            yield piece

    return {**arguments, "content": pieces()}
