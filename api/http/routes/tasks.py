"""POST /v1/tasks/question-answering: questions of texts that come with them."""

from typing import Any

from fastapi import APIRouter, Request

from api.auth.callers import Scope
from api.concurrency.worker_pool import ASK, Job
from api.http.openapi import body_of
from api.http.request_body import read_body, until_gone
from api.http.request_context import needs, ready_state, sender_of, take_place
from api.schemas.hf_task import TaskAnswerOut, TaskIn, TaskParameters, shown
from qa import TextReading

# Of text to read, that count as one unit of work.
_CHARACTERS = 1_000
router = APIRouter(tags=["tasks"], dependencies=[needs(Scope.ASK)])


@router.post(
    "/v1/tasks/question-answering",
    response_model=TaskAnswerOut | list[TaskAnswerOut] | list[list[TaskAnswerOut]],
    openapi_extra=body_of(TaskIn),
    operation_id="answer_from_text",
)
async def answer_from_text(request: Request) -> Any:
    """Answer a question from a text that is handed in with it, as model hubs' question-answering task does."""
    state = ready_state(request)
    asked = await read_body(request, TaskIn, state.settings.article_body_bytes)
    options = (asked.parameters or TaskParameters()).options()
    inputs = asked.inputs if isinstance(asked.inputs, list) else [asked.inputs]
    reading = TextReading(state.qa.reader, state.qa.calibration)

    def work(job: Job) -> list[Any]:
        return [shown(reading.read(one.question, one.context, options, job.check), options) for one in inputs]

    take_place(request)
    found = await state.workers.run(
        ASK,
        work,
        gone=lambda: until_gone(request),
        kind="task",
        sender=sender_of(request),
        size=max(1.0, sum(len(one.context) for one in inputs) / _CHARACTERS),
    )
    return found if isinstance(asked.inputs, list) else found[0]
