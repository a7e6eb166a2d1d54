"""How standing questions and their events are shown."""

from typing import Any, Literal, get_args

from pydantic import BaseModel

from api.schemas.requests import FiltersIn
from api.schemas.responses import AnswerOut
from qa import Delivery, Watch, WatchEvent


class WebhookOut(BaseModel):
    """Where events are sent, and how that goes."""

    url: str
    on: bool
    tries: int
    error: str | None

    @classmethod
    def from_delivery(cls, url: str, delivery: Delivery) -> "WebhookOut":
        """Make it of what is kept."""
        return cls(url=url, on=not delivery.off, tries=delivery.attempts, error=delivery.error)


class WatchOut(BaseModel):
    """A standing question with the answer that stands."""

    id: str
    question: str
    collection: str
    filters: FiltersIn
    webhook: WebhookOut | None
    created: str
    asked: str | None
    answer: AnswerOut | None
    contradicted_by: list[AnswerOut]

    @classmethod
    def from_watch(cls, watch: Watch, delivery: Delivery | None) -> "WatchOut":
        """Make it of what is kept."""
        webhook = None
        if watch.webhook is not None:
            webhook = WebhookOut.from_delivery(watch.webhook.url, delivery or Delivery())
        return cls(
            id=watch.id,
            question=watch.question,
            collection=watch.collection,
            filters=FiltersIn.from_filters(watch.filters),
            webhook=webhook,
            created=watch.created,
            asked=watch.asked,
            answer=None if watch.answer is None else AnswerOut(**watch.answer),
            contradicted_by=[AnswerOut(**one) for one in watch.rivals],
        )


class NewWatchOut(WatchOut):
    """A standing question that has just been put; the secret is shown this once."""

    secret: str | None


class WatchesOut(BaseModel):
    """One page of a listing."""

    watches: list[WatchOut]
    next_cursor: str | None


class WatchRef(BaseModel):
    """Which standing question an event is of."""

    id: str
    question: str
    collection: str
    filters: FiltersIn


class ChangeOut(BaseModel):
    """What has become of an answer: old and new, each with its proof as it was then."""

    watch: WatchRef
    old: AnswerOut | None
    new: AnswerOut | None


EventType = Literal["answer.new", "answer.different", "answer.gone", "answer.contradicted"]
EVENT_TYPES: tuple[str, ...] = get_args(EventType)


class EventOut(BaseModel):
    """A change of a standing question's answer."""

    id: str
    type: EventType
    timestamp: str
    data: ChangeOut

    @classmethod
    def from_event(cls, watch: Watch, event: WatchEvent) -> "EventOut":
        """Make it of what is kept."""
        return cls.model_validate(
            {
                "id": event.id,
                "type": f"answer.{event.kind}",
                "timestamp": event.created,
                "data": {"watch": cls.watch_of(watch), "old": event.old, "new": event.new},
            }
        )

    @staticmethod
    def watch_of(watch: Watch) -> dict[str, Any]:
        """Return which question an event is of."""
        return WatchRef(
            id=watch.id,
            question=watch.question,
            collection=watch.collection,
            filters=FiltersIn.from_filters(watch.filters),
        ).model_dump()

    def message(self) -> dict[str, Any]:
        """Return what a webhook's receiver gets; the id is in a header of its own."""
        return self.model_dump(exclude={"id"})


class EventsOut(BaseModel):
    """One page of a standing question's events, the newest last."""

    events: list[EventOut]
    next_cursor: str | None


class TestedOut(BaseModel):
    """Whether a webhook's receiver took a message."""

    delivered: bool
    error: str | None
