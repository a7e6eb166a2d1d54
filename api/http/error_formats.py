"""Which shape an error has: that of the API whose address was called."""

from fastapi import Response

from api.errors import Problem
from api.openai import errors as openai


def error_response(problem: Problem, path: str) -> Response:
    """Return a problem as a response: problem+json, or as another API has it on the addresses that imitate it.

    Args:
        problem: what went wrong.
        path: of the request.
    """
    return openai.response_of(problem) if openai.speaks_openai(path) else problem.response()
