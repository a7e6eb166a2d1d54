"""Prometheus metrics of one application; its own registry, so that two in one process don't mix."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from index import STAGES

_SECONDS = (0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
_STAGE_SECONDS = (0.001, *_SECONDS, 60)
REFUSALS = (
    "full",
    "wait",
    "deadline",
    "rate",
    "address_rate",
    "bad_key",
    "asks",
    "streams",
    "uploads",
    "jobs",
    "starting",
    "stopping",
)
"""Why requests are refused for now: too many wait, the wait would be too long, the time was over; a key's or an
address's rate, bad keys, questions or streams under way; uploads or jobs under way; the service starts or stops."""
# What is logged as an error is counted for the whole process, by event and class of exception; beyond, as "other".
_MOST_ERRORS = 100
_errors = Counter(
    "citespan_errors_total", "Errors written to the log, by event and class", ["event", "class"], registry=None
)
_known_errors: set[tuple[str, str]] = set()


def count_error(event: str, kind: str) -> None:
    """Count an error that is logged.

    Args:
        event: of the log.
        kind: class of the exception, "" where there is none.
    """
    key = (event, kind)
    if key not in _known_errors:
        if len(_known_errors) >= _MOST_ERRORS:
            key = ("other", "other")
        _known_errors.add(key)
    _errors.labels(*key).inc()


class Metrics:
    """What a service counts.  Labels hold route templates and outcomes only, never what users send."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self.registry.register(_errors)
        self.refusals = Counter(
            "citespan_refusals_total",
            "Requests that were refused for now, by reason",
            ["reason"],
            registry=self.registry,
        )
        for reason in REFUSALS:
            self.refusals.labels(reason)
        self.stages = Histogram(
            "citespan_stage_seconds",
            "Time of a stage of work",
            ["stage"],
            buckets=_STAGE_SECONDS,
            registry=self.registry,
        )
        for stage in STAGES:
            self.stages.labels(stage)
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
        self.feed_rounds = Counter(
            "citespan_feed_rounds_total",
            "Rounds of feeds and sitemaps that are followed, by outcome",
            ["outcome"],
            registry=self.registry,
        )
        self.webhooks = Counter(
            "citespan_webhooks_total", "Tries to deliver an event, by outcome", ["outcome"], registry=self.registry
        )

        # All of them are there from the start: what has never happened is 0 and not missing.
        for counter, outcomes in (
            (self.feed_rounds, ("done", "unfinished", "failed")),
            (self.webhooks, ("delivered", "failed", "given_up")),
        ):
            for outcome in outcomes:
                counter.labels(outcome)

    def gauge(self, name: str, help_text: str, value: Callable[[], float]) -> None:
        """Add a number that is read whenever metrics are asked for."""
        Gauge(name, help_text, registry=self.registry).set_function(value)

    def refused(self, reason: str) -> None:
        """Count a request that was refused for now.

        Args:
            reason: one of REFUSALS.
        """
        self.refusals.labels(reason).inc()

    def observe_stage(self, name: str, begun: int, ended: int, failed: bool) -> None:
        """Take in a stage; see index.StageObserver."""
        self.stages.labels(name).observe(max(0, ended - begun) / 1e9)

    def families(self, name: str, help_text: str, labels: list[str], values: "Values") -> None:
        """Add numbers with labels that are read whenever metrics are asked for.

        Args:
            name: of the metric.
            help_text: what it is.
            labels: their names.
            values: returns the numbers by the values of their labels.
        """
        self.registry.register(_Family(name, help_text, labels, values))

    def text(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self.registry)


Values = Callable[[], Mapping[tuple[str, ...], float]]


class _Family(Collector):
    """Numbers with labels, as they are when somebody asks."""

    def __init__(self, name: str, help_text: str, labels: list[str], values: Values) -> None:
        self._about: tuple[str, str, list[str]] = (name, help_text, labels)
        self._values = values

    def describe(self) -> Iterable[Any]:
        """Name it without looking at the numbers."""
        return [self._family()]

    def collect(self) -> Iterable[Any]:
        """Give the numbers."""
        family = self._family()
        for values, number in self._values().items():
            family.add_metric(values, number)
        return [family]

    def _family(self) -> GaugeMetricFamily:
        name, help_text, labels = self._about
        return GaugeMetricFamily(name, help_text, labels=labels)
