"""POST and GET /v1/ask, POST /v1/ask/stream."""

from collections.abc import Iterator
from typing import Any

import structlog
from fastapi import APIRouter, Request, Response

from api.bodies import read_body, read_query, until_gone
from api.openapi import body_of, query_of
from api.replies import AskOut, CandidateOut, new_id
from api.requests import AskIn
from api.state import State, ready_state
from api.streaming import Event, stream
from api.workers import ASK, Job
from qa import Answer, Improved, Retrieved

router = APIRouter(tags=["ask"])
_log = structlog.get_logger("citespan")


@router.post("/v1/ask", response_model=AskOut, openapi_extra=body_of(AskIn), operation_id="ask")
async def ask(request: Request) -> Any:
    """Answer a question from the articles, verbatim, with evidence."""
    asked = await read_body(request, AskIn, ready_state(request).settings.ask_body_bytes)
    return await _answer(request, asked)


@router.get("/v1/ask", response_model=AskOut, openapi_extra=query_of(AskIn), operation_id="ask_get")
async def ask_get(request: Request) -> Any:
    """Answer a question given in the address."""
    return await _answer(request, read_query(request, AskIn, ("limit", "passages")))


@router.post(
    "/v1/ask/stream",
    openapi_extra=body_of(AskIn),
    operation_id="ask_stream",
    responses={200: {"content": {"text/event-stream": {}}, "description": "retrieved, answer ..., done or error"}},
)
async def ask_stream(request: Request) -> Response:
    """Answer a question step by step: events retrieved, answer (again when it changes), done or error."""
    state = ready_state(request)
    asked = await read_body(request, AskIn, state.settings.ask_body_bytes)
    arguments = asked.arguments()
    state.qa.library.collection(asked.collection)  # an unknown one is a 404, not an event
    wants = "passages" in asked.include
    answer_id = new_id()

    def steps(job: Job) -> Iterator[Event]:
        for step in state.qa.steps(asked.question, **arguments, check=job.check):
            if isinstance(step, Retrieved):
                found = [CandidateOut.from_candidate(c).model_dump() for c in step.candidates]
                yield "retrieved", {"id": answer_id, "passages": found}
            elif isinstance(step, Improved):
                yield "answer", AskOut.from_answer(step.answer, answer_id=answer_id).model_dump()
            else:
                _count(state, request, step)
                yield "answer", AskOut.from_answer(step, answer_id=answer_id).model_dump()
                yield "done", AskOut.from_answer(step, passages=wants, answer_id=answer_id).model_dump()

    return stream(state.workers, steps)


async def _answer(request: Request, asked: AskIn) -> AskOut:
    state = ready_state(request)
    arguments = asked.arguments()
    state.qa.library.collection(asked.collection)

    def work(job: Job) -> Answer:
        for step in state.qa.steps(asked.question, **arguments, check=job.check):
            if isinstance(step, Answer):
                return step
        raise AssertionError("steps end with an Answer")

    answer = await state.workers.run(ASK, work, gone=lambda: until_gone(request))
    _count(state, request, answer)
    return AskOut.from_answer(answer, passages="passages" in asked.include)


def _count(state: State, request: Request, answer: Answer) -> None:
    outcome = answer.reason or answer.level
    state.metrics.answers.labels(outcome).inc()
    for phase in ("embed", "retrieve", "read", "total"):
        state.metrics.phases.labels(phase).observe(getattr(answer.timings, phase) / 1000)
    facts = {"question": answer.question} if state.settings.log_questions else {}
    _log.info("asked", request_id=request.state.request_id, outcome=outcome, **facts)
