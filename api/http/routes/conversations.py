"""/v1/conversations: questions that are understood in the light of those before, kept until they are forgotten."""

from datetime import UTC, datetime
from functools import partial
from typing import Any

import structlog
from fastapi import APIRouter, Request, Response
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from api.auth.callers import Caller, Scope
from api.concurrency.worker_pool import WRITE
from api.errors import Problem
from api.http.openapi import body_of, event_content, query_of
from api.http.request_body import accepts, read_body, read_optional, read_query
from api.http.request_context import ask_context, caller_of, needs, ready_state, state_of
from api.http.streaming import stream
from api.schemas.conversations import (
    BegunOut,
    ConversationOut,
    ConversationRow,
    ConversationsOut,
    MessageAskedOut,
    MessageOut,
)
from api.schemas.requests import ConversationIn, MessageIn, PageQuery, Strict
from api.schemas.responses import AskOut, RetrievedOut, UnderstoodOut
from api.service.ask import answer_events, run_to_answer, with_access_and_metrics
from api.service.context import State
from api.service.event_stream import EVENTS
from api.service.export import MEDIA_TYPES, SUFFIXES, Entry, Format, Style, exported
from index import RecordNotFound, StorageError, decode_cursor, encode_cursor, new_id
from qa import Answer, Conversation, new_message_id

_log = structlog.get_logger("citespan")
router = APIRouter(tags=["conversations"], dependencies=[needs(Scope.ASK)])


class ExportQuery(Strict):
    """As what a conversation is taken along."""

    format: Format = "markdown"
    style: Style = Field("chicago", description="of the citations")


@router.post(
    "/v1/conversations",
    response_model=BegunOut,
    status_code=201,
    openapi_extra=body_of(ConversationIn, required=False),
    operation_id="create_conversation",
)
async def create_conversation(request: Request) -> Any:
    """Begin a conversation."""
    state = ready_state(request)
    given = await read_optional(request, ConversationIn, state.settings.ask_body_bytes)
    begin = partial(state.conversations.create, owner=caller_of(request).name, title=given.title)
    return BegunOut(id=(await state.workers.run(WRITE, lambda job: begin())).id)


@router.post(
    "/v1/conversations/{conversation_id}/messages",
    response_model=MessageAskedOut,
    openapi_extra=body_of(MessageIn),
    operation_id="send_message",
    responses={
        200: {
            "content": event_content(
                {"retrieved": RetrievedOut, "answer": AskOut, "understood": UnderstoodOut, "done": MessageAskedOut},
                failing=True,
            ),
            "description": "the answer; with Accept: text/event-stream the events retrieved, answer ..., understood, "
            "answer, done or error",
        }
    },
)
async def send_message(request: Request, conversation_id: str) -> Any:
    """Ask in a conversation: a follow-up is understood in the light of what was said, and kept with its answer."""
    state = ready_state(request)
    asked = await read_body(request, MessageIn, state.settings.ask_body_bytes)
    await run_in_threadpool(_own, state, caller_of(request), conversation_id)
    streamed = accepts(request, EVENTS)
    answer_id, message_id = new_id(), asked.replaces or new_message_id()

    def kept(answer: Answer) -> dict[str, Any]:
        return AskOut.from_answer(answer, answer_id=answer_id).model_copy(update={"passages": []}).model_dump()

    more = {"message_id": message_id, "kept": True}

    def unkept(error: StorageError) -> None:
        more["kept"] = False
        _log.error("a message is not kept", error=str(error))

    ask = partial(
        state.conversations.steps,
        conversation_id,
        message_id=message_id,
        standalone_question=asked.standalone_question,
        replaces=asked.replaces,
        reply=kept,
        unkept=unkept,
        improving=streamed,
    )
    context = ask_context(request)
    steps = with_access_and_metrics(context, asked, ask)
    passages = "passages" in asked.include
    if streamed:
        events = answer_events(steps, passages=passages, answer_id=answer_id, more=more)
        return stream(context, events, kind="follow-up")
    out = AskOut.from_answer(
        await run_to_answer(context, steps, kind="follow-up"), passages=passages, answer_id=answer_id
    )
    return MessageAskedOut(**out.model_dump(), **more)


