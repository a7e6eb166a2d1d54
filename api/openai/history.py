"""The messages of a chat → the question, and the turns before it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from api.openai.errors import TOO_LONG, Refusal
from api.openai.message_text import recalled
from api.openai.requests import ChatMessage
from qa import MAX_QUESTION_CHARACTERS, Turn

# What was said longer ago says nothing of what "they" are.
_TURNS = 20


@dataclass(frozen=True, slots=True)
class Conversation:
    """What was asked, and what was said before.

    Attributes:
        question: the last message, trimmed.
        history: the turns before it, in order; the latest ones of a long conversation.
        texts: all that was sent, as it counts as usage.
    """

    question: str
    history: tuple[Turn, ...]
    texts: tuple[str, ...]


def understood(messages: Sequence[ChatMessage]) -> Conversation:
    """Return the conversation that some messages are.

    Raises:
        Refusal: 400, the last one is not a question, or something in them is not text.
    """
    spoken = [
        (message.role, text_of(message.content, f"messages[{place}].content"), place)
        for place, message in enumerate(messages)
        if message.role in ("user", "assistant")
    ]
    if not spoken or spoken[-1][0] != "user":
        raise Refusal(400, "the last message must be the user's question", param="messages")
    *before, (_, last, place) = spoken
    question, param = last.strip(), f"messages[{place}].content"
    if not question:
        raise Refusal(400, "the question is empty: ask something", param=param)
    if len(question) > MAX_QUESTION_CHARACTERS:
        raise Refusal(
            400,
            f"the question has {len(question):,} characters and may have {MAX_QUESTION_CHARACTERS:,}: "
            "ask one question, and add texts to the collection instead of pasting them",
            param=param,
            code=TOO_LONG,
        )
    history = _turns([(role, text) for role, text, _ in before])
    return Conversation(question, history, tuple(text for _, text, _ in spoken))


def text_of(content: Any, param: str) -> str:
    """Return the text of a message's content: a string, or parts that are text.

    Raises:
        Refusal: 400, it has a part that is no text.
    """
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise Refusal(400, "content must be text, or a list of parts of type text", param=param)
    texts = []
    for place, part in enumerate(content):
        kind = part.get("type") if isinstance(part, dict) else None
        text = part.get("refusal" if kind == "refusal" else "text") if isinstance(part, dict) else None
        if kind not in ("text", "refusal") or not isinstance(text, str):
            raise Refusal(
                400, "only parts of type text are read: no images, sounds or files", param=f"{param}[{place}]"
            )
        texts.append(text)
    return "\n".join(texts)


def _turns(spoken: Sequence[tuple[str, str]]) -> tuple[Turn, ...]:
    turns: list[Turn] = []
    for role, text in spoken:
        if role == "user":
            question = text.strip()[:MAX_QUESTION_CHARACTERS].strip()
            if question:
                turns.append(Turn(question))
        elif turns:
            turns[-1] = recalled(turns[-1].question, text)
    return tuple(turns[-_TURNS:])
