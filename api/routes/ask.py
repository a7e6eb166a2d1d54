"""POST and GET /v1/ask, POST /v1/ask/stream."""

from typing import Any

from fastapi import APIRouter, Request, Response

from api.access import Scope, needs
from api.asking import answered, events_of, steps_of
from api.bodies import read_body, read_query
from api.openapi import body_of, query_of
from api.replies import AskOut
from api.requests import AskIn
from api.state import ready_state
from api.streaming import stream

router = APIRouter(tags=["ask"], dependencies=[needs(Scope.ASK)])


@router.post("/v1/ask", response_model=AskOut, openapi_extra=body_of(AskIn), operation_id="ask")
async def ask(request: Request) -> Any:
    """Answer a question from the articles, verbatim, with evidence."""
    asked = await read_body(request, AskIn, ready_state(request).settings.ask_body_bytes)
    return AskOut.from_answer(await answered(request, asked), passages="passages" in asked.include)


@router.get("/v1/ask", response_model=AskOut, openapi_extra=query_of(AskIn), operation_id="ask_get")
async def ask_get(request: Request) -> Any:
    """Answer a question given in the address."""
    return AskOut.from_answer(await answered(request, read_query(request, AskIn, ("limit", "passages"))))


@router.post(
    "/v1/ask/stream",
    openapi_extra=body_of(AskIn),
    operation_id="ask_stream",
    responses={200: {"content": {"text/event-stream": {}}, "description": "retrieved, answer ..., done or error"}},
)
async def ask_stream(request: Request) -> Response:
    """Answer a question step by step: events retrieved, answer (again when it changes), done or error."""
    state = ready_state(request)
    asked = await read_body(request, AskIn, state.settings.ask_body_bytes)
    steps = steps_of(request, state, asked)
    return stream(state.workers, events_of(steps, passages="passages" in asked.include))
