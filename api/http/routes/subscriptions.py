"""/v1/subscriptions: feeds and sitemaps that a collection follows."""

from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from api.auth.callers import Scope
from api.concurrency.worker_pool import FETCH, WRITE, Job
from api.errors import Problem
from api.http.openapi import body_of, query_of
from api.http.request_body import read_body, read_query, until_gone
from api.http.request_context import caller_of, collection_of, needs, note, ready_state, state_of
from api.schemas.requests import CollectionQuery, SubscriptionIn
from api.schemas.subscriptions import SubscriptionOut, SubscriptionsOut
from index import Following, Subscription, SubscriptionNotFound, check_collection_name

router = APIRouter(tags=["subscriptions"], dependencies=[needs(Scope.WRITE)])


class EndQuery(CollectionQuery):
    """Which subscription is meant."""

    url: str = Field(min_length=1, max_length=2_000, description="address of the feed or sitemap")


@router.get(
    "/v1/subscriptions",
    response_model=SubscriptionsOut,
    openapi_extra=query_of(CollectionQuery),
    operation_id="list_subscriptions",
)
async def list_subscriptions(request: Request) -> Any:
    """List what a collection follows: when each is due, what came of it, what failed and why."""
    state = state_of(request)
    name = read_query(request, CollectionQuery).collection
    following = Following(collection_of(request, name), state.policy)
    found = await run_in_threadpool(lambda: [(one, following.failing(one.url)) for one in following.all()])
    return SubscriptionsOut(subscriptions=[SubscriptionOut.from_subscription(*one) for one in found])


@router.post(
    "/v1/subscriptions",
    response_model=SubscriptionOut,
    status_code=201,
    openapi_extra=body_of(SubscriptionIn),
    operation_id="follow",
    responses={200: {"model": SubscriptionOut, "description": "it was followed already: how often was changed"}},
)
async def follow(request: Request, response: Response) -> Any:
    """Follow a feed or sitemap, or change how often (200); the first round begins at once, in the background."""
    state = ready_state(request)
    given = await read_body(request, SubscriptionIn, state.settings.ask_body_bytes)
    check_collection_name(given.collection)
    caller_of(request).check_collection(given.collection)
    note(request, given.collection, url=given.url)

    def work(job: Job) -> tuple[Subscription, bool]:
        following = Following(state.qa.library.collection(given.collection, create=True), state.policy)
        return following.subscribe(given.url, given.every_seconds)

    found, created = await state.workers.run(FETCH, work, gone=lambda: until_gone(request))
    state.wake.set()
    response.status_code = 201 if created else 200
    return SubscriptionOut.from_subscription(found, ())


@router.delete("/v1/subscriptions", status_code=204, openapi_extra=query_of(EndQuery), operation_id="unfollow")
async def unfollow(request: Request) -> Response:
    """Follow a feed or sitemap no longer; its articles stay."""
    state = ready_state(request)
    asked = read_query(request, EndQuery)
    note(request, asked.collection, url=asked.url)
    following = Following(collection_of(request, asked.collection), state.policy)
    try:
        await state.workers.run(WRITE, lambda job: following.unsubscribe(asked.url))
    except SubscriptionNotFound:
        raise Problem(404, "that address is not followed: list what is at /v1/subscriptions") from None
    return Response(status_code=204)
