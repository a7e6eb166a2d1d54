"""Conversations that are kept in the library: messages in order, each with its answer, until they are forgotten.

What a message quotes of articles goes with them (index.Records); the question, in the words of whoever asked it, stays.
"""

import contextlib
import hashlib
import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from index import Changes, CollectionNotFound, Record, RecordNotFound, StorageError
from qa.followups.rewriter import TURNS
from qa.question_answering import QuestionAnswering
from qa.types import Answer, Hint, Improved, Retrieved, Turn
from qa.word_overlap import beginnings

CONVERSATION, MESSAGE, OWNER = "conversation", "message", "conversations"
MAX_TITLE = 200
# Conversations that may be asked at a time without ever waiting for each other, most often.
_LOCKS = 64
_WAIT_SECONDS = 0.05
_UNKEPT = Hint("unkept", "The disk refused to keep this question and its answer: what is asked next knows neither.")


@dataclass(frozen=True, slots=True)
class Conversation:
    """What is known of a conversation.

    Attributes:
        id: its own.
        title: as given, else its first question; None while it has neither.
        owner: name of the key it was begun with, None where there was none.
        created: ISO 8601 instant (UTC).
        messages: how many it has.
        number: grows from conversation to conversation.
    """

    id: str
    title: str | None
    owner: str | None
    created: str
    messages: int
    number: int


@dataclass(frozen=True, slots=True)
class Message:
    """One question of a conversation and what was answered.

    Attributes:
        id: its own.
        question: as it was asked.
        standalone_question: as it was understood; None where that quoted what has gone since.
        collection: where it was asked.
        created: ISO 8601 instant (UTC).
        reply: the answer as whoever asked wanted it kept; None where it is withdrawn.
        turn: the message as history for those that follow.
        withdrawn: whether an article that its answer quoted has gone or has another text.
    """

    id: str
    question: str
    standalone_question: str | None
    collection: str
    created: str
    reply: dict[str, Any] | None
    turn: Turn
    withdrawn: bool


