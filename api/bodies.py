"""A request's body and query → a model, read within limits and parsed strictly."""

from typing import Any, TypeVar
from urllib.parse import parse_qsl

import orjson
from fastapi import Request
from pydantic import BaseModel

from api.problems import Problem, problem_of

Model = TypeVar("Model", bound=BaseModel)


async def read_body(request: Request, model: type[Model], limit: int) -> Model:
    """Read and check a JSON body.

    Args:
        request: its body is not read yet.
        model: what it must be.
        limit: most bytes.

    Raises:
        Problem: 400 not JSON, 413 too large, 415 another format or encoding, 422 wrong fields.
    """
    kind, _, parameters = request.headers.get("content-type", "").partition(";")
    if kind.strip().lower() != "application/json":
        raise Problem(415, "send application/json in the Content-Type header and the body")
    charset = parameters.strip().lower().removeprefix("charset=").strip("\"' ")
    if charset not in ("", "utf-8", "utf8"):
        raise Problem(415, "send JSON in UTF-8")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Problem(415, "send the body uncompressed")
    try:
        facts = orjson.loads(await _receive(request, limit))
    except orjson.JSONDecodeError as error:
        raise Problem(400, f"the body is not JSON: {error.msg} (line {error.lineno}, column {error.colno})") from None
    try:
        return model.model_validate(facts)
    except ValueError as error:
        raise problem_of(error) from None


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
        facts[name] = int(value) if name in numbers and value.isdecimal() and len(value) < 10 else value
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


async def _receive(request: Request, limit: int) -> bytes:
    too_large = Problem(413, f"the body is over {limit:,} bytes: send less", headers={"Connection": "close"})
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise too_large
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise too_large
        parts.append(part)
    return b"".join(parts)
