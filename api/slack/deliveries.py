"""Answers that took longer than Slack waits → the address that Slack gave for them."""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any

import orjson
import structlog

from api.concurrency.worker_pool import FETCH, Problem, Workers
from api.observability.metrics import Metrics
from index import FetchError, FetchPolicy, Posted, post

# Slack takes an answer for half an hour; a person waits for less.
_PAUSES = (0.5, 2.0)
_MAX_PAUSE = 20.0
_POST_SECONDS = 8.0
# Beside the questions in the queue, those that are being delivered while Slack does not answer.
_MOST_PENDING = 256
_HEADERS = {"Content-Type": "application/json; charset=utf-8"}
_log = structlog.get_logger("citespan")


class Deliveries:
    """Sends answers once they are there, to Slack and nowhere else, and again where Slack fails.

    Used in the event loop only.

    Args:
        workers: in whose lane for other people's servers they are sent.
        policy: where requests may go.
        origins: scheme and host, with its port where it has one, of where answers may be sent.
        metrics: where it is counted how they ended.
    """

    def __init__(self, workers: Workers, policy: FetchPolicy, origins: Sequence[str], metrics: Metrics) -> None:
        self._workers = workers
        self._policy = policy
        self._origins = tuple(origins)
        self._metrics = metrics
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = asyncio.Event()

    @property
    def pending(self) -> int:
        """Answers that are waited for or on their way."""
        return len(self._tasks)

    @property
    def full(self) -> bool:
        """Whether no more are taken."""
        return self.pending >= _MOST_PENDING or self._closing.is_set()

    def permits(self, url: str) -> bool:
        """Return whether an address is Slack's: what stands before the path must be one of the origins."""
        return any(url.startswith(f"{origin}/") for origin in self._origins)

    def later(self, url: str, message: Awaitable[dict[str, Any]], *, request_id: str) -> None:
        """Send a message once it is there.

        Args:
            url: permitted; whoever knows it can write there, so it is never logged.
            message: what is waited for; raises nothing.
            request_id: of the command, for the log.
        """
        task = asyncio.ensure_future(self._deliver(url, message, request_id))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self, seconds: float) -> None:
        """Send what is pending, each once more at most, for at most so long; called once no more commands come."""
        self._closing.set()
        if not self._tasks:
            return
        _, left = await asyncio.wait(self._tasks, timeout=seconds)
        for task in left:
            task.cancel()
        if left:
            self._metrics.slack.labels("lost").inc(len(left))
            _log.warning("answers for Slack not sent before the end", count=len(left))

    async def _deliver(self, url: str, message: Awaitable[dict[str, Any]], request_id: str) -> None:
        body = orjson.dumps(await message)
        for pause in (*_PAUSES, None):
            reason, after = await self._send(url, body)
            if reason is None:
                self._metrics.slack.labels("delivered").inc()
                return
            if pause is None or after is None or self._closing.is_set():
                break
            await self._wait(max(pause, min(after, _MAX_PAUSE)))
        self._metrics.slack.labels("lost").inc()
        _log.warning("answer for Slack not delivered", request_id=request_id, reason=reason)

    async def _send(self, url: str, body: bytes) -> tuple[str | None, float | None]:
        """Return why a message was not taken, None where it was, and after how long another try may help, if it may."""
        try:
            posted: Posted = await self._workers.run(
                FETCH, lambda job: post(url, body, _HEADERS, policy=self._policy, seconds=_POST_SECONDS)
            )
        except FetchError as error:
            return str(error), 0.0
        except Problem as problem:  # the lane is full
            return problem.detail, 1.0
        if 200 <= posted.status < 300:
            return None, None
        again = posted.status == 429 or posted.status >= 500
        return f"Slack answered {posted.status}", (posted.retry_after or 0.0) if again else None

    async def _wait(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._closing.wait(), seconds)
        except TimeoutError:
            return