class Conversations:
    """The conversations of one library.  Safe for use from several threads.

    Args:
        qa: answers the questions; its library keeps the conversations.
        size: conversations kept of each owner; beyond, those begun first go.
        messages: messages kept of each conversation; beyond, the first go.
    """

    def __init__(self, qa: QuestionAnswering, *, size: int = 1_000, messages: int = 200) -> None:
        self._qa = qa
        self._records = qa.library.records
        self._size, self._messages = size, messages
        self._locks = [threading.Lock() for _ in range(_LOCKS)]

    def create(self, *, owner: str | None = None, title: str | None = None) -> Conversation:
        """Begin a conversation; of the owner's others those begun first go where there are too many.

        Raises:
            StorageError: the disk refused; nothing was kept.
        """
        made = Record(CONVERSATION, f"conv_{secrets.token_hex(12)}", {"owner": owner, "title": title}, _owner_id(owner))
        with self._records.change(grows=True) as changes:
            if made.parent is not None:
                changes.put(Record(OWNER, made.parent, {"owner": owner}))
            kept = changes.put(made)
            changes.keep_newest(CONVERSATION, self._size, parent=made.parent)
        return self._made(kept)

    def get(self, conversation_id: str) -> Conversation:
        """Return a conversation.

        Raises:
            RecordNotFound: no such conversation.
        """
        return self._made(self._records.get(CONVERSATION, conversation_id))

    def list(self, *, owner: str | None = None, limit: int = 50, before: int = 0) -> Sequence[Conversation]:
        """Return an owner's conversations, those begun last first.

        Args:
            owner: whose; None for those that were begun without a key.
            limit: at most so many.
            before: only those with a lesser number; 0 for all.
        """
        found = self._records.list(CONVERSATION, parent=_owner_id(owner), after=before, limit=limit, newest_first=True)
        return [self._made(record) for record in found]

    def messages(self, conversation_id: str) -> Sequence[Message]:
        """Return a conversation's messages in order.

        Raises:
            RecordNotFound: no such conversation.
        """
        self._records.get(CONVERSATION, conversation_id)
        return [_message(record) for record in self._records.list(MESSAGE, parent=conversation_id, limit=2**31)]

    def forget(self, conversation_id: str) -> None:
        """Remove a conversation and its messages; nothing of them stays in the file.

        Raises:
            RecordNotFound: no such conversation.
            StorageError: the disk refused; nothing was removed.
        """
        self._records.remove(CONVERSATION, conversation_id)

    def ask(self, conversation_id: str, question: str, **asked: Any) -> Message:
        """Ask a question in a conversation and keep it with its answer.

        Args:
            conversation_id: which.
            question: as for QuestionAnswering.ask().
            **asked: as for steps().

        Raises:
            RecordNotFound: no such conversation, or no message that is to be replaced.
            QueryError: an argument is out of range.
            CollectionNotFound: no such collection.
            StorageError: the disk refused; nothing was kept.
        """
        message_id = asked.pop("message_id", None) or asked.get("replaces") or new_message_id()
        for _ in self.steps(conversation_id, question, message_id=message_id, improving=False, **asked):
            pass
        return _message(self._records.get(MESSAGE, message_id))

    def steps(
        self,
        conversation_id: str,
        question: str,
        *,
        message_id: str | None = None,
        standalone_question: str | None = None,
        replaces: str | None = None,
        reply: Callable[[Answer], dict[str, Any]] | None = None,
        unkept: Callable[[StorageError], None] | None = None,
        check: Callable[[], None] = lambda: None,
        **options: Any,
    ) -> Iterator[Retrieved | Improved | Answer]:
        """Ask a question in a conversation step by step; the Answer comes once it is kept.

        Two questions of one conversation asked at a time are answered one after the other, so that the later one is
        understood in the light of the earlier.

        Args:
            conversation_id: which.
            question: as it was asked.
            message_id: what the message is to be called; None makes a name.
            standalone_question: how the question is to be understood; None leaves that to what was said before.
            replaces: id of the message that this one takes the place of; its answer goes, those after it stay.
            reply: what is kept of the answer to be shown again, as JSON has it; None keeps its texts.
            unkept: called where the disk refuses to keep the message, before the Answer comes with a hint that says
                so; None has the error raised.
            check: called between the steps; what it raises ends the work, and nothing is kept.
            **options: as for QuestionAnswering.steps().

        Raises:
            RecordNotFound: no such conversation, or no message that is to be replaced.
            QueryError: an argument is out of range.
            CollectionNotFound: no such collection.
            StorageError: the disk refused; nothing was kept.
        """
        with self._turn(conversation_id, check):
            before = self._before(conversation_id, replaces)
            history = [_turn(record) for record in before]
            asked = question if standalone_question is None else standalone_question
            given = () if standalone_question is not None else history
            for step in self._qa.steps(asked, history=given, check=check, **options):
                if not isinstance(step, Answer):
                    yield step
                    continue
                answer = replace(step, question=question.strip(), standalone_question=step.standalone_question or asked)
                record = _record(
                    replaces or message_id or new_message_id(),
                    conversation_id,
                    answer,
                    options.get("collection", "default"),
                    (reply or _texts)(answer),
                    before,
                )
                try:
                    self._keep(record, replaces)
                except StorageError as error:
                    if unkept is None:
                        raise
                    unkept(error)
                    answer = replace(answer, hints=(*answer.hints, _UNKEPT))
                yield answer

    @contextlib.contextmanager
    def _turn(self, conversation_id: str, check: Callable[[], None]) -> Iterator[None]:
        digest = hashlib.sha256(conversation_id.encode("utf-8", "replace")).digest()
        lock = self._locks[digest[0] % _LOCKS]
        while not lock.acquire(timeout=_WAIT_SECONDS):
            check()
        try:
            yield
        finally:
            lock.release()

    def _before(self, conversation_id: str, replaces: str | None) -> Sequence[Record]:
        """The records of the last messages before a new one, or before the one that is replaced, in order."""
        self._records.get(CONVERSATION, conversation_id)
        after = 0
        if replaces is not None:
            replaced = self._records.get(MESSAGE, replaces)
            if replaced.parent != conversation_id:
                raise RecordNotFound(f"no message {replaces!r} in this conversation")
            after = replaced.number
        return self._records.list(MESSAGE, parent=conversation_id, after=after, limit=TURNS, newest_first=True)[::-1]

    def _keep(self, record: Record, replaces: str | None) -> None:
        with self._records.change(grows=True) as changes:
            if replaces is not None:
                changes.get(MESSAGE, replaces)  # or it would come back at another place
            if not self._stands(record):
                record = replace(record, quotes=None, articles=())
            _title(changes, record.parent, record.body["question"])
            changes.put(record)
            changes.keep_newest(MESSAGE, self._messages, parent=record.parent)

    def _stands(self, record: Record) -> bool:
        """Whether what is quoted is still as it was read: nobody would forget what is kept after it went."""
        try:
            return all(
                self._qa.library.collection(collection).holds(article, sha256)
                for collection, article, sha256 in (record.quotes or {})["articles"]
            )
        except CollectionNotFound:
            return False

    def _made(self, record: Record) -> Conversation:
        count = self._records.count(MESSAGE, parent=record.id)
        return Conversation(
            record.id, record.body.get("title"), record.body.get("owner"), record.created, count, record.number
        )


