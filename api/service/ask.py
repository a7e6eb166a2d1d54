"""A question's way through the workers, the same for every entrance."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog

from api.auth.callers import Caller
from api.concurrency.worker_pool import ASK, Job
from api.schemas.requests import AskIn, QuestionIn
from api.schemas.responses import AskOut, CandidateOut
from api.service.context import State
from api.service.event_stream import Event
from index import new_id
from qa import Answer, Improved, Retrieved, Turn

_log = structlog.get_logger("citespan")


@dataclass(frozen=True)
class AskContext:
    """Who asks a service, and until when somebody waits for the answer.

    Attributes:
        state: of the service.
        caller: who asks.
        request_id: of the log.
        sender: whose turn it is among the workers; None where senders are not distinguished.
        take_slot: counts this among the questions that the sender has under way, or raises Problem 429.
        disconnected: an awaitable function that returns once nobody waits any more.
    """

    state: State
    caller: Caller
    request_id: str
    sender: str | None
    take_slot: Callable[[], None]
    disconnected: Callable[[], Awaitable[Any]]


async def ask(context: AskContext, asked: AskIn, *, history: Sequence[Turn] = ()) -> Answer:
    """Answer a question; the client's leaving stops the work before its next step.

    Args:
        context: who asks.
        asked: the question.
        history: what was said before it, in order; empty takes what the question brings.

    Raises:
        Problem: 403 not their collection, 429 too many under way, 503 full or out of time.
        CollectionNotFound: no such collection.
    """
    steps = answer_steps(context, asked, history, improving=False)
    return await run_to_answer(context, steps, kind=kind_of(asked, history))


async def run_to_answer(
    context: AskContext, steps: Callable[[Job], Iterator[Retrieved | Improved | Answer]], *, kind: str = "ask"
) -> Answer:
    """Go through the steps of an answer in a worker's thread and return the last.

    Args:
        context: who asks.
        steps: from answer_steps() or with_access_and_metrics().
        kind: of work, see Lane.submit().

    Raises:
        Problem: 503, full or out of time; and whatever the steps raise.
    """

    def work(job: Job) -> Answer:
        for step in steps(job):
            if isinstance(step, Answer):
                return step
        raise AssertionError("steps end with an Answer")

    answer: Answer = await context.state.workers.run(
        ASK, work, gone=context.disconnected, kind=kind, sender=context.sender
    )
    return answer


def answer_steps(
    context: AskContext, asked: AskIn, history: Sequence[Turn] = (), *, improving: bool = True
) -> Callable[[Job], Iterator[Retrieved | Improved | Answer]]:
    """Return what goes through the steps of an answer in a worker's thread; the last one is counted and logged.

    Args:
        context: who asks.
        asked: the question.
        history: what was said before it, in order; empty takes what the question brings.
        improving: whether Improved is wanted.

    Raises:
        Problem: 403 not their collection, 429 too many under way.
        CollectionNotFound: no such collection.
        QueryError: a filter that cannot be.
    """
    turns = history or asked.turns()
    return with_access_and_metrics(context, asked, partial(context.state.qa.steps, history=turns, improving=improving))


def kind_of(asked: AskIn, history: Sequence[Turn] = ()) -> str:
    """Return what kind of work a question is: a follow-up is read in several ways.

    Args:
        asked: the question.
        history: what was said before it; empty takes what the question brings.
    """
    return "follow-up" if history or asked.turns() else "ask"


def with_access_and_metrics(
    context: AskContext, asked: QuestionIn, steps_of: Callable[..., Iterator[Retrieved | Improved | Answer]]
) -> Callable[[Job], Iterator[Retrieved | Improved | Answer]]:
    """Return what goes through the steps of a way to ask; the last one is counted and logged.

    Args:
        context: who asks.
        asked: the question.
        steps_of: QuestionAnswering.steps, or what takes the same arguments.

    Raises:
        Problem: 403 not their collection.
        CollectionNotFound: no such collection.
        QueryError: a filter that cannot be.
    """
    context.caller.check_collection(asked.collection)
    arguments = asked.arguments()
    context.state.qa.library.collection(asked.collection)  # an unknown one is a 404, not an event
    context.take_slot()

    def steps(job: Job) -> Iterator[Retrieved | Improved | Answer]:
        for step in steps_of(asked.question, **arguments, check=job.check):
            if isinstance(step, Answer):
                _count(context, step)
            yield step

    return steps


def answer_events(
    steps: Callable[[Job], Iterator[Retrieved | Improved | Answer]],
    *,
    passages: bool,
    answer_id: str | None = None,
    more: Mapping[str, Any] | None = None,
) -> Callable[[Job], Iterator[Event]]:
    """Return the events of an answer that is streamed: retrieved, answer (again when it changes), done.

    In a conversation ``understood`` comes before the last answer: the question as it was understood.

    Args:
        steps: from answer_steps() or with_access_and_metrics().
        passages: whether the candidates are wanted in the last event.
        answer_id: its id; None makes one.
        more: what the last event holds beside the answer.
    """
    answer_id = answer_id or new_id()

    def events(job: Job) -> Iterator[Event]:
        for step in steps(job):
            if isinstance(step, Retrieved):
                found = [CandidateOut.from_candidate(c).model_dump() for c in step.candidates]
                yield "retrieved", {"id": answer_id, "passages": found}
            elif isinstance(step, Improved):
                yield "answer", AskOut.from_answer(step.answer, answer_id=answer_id).model_dump()
            else:
                if step.standalone_question is not None:
                    yield "understood", {"standalone_question": step.standalone_question}
                yield "answer", AskOut.from_answer(step, answer_id=answer_id).model_dump()
                whole = AskOut.from_answer(step, passages=passages, answer_id=answer_id).model_dump()
                yield "done", {**whole, **(more or {})}

    return events


def _count(context: AskContext, answer: Answer) -> None:
    metrics, outcome = context.state.metrics, answer.reason or answer.level
    metrics.answers.labels(outcome).inc()
    for phase in ("embed", "retrieve", "read", "total"):
        metrics.phases.labels(phase).observe(getattr(answer.timings, phase) / 1000)
    fields = {"question": answer.question} if context.state.settings.log_questions else {}
    _log.info("asked", request_id=context.request_id, outcome=outcome, **fields)
