"""Problems in the shape of OpenAI's API: ``{"error": {"message", "type", "param", "code"}}``."""

import re
from collections.abc import Sequence
from typing import Any, Literal

import orjson
from fastapi import Response
from pydantic import BaseModel, Field

from api.errors import Problem

# Addresses that another API's programs call; what goes wrong there looks as that API has it.
_PATHS = re.compile(r"/v1/(chat/completions|embeddings|models(/.*)?)/?")
# Their clients know no 422: a wrong field is a bad request.
_STATUSES = {422: 400}
_CODES = {
    401: "invalid_api_key",
    403: "not_allowed",
    404: "not_found",
    413: "request_too_large",
    429: "rate_limit_exceeded",
    503: "overloaded",
}
MODEL_NOT_FOUND = "model_not_found"
TOO_LONG = "context_length_exceeded"

Kind = Literal["invalid_request_error", "authentication_error", "permission_error", "rate_limit_error", "server_error"]


class ErrorFacts(BaseModel):
    """What went wrong."""

    message: str = Field(description="what to change")
    type: Kind
    param: str | None = Field(None, description="the field at fault, such as messages[0].content")
    code: str | None = None


class ErrorOut(BaseModel):
    """An error as OpenAI's clients read it."""

    error: ErrorFacts


class Refusal(Problem):
    """A problem of which it is known which parameter is at fault.

    Args:
        status: HTTP status.
        detail: what to change.
        param: the field, None where it is none.
        code: a word that programs can tell it by; None takes that of the status.
    """

    def __init__(self, status: int, detail: str, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(status, detail)
        self.param = param
        self.code = code


def speaks_openai(path: str) -> bool:
    """Return whether errors at an address are to have OpenAI's shape."""
    return _PATHS.fullmatch(path) is not None


def error_of(problem: Problem) -> dict[str, Any]:
    """Return a problem as the JSON that OpenAI's clients read."""
    param, code, message = _param(problem), _CODES.get(problem.status), problem.body()["detail"]
    if isinstance(problem, Refusal):
        param, code = problem.param, problem.code or code
    elif param is not None:
        message = f"{param}: {problem.errors[0]['msg']}"
    facts = ErrorFacts(message=message, type=_kind(problem.status), param=param, code=code)
    return ErrorOut(error=facts).model_dump()


def response_of(problem: Problem) -> Response:
    """Return a problem as a response that OpenAI's clients read."""
    status = _STATUSES.get(problem.status, problem.status)
    return Response(orjson.dumps(error_of(problem)), status, headers=problem.headers, media_type="application/json")


def field_name(loc: Sequence[Any]) -> str:
    """Return where a field stands as OpenAI writes it: ``messages[0].content``."""
    name = ""
    for part in loc:
        name += f"[{part}]" if isinstance(part, int) else f".{part}" if name else str(part)
    return name


def _param(problem: Problem) -> str | None:
    loc = list(problem.errors[0]["loc"]) if problem.errors else []
    return field_name(loc[1:] if loc[:1] in (["body"], ["query"]) else loc) or None


def _kind(status: int) -> Kind:
    kinds: dict[int, Kind] = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
    return kinds.get(status, "server_error" if status >= 500 else "invalid_request_error")