def new_message_id() -> str:
    """Return a name for a message."""
    return f"msg_{secrets.token_hex(12)}"


def _owner_id(owner: str | None) -> str | None:
    # A name may hold anything; an id of a record is one of many in one table.
    return None if owner is None else "owner_" + hashlib.sha256(owner.encode("utf-8", "replace")).hexdigest()[:32]


def _title(changes: Changes, conversation_id: str | None, question: str) -> None:
    conversation = changes.get(CONVERSATION, conversation_id or "")
    if conversation.body.get("title") is None:
        changes.put(replace(conversation, body={**conversation.body, "title": question[:MAX_TITLE]}))


def _record(
    message_id: str,
    conversation_id: str,
    answer: Answer,
    collection: str,
    reply: dict[str, Any],
    before: Sequence[Record],
) -> Record:
    best = answer.answers[0] if answer.answered else None
    quoted = {(collection, piece.article.id): piece.article.sha256 for one in answer.answers for piece in one.evidence}
    turn = {
        "answer": answer.text,
        "items": [item.text for item in best.items] if best else [],
        "sentence": best.evidence[0].sentence if best else None,
        "title": best.evidence[0].article.title if best else None,
        "article_id": best.evidence[0].article.id if best else None,
    }
    body: dict[str, Any] = {"question": answer.question, "collection": collection}
    quotes: dict[str, Any] = {"turn": turn, "reply": reply}
    standalone = answer.standalone_question or answer.question
    asked = " ".join([answer.question, *(record.body["question"] for record in before)])
    if beginnings(standalone) <= beginnings(asked):
        body["standalone_question"] = standalone
    else:
        # It has words of an answer: they go with that answer's article.
        quotes["standalone_question"] = standalone
        for record in before:
            quoted |= {(where, which): sha256 for where, which, sha256 in (record.quotes or {}).get("articles", [])}
    quotes["articles"] = sorted([*place, sha256] for place, sha256 in quoted.items())
    return Record(MESSAGE, message_id, body, conversation_id, quotes, tuple(sorted(quoted)))


def _turn(record: Record) -> Turn:
    quotes = record.quotes or {}
    said = quotes.get("turn", {})
    return Turn(
        record.body["question"],
        record.body.get("standalone_question", quotes.get("standalone_question")),
        said.get("answer"),
        tuple(said.get("items", ())),
        said.get("sentence"),
        said.get("title"),
        said.get("article_id"),
    )


def _message(record: Record) -> Message:
    turn = _turn(record)
    return Message(
        record.id,
        turn.question,
        turn.standalone_question,
        record.body["collection"],
        record.created,
        None if record.quotes is None else record.quotes.get("reply"),
        turn,
        record.quotes is None,
    )


def _texts(answer: Answer) -> dict[str, Any]:
    return {
        "answer": answer.text,
        "answers": [{"text": one.text, "confidence": round(one.confidence, 4)} for one in answer.answers],
    }
