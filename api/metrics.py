"""Prometheus metrics of one application; its own registry, so that two in one process don't mix."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)


class Metrics:
    """What a service counts.  Labels hold route templates and outcomes only, never what users send."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "citespan_requests_total",
            "Requests by route and status",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "citespan_request_seconds", "Time of a request", ["route"], buckets=_SECONDS, registry=self.registry
        )
        self.answers = Counter(
            "citespan_answers_total",
            "Questions by confidence level, or reason for no answer",
            ["outcome"],
            registry=self.registry,
        )
        self.phases = Histogram(
            "citespan_ask_seconds", "Time of a question by phase", ["phase"], buckets=_SECONDS, registry=self.registry
        )
        self.slack = Counter(
            "citespan_slack_answers_total",
            "Answers to Slack: at once, delivered later, or lost",
            ["outcome"],
            registry=self.registry,
        )
        self.watches_searched = Counter(
            "citespan_watches_searched_total", "Standing questions searched for again", registry=self.registry
        )
        self.watches_asked = Counter(
            "citespan_watches_asked_total", "Standing questions asked again", registry=self.registry
        )
        self.watch_events = Counter(
            "citespan_watch_events_total", "Changed answers of standing questions", ["type"], registry=self.registry
        )
        self.webhooks = Counter(
            "citespan_webhooks_total", "Tries to deliver an event, by outcome", ["outcome"], registry=self.registry
        )

    def gauge(self, name: str, help_text: str, value: Callable[[], float]) -> None:
        """Add a number that is read whenever metrics are asked for."""
        Gauge(name, help_text, registry=self.registry).set_function(value)

    def text(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self.registry)
