"""Events of standing questions → their receivers: signed as Standard Webhooks prescribe, in order, each at least once.

How far each webhook has come stands in the library, and is written after the receiver has taken an event.  So a kill in
between sends that one again, with the same webhook-id, and never loses one.  Specification: standardwebhooks.com.
"""

import queue
import random
import threading
import time
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import orjson
import structlog

from api.auth.callers import Scope
from api.auth.keys import Keys
from api.observability.metrics import Metrics
from api.schemas.watches import EventOut
from api.settings import Settings
from index import CitespanError, FetchError, FetchPolicy, Posted, RecordNotFound, now, post, seconds_left
from qa import Delivery, Watch, Watches, WatchEvent

# Receivers that are waited for at a time.
_AT_A_TIME = 4
# The longest that a receiver may ask to be left alone.
_PATIENCE = 24 * 3_600.0
# A wait is so much longer, at most, that not all come at once to a receiver that was down.
_JITTER = 0.1
# Until what waits for the disk is tried again.
_REFUSED_SECONDS = 5.0
_LONGEST_SLEEP = 60.0
_log = structlog.get_logger("citespan")


class Webhooks:
    """Sends the events of standing questions where they are wanted.

    Args:
        watches: what is kept of them.
        policy: where messages may go.
        settings: how long a receiver has, and how often it is tried.
        metrics: what is counted.
        keys: a question whose key has been revoked calls nobody any more.
    """

    def __init__(self, watches: Watches, policy: FetchPolicy, settings: Settings, metrics: Metrics, keys: Keys) -> None:
        self._watches = watches
        self._policy = policy
        self._seconds = settings.webhook_seconds
        self._waits = settings.webhook_retry_seconds
        self._metrics = metrics
        self._keys = keys
        self._lock = threading.Lock()
        # Monotonic: the clock may be set while something waits.
        self._due: dict[str, float] = {}
        self._sending: set[str] = set()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="citespan-webhooks", daemon=True)
        self._ready: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    @property
    def pending(self) -> int:
        """Standing questions with a message to send, now or later."""
        return len(self._due)

    @property
    def sending(self) -> int:
        """Messages that are being sent."""
        return len(self._sending)

    def start(self) -> None:
        """Begin, with what was left when the library was closed."""
        self._thread.start()
        # Daemons: a receiver that is slow must not hold up the end of the process; what it took is sent again.
        for _ in range(_AT_A_TIME):
            threading.Thread(target=self._send_ready, name="citespan-webhook", daemon=True).start()

    def close(self, seconds: float) -> None:
        """Stop; what is being sent has so many seconds to be taken."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(seconds)
        with suppress(queue.Empty):
            while (waiting := self._ready.get_nowait()) is not None:
                self._sending.discard(waiting)
        for _ in range(_AT_A_TIME):
            self._ready.put(None)
        until = time.monotonic() + seconds
        while self._sending and time.monotonic() < until:
            time.sleep(0.02)

    def changed(self, watch_id: str) -> None:
        """Say that a question has an event more, or that its webhook is on again."""
        with self._lock:
            self._due[watch_id] = 0.0
        self._wake.set()

    def test(self, watch: Watch) -> tuple[bool, str | None]:
        """Send a message that tells of nothing; a webhook that was given up is on again once it is taken.

        Args:
            watch: whose webhook; it has one.

        Returns:
            Whether the receiver took it, and why it did not.
        """
        event = {"type": "answer.test", "timestamp": now(), "data": {"watch": EventOut.watch_of(watch)}}
        error, _, _ = self._send(watch, f"test_{watch.id}_{time.time_ns()}", event)
        if error is None:
            delivery = self._watches.delivery(watch.id)
            if delivery.off:
                self._watches.keep_delivery(watch.id, Delivery(after=delivery.after))
                self.changed(watch.id)
        return error is None, error

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                for watch in self._watches.all():
                    if watch.webhook is not None:
                        self.changed(watch.id)
                break
            except CitespanError as error:
                _log.error("webhooks cannot be looked up", error=str(error))
                self._stopping.wait(_REFUSED_SECONDS)
        while not self._stopping.is_set():
            self._wake.wait(self._sleep())
            self._wake.clear()
            moment = time.monotonic()
            with self._lock:
                ready = [one for one, due in self._due.items() if due <= moment and one not in self._sending]
                for one in ready:
                    del self._due[one]
                self._sending.update(ready)
            for one in ready:
                self._ready.put(one)

    def _sleep(self) -> float:
        with self._lock:
            soonest = min((due for one, due in self._due.items() if one not in self._sending), default=float("inf"))
        return max(0.0, min(_LONGEST_SLEEP, soonest - time.monotonic()))

    def _send_ready(self) -> None:
        while (watch_id := self._ready.get()) is not None:
            self._work(watch_id)

    def _work(self, watch_id: str) -> None:
        wait: float | None = None
        try:
            while not self._stopping.is_set():
                wait = self._deliver(watch_id)
                if wait is None or wait > 0:
                    break
        except RecordNotFound:
            wait = None  # the question has been removed
        except CitespanError as error:
            wait = _REFUSED_SECONDS
            if not self._stopping.is_set():
                _log.error("webhook", watch=watch_id, error=str(error))
        except Exception as error:  # one webhook must not end those of all
            wait = _LONGEST_SLEEP
            _log.error("webhook", watch=watch_id, kind=type(error).__name__, exc_info=error)
        finally:
            with self._lock:
                self._sending.discard(watch_id)
                if wait is not None:
                    self._due.setdefault(watch_id, time.monotonic() + wait)
            self._wake.set()

    def _deliver(self, watch_id: str) -> float | None:
        """Try a question's next event; return the seconds until the next try, None where there is nothing to send."""
        delivery = self._watches.delivery(watch_id)
        if delivery.off:
            return None
        if (left := seconds_left(delivery.due, delivery.wait, time.time())) > 0:
            return left
        watch = self._watches.get(watch_id)
        event = next(iter(self._watches.events(watch_id, delivery.after, 1)), None)
        if event is None:
            return None
        if self._may(watch):
            error, gone, after = self._send(watch, event.id, _message(watch, event))
        else:
            error, gone, after = f"the key {watch.key!r} may not do this any more", True, None
        come = self._after(delivery, event, error, gone, after)
        self._watches.keep_delivery(watch_id, come)
        outcome = "delivered" if error is None else "given_up" if come.off else "failed"
        self._metrics.webhooks.labels(outcome).inc()
        _log.info(
            "webhook", watch=watch_id, event_id=event.id, outcome=outcome, tries=delivery.attempts + 1, error=error
        )
        return None if come.off else come.wait

    def _may(self, watch: Watch) -> bool:
        if watch.key is None:
            return True
        callers = (key.caller for key in self._keys.all() if key.name == watch.key and key.state == "active")
        return any(caller.may(Scope.WRITE) and caller.sees(watch.collection) for caller in callers)

    def _after(
        self, delivery: Delivery, event: WatchEvent, error: str | None, gone: bool, after: float | None
    ) -> Delivery:
        if error is None:
            return Delivery(after=event.number)
        tries = delivery.attempts + 1
        if gone or tries > len(self._waits):
            return replace(delivery, attempts=tries, due=0.0, wait=0.0, error=error, off=True)
        wait = self._waits[tries - 1] * (1 + random.uniform(0, _JITTER))  # noqa: S311
        wait = max(wait, min(after or 0.0, _PATIENCE))
        return replace(delivery, attempts=tries, due=time.time() + wait, wait=wait, error=error)

    def _send(self, watch: Watch, message_id: str, message: dict[str, Any]) -> tuple[str | None, bool, float | None]:
        """Send a message; return why it was not taken, whether none is wanted any more, and when to come again."""
        from standardwebhooks import Webhook

        if watch.webhook is None:
            return "there is no webhook", True, None
        body = orjson.dumps(message)
        moment = datetime.now(UTC)
        headers = {
            "Content-Type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": str(int(moment.timestamp())),
            "webhook-signature": Webhook(watch.webhook.secret).sign(message_id, moment, body.decode()),
        }
        try:
            posted: Posted = post(watch.webhook.url, body, headers, policy=self._policy, seconds=self._seconds)
        except FetchError as error:
            return str(error)[:300], False, None
        if 200 <= posted.status < 300:
            return None, False, None
        if posted.status == 410:
            return "the receiver answered 410: it wants no more", True, None
        moved = ": redirects are not followed" if 300 <= posted.status < 400 else ""
        return f"the receiver answered {posted.status}{moved}", False, posted.retry_after


def _message(watch: Watch, event: WatchEvent) -> dict[str, Any]:
    return EventOut.from_event(watch, event).message()
