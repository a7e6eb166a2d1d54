"""create_app: the HTTP interface around a QuestionAnswering."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import structlog
from fastapi import FastAPI, Request, Response
from starlette.concurrency import run_in_threadpool

from api import errors
from api.auth.key_cache import Keyring
from api.background.feed_scheduler import Follower
from api.background.job_runner import Jobs
from api.background.watch_scheduler import Watcher
from api.concurrency.worker_pool import Cancelled, Workers
from api.http.error_formats import error_response
from api.http.middleware.authentication import Admission
from api.http.middleware.request_guard import Gate
from api.http.openapi import describe
from api.http.request_context import ask_context
from api.http.routes import (
    articles,
    ask,
    citations,
    collections,
    conversations,
    jobs,
    mcp,
    openai,
    pages,
    search,
    service,
    slack,
    subscriptions,
    tasks,
    watches,
)
from api.mcp.http_transport import Exchange
from api.observability.metrics import Metrics
from api.observability.tracing import telemetry, trace_stages
from api.service.context import State
from api.service.gauges import add_gauges
from api.settings import Settings
from api.slack import Deliveries, Signatures, Slack
from index import CitespanError, observe_stages, release
from qa import QuestionAnswering

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

# It looks between two pages whether it must stop; a page that is being fetched then is fetched again the next time.
_FOLLOWER_SECONDS = 2.0
# What nginx writes in its log for a request whose client has gone.
_CLIENT_GONE = 499
_log = structlog.get_logger("citespan")


def create_app(
    qa: QuestionAnswering, settings: Settings | None = None, *, tracer_provider: "TracerProvider | None" = None
) -> FastAPI:
    """Make the application; models are loaded in the background once it starts.

    From the outside in: Gate (id, checks, safety headers, log, metrics), Admission (key, origin, rate), FastAPI's own
    error handling (every error a problem), the routers.

    Args:
        qa: opened; closed when the application stops.
        settings: all settings; None takes the defaults and the environment.
        tracer_provider: of OpenTelemetry, shut down when the application stops; None makes no traces.
    """
    chosen = settings or Settings.read()
    metrics = Metrics()
    workers = Workers(chosen, metrics.refused)
    state = State(qa, chosen, workers, metrics, Jobs(qa.library, chosen.jobs_size), chosen.policy())
    follower = Follower(qa.library, state.policy, metrics, state.wake, state.ready, state.stopping)
    watcher = Watcher(qa, state.watches, workers.questions, state.webhooks, metrics, state.ready, state.stopping)
    slack_commands = _slack(state)
    exchange = Exchange(state, partial(ask_context, ready=False))
    keyring = Keyring(qa.library)
    add_gauges(state, follower, watcher)
    ends = [observe_stages(metrics.observe_stage)]
    if tracer_provider is not None:
        ends.append(trace_stages(tracer_provider))

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        threading.Thread(target=_warm_up, args=(state,), name="citespan-warm-up", daemon=True).start()
        follower.start()
        timekeeper = asyncio.create_task(keyring.keep_time())
        watcher.start()
        state.webhooks.start()
        yield
        state.stopping.set()
        state.wake.set()
        await exchange.close()
        await run_in_threadpool(state.jobs.close, chosen.shutdown_seconds)
        if slack_commands is not None:
            await slack_commands.deliveries.close(chosen.shutdown_seconds)
        await run_in_threadpool(state.workers.close, chosen.shutdown_seconds)
        await run_in_threadpool(watcher.join, _FOLLOWER_SECONDS)
        await run_in_threadpool(state.webhooks.close, _FOLLOWER_SECONDS)
        await run_in_threadpool(follower.join, _FOLLOWER_SECONDS)
        timekeeper.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await timekeeper
        await run_in_threadpool(keyring.close)
        await run_in_threadpool(qa.close)
        for end in ends:
            end()
        if tracer_provider is not None:
            await run_in_threadpool(tracer_provider.shutdown)

    app = FastAPI(
        title="Citespan",
        version=release(),
        description="Ask a collection of articles; get verbatim answers with the sentence, the article and the date.",
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        telemetry=telemetry(tracer_provider, questions=chosen.log_questions),
    )
    app.state.citespan = state
    app.state.slack = slack_commands
    app.state.mcp = exchange
    errors.install(app, error_response)
    app.add_exception_handler(Cancelled, _gone)
    for module in (
        ask,
        conversations,
        search,
        jobs,
        articles,
        citations,
        collections,
        subscriptions,
        watches,
        mcp,
        slack,
        openai,
        tasks,
        service,
        pages,
    ):
        app.include_router(module.router)
    describe(app)
    app.add_middleware(Admission, settings=chosen, keyring=keyring, questions=workers.questions)
    app.add_middleware(Gate, settings=chosen, metrics=metrics, audit=state.audit, outgoing=state.outgoing)
    return app


def _slack(state: State) -> Slack | None:
    """Return what answers slash commands, None where Slack is not connected."""
    secret = state.settings.slack_signing_secret
    if secret is None:
        return None
    deliveries = Deliveries(state.workers, state.policy, state.settings.slack_origins, state.metrics)
    state.metrics.gauge("citespan_slack_pending", "Answers on their way to Slack", lambda: float(deliveries.pending))
    return Slack(Signatures(secret.get_secret_value()), deliveries)


async def _gone(request: Request, error: Exception) -> Response:
    """Answer a client that has gone: nobody reads it, and nothing went wrong."""
    return Response(status_code=_CLIENT_GONE)


def _warm_up(state: State) -> None:
    try:
        state.qa.warm_up()
    except CitespanError as error:
        state.failure = "models or library cannot be loaded: the service's log says why"
        _log.error("not ready", error=str(error))
    except Exception as error:  # a thread's exception would end up on stderr and nowhere else
        state.failure = "models or library cannot be loaded: the service's log says why"
        _log.error("not ready", kind=type(error).__name__, exc_info=error)
    else:
        state.ready.set()
        state.jobs.start()
        state.wake.set()
        _log.info("ready")
