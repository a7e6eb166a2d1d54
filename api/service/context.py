"""What the routes of one application share."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from api.auth.keys import Keys
from api.background.job_runner import Jobs
from api.background.webhook_sender import Webhooks
from api.concurrency.notifier import Listeners
from api.concurrency.response_buffers import Outgoing
from api.concurrency.worker_pool import Workers
from api.errors import Problem, busy
from api.observability.audit import Audit
from api.observability.metrics import Metrics
from api.service.health import Health
from api.settings import Settings
from index import FetchPolicy
from qa import Conversations, QuestionAnswering, Watches

_READ_AT_A_TIME = 4
MAX_WATCH_LISTENERS = 64


@dataclass
class State:
    """One service: its question answering, workers, settings and readiness.

    Attributes:
        qa: the library and models.
        settings: all settings.
        workers: where work is done.
        metrics: what is counted.
        conversations: those that are kept in the library.
        jobs: what works through long work.
        policy: where fetching may go and how far.
        wake: set when something that is followed may be due.
        ready: set once models and library are loaded.
        stopping: set once the service was told to stop.
        uploads: how many are being taken in.
        failure: why it cannot become ready, None while it can.
        watches: standing questions.
        watch_listeners: who waits for their events.
        webhooks: what tells of their events.
        health: whether what is asked of late can be answered.
        keys: of the library, for what goes on after a request was let in.
        audit: who changed what.
        reading: places for reading whole articles, each of which may take many times its size for a moment.
        outgoing: bytes of replies that clients have not taken yet.
    """

    qa: QuestionAnswering
    settings: Settings
    workers: Workers
    metrics: Metrics
    jobs: Jobs
    policy: FetchPolicy = field(default_factory=FetchPolicy)
    wake: threading.Event = field(default_factory=threading.Event)
    ready: threading.Event = field(default_factory=threading.Event)
    stopping: threading.Event = field(default_factory=threading.Event)
    uploads: int = 0
    failure: str | None = None
    watch_listeners: Listeners = field(
        default_factory=lambda: Listeners(
            MAX_WATCH_LISTENERS,
            f"{MAX_WATCH_LISTENERS} clients follow standing questions already: ask for a page from time to time",
        )
    )
    conversations: Conversations = field(init=False)
    watches: Watches = field(init=False)
    webhooks: Webhooks = field(init=False)
    keys: Keys = field(init=False)
    audit: Audit = field(init=False)
    reading: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_READ_AT_A_TIME))
    outgoing: Outgoing = field(init=False)
    health: Health = field(init=False)

    def __post_init__(self) -> None:
        self.audit = Audit(self.settings.audit_file)
        chosen, records = self.settings, self.qa.library.records
        self.conversations = Conversations(
            self.qa, size=chosen.conversations_size, messages=chosen.conversation_messages
        )
        self.watches = Watches(records, self.watch_listeners.tell)
        self.keys = Keys(records)
        self.health = Health(self.qa.library, None if chosen.keys == "off" else self.keys)
        self.outgoing = Outgoing(chosen.reply_bytes)
        self.webhooks = Webhooks(self.watches, self.policy, chosen, self.metrics, self.keys)

    @contextlib.contextmanager
    def upload(self) -> Iterator[None]:
        """Hold a place for an upload; called in the event loop only.

        Raises:
            Problem: 503, too many are being taken in already.
        """
        if self.uploads >= self.settings.uploads_size:
            raise busy(5, "too many uploads are being taken in: try again later", "uploads")
        self.uploads += 1
        try:
            yield
        finally:
            self.uploads -= 1

    def unready(self) -> Problem | None:
        """Return why no question is taken now, None where one would be."""
        if self.stopping.is_set():
            return busy(5, "the service is stopping", "stopping")
        if self.failure is not None:
            return busy(30, self.failure)
        if not self.ready.is_set():
            return busy(3, "the service is starting: models are being loaded", "starting")
        return None
