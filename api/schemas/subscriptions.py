"""Reply models of what is followed, and how they are made of the frozen types."""

from collections.abc import Sequence

from pydantic import BaseModel

from index import FollowedPage, Subscription


class PageFailureOut(BaseModel):
    """A page that could not be used, and why."""

    source: str
    reason: str


class SubscriptionOut(BaseModel):
    """A feed or sitemap that is followed, and what came of it."""

    url: str
    kind: str | None
    title: str | None
    every_seconds: int
    created: str
    checked: str | None
    due: str
    failures: int
    error: str | None
    articles: int
    vanished: int
    failing: int
    failing_pages: list[PageFailureOut]

    @classmethod
    def from_subscription(cls, one: Subscription, failing: Sequence[FollowedPage]) -> "SubscriptionOut":
        """Make it of the frozen type and of some of the pages that could not be used."""
        return cls(
            url=one.url,
            kind=one.kind,
            title=one.title,
            every_seconds=one.every,
            created=one.created,
            checked=one.checked,
            due=one.due,
            failures=one.failures,
            error=one.error,
            articles=one.articles,
            vanished=one.vanished,
            failing=one.failing,
            failing_pages=[PageFailureOut(source=page.url, reason=page.error or "") for page in failing],
        )


class SubscriptionsOut(BaseModel):
    """What a collection follows."""

    subscriptions: list[SubscriptionOut]
