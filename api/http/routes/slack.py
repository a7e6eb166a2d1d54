"""POST /v1/integrations/slack: a question from Slack's slash command."""

import asyncio
import time
from dataclasses import replace
from typing import Any

import orjson
import structlog
from fastapi import APIRouter, Request, Response

from api.auth.callers import Caller, Scope
from api.errors import Problem, problem_of
from api.http.openapi import form_of
from api.http.request_body import check_uncompressed, content_type, receive
from api.http.request_context import ask_context, state_of
from api.schemas.requests import AskIn
from api.service.ask import ask
from api.service.context import State
from api.slack import Command, CommandIn, Slack, answer_message, help_message, is_probe, note, read_command, read_fields
from index import CollectionNotFound
from qa import MAX_QUESTION_CHARACTERS

# A message of Slack's is read on a phone.
_ANSWERS = 3
# No scope is wanted here: Slack's signature stands for a key, and says which collection may be asked.
router = APIRouter(tags=["integrations"])
_log = structlog.get_logger("citespan")


@router.post(
    "/v1/integrations/slack",
    openapi_extra=form_of(CommandIn),
    operation_id="slack_command",
    response_class=Response,
    responses={
        200: {"content": {"application/json": {"schema": {"type": "object"}}}, "description": "a message for Slack"}
    },
)
async def slack_command(request: Request) -> Response:
    """Answer a slash command of Slack's: at once where the answer is there in time, else at its response_url.

    What goes wrong with a question is told to whoever asked, with status 200: for any other status Slack shows them
    nothing but that status.
    """
    state = state_of(request)
    slack: Slack | None = request.app.state.slack
    if slack is None:
        raise Problem(404, "Slack is not connected: CITESPAN_SLACK_SIGNING_SECRET does that")
    body = await _body(request, state)
    fields = read_fields(body)
    if is_probe(fields):
        return Response()
    slack.signatures.take(
        _values(request, b"x-slack-request-timestamp"), _values(request, b"x-slack-signature"), body, now=time.time()
    )
    command = read_command(fields)
    if not slack.deliveries.permits(command.response_url):
        message = "answers are sent to Slack only: CITESPAN_SLACK_ORIGINS says where that is"
        raise Problem(422, message, errors=[{"loc": ["body", "response_url"], "msg": message}])
    return _reply(await _answered_in_time(request, state, slack, command))


async def _body(request: Request, state: State) -> bytes:
    if content_type(request) != "application/x-www-form-urlencoded":
        raise Problem(415, "send what Slack sends: application/x-www-form-urlencoded")
    check_uncompressed(request)
    return await receive(request, state.settings.ask_body_bytes)


def _values(request: Request, header: bytes) -> list[bytes]:
    return [value for name, value in request.headers.raw if name == header]


def _reply(message: dict[str, Any]) -> Response:
    return Response(orjson.dumps(message), media_type="application/json")


async def _answered_in_time(request: Request, state: State, slack: Slack, command: Command) -> dict[str, Any]:
    settings = state.settings
    if settings.slack_teams and command.team not in settings.slack_teams:
        _log.warning("slack", request_id=request.state.request_id, outcome="team not allowed", team=command.team)
        return note("This workspace may not ask here: CITESPAN_SLACK_TEAMS names those that may.")
    if not command.question:
        return help_message(command.name)
    if len(command.question) > MAX_QUESTION_CHARACTERS:
        return note(f"This question has more than {MAX_QUESTION_CHARACTERS:,} characters: shorten it, please.")
    if slack.deliveries.full:
        return note("Too many questions are waiting: try again in a moment, please.")
    request.state.caller = Caller("slack", Scope.ASK, frozenset({settings.slack_collection}))
    asking = asyncio.ensure_future(_message(request, state, command))
    try:
        await asyncio.wait([asking], timeout=settings.slack_wait_seconds)
    except asyncio.CancelledError:
        asking.cancel()
        raise
    if asking.done():
        state.metrics.slack.labels("at once").inc()
        return asking.result()
    slack.deliveries.later(command.response_url, asking, request_id=request.state.request_id)
    return note("Looking …")


async def _message(request: Request, state: State, command: Command) -> dict[str, Any]:
    """Return the message for a question, whatever becomes of it."""
    asked = AskIn(question=command.question, collection=state.settings.slack_collection, limit=_ANSWERS)
    try:
        # Slack closes the connection once it has a reply: that is no reason to stop.
        context = replace(ask_context(request), disconnected=asyncio.Event().wait)
        answer = await ask(context, asked)
        return answer_message(answer, share=command.share)
    except CollectionNotFound:
        return note(f"There is no collection {asked.collection!r} to ask: CITESPAN_SLACK_COLLECTION names it.")
    except Exception as error:
        problem = problem_of(error)
        if problem.status == 500:
            kind = type(error).__name__
            _log.error("unexpected", request_id=request.state.request_id, kind=kind, exc_info=error)
        return note(f"This could not be answered: {problem.detail}.")
