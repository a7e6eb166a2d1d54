"""POST and GET /v1/ask, POST /v1/ask/stream."""

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import Field

from api.auth.callers import Scope
from api.http.openapi import body_of, query_of, stream_of
from api.http.request_body import accepts, read_body, read_query
from api.http.request_context import ask_context, needs, ready_state
from api.http.streaming import stream
from api.schemas.requests import AskIn, Strict
from api.schemas.responses import AskOut, RetrievedOut, UnderstoodOut
from api.service.ask import answer_events, answer_steps, kind_of
from api.service.ask import ask as ask_service
from api.service.export import MEDIA_TYPES, Entry, Format, Style, exported

router = APIRouter(tags=["ask"], dependencies=[needs(Scope.ASK)])


_FILES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "the answer; with an Accept header that names them, as Markdown or CSV with citations",
        "content": {"text/markdown": {"schema": {"type": "string"}}, "text/csv": {"schema": {"type": "string"}}},
    }
}


class StyleQuery(Strict):
    """How citations are written, where an answer is wanted as a file."""

    style: Style = Field("chicago", description="of the citations, for Markdown and CSV")


class AskQuery(AskIn, StyleQuery):
    """A question in an address."""


@router.post(
    "/v1/ask",
    response_model=AskOut,
    openapi_extra=body_of(AskIn) | query_of(StyleQuery),
    operation_id="ask",
    responses=_FILES,
)
async def ask(request: Request) -> Any:
    """Answer a question from the articles, verbatim, with evidence."""
    asked = await read_body(request, AskIn, ready_state(request).settings.ask_body_bytes)
    form = _form_of(request)
    style = read_query(request, StyleQuery).style if form else "chicago"
    reply = AskOut.from_answer(await ask_service(ask_context(request), asked), passages="passages" in asked.include)
    return reply if form is None else _file(reply, form, style)


@router.get(
    "/v1/ask", response_model=AskOut, openapi_extra=query_of(AskQuery), operation_id="ask_get", responses=_FILES
)
async def ask_get(request: Request) -> Any:
    """Answer a question given in the address."""
    asked = read_query(request, AskQuery, ("limit", "passages"))
    form = _form_of(request)
    reply = AskOut.from_answer(await ask_service(ask_context(request), asked))
    return reply if form is None else _file(reply, form, asked.style)


@router.post(
    "/v1/ask/stream",
    openapi_extra=body_of(AskIn),
    operation_id="ask_stream",
    **stream_of(
        "retrieved, answer ..., with history understood, answer, done or error",
        {"retrieved": RetrievedOut, "answer": AskOut, "understood": UnderstoodOut, "done": AskOut},
        failing=True,
    ),
)
async def ask_stream(request: Request) -> Response:
    """Answer a question step by step: events retrieved, answer (again when it changes), done or error."""
    context = ask_context(request)
    asked = await read_body(request, AskIn, context.state.settings.ask_body_bytes)
    steps = answer_steps(context, asked)
    return stream(context, answer_events(steps, passages="passages" in asked.include), kind=kind_of(asked))


def _form_of(request: Request) -> Format | None:
    """Return the kind of file that is wanted instead of JSON, None for JSON."""
    return next((form for form in ("markdown", "csv") if accepts(request, MEDIA_TYPES[form])), None)


def _file(reply: AskOut, form: Format, style: Style) -> Response:
    today = datetime.now(UTC).date()
    text = exported([Entry(reply.question, reply)], form, style=style, today=today)
    return Response(text, media_type=f"{MEDIA_TYPES[form]}; charset=utf-8")
