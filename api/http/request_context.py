"""What an HTTP request stands for: who sent it, which service it is for, and whether anybody still waits."""

from collections.abc import Callable
from typing import Any

from fastapi import Depends, Request

from api.auth.callers import ANYBODY, Caller, Scope
from api.errors import Problem
from api.http.request_body import until_gone
from api.service.ask import AskContext
from api.service.context import State
from index import Collection


def caller_of(request: Request) -> Caller:
    """Return who sent a request."""
    caller: Caller = getattr(request.state, "caller", ANYBODY)
    return caller


class Scoped:
    """The dependency of a route that is for callers with a scope.

    Args:
        scope: what they must be allowed to do.
    """

    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    async def __call__(self, request: Request) -> None:
        """Refuse callers who may not.

        Raises:
            Problem: 403.
        """
        if not caller_of(request).may(self.scope):
            raise Problem(403, f"this key does not allow it: the scope {self.scope.value} is wanted")


def needs(scope: Scope) -> Any:
    """Return the dependency of a route that is for callers with a scope.

    Args:
        scope: what they must be allowed to do.
    """
    return Depends(Scoped(scope))


def sender_of(request: Request) -> str | None:
    """Return who sent a request: a key's id or an address; None for this machine without a key."""
    sender: str | None = getattr(request.state, "sender", None)
    return sender


def take_place(request: Request) -> None:
    """Count a request among its sender's questions under way, until it ends; called before the workers are.

    Raises:
        Problem: 429, its sender has as many under way as it may.
    """
    take: Callable[[], None] | None = getattr(getattr(request.state, "place", None), "take", None)
    if take is not None:
        take()


def state_of(request: Request) -> State:
    """Return the state of the application that serves a request."""
    state: State = request.app.state.citespan
    return state


def ready_state(request: Request) -> State:
    """Return the state of an application that takes questions.

    Raises:
        Problem: 503, it is starting or stopping.
    """
    state = state_of(request)
    problem = state.unready()
    if problem is not None:
        raise problem
    return state


def collection_of(request: Request, name: str) -> Collection:
    """Return a collection that the sender of a request may use.

    Raises:
        Problem: 403, not theirs.
        CollectionNotFound: no such collection.
    """
    caller_of(request).check_collection(name)
    return state_of(request).qa.library.collection(name)


def ask_context(request: Request, *, ready: bool = True) -> AskContext:
    """Return who asks by a request, for what does the work.

    Args:
        request: which.
        ready: whether the service must take questions now.

    Raises:
        Problem: 503, the service is starting or stopping.
    """
    return AskContext(
        ready_state(request) if ready else state_of(request),
        caller_of(request),
        request.state.request_id,
        sender_of(request),
        lambda: take_place(request),
        lambda: until_gone(request),
    )


def note(request: Request, collection: str | None = None, **known: Any) -> None:
    """Say what a request is about, for its line.

    Args:
        request: which changes something.
        collection: where.
        **known: ids of what is changed.
    """
    about: dict[str, Any] = request.scope["state"].setdefault("audit", {})
    about |= {"collection": collection, **known} if collection is not None else known
