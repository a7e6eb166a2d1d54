"""A question's way through the workers, the same for every entrance."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import structlog
from fastapi import Request

from api.auth.callers import caller_of, sender_of, take_place
from api.concurrency.worker_pool import ASK, Job
from api.http.request_body import until_gone
from api.schemas.requests import AskIn, QuestionIn
from api.schemas.responses import AskOut, CandidateOut, new_id
from api.service.context import State, ready_state
from api.service.event_stream import Event
from qa import Answer, Improved, Retrieved, Turn

_log = structlog.get_logger("citespan")


async def answered(
    request: Request, asked: AskIn, *, history: Sequence[Turn] = (), gone: Callable[[], Any] | None = None
) -> Answer:
    """Answer a question; the client's leaving stops the work before its next step.

    Args:
        request: whose caller is asked for; its body has been read.
        asked: the question.
        history: what was said before it, in order; empty takes what the question brings.
        gone: an awaitable function that returns once the client has gone; None looks at the request.

    Raises:
        Problem: 403 not their collection, 429 too many under way, 503 starting, full or out of time.
        CollectionNotFound: no such collection.
    """
    state = ready_state(request)
    steps = steps_of(request, state, asked, history, improving=False)
    return await finished(request, steps, gone=gone, kind=kind_of(asked, history))


async def finished(
    request: Request,
    steps: Callable[[Job], Iterator[Retrieved | Improved | Answer]],
    *,
    gone: Callable[[], Any] | None = None,
    kind: str = "ask",
) -> Answer:
    """Go through the steps of an answer in a worker's thread and return the last.

    Args:
        request: whose client is looked at.
        steps: from steps_of() or counted().
        gone: an awaitable function that returns once the client has gone; None looks at the request.
        kind: of work, see Lane.submit().

    Raises:
        Problem: 503, full or out of time; and whatever the steps raise.
    """

    def work(job: Job) -> Answer:
        for step in steps(job):
            if isinstance(step, Answer):
                return step
        raise AssertionError("steps end with an Answer")

    answer: Answer = await ready_state(request).workers.run(
        ASK, work, gone=gone or (lambda: until_gone(request)), kind=kind, sender=sender_of(request)
    )
    return answer


def steps_of(
    request: Request, state: State, asked: AskIn, history: Sequence[Turn] = (), *, improving: bool = True
) -> Callable[[Job], Iterator[Retrieved | Improved | Answer]]:
    """Return what goes through the steps of an answer in a worker's thread; the last one is counted and logged.

    Args:
        request: whose caller is asked for.
        state: of the service.
        asked: the question.
        history: what was said before it, in order; empty takes what the question brings.
        improving: whether Improved is wanted.

    Raises:
        Problem: 403 not their collection, 429 too many under way.
        CollectionNotFound: no such collection.
        QueryError: a filter that cannot be.
    """
    said = history or asked.turns()
    return counted(request, state, asked, partial(state.qa.steps, history=said, improving=improving))


def kind_of(asked: AskIn, history: Sequence[Turn] = ()) -> str:
    """Return what kind of work a question is: a follow-up is read in several ways.

    Args:
        asked: the question.
        history: what was said before it; empty takes what the question brings.
    """
    return "follow-up" if history or asked.turns() else "ask"


def counted(
    request: Request, state: State, asked: QuestionIn, ask: Callable[..., Iterator[Retrieved | Improved | Answer]]
) -> Callable[[Job], Iterator[Retrieved | Improved | Answer]]:
    """Return what goes through the steps of a way to ask; the last one is counted and logged.

    Args:
        request: whose caller is asked for.
        state: of the service.
        asked: the question.
        ask: QuestionAnswering.steps, or what takes the same arguments.

    Raises:
        Problem: 403 not their collection.
        CollectionNotFound: no such collection.
        QueryError: a filter that cannot be.
    """
    caller_of(request).check_collection(asked.collection)
    arguments = asked.arguments()
    state.qa.library.collection(asked.collection)  # an unknown one is a 404, not an event
    take_place(request)

    def steps(job: Job) -> Iterator[Retrieved | Improved | Answer]:
        for step in ask(asked.question, **arguments, check=job.check):
            if isinstance(step, Answer):
                _count(state, request, step)
            yield step

    return steps


def events_of(
    steps: Callable[[Job], Iterator[Retrieved | Improved | Answer]],
    *,
    passages: bool,
    answer_id: str | None = None,
    more: Mapping[str, Any] | None = None,
) -> Callable[[Job], Iterator[Event]]:
    """Return the events of an answer that is streamed: retrieved, answer (again when it changes), done.

    In a conversation ``understood`` comes before the last answer: the question as it was understood.

    Args:
        steps: from steps_of() or counted().
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


def _count(state: State, request: Request, answer: Answer) -> None:
    outcome = answer.reason or answer.level
    state.metrics.answers.labels(outcome).inc()
    for phase in ("embed", "retrieve", "read", "total"):
        state.metrics.phases.labels(phase).observe(getattr(answer.timings, phase) / 1000)
    facts = {"question": answer.question} if state.settings.log_questions else {}
    _log.info("asked", request_id=request.state.request_id, outcome=outcome, **facts)
