"""The protocol over standard input and output, for an assistant that starts the command itself."""

import asyncio
import contextlib
import sys

import structlog

from api.background.job_runner import Jobs
from api.concurrency.worker_pool import Workers
from api.mcp.server import tool_server
from api.observability.logging import configure_log
from api.observability.metrics import Metrics
from api.service.context import State
from api.settings import Settings
from index import CitespanError
from qa import QuestionAnswering

_log = structlog.get_logger("citespan")


def serve_pipes(settings: Settings) -> None:
    """Answer the protocol's messages until standard input ends, or nobody reads standard output any more.

    The library is opened beside a process that writes, unless tools that write are wanted: then it is this process's
    alone.  Models load in the background, and the first question waits for them.

    Args:
        settings: all settings.

    Raises:
        LibraryError: there is no library there, or with tools that write another process has it open.
    """
    configure_log(settings)
    # Once it serves, the SDK keeps all but the protocol off standard output, whatever a library prints.
    with contextlib.redirect_stdout(sys.stderr):
        qa = QuestionAnswering.open(settings.library, options=settings.options(), read_only=not settings.mcp_writes)
    with qa:
        metrics = Metrics()
        workers = Workers(settings, metrics.refused)
        state = State(qa, settings, workers, metrics, Jobs(qa.library, settings.jobs_size), settings.policy())
        try:
            asyncio.run(_serve(state))
        except* BrokenPipeError:
            _log.info("the client has closed its end")
        finally:
            state.stopping.set()
            workers.close(settings.shutdown_seconds)


async def _serve(state: State) -> None:
    loading = asyncio.create_task(asyncio.to_thread(_load, state))

    async def settled() -> None:
        # One call's end must not end the loading that others wait for.
        await asyncio.shield(loading)

    writes = state.settings.mcp_writes
    limit = state.settings.article_body_bytes if writes else state.settings.ask_body_bytes
    await tool_server(state, settled=settled).run_pipes(limit)


def _load(state: State) -> None:
    try:
        state.qa.warm_up()
    except Exception as error:
        state.failure = "models or library cannot be loaded: standard error says why"
        facts = {"error": str(error)} if isinstance(error, CitespanError) else {"exc_info": error}
        _log.error("not ready", kind=type(error).__name__, **facts)
    else:
        state.ready.set()
        _log.info("ready")
