"""A request's body and query → a model, read within limits and parsed strictly."""

import re
from collections.abc import AsyncGenerator
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import orjson
from fastapi import Request
from pydantic import BaseModel
from starlette.requests import ClientDisconnect

from api.errors import Problem, problem_of

Model = TypeVar("Model", bound=BaseModel)
_INTEGER = re.compile(r"-?[0-9]{1,9}")


async def read_body(request: Request, model: type[Model], limit: int) -> Model:
    """Read and check a JSON body.

    Args:
        request: its body is not read yet.
        model: what it must be.
        limit: most bytes.

    Raises:
        Problem: 400 not JSON, 413 too large, 415 another format or encoding, 422 wrong fields.
    """
    if content_type(request) != "application/json":
        raise Problem(415, "send application/json in the Content-Type header and the body")
    check_encoding(request)
    try:
        facts = orjson.loads(await receive(request, limit))
    except orjson.JSONDecodeError as error:
        raise Problem(400, f"the body is not JSON: {error.msg} (line {error.lineno}, column {error.colno})") from None
    try:
        return model.model_validate(facts)
    except ValueError as error:
        raise problem_of(error) from None


async def read_optional(request: Request, model: type[Model], limit: int) -> Model:
    """Read a body as read_body() does; none at all, of whatever type, is one without fields.

    Raises:
        Problem: as read_body().
    """
    headers = request.headers
    if headers.get("content-length", "0").strip("0") == "" and "transfer-encoding" not in headers:
        return model.model_validate({})
    return await read_body(request, model, limit)


def content_type(request: Request) -> str:
    """Return what a body is said to be, without parameters, in small letters; "" where nothing is said."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def accepts(request: Request, kind: str) -> bool:
    """Return whether a client names a media type among those that it takes."""
    named = request.headers.get("accept", "").lower().split(",")
    return any(part.partition(";")[0].strip() == kind for part in named)


def check_encoding(request: Request) -> None:
    """Refuse JSON that is compressed or not in UTF-8.

    Raises:
        Problem: 415.
    """
    parameters = request.headers.get("content-type", "").partition(";")[2]
    charset = parameters.strip().lower().removeprefix("charset=").strip("\"' ")
    if charset not in ("", "utf-8", "utf8"):
        raise Problem(415, "send JSON in UTF-8")
    check_uncompressed(request)


def check_uncompressed(request: Request) -> None:
    """Refuse a compressed body: a few bytes of it could fill the memory.

    Raises:
        Problem: 415.
    """
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Problem(415, "send the body uncompressed")


def check_declared(request: Request, limit: int) -> None:
    """Refuse a body that says it is over a limit, before any of it is read.

    Raises:
        Problem: 413.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise too_large(limit)


def too_large(limit: int, what: str = "the body") -> Problem:
    """Return the 413 of a body, or a part of one, that is over its limit."""
    return Problem(413, f"{what} is over {limit:,} bytes: send less", headers={"Connection": "close"})


async def pieces(request: Request, limit: int) -> AsyncGenerator[bytes]:
    """Yield a body as it comes in.

    Raises:
        Problem: 400 cut short, 413 over the limit.
    """
    size = 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > limit:
                raise too_large(limit)
            yield part
    except ClientDisconnect:
        raise Problem(400, "the body ended before its Content-Length: nothing of it was kept, send it again") from None


def read_query(request: Request, model: type[Model], numbers: tuple[str, ...] = ()) -> Model:
    """Check a query string against a model; numbers names the fields that are integers.

    Raises:
        Problem: 400 not UTF-8, 422 wrong fields.
    """
    try:
        pairs = parse_qsl(
            request.scope["query_string"].decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=100
        )
    except ValueError:
        raise Problem(400, "the query is not UTF-8, or has too many fields") from None
    facts: dict[str, Any] = {}
    for name, value in pairs:
        facts[name] = int(value) if name in numbers and _INTEGER.fullmatch(value) else value
    try:
        return model.model_validate(facts)
    except ValueError as error:
        raise problem_of(error, place="query") from None


async def until_gone(request: Request) -> None:
    """Return once the client has closed the connection."""
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            return


async def receive(request: Request, limit: int) -> bytes:
    """Return a body as it came in.

    Raises:
        Problem: 400 cut short, 413 over the limit.
    """
    check_declared(request, limit)
    return b"".join([part async for part in pieces(request, limit)])
