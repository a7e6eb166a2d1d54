"""One call of a tool: who calls, until when, and the workers that it is done by."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from mcp.server.mcpserver import Context
from starlette.requests import Request

from api.auth.callers import ANYBODY, Caller, Scope, caller_of, sender_of, take_place
from api.concurrency.worker_pool import SEARCH, Job
from api.errors import Problem
from api.http.request_body import until_gone
from api.service.context import State
from index import Collection


@dataclass(frozen=True)
class Call:
    """A call that may go on.

    Attributes:
        state: of the service.
        request: that it came in; over pipes one that stands for the process that started this one.
        gone: returns once nobody waits for the reply.
    """

    state: State
    request: Request
    gone: Callable[[], Awaitable[Any]]

    @property
    def caller(self) -> Caller:
        """Whoever calls."""
        return caller_of(self.request)

    async def run(self, priority: int, work: Callable[[Job], Any], kind: str | None = None) -> Any:
        """Do work in its lane, as every entrance does.

        Args:
            priority: see Workers.run().
            work: see Workers.run().
            kind: see Workers.run().

        Raises:
            Problem: 429, the caller has as many questions under way as it may; 503, full or out of time; and whatever
                the work raises.
            Cancelled: the client has gone.
        """
        if priority == SEARCH:
            take_place(self.request)
        sender = sender_of(self.request)
        return await self.state.workers.run(priority, work, gone=self.gone, kind=kind, sender=sender)

    def collection(self, name: str, *, create: bool = False) -> Collection:
        """Return a collection that the caller may use.

        Raises:
            Problem: 403, not theirs.
            CollectionNotFound: there is none and create is False.
            QueryError: a name that no collection can have.
        """
        self.caller.check_collection(name)
        return self.state.qa.library.collection(name, create=create)


class Calls:
    """Begins calls.

    Args:
        state: of the service.
        settled: returns once models have loaded, or cannot be; None refuses calls until then, as HTTP does.
    """

    def __init__(self, state: State, settled: Callable[[], Awaitable[None]] | None = None) -> None:
        self.state = state
        self._settled = settled

    async def begin(self, context: Context[Any, Any], scope: Scope = Scope.ASK, *, ready: bool = True) -> Call:
        """Return the call that a tool was handed.

        Args:
            context: of the tool.
            scope: what the caller must be allowed to do.
            ready: whether the models are needed.

        Raises:
            Problem: 403 not allowed, 503 starting or stopping.
        """
        request = context.request_context.request
        call = Call(self.state, request, lambda: until_gone(request)) if isinstance(request, Request) else self._piped()
        if not call.caller.may(scope):
            raise Problem(403, f"this key does not allow it: the scope {scope.value} is wanted")
        if ready:
            if self._settled is not None:
                await self._settled()
            problem = self.state.unready()
            if problem is not None:
                raise problem
        return call

    def _piped(self) -> Call:
        application = SimpleNamespace(state=SimpleNamespace(citespan=self.state))
        facts = {"caller": ANYBODY, "request_id": secrets.token_hex(8)}
        request = Request({"type": "http", "headers": [], "app": application, "state": facts})
        # A pipe tells of no client that leaves: the protocol cancels the call's task instead.
        return Call(self.state, request, lambda: asyncio.Event().wait())


def caller_from(request: object) -> Caller:
    """Return who sent a request; over pipes there is none, and whoever started the process may do all."""
    return caller_of(request) if isinstance(request, Request) else ANYBODY
