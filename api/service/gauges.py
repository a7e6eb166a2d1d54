"""What a service's metrics say of now: what waits, what runs, what is open."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from api.service.context import State
from index import CitespanError

if TYPE_CHECKING:
    from api.background.feed_scheduler import Follower
    from api.background.watch_scheduler import Watcher


def add_gauges(state: State, follower: "Follower", watcher: "Watcher") -> None:
    """Add the numbers of now to the metrics of a service; those that cannot be read are NaN.

    Args:
        state: of the service.
        follower: of its feeds.
        watcher: of its standing questions.
    """
    metrics, workers, library = state.metrics, state.workers, state.qa.library
    lanes = {"questions": workers.questions, "writes": workers.writes, "fetches": workers.fetches}
    metrics.families(
        "citespan_work_items",
        "Pieces of work in a queue, waiting and running",
        ["queue", "state"],
        lambda: {
            (name, where): float(count)
            for name, lane in lanes.items()
            for where, count in (("waiting", lane.waiting), ("running", lane.running))
        },
    )
    metrics.families(
        "citespan_expected_wait_seconds",
        "How long the turn of a newcomer would be in coming",
        ["queue"],
        lambda: {(name,): lane.expected_wait() for name, lane in lanes.items()},
    )
    metrics.families(
        "citespan_streams_open",
        "Clients that follow jobs or standing questions",
        ["of"],
        lambda: {("jobs",): float(state.jobs.followers), ("watches",): float(state.watch_listeners.count)},
    )
    for name, about, number in (
        ("queue_waiting", "Questions waiting", lambda: workers.questions.waiting),
        ("writes_waiting", "Writes waiting", lambda: workers.writes.waiting),
        ("jobs_running", "Jobs being worked on", lambda: state.jobs.running),
        ("jobs_queued", "Jobs waiting", lambda: state.jobs.queued),
        ("ready", "1 once questions are taken", lambda: state.unready() is None),
        ("collections_failing", "Collections in use that could not be read", lambda: state.health.last.failing),
        ("reply_bytes", "Bytes of replies held for clients", lambda: state.outgoing.bytes),
        ("readers_let_go", "Clients that took nothing", lambda: state.outgoing.stalled),
        ("disk_free_bytes", "Free space on the library's disk", lambda: library.space.free),
        ("disk_kept_bytes", "Free space below which nothing is added", lambda: library.space.least),
        ("adds_refused", "1 while the disk is nearly full", lambda: library.space.refuses()),
        ("uploads_running", "Uploads being taken in", lambda: state.uploads),
        ("watches", "Standing questions", state.watches.count),
        ("watches_pending", "Standing questions that are about to be searched for again", lambda: watcher.pending),
        ("webhooks_pending", "Standing questions with a message to send, now or later", lambda: state.webhooks.pending),
        ("webhooks_sending", "Messages being sent to webhooks", lambda: state.webhooks.sending),
        ("feeds_due", "Feeds and sitemaps that were due when last looked at", lambda: follower.due),
        ("collections_open", "Collections that are open", lambda: library.open_collections),
        ("articles", "Articles in all collections", lambda: sum(info.articles for info in library.collections())),
    ):
        metrics.gauge(f"citespan_{name}", about, _or_unknown(number))


def _or_unknown(number: Callable[[], float]) -> Callable[[], float]:
    def read() -> float:
        try:
            return float(number())
        except CitespanError:
            return float("nan")

    return read
