"""POST /v1/search: passages only."""

from typing import Any

from fastapi import APIRouter, Request

from api.auth.callers import Scope
from api.concurrency.worker_pool import SEARCH
from api.http.openapi import body_of
from api.http.request_body import read_body, until_gone
from api.http.request_context import caller_of, needs, ready_state, sender_of, take_place
from api.schemas.requests import SearchIn
from api.schemas.responses import CandidateOut, SearchOut

router = APIRouter(tags=["search"], dependencies=[needs(Scope.ASK)])


@router.post("/v1/search", response_model=SearchOut, openapi_extra=body_of(SearchIn), operation_id="search")
async def search(request: Request) -> Any:
    """Return the passages that speak most of some words."""
    state = ready_state(request)
    asked = await read_body(request, SearchIn, state.settings.ask_body_bytes)
    caller_of(request).check_collection(asked.collection)
    filters = asked.filters.to_filters()
    collection = state.qa.library.collection(asked.collection)
    take_place(request)
    found = await state.workers.run(
        SEARCH,
        lambda job: collection.search(asked.query, limit=asked.limit, filters=filters),
        gone=lambda: until_gone(request),
        sender=sender_of(request),
    )
    return SearchOut(passages=[CandidateOut.from_candidate(candidate) for candidate in found])
