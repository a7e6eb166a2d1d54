"""Conversations as the service answers them."""

from dataclasses import dataclass

from api.client.models import Answer


@dataclass(frozen=True, slots=True)
class Message:
    """A question of a conversation, how it was understood, and the reply as it was.

    Attributes:
        id: its own.
        created: ISO 8601 instant.
        collection: where it was asked.
        question: as it was asked.
        standalone_question: as it was understood, None where it stood alone.
        reply: as it was; None once an article that it quoted has gone or changed.
        withdrawn: whether that is so.
    """

    id: str
    created: str
    collection: str
    question: str
    standalone_question: str | None = None
    reply: Answer | None = None
    withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class ConversationRow:
    """A conversation in a listing; ``messages`` is their number."""

    id: str
    created: str
    title: str | None = None
    messages: int = 0


@dataclass(frozen=True, slots=True)
class ConversationPage:
    """One page of a listing."""

    conversations: tuple[ConversationRow, ...]
    next_cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation with its messages in order."""

    id: str
    created: str
    title: str | None = None
    messages: tuple[Message, ...] = ()