@router.get(
    "/v1/conversations",
    response_model=ConversationsOut,
    openapi_extra=query_of(PageQuery),
    operation_id="list_conversations",
)
async def list_conversations(request: Request) -> Any:
    """List the caller's conversations, those begun last first."""
    caller_of(request).check_own()
    state, asked = ready_state(request), read_query(request, PageQuery, ("limit",))
    owner, before = caller_of(request).name, decode_cursor(asked.cursor)
    found = await run_in_threadpool(state.conversations.list, owner=owner, limit=asked.limit + 1, before=before)
    shown = found[: asked.limit]
    return ConversationsOut(
        conversations=[ConversationRow.from_conversation(one) for one in shown],
        next_cursor=encode_cursor(shown[-1].number) if len(found) > len(shown) else None,
    )


@router.get("/v1/conversations/{conversation_id}", response_model=ConversationOut, operation_id="get_conversation")
async def get_conversation(request: Request, conversation_id: str) -> Any:
    """Give a conversation with its messages in order."""
    state, caller = ready_state(request), caller_of(request)
    conversation = await run_in_threadpool(_own, state, caller, conversation_id)
    messages = await run_in_threadpool(state.conversations.messages, conversation_id)
    return ConversationOut(
        id=conversation.id,
        created=conversation.created,
        title=conversation.title,
        messages=[MessageOut.from_message(one) for one in messages if caller.sees(one.collection)],
    )


@router.get(
    "/v1/conversations/{conversation_id}/export",
    response_class=Response,
    openapi_extra=query_of(ExportQuery),
    operation_id="export_conversation",
    responses={
        200: {
            "description": "the conversation as a file, with citations",
            "content": {kind: {"schema": {"type": "string"}} for kind in MEDIA_TYPES.values()},
        }
    },
)
async def export_conversation(request: Request, conversation_id: str) -> Response:
    """Give a conversation as a file to take along: Markdown, CSV or JSON, with citations."""
    state, caller, asked = ready_state(request), caller_of(request), read_query(request, ExportQuery)
    conversation = await run_in_threadpool(_own, state, caller, conversation_id)
    messages = await run_in_threadpool(state.conversations.messages, conversation_id)
    entries = [
        Entry(one.question, one.reply, asked=one.created, standalone_question=one.standalone_question)
        for one in (MessageOut.from_message(message) for message in messages if caller.sees(message.collection))
    ]
    text = exported(
        entries,
        asked.format,
        style=asked.style,
        today=datetime.now(UTC).date(),
        title=conversation.title,
        for_spreadsheets=True,
    )
    name = f"conversation-{conversation.created[:10]}.{SUFFIXES[asked.format]}"
    return Response(
        text,
        media_type=f"{MEDIA_TYPES[asked.format]}; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@router.delete("/v1/conversations/{conversation_id}", status_code=204, operation_id="forget_conversation")
async def forget_conversation(request: Request, conversation_id: str) -> Response:
    """Forget a conversation and all that was said in it."""
    state = state_of(request)
    await run_in_threadpool(_own, state, caller_of(request), conversation_id)
    await state.workers.run(WRITE, lambda job: state.conversations.forget(conversation_id))
    return Response(status_code=204)


def _own(state: State, caller: Caller, conversation_id: str) -> Conversation:
    """Return a conversation of a caller; somebody else's is there only for who may do everything."""
    try:
        conversation = state.conversations.get(conversation_id)
    except RecordNotFound:
        conversation = None
    everything = caller.may(Scope.ADMIN) and caller.collections is None
    if conversation is None or not (everything or conversation.owner == caller.name):
        raise Problem(404, "no such conversation: list those that there are at /v1/conversations")
    return conversation
