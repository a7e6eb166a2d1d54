"""The requests of conversations.  A question that was sent twice would be said twice, so these are not repeatable."""

import httpx2

from api.client.calls import Call, StreamCall, json_body, nothing, reader, record, segment
from api.client.conversation_models import Conversation, ConversationPage
from api.client.models import Answer, AskEvent
from api.client.requests import QuestionOptions, ask_event, unread


class MessageOptions(QuestionOptions, total=False):
    """What a question of a conversation may come with."""

    standalone_question: str | None
    replaces: str | None


def create(title: str | None) -> Call[str]:
    """Return the request that begins a conversation."""
    return Call("POST", "/v1/conversations", _begun, json_body({"title": title}), repeatable=False)


def send(conversation_id: str, question: str, options: MessageOptions) -> Call[Answer]:
    """Return the request of a question of a conversation."""
    body = json_body({"question": question, **options})
    return Call("POST", _messages(conversation_id), reader(Answer), body, repeatable=False)


def stream(conversation_id: str, question: str, options: MessageOptions) -> StreamCall[AskEvent]:
    """Return the request of a question of a conversation whose answer is followed as it is found."""
    body = json_body({"question": question, **options})
    return StreamCall("POST", _messages(conversation_id), unread, body, repeatable=False, event=ask_event)


def conversation(conversation_id: str) -> Call[Conversation]:
    """Return the request of one conversation."""
    return Call("GET", f"/v1/conversations/{segment(conversation_id)}", reader(Conversation))


def conversations(limit: int, cursor: str | None) -> Call[ConversationPage]:
    """Return the request of one page of conversations."""
    return Call("GET", "/v1/conversations", reader(ConversationPage), query={"limit": limit, "cursor": cursor})


def export(conversation_id: str, form: str, style: str) -> Call[str]:
    """Return the request of a conversation as the text of a file: ``markdown``, ``csv`` or ``json``."""
    path = f"/v1/conversations/{segment(conversation_id)}/export"
    return Call(
        "GET", path, lambda response: response.text.removeprefix("\ufeff"), query={"format": form, "style": style}
    )


def forget(conversation_id: str) -> Call[None]:
    """Return the request that forgets a conversation."""
    return Call("DELETE", f"/v1/conversations/{segment(conversation_id)}", nothing)


def _messages(conversation_id: str) -> str:
    return f"/v1/conversations/{segment(conversation_id)}/messages"


def _begun(response: httpx2.Response) -> str:
    return str(record(response.content, dict[str, object]).get("id"))
