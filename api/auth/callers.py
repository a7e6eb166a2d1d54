"""Who may do what: the caller of a request, and what each route wants of them."""

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum

from api.errors import Problem


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
        scope: what they may do; None for nothing that a route wants a scope for.
        collections: those that they may use, None for all.
        public: whether everyone who opens a page has the key: what is remembered under its name is nobody's own.
        key: id of the key, None where none is wanted.
    """

    name: str | None
    scope: Scope | None
    collections: frozenset[str] | None = None
    public: bool = False
    key: str | None = None

    def may(self, scope: Scope) -> bool:
        """Return whether they may do what a route is for."""
        order = list(Scope)
        return self.scope is not None and order.index(self.scope) >= order.index(scope)

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

    def check_own(self) -> None:
        """Refuse whoever has a key that everyone has: what is listed under its name is other people's.

        Raises:
            Problem: 403.
        """
        if self.public:
            raise Problem(403, "everyone who opens the page has this key, so nothing of what others asked is listed")

    def check_all_collections(self) -> None:
        """Refuse whoever may not use every collection.

        Raises:
            Problem: 403.
        """
        if self.collections is not None:
            raise Problem(403, "this key is for some collections only, and this tells of all: use one for all")


ANYBODY = Caller(None, Scope.ADMIN)
"""The caller of every request while no key is wanted."""
NOBODY = Caller(None, None, frozenset())
"""The caller of a request to what is open to everyone: it may do nothing else."""


class Place:
    """A request's place among the questions that its sender has under way; held until the request ends.

    Args:
        taken: how many places each sender holds, shared by all requests.
        sender: whose it is, None for one who may have any number.
        most: places a sender may hold at a time, 0 for any number.
    """

    def __init__(self, taken: Counter[str], sender: str | None, most: int) -> None:
        self._taken = taken
        self._sender = sender if most else None
        self._most = most
        self._held = False

    def take(self) -> None:
        """Take the place, once however often it is called; called in the event loop only.

        Raises:
            Problem: 429, the sender holds as many as it may.
        """
        if self._held or self._sender is None:
            return
        self.check()
        self._taken[self._sender] += 1
        self._held = True

    def check(self) -> None:
        """Refuse a question that its sender has no place for; called in the event loop only.

        Raises:
            Problem: 429, the sender holds as many as it may.
        """
        if not self._held and self._sender is not None and self._taken[self._sender] >= self._most:
            detail = f"{self._most} questions at a time are answered for one key or address: wait for one of yours"
            raise Problem(429, detail, headers={"Retry-After": "1"}, reason="asks")

    def leave(self) -> None:
        """Give the place back, if it was taken."""
        if self._held and self._sender is not None:
            self._held = False
            self._taken[self._sender] -= 1
            if not self._taken[self._sender]:
                del self._taken[self._sender]
