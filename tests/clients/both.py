"""Both Python clients behind one face: the asynchronous one is driven by a loop of its own."""

import asyncio
import inspect
from collections.abc import Iterator
from typing import Any, Self

from api.client import AsyncCitespan, AsyncStream, Citespan, Retries

KINDS = ["blocking", "asynchronous"]


class _Driven:
    """AsyncCitespan, waited for."""

    def __init__(self, client: AsyncCitespan, loop: asyncio.AbstractEventLoop) -> None:
        self._client = client
        self._loop = loop

    def __getattr__(self, name: str) -> Any:
        def call(*words: Any, **named: Any) -> Any:
            return self._waited(getattr(self._client, name)(*words, **named))

        return call

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.run_until_complete(self._client.aclose())
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    def _waited(self, made: Any) -> Any:
        if inspect.isawaitable(made):
            return self._loop.run_until_complete(self._when(made))
        return _DrivenStream(made, self._loop) if isinstance(made, AsyncStream) else self._each(made)

    async def _when(self, made: Any) -> Any:
        return await made

    def _each(self, made: Any) -> Iterator[Any]:
        return iter(_DrivenStream(made, self._loop))


class _DrivenStream:
    def __init__(self, stream: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._stream = stream
        self._loop = loop

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        try:
            return self._loop.run_until_complete(anext(self._stream))
        except StopAsyncIteration:
            raise StopIteration from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._loop.run_until_complete(self._stream.aclose())


def opened(
    kind: str, url: str, *, slept: list[float] | None = None, retries: Retries | None = None, **more: Any
) -> Any:
    """A client of either kind.

    Args:
        kind: of KINDS.
        url: of the service.
        slept: where pauses are written down instead of being waited for; None waits.
        retries: of the client.
        more: further arguments of the client.
    """
    if kind == "blocking":
        sleeping = {} if slept is None else {"sleep": slept.append}
        return Citespan(url, retries=retries, **sleeping, **more)

    async def note(seconds: float) -> None:
        assert slept is not None
        slept.append(seconds)

    sleeping = {} if slept is None else {"sleep": note}
    return _Driven(AsyncCitespan(url, retries=retries, **sleeping, **more), asyncio.new_event_loop())
