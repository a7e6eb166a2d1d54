"""Webhooks and keys of a service whose clock was, or is, wrong."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import api.background.webhook_sender
from api.auth.callers import Scope
from api.auth.key_cache import Keyring
from api.auth.keys import Keys
from api.background.webhook_sender import Webhooks
from api.observability.metrics import Metrics
from api.settings import Settings
from index import FetchPolicy, Filters, Library, Records, instant, now
from qa.watches.store import Delivery, Watch, Watches, event_of
from tests.receiver import Receiver
from tests.site import until

DAY = 24 * 3600.0


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as opened:
        yield opened


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    opened = Records(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def watches(records: Records) -> Watches:
    return Watches(records)


@pytest.fixture
def webhooks(records: Records, watches: Watches, receiver: Receiver) -> Iterator[Webhooks]:
    policy = FetchPolicy(allowed_networks=("127.0.0.1/32",), allowed_ports=(receiver.port,))
    sending = Webhooks(watches, policy, Settings(), Metrics(), Keys(records))
    yield sending
    sending.close(5)


def asked(watches: Watches, receiver: Receiver) -> Watch:
    watch = watches.add("Who built it?", "default", Filters(), None, receiver.url, most=10)
    watches.store(watch, watch, event_of("new", None, None))
    return watch


@pytest.mark.parametrize("days", [1.5, 400, 100_000])
def test_a_webhook_put_off_by_a_clock_that_was_ahead_is_sent_at_the_next_start(
    watches: Watches, webhooks: Webhooks, receiver: Receiver, days: float
) -> None:
    watch = asked(watches, receiver)
    put_off = Delivery(attempts=1, due=time.time() + days * DAY + 5, wait=5.0, error="the receiver answered 500")
    watches.keep_delivery(watch.id, put_off)
    webhooks.start()
    until(lambda: receiver.messages)
    until(lambda: watches.delivery(watch.id).error is None)


@pytest.mark.parametrize("days", [-400, 400])
def test_a_clock_that_is_set_while_a_webhook_waits_makes_no_difference(
    watches: Watches, webhooks: Webhooks, receiver: Receiver, days: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "_waits", [1.0])
    receiver.answers.append((500, {}))
    watch = asked(watches, receiver)
    webhooks.start()
    until(lambda: watches.delivery(watch.id).attempts)
    begun, real = time.monotonic(), time.time
    monkeypatch.setattr(api.background.webhook_sender.time, "time", lambda: real() + days * DAY)
    until(lambda: len(receiver.messages) == 2)
    assert time.monotonic() - begun > 0.5, "the pause was cut short"
    until(lambda: watches.delivery(watch.id).error is None)


def test_the_last_use_of_a_key_is_written_though_the_clock_was_ahead(library: Library) -> None:
    keys = Keys(library.records)
    key, secret = keys.add("reader", Scope.ASK)
    ahead = instant(datetime.now(UTC) + timedelta(days=400))
    keys.used({key.id: ahead})
    assert next(iter(keys.all())).last_used == ahead
    ring = Keyring(library)
    assert ring._look(secret, None).key is not None
    ring.close()
    last_used = next(iter(keys.all())).last_used
    assert last_used is not None and last_used <= now()
