"""The protocol over HTTP: one exchange a request, without sessions, loaded when somebody first asks for it."""

import asyncio
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool

from api.errors import busy
from api.service.context import State

if TYPE_CHECKING:
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

    from api.mcp.calls import ContextOf


class Exchange:
    """What answers the protocol's messages.

    The library that speaks it takes 25 MiB and 0.3 s: a service that no assistant uses does without.  Nothing is kept
    between two requests, so nothing can leak; a client that leaves ends its request.

    Args:
        state: of the service.
        context_of: says who sent a request.
    """

    def __init__(self, state: State, context_of: "ContextOf") -> None:
        self._state = state
        self._context_of = context_of
        self._settled = asyncio.Event()
        self._stop = asyncio.Event()
        self._manager: StreamableHTTPSessionManager | None = None
        self._task: asyncio.Task[None] | None = None

    async def manager(self) -> "StreamableHTTPSessionManager":
        """Return what handles a request, started.

        Raises:
            Problem: 503, the service is stopping.
        """
        if self._task is None:
            self._task = asyncio.create_task(self._hold())
        await self._settled.wait()
        if self._manager is None:
            await self._task  # raises what kept it from starting
            raise busy(5, "the service is stopping")
        return self._manager

    async def close(self) -> None:
        """End what was started; requests that are still being answered are cut off."""
        self._stop.set()
        if self._task is not None:
            await asyncio.wait([self._task])

    async def _hold(self) -> None:
        # Its tasks must be ended by the task that began them, which no request is.
        try:
            manager = await run_in_threadpool(self._make)
            async with manager.run():
                self._manager = manager
                self._settled.set()
                await self._stop.wait()
        finally:
            self._manager = None
            self._settled.set()

    def _make(self) -> "StreamableHTTPSessionManager":
        from mcp.server.transport_security import TransportSecuritySettings

        from api.mcp.server import tool_server

        settings = self._state.settings
        # The gate has checked host and origin already, exactly; this holds should the gate ever be put elsewhere.
        hosts = [form for name in sorted(settings.hosts) for form in (name, f"{name}:*")]
        server = tool_server(self._state, self._context_of)
        server.streamable_http_app(
            json_response=True,
            stateless_http=True,
            max_request_body_size=max(settings.ask_body_bytes, settings.article_body_bytes),
            transport_security=TransportSecuritySettings(
                enable_dns_rebinding_protection=True,
                allowed_hosts=hosts,
            ),
        )
        return server.session_manager
