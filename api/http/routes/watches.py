"""/v1/watches: standing questions, asked again when articles that come or go could change their answer."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from functools import partial
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from api.auth.callers import Scope
from api.background.watch_scheduler import first
from api.concurrency.worker_pool import ASK, FETCH, Job
from api.errors import Problem
from api.http.openapi import body_of, event_content, query_of
from api.http.request_body import accepts, read_body, read_query, until_gone
from api.http.request_context import caller_of, needs, note, ready_state, sender_of, state_of, take_place
from api.http.streaming import followed
from api.schemas.requests import PageQuery, WatchIn
from api.schemas.watches import EVENT_TYPES, EventOut, EventsOut, NewWatchOut, TestedOut, WatchesOut, WatchOut
from api.service.context import State
from api.service.event_stream import EVENTS, Pulse, event_text
from index import FetchError, InputError, RecordNotFound, check_receiver, decode_cursor, encode_cursor
from qa import Answer, Delivery, Watch, Watched, first_asked

router = APIRouter(tags=["watches"], dependencies=[needs(Scope.ASK)])
# Events of a stream that are read in one go.
_AT_A_TIME = 100


@router.post(
    "/v1/watches",
    response_model=NewWatchOut,
    status_code=201,
    openapi_extra=body_of(WatchIn),
    operation_id="create_watch",
)
async def create_watch(request: Request, response: Response) -> Any:
    """Put a standing question: it is asked now, and again whenever articles that come or go could change its answer.

    The secret that signs the messages of its webhook is shown this once.
    """
    state = ready_state(request)
    given = await read_body(request, WatchIn, state.settings.ask_body_bytes)
    caller = caller_of(request)
    caller.check_collection(given.collection)
    note(request, given.collection)
    if caller.public:
        raise Problem(403, "this key is shown to everyone on a page: use one of your own for standing questions")
    if given.webhook is not None:
        if not caller.may(Scope.WRITE):
            raise Problem(403, "a webhook makes this service call out: the scope write is wanted")
        _check_webhook(state, given.webhook)
    filters = given.filters.to_filters()
    state.qa.library.collection(given.collection)  # an unknown one is a 404
    take_place(request)
    add = partial(state.watches.add, given.question, given.collection, filters, caller.name, given.webhook)
    watch = await run_in_threadpool(add, most=state.settings.watches_size)
    note(request, watch_id=watch.id)
    with state.watches.beginning(watch.id):

        def work(job: Job) -> tuple[Watched, Answer]:
            return first_asked(state.qa, watch.collection, watch.question, filters, job.check)

        try:
            watched, answer = await state.workers.run(
                ASK, work, gone=lambda: until_gone(request), sender=sender_of(request)
            )
            asked = first(watch, watched, answer)
            await run_in_threadpool(state.watches.store, watch, asked)
        except BaseException:
            with suppress(RecordNotFound):
                await asyncio.shield(run_in_threadpool(state.watches.remove, watch.id))
            raise
    response.headers["Location"] = f"/v1/watches/{watch.id}"
    shown = WatchOut.from_watch(asked, Delivery())
    return NewWatchOut(**shown.model_dump(), secret=None if watch.webhook is None else watch.webhook.secret)


@router.get("/v1/watches", response_model=WatchesOut, openapi_extra=query_of(PageQuery), operation_id="list_watches")
async def list_watches(request: Request) -> Any:
    """List standing questions in the order in which they came: those of the key that asks, all for an admin."""
    state, caller = state_of(request), caller_of(request)
    caller.check_own()
    asked = read_query(request, PageQuery, ("limit",))
    after = decode_cursor(asked.cursor)

    def look() -> WatchesOut:
        found: list[Watch] = []
        at = after
        while len(found) <= asked.limit and (some := state.watches.page(at)):
            found += [one for one in some if _seen(request, one) and caller.sees(one.collection)]
            at = some[-1].number
        shown = found[: asked.limit]
        more = encode_cursor(shown[-1].number) if len(found) > len(shown) else None
        return WatchesOut(watches=[_shown(state, one) for one in shown], next_cursor=more)

    return await run_in_threadpool(look)


@router.get("/v1/watches/{watch_id}", response_model=WatchOut, operation_id="get_watch")
async def get_watch(request: Request, watch_id: str) -> Any:
    """Return a standing question with the answer that stands and its proof."""
    state = state_of(request)
    return await run_in_threadpool(lambda: _shown(state, _own(request, watch_id)))


@router.delete("/v1/watches/{watch_id}", status_code=204, operation_id="remove_watch")
async def remove_watch(request: Request, watch_id: str) -> Response:
    """Remove a standing question with its events."""
    state = ready_state(request)

    def remove() -> None:
        _own(request, watch_id)
        state.watches.remove(watch_id)

    await run_in_threadpool(_found, remove)
    return Response(status_code=204)


@router.post(
    "/v1/watches/{watch_id}/test",
    response_model=TestedOut,
    operation_id="test_watch",
    dependencies=[needs(Scope.WRITE)],
)
async def test_watch(request: Request, watch_id: str) -> Any:
    """Send its webhook a message of the type answer.test; one that was turned off is on again once that is taken."""
    state = ready_state(request)
    watch = await run_in_threadpool(_own, request, watch_id)
    if watch.webhook is None:
        raise Problem(409, "this standing question has no webhook: put it again with one")
    work = partial(_found, lambda: state.webhooks.test(watch))
    delivered, error = await state.workers.run(FETCH, lambda job: work(), gone=lambda: until_gone(request))
    return TestedOut(delivered=delivered, error=error)


@router.get(
    "/v1/watches/{watch_id}/events",
    response_model=EventsOut,
    openapi_extra=query_of(PageQuery),
    operation_id="list_watch_events",
    responses={
        200: {
            "content": event_content(dict.fromkeys(EVENT_TYPES, EventOut)),
            "description": "a page; or, as a stream, each as it comes",
        }
    },
)
async def list_watch_events(request: Request, watch_id: str) -> Any:
    """Return what has become of its answer, the newest last; with Accept: text/event-stream, also what comes later.

    A stream begins after cursor, or after the event that Last-Event-ID names, else with the oldest that is kept.
    """
    state = state_of(request)
    asked = read_query(request, PageQuery, ("limit",))
    after = decode_cursor(asked.cursor)
    watch = await run_in_threadpool(_own, request, watch_id)
    if accepts(request, EVENTS):
        last = request.headers.get("last-event-id", "")
        after = max(after, await run_in_threadpool(state.watches.place_of, last)) if last else after
        events = _events(state, request, watch, after)
        begun = await anext(events)  # too many listeners are a problem, not an event
        return followed(begun, events)

    def look() -> EventsOut:
        found = state.watches.events(watch.id, after, asked.limit + 1)
        shown = found[: asked.limit]
        more = encode_cursor(shown[-1].number) if len(found) > len(shown) else None
        return EventsOut(events=[EventOut.from_event(watch, one) for one in shown], next_cursor=more)

    return await run_in_threadpool(look)


async def _events(state: State, request: Request, watch: Watch, after: int) -> AsyncGenerator[bytes]:
    caller = caller_of(request)
    with state.watch_listeners.waiting(sender_of(request)) as changed:
        yield b": following\n\n"
        pulse = Pulse()
        while not state.stopping.is_set():
            changed.clear()
            try:
                await run_in_threadpool(state.watches.get, watch.id)
            except RecordNotFound:
                return  # it has been removed
            while found := await run_in_threadpool(state.watches.events, watch.id, after, _AT_A_TIME):
                if not await run_in_threadpool(state.keys.admits, caller):
                    return  # a stream outlives the request that was let in
                for event in found:
                    shown = EventOut.from_event(watch, event)
                    yield event_text(shown.type, shown.model_dump(), event.id)
                    after = event.number
                    pulse.spoken()
            async for sign in pulse.until(changed, state.stopping):
                yield sign


def _seen(request: Request, watch: Watch) -> bool:
    caller = caller_of(request)
    return caller.may(Scope.ADMIN) or watch.key == caller.name


def _own(request: Request, watch_id: str) -> Watch:
    """Return a standing question of whoever asks.

    Raises:
        Problem: 404 no such question, or another key's; 403 a key that everyone has, or not its collection any more.
    """
    caller_of(request).check_own()
    watch: Watch = _found(lambda: state_of(request).watches.get(watch_id))
    if not _seen(request, watch):
        raise _missing()
    caller_of(request).check_collection(watch.collection)
    return watch


def _found(look: Any) -> Any:
    try:
        return look()
    except RecordNotFound:
        raise _missing() from None


def _missing() -> Problem:
    return Problem(404, "no such standing question: list them at /v1/watches")


def _shown(state: State, watch: Watch) -> WatchOut:
    delivery = None
    if watch.webhook is not None:
        with suppress(RecordNotFound):
            delivery = state.watches.delivery(watch.id)
    return WatchOut.from_watch(watch, delivery)


def _check_webhook(state: State, url: str) -> None:
    try:
        check_receiver(url, state.policy)
    except FetchError as error:
        raise InputError(str(error), field="webhook") from None
