"""Who may do what: the caller of a request, and what each route wants of them."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from fastapi import Depends, Request

from api.problems import Problem


class Scope(StrEnum):
    """What a key allows; each allows what the ones before it do."""

    ASK = "ask"
    WRITE = "write"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever sent a request.

    Attributes:
        name: of the key, None where none is wanted.
        scope: what they may do.
        collections: those that they may use, None for all.
    """

    name: str | None
    scope: Scope
    collections: frozenset[str] | None = None

    def may(self, scope: Scope) -> bool:
        """Return whether they may do what a route is for."""
        order = list(Scope)
        return order.index(self.scope) >= order.index(scope)

    def sees(self, collection: str) -> bool:
        """Return whether they may use a collection."""
        return self.collections is None or collection in self.collections

    def check_collection(self, collection: str) -> None:
        """Refuse a collection that they may not use.

        Raises:
            Problem: 403.
        """
        if not self.sees(collection):
            raise Problem(403, "this key is not for that collection: use one that is, or another collection")


ANYBODY = Caller(None, Scope.ADMIN)


def caller_of(request: Request) -> Caller:
    """Return who sent a request."""
    caller: Caller = getattr(request.state, "caller", ANYBODY)
    return caller


def needs(scope: Scope) -> Any:
    """Return the dependency of a route that is for callers with a scope.

    Args:
        scope: what they must be allowed to do.
    """

    def check(request: Request) -> None:
        if not caller_of(request).may(scope):
            raise Problem(403, f"this key does not allow it: the scope {scope.value} is wanted")

    return Depends(check)
