"""One request as data: what is sent, how the reply is read, and whether it may be sent twice."""

import contextlib
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, TypeVar
from urllib.parse import quote

import httpx2
import msgspec

from api.client.errors import UnexpectedReply

T = TypeVar("T")
JSON = {"Content-Type": "application/json"}
Body = Callable[[contextlib.ExitStack], dict[str, Any]]


def no_body(_: contextlib.ExitStack) -> dict[str, Any]:
    """Return the arguments of a request that has no body."""
    return {}


@dataclass(frozen=True)
class Call(Generic[T]):
    """One request, apart from where it goes and how.

    Attributes:
        method: of HTTP.
        path: from the root of the service, quoted.
        read: makes the result of a reply that is no error.
        body: makes the transport's arguments that are the body, anew for each attempt; what it opens it
            puts on the stack, which is closed after the attempt.
        query: what stands after the question mark; None is left out.
        repeatable: whether sending it twice leaves what sending it once does.
        replayable: whether the body can be made twice.
    """

    method: str
    path: str
    read: Callable[[httpx2.Response], T]
    body: Body = no_body
    query: Mapping[str, str | int | None] = field(default_factory=dict)
    repeatable: bool = True
    replayable: bool = True
    accept: ClassVar[str] = "application/json"

    @contextlib.contextmanager
    def arguments(self) -> Generator[dict[str, Any]]:
        """Give the transport's arguments for one attempt."""
        with contextlib.ExitStack() as opened:
            made = self.body(opened)
            yield {
                "method": self.method,
                "params": {name: value for name, value in self.query.items() if value is not None},
                **made,
                "headers": {"Accept": self.accept, **made.get("headers", {})},
            }


@dataclass(frozen=True)
class StreamCall(Call[T]):
    """A request whose reply is a stream of events, each of which ``event`` makes a T of.

    Attributes:
        event: makes a T of an event's name and data, None of one that it does not know.
        last: names of the events after which the stream ends.
        resumes: whether a stream that was cut off goes on when it is asked for again.
    """

    event: Callable[[str, str], T | None] = lambda name, data: None
    last: tuple[str, ...] = ("done",)
    resumes: bool = False
    accept: ClassVar[str] = "text/event-stream"


def reader(kind: type[T]) -> Callable[[httpx2.Response], T]:
    """Return what makes a record of a reply; unknown fields are left out.

    Args:
        kind: a dataclass, or what else msgspec can make.
    """

    def read(response: httpx2.Response) -> T:
        return record(response.content, kind)

    return read


def record(data: bytes | str, kind: type[T]) -> T:
    """Return a record made of JSON.

    Raises:
        UnexpectedReply: it is not JSON, or not of this kind.
    """
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnexpectedReply(
            f"the reply is not what Citespan answers ({error}): is base_url the address of the service?"
        ) from error


def nothing(_: httpx2.Response) -> None:
    """Read a reply that says nothing."""


def json_body(facts: Mapping[str, Any], accept: str | None = None) -> Body:
    """Return a body of JSON, without what is None; dates become ISO 8601.

    Args:
        facts: what it says.
        accept: the media type that is wanted back, None for JSON.

    Raises:
        ValueError: a text holds a lone surrogate.
        TypeError: JSON cannot hold a value.
    """
    data = msgspec.json.encode({name: value for name, value in facts.items() if value is not None})

    def body(_: contextlib.ExitStack) -> dict[str, Any]:
        return {"content": data, "headers": JSON if accept is None else {**JSON, "Accept": accept}}

    return body


def segment(value: str) -> str:
    """Return a value as one part of a path.

    Raises:
        ValueError: it cannot be one, so nothing has it as its id or name.
    """
    if not value or value in (".", "..") or "/" in value:
        raise ValueError(
            f"{value!r} is the id or name of nothing: it is empty, or holds a slash, or is only full stops"
        )
    return quote(value, safe="")


def lines_of(articles: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    """Yield articles as NDJSON, a piece of some 64 KiB at a time.

    Raises:
        TypeError: one of them is not a mapping, or holds what JSON cannot.
    """
    held = bytearray()
    for article in articles:
        if not isinstance(article, Mapping):
            raise TypeError(f"an article of a batch is a mapping such as {{'text': ...}}, not {type(article).__name__}")
        held += msgspec.json.encode(dict(article)) + b"\n"
        if len(held) >= 65_536:
            yield bytes(held)
            held.clear()
    if held:
        yield bytes(held)
