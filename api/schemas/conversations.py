"""How conversations and their messages are shown."""

from pydantic import BaseModel

from api.schemas.responses import AskOut
from qa import Conversation, Message


class BegunOut(BaseModel):
    """A conversation that was begun."""

    id: str


class MessageAskedOut(AskOut):
    """The reply to a question of a conversation; kept is false where the disk refused to keep the message."""

    message_id: str
    kept: bool = True


class ConversationRow(BaseModel):
    """A conversation in a listing; its title is its first question where none was given."""

    id: str
    created: str
    title: str | None
    messages: int

    @classmethod
    def from_conversation(cls, conversation: Conversation) -> "ConversationRow":
        """Make it of the frozen type."""
        return cls(
            id=conversation.id,
            created=conversation.created,
            title=conversation.title,
            messages=conversation.messages,
        )


class ConversationsOut(BaseModel):
    """One page of a listing, those begun last first."""

    conversations: list[ConversationRow]
    next_cursor: str | None


class MessageOut(BaseModel):
    """A message: the question, how it was understood, and the reply as it was; null once it is withdrawn."""

    id: str
    created: str
    collection: str
    question: str
    standalone_question: str | None
    reply: AskOut | None
    withdrawn: bool

    @classmethod
    def from_message(cls, message: Message) -> "MessageOut":
        """Make it of the frozen type."""
        return cls(
            id=message.id,
            created=message.created,
            collection=message.collection,
            question=message.question,
            standalone_question=message.standalone_question,
            reply=None if message.reply is None else AskOut.model_validate(message.reply),
            withdrawn=message.withdrawn,
        )


class ConversationOut(BaseModel):
    """A conversation with its messages in order."""

    id: str
    created: str
    title: str | None
    messages: list[MessageOut]
