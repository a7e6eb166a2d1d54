"""/v1/collections: list and remove."""

from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from api.auth.callers import Scope
from api.concurrency.worker_pool import WRITE
from api.http.request_context import caller_of, needs, ready_state, state_of
from api.schemas.responses import CollectionOut, CollectionsOut

router = APIRouter(tags=["collections"])


@router.get(
    "/v1/collections",
    response_model=CollectionsOut,
    dependencies=[needs(Scope.ASK)],
    operation_id="list_collections",
)
async def list_collections(request: Request) -> Any:
    """List all collections that the caller may use, with their sizes."""
    found = await run_in_threadpool(state_of(request).qa.library.collections)
    seen = caller_of(request).sees
    return CollectionsOut(collections=[CollectionOut.from_info(info) for info in found if seen(info.name)])


@router.delete(
    "/v1/collections/{name}", status_code=204, dependencies=[needs(Scope.ADMIN)], operation_id="remove_collection"
)
async def remove_collection(request: Request, name: str) -> Response:
    """Remove a collection with all its articles; ``default`` comes back empty."""
    state = ready_state(request)
    caller_of(request).check_collection(name)
    await state.workers.run(WRITE, lambda job: state.qa.library.remove_collection(name))
    return Response(status_code=204)
