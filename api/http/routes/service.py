"""/healthz, /readyz, /metrics, /v1/examples."""

from typing import Any

import orjson
from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from starlette.concurrency import run_in_threadpool

from api.auth.callers import Scope
from api.http.request_context import caller_of, needs, state_of
from api.service.context import State
from api.service.health import Look
from index import DEFAULT_COLLECTION

router = APIRouter(tags=["service"])
_MAX_EXAMPLES = 6


@router.get("/healthz", operation_id="health")
async def health() -> dict[str, str]:
    """Say that the process lives."""
    return {"status": "alive"}


@router.get("/readyz", operation_id="ready")
async def ready(request: Request) -> dict[str, str | int]:
    """Say whether a question would be taken now, and answered: of the collections in use some passage is looked for.

    ``degraded`` where some of them cannot be read, with their number; 503 where that is so of all.
    ``adds`` where the disk is nearly full, so that nothing can be added.
    """
    state = state_of(request)
    problem = state.unready()
    look = Look() if problem is not None else await state.health.look()
    problem = problem or look.problem()
    if problem is not None:
        raise problem
    status: dict[str, str | int] = (
        {"status": "degraded", "failing": look.failing} if look.failing else {"status": "ready"}
    )
    if state.qa.library.space.refuses():
        status["adds"] = "refused where nothing was removed: the disk is nearly full"
    return status


@router.get("/metrics", dependencies=[needs(Scope.ADMIN)], operation_id="metrics", response_class=PlainTextResponse)
async def metrics(request: Request) -> Response:
    """Return the service's numbers in Prometheus' text format."""
    caller_of(request).check_all_collections()
    text = await run_in_threadpool(state_of(request).metrics.text)
    return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")


@router.get("/v1/examples", dependencies=[needs(Scope.ASK)], operation_id="examples")
async def examples(request: Request) -> dict[str, list[str]]:
    """Return questions worth trying, from examples.json in the library's folder; empty where there is none."""
    if not caller_of(request).sees(DEFAULT_COLLECTION):  # which they are about
        return {"questions": []}
    return {"questions": await run_in_threadpool(_examples, state_of(request))}


def _examples(state: State) -> list[str]:
    try:
        found: Any = orjson.loads((state.qa.library.folder / "examples.json").read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return []
    usable = [one for one in found if isinstance(one, str) and 0 < len(one) <= 300] if isinstance(found, list) else []
    return usable[:_MAX_EXAMPLES]
