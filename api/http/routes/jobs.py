"""/v1/articles/batch: many articles at once; /v1/jobs: how far that has come."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from api.auth.callers import Caller, Scope
from api.errors import Problem
from api.http.openapi import body_of_lines, query_of, stream_of
from api.http.request_body import check_declared, check_encoding, content_type, pieces, read_query
from api.http.request_context import caller_of, needs, note, ready_state, sender_of, state_of
from api.http.streaming import followed
from api.schemas.jobs import BatchOut, JobAndFailuresOut, JobOut, JobsOut
from api.schemas.requests import CollectionQuery, PageQuery
from api.service.context import State
from api.service.event_stream import Pulse, event_text
from index import (
    Collection,
    Incoming,
    Job,
    JobNotFound,
    NotFound,
    QueryError,
    check_collection_name,
)

router = APIRouter(tags=["jobs"], dependencies=[needs(Scope.WRITE)])
LINES = ("application/x-ndjson", "application/ndjson", "application/jsonl", "application/jsonlines")
# What came in is handed to the disk in pieces of this size.
_PIECE = 1024**2
# Events of one job come at most so often.
_LEAST_SECONDS = 0.25


@router.post(
    "/v1/articles/batch",
    response_model=BatchOut,
    status_code=202,
    openapi_extra=body_of_lines(LINES) | query_of(CollectionQuery),
    operation_id="add_batch",
)
async def add_batch(request: Request, response: Response) -> Any:
    """Take in a file of articles, one JSON object a line; a job works through it, and outlives a restart."""
    state = ready_state(request)
    if content_type(request) not in LINES:
        raise Problem(415, f"send {LINES[0]} in the Content-Type header, and one JSON object a line in the body")
    check_encoding(request)
    name = read_query(request, CollectionQuery).collection
    check_collection_name(name)
    caller_of(request).check_collection(name)
    note(request, name)
    limit = state.settings.batch_body_bytes
    check_declared(request, limit)
    with state.jobs.admitted():
        collection = await run_in_threadpool(state.qa.library.collection, name, create=True)
        incoming = await run_in_threadpool(collection.jobs.receive)
        try:
            await _receive(request, incoming, limit)
            job = await run_in_threadpool(incoming.queue)
        except BaseException:
            await asyncio.shield(run_in_threadpool(incoming.discard))
            raise
    note(request, job_id=job.id)
    state.jobs.changed()
    response.headers["Location"] = f"/v1/jobs/{job.id}"
    return BatchOut(job=_shown(state, name, job))


@router.get("/v1/jobs", response_model=JobsOut, openapi_extra=query_of(PageQuery), operation_id="list_jobs")
async def list_jobs(request: Request) -> Any:
    """List the jobs of all collections that the caller may use, the newest first; ended ones are kept for a while."""
    state = state_of(request)
    asked = read_query(request, PageQuery, ("limit",))
    seen = caller_of(request).sees
    jobs = await run_in_threadpool(state.qa.library.jobs)
    found = [(collection, job) for collection, job in jobs if seen(collection.name)]
    if asked.cursor is not None:
        if not asked.cursor.startswith("job_"):
            raise QueryError("cursor is not one that a listing gave out: leave it out", field="cursor")
        found = [(collection, job) for collection, job in found if job.id < asked.cursor]
    shown = found[: asked.limit]
    return JobsOut(
        jobs=[_shown(state, collection.name, job) for collection, job in shown],
        next_cursor=shown[-1][1].id if len(found) > len(shown) else None,
    )


@router.get(
    "/v1/jobs/{job_id}", response_model=JobAndFailuresOut, openapi_extra=query_of(PageQuery), operation_id="get_job"
)
async def get_job(request: Request, job_id: str) -> Any:
    """Say how far a job has come, and which lines could not be used, a page of them."""
    state = state_of(request)
    asked = read_query(request, PageQuery, ("limit",))

    def look() -> JobAndFailuresOut:
        collection, job = _job_of(state, caller_of(request), job_id)
        failures, more = collection.jobs.failures(job_id, limit=asked.limit, cursor=asked.cursor)
        return JobAndFailuresOut.from_page(_shown(state, collection.name, job), failures, more)

    return await run_in_threadpool(look)


@router.delete("/v1/jobs/{job_id}", response_model=JobOut, operation_id="cancel_job")
async def cancel_job(request: Request, job_id: str) -> Any:
    """Cancel a job that is open or stopped; what it has added stays.  One that has ended stays as it is."""
    state = ready_state(request)

    def cancel() -> tuple[Collection, Job]:
        collection, _ = _job_of(state, caller_of(request), job_id)
        return collection, collection.jobs.cancel(job_id)

    collection, job = await run_in_threadpool(cancel)
    note(request, collection.name)
    state.jobs.changed()
    return _shown(state, collection.name, job)


@router.post("/v1/jobs/{job_id}/resume", response_model=JobOut, operation_id="resume_job")
async def resume_job(request: Request, job_id: str) -> Any:
    """Let a stopped job continue.  One that is open stays as it is."""
    state = ready_state(request)

    def resume() -> tuple[Collection, Job]:
        collection, _ = _job_of(state, caller_of(request), job_id)
        return collection, collection.jobs.resume(job_id)

    collection, job = await run_in_threadpool(resume)
    note(request, collection.name)
    if not job.open:
        raise Problem(409, f"the job is {job.state}: only a stopped job can be resumed")
    state.jobs.changed()
    return _shown(state, collection.name, job)


@router.get(
    "/v1/jobs/{job_id}/events",
    operation_id="follow_job",
    **stream_of("progress ..., end", {"progress": JobOut, "end": JobOut}),
)
async def follow_job(request: Request, job_id: str) -> Response:
    """Follow a job: events progress (how it stands now, and again when that changes), then end."""
    state, caller = state_of(request), caller_of(request)
    collection, job = await run_in_threadpool(_job_of, state, caller, job_id)
    events = _events(state, sender_of(request), collection, job)
    first = await anext(events)  # too many followers are a problem, not an event
    return followed(first, events)


async def _events(state: State, sender: str | None, collection: Collection, job: Job) -> AsyncGenerator[bytes]:
    with state.jobs.followed(sender) as changed:
        shown: JobOut | None = None
        pulse = Pulse()
        while True:
            changed.clear()
            try:
                job = await run_in_threadpool(collection.jobs.get, job.id)
            except NotFound:
                job = replace(job, state="cancelled")  # with its collection
            now = _shown(state, collection.name, job)
            if not job.open:
                yield event_text("end", now.model_dump())
                return
            if now != shown:
                yield event_text("progress", now.model_dump())
                shown = now
                pulse.spoken()
            await asyncio.sleep(_LEAST_SECONDS)
            async for sign in pulse.until(changed, state.stopping):
                yield sign
            if state.stopping.is_set():
                return


async def _receive(request: Request, incoming: Incoming, limit: int) -> None:
    """Spool a body.

    Raises:
        Problem: 400 cut short, 413 too large.
        StorageError: the disk refused.
    """
    held = bytearray()
    async for part in pieces(request, limit):
        held += part
        if len(held) >= _PIECE:
            await run_in_threadpool(incoming.write, bytes(held))
            held.clear()
    await run_in_threadpool(incoming.write, bytes(held))


def _job_of(state: State, caller: Caller, job_id: str) -> tuple[Collection, Job]:
    """Return a job with its collection; one of a collection that the caller may not use is not there for it.

    Raises:
        JobNotFound: no such job.
    """
    collection, job = state.qa.library.job(job_id)
    if not caller.sees(collection.name):
        raise JobNotFound(f"no job {job_id!r}")
    return collection, job


def _shown(state: State, collection: str, job: Job) -> JobOut:
    return JobOut.from_job(job, collection, rate=state.jobs.rate(job), waits=state.jobs.waits(job))
