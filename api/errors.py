"""Errors → application/problem+json (RFC 9457).  One shape, whatever went wrong.

An error that nobody expected becomes a 500 without its text: the log has it, under the request id.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from index import (
    CitespanError,
    CommitUncertain,
    InputError,
    JobNotFound,
    LibraryError,
    ModelError,
    NotFound,
    QueryError,
    RecordNotFound,
    StorageError,
    TooLarge,
    TooManyCollections,
    TooManyRecords,
    UnsupportedFormat,
)

TYPE_BASE = "https://github.com/citespan/citespan/blob/main/docs/errors.md#"
_TITLES = {
    400: "malformed request",
    401: "key missing",
    403: "not allowed",
    404: "not found",
    405: "method not allowed",
    408: "too slow",
    409: "conflict",
    413: "too large",
    414: "address too long",
    415: "unknown format",
    422: "field missing or out of range",
    429: "too many requests",
    431: "headers too large",
    500: "internal error",
    503: "not available now",
    507: "disk full",
}
_MAX_ERRORS = 10
# Where pydantic's words are about its own affairs.
_WORDS = {
    "extra_forbidden": "unknown field",
    "model_type": "Input should be a JSON object",
    "model_attributes_type": "Input should be a JSON object",
    "dict_type": "Input should be a JSON object",
}
_log = structlog.get_logger("citespan")


class Problem(Exception):
    """A reply that is an error.

    Args:
        status: HTTP status.
        detail: what to change.
        errors: for a rejected body, ``{"loc": [...], "msg": ...}`` each.
        headers: further headers.
        reason: why it was refused for now, one of REFUSALS of api.observability.metrics; None for what is counted
            elsewhere or not.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        errors: Sequence[Mapping[str, Any]] = (),
        headers: Mapping[str, str] | None = None,
        reason: str | None = None,
    ) -> None:
        super().__init__(detail)
        self.reason = reason
        self.status = status
        self.detail = detail
        self.errors = errors
        self.headers = dict(headers or {})

    def body(self) -> dict[str, Any]:
        """Return the problem as JSON will have it."""
        title = _TITLES.get(self.status, "error")
        facts: dict[str, Any] = {
            "type": TYPE_BASE + title.replace(" ", "-"),
            "title": title,
            "status": self.status,
            "detail": self.detail[:1_000],
        }
        if self.errors:
            facts["errors"] = [dict(error) for error in self.errors[:_MAX_ERRORS]]
        return facts

    def response(self) -> Response:
        """Return the problem as a response."""
        return Response(
            orjson.dumps(self.body()), self.status, headers=self.headers, media_type="application/problem+json"
        )


def busy(seconds: float, detail: str, reason: str | None = None) -> Problem:
    """Return a 503 that says when to come again.

    Args:
        seconds: until then; 1 to 30 are said.
        detail: what to change.
        reason: see Problem.
    """
    return Problem(503, detail, headers={"Retry-After": str(max(1, min(30, math.ceil(seconds))))}, reason=reason)


def problem_of(error: Exception, *, place: str = "body") -> Problem:
    """Return the problem that stands for an error.

    Args:
        error: any exception.
        place: where a bad field stood: ``body`` or ``query``.
    """
    if isinstance(error, Problem):
        return error
    if isinstance(error, ValidationError | RequestValidationError):
        return _invalid(error.errors(), place)
    if isinstance(error, HTTPException):
        return _http(error)
    if isinstance(error, TooLarge):
        return Problem(413, str(error))
    if isinstance(error, TooManyCollections):
        return Problem(409, "there are as many collections as there may be: use or remove one of them")
    if isinstance(error, TooManyRecords):
        return Problem(409, str(error))
    if isinstance(error, QueryError) and error.field == "cursor":
        return Problem(400, str(error))
    if isinstance(error, InputError):
        # A page that cannot be parsed came in the right format: its field is at fault.
        field = error.field or ("html" if isinstance(error, UnsupportedFormat) else "")
        loc = [place, *([field] if field else [])]
        return Problem(422, str(error), errors=[{"loc": loc, "msg": str(error)}])
    if isinstance(error, JobNotFound):
        return Problem(404, "no such job, or it ended long ago: list them at /v1/jobs")
    if isinstance(error, RecordNotFound):
        return Problem(404, "there is nothing with that id: it is mistyped, or was removed")
    if isinstance(error, NotFound):
        return Problem(404, "no such article or collection: list them at /v1/articles and /v1/collections")
    if isinstance(error, CommitUncertain):
        _log.error("library", error=str(error))
        return Problem(500, str(error))  # no 503: programs send those again without looking
    if isinstance(error, StorageError) and error.disk_full:
        return Problem(507, str(error))
    if isinstance(error, LibraryError):
        _log.error("library", error=str(error))
        return busy(5, "the library cannot be used at the moment: the service's log says why")
    if isinstance(error, ModelError):
        _log.error("model", error=str(error))
        return busy(30, "a model cannot be loaded: the service's log says why")
    return Problem(500, "something went wrong here: the service's log has it under the request id of this reply")


def install(app: FastAPI, shape: Callable[[Problem, str], Response]) -> None:
    """Make an application answer every error as a problem.

    Args:
        app: the application.
        shape: makes the response of a problem at a path.
    """

    async def answer(request: Request, error: Exception) -> Response:
        problem = problem_of(error)
        if problem.status == 405:
            # Each route knows its own method only: an address may have several.
            problem.headers["Allow"] = ", ".join(allowed_methods(request))
            if request.method == "OPTIONS":
                return Response(status_code=204, headers=problem.headers)
        if problem.status == 500:
            _log.error("unexpected", kind=type(error).__name__, exc_info=error)
        if problem.reason is not None:
            request.app.state.citespan.metrics.refused(problem.reason)
        return shape(problem, request.scope["path"])

    for kind in (Problem, CitespanError, RequestValidationError, HTTPException, ValidationError):
        app.add_exception_handler(kind, answer)


def allowed_methods(request: Request) -> list[str]:
    """Return the methods that an address takes, as an Allow header names them (RFC 9110, section 10.2.1)."""
    routes = request.app.routes
    takes = [
        method
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE")
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in routes)
    ]
    return [*takes, *(["HEAD"] if "GET" in takes else []), "OPTIONS"]


def _http(error: HTTPException) -> Problem:
    details = {
        404: "there is nothing at this address: see /docs",
        405: "this address does not take this method: the Allow header says which it takes",
    }
    detail = details.get(error.status_code, "the request cannot be served as it is: see /docs")
    return Problem(error.status_code, detail, headers=error.headers)


def _invalid(found: Sequence[Any], place: str) -> Problem:
    errors = []
    for one in found[:_MAX_ERRORS]:
        loc = [str(part)[:100] if isinstance(part, str) else part for part in one["loc"]]
        message = _WORDS.get(one["type"]) or str(one["msg"])[:200]
        errors.append({"loc": [place, *loc[:6]] if loc[:1] != [place] else loc[:6], "msg": message})
    first = errors[0]
    where = ".".join(str(part) for part in first["loc"])
    return Problem(422, f"{where}: {first['msg']}", errors=errors)
