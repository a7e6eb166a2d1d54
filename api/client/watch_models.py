"""Standing questions as the service answers them."""

from dataclasses import dataclass, field

from api.client.models import RankedAnswer


@dataclass(frozen=True, slots=True)
class WatchFilters:
    """Which articles a standing question searches."""

    published_from: str | None = None
    published_to: str | None = None
    sources: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    article_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where events are sent; ``error`` says why the last try failed, ``on`` is false once it was given up."""

    url: str
    on: bool = True
    tries: int = 0
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Watch:
    """A standing question with the answer that stands.

    Attributes:
        id: its own.
        question: what is asked.
        collection: where.
        created: ISO 8601 instant.
        filters: which articles are searched.
        webhook: where events are sent, None for nowhere.
        asked: ISO 8601 instant at which it was last asked.
        answer: the answer that stands, None where there is none.
        contradicted_by: answers of other articles that came since.
        secret: what messages are signed with; only from create_watch.
    """

    id: str
    question: str
    collection: str
    created: str
    filters: WatchFilters = field(default_factory=WatchFilters)
    webhook: Webhook | None = None
    asked: str | None = None
    answer: RankedAnswer | None = None
    contradicted_by: tuple[RankedAnswer, ...] = ()
    secret: str | None = None


@dataclass(frozen=True, slots=True)
class WatchPage:
    """One page of a listing."""

    watches: tuple[Watch, ...]
    next_cursor: str | None = None


@dataclass(frozen=True, slots=True)
class WatchRef:
    """Which standing question an event is of."""

    id: str
    question: str
    collection: str
    filters: WatchFilters = field(default_factory=WatchFilters)


@dataclass(frozen=True, slots=True)
class Change:
    """What has become of an answer: old and new, each with its proof as it was then."""

    watch: WatchRef
    old: RankedAnswer | None = None
    new: RankedAnswer | None = None


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """A change of an answer; ``type`` is ``answer.new``, ``.different``, ``.gone`` or ``.contradicted``."""

    id: str
    type: str
    timestamp: str
    data: Change


@dataclass(frozen=True, slots=True)
class WatchEventPage:
    """One page of events, the newest last."""

    events: tuple[WatchEvent, ...]
    next_cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Tested:
    """Whether a webhook's receiver took a message, and why not."""

    delivered: bool
    error: str | None = None
