"""One call of a tool: who calls, until when, and the workers that it is done by."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from mcp.server.mcpserver import Context

from api.auth.callers import ANYBODY, Caller, Scope
from api.concurrency.worker_pool import SEARCH, Job
from api.errors import Problem
from api.service.ask import AskContext
from api.service.context import State
from index import Collection

# What a message of the SDK came in, None over pipes, → who asks.
ContextOf = Callable[[Any], AskContext]


def pipe_context(state: State) -> ContextOf:
    """Return what says who asks over pipes: the process that started this one, which may do all.

    Args:
        state: of the service.
    """

    def context_of(_: Any) -> AskContext:
        # A pipe tells of no client that leaves: the protocol cancels the call's task instead.
        return AskContext(state, ANYBODY, secrets.token_hex(8), None, lambda: None, lambda: asyncio.Event().wait())

    return context_of


@dataclass(frozen=True)
class Call:
    """A call that may go on.

    Attributes:
        context: who calls.
    """

    context: AskContext

    @property
    def state(self) -> State:
        """The service's."""
        return self.context.state

    @property
    def caller(self) -> Caller:
        """Who calls."""
        return self.context.caller

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
            self.context.take_slot()
        context = self.context
        return await context.state.workers.run(
            priority, work, gone=context.disconnected, kind=kind, sender=context.sender
        )

    def audited(self, action: str, collection: str, article_id: str | None) -> AbstractContextManager[dict[str, Any]]:
        """Write to the audit log what becomes of a block; see Audit.of().

        Args:
            action: what is done.
            collection: where.
            article_id: to which article.
        """
        context = self.context
        return context.state.audit.of(
            context.caller, context.request_id, action, collection=collection, article_id=article_id
        )

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
        context_of: says who asks.
        settled: returns once models have loaded, or cannot be; None refuses calls until then, as HTTP does.
    """

    def __init__(
        self, state: State, context_of: ContextOf, settled: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        self.state = state
        self._context_of = context_of
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
        call = Call(self._context_of(context.request_context.request))
        if not call.caller.may(scope):
            raise Problem(403, f"this key does not allow it: the scope {scope.value} is wanted")
        if ready:
            if self._settled is not None:
                await self._settled()
            problem = self.state.unready()
            if problem is not None:
                raise problem
        return call
