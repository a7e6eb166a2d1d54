"""OpenTelemetry traces, where a setting turns them on: one for each request, with a span for each stage of its work.

FastAPI makes the span of a request, in the trace that its ``traceparent`` names, and those of its own steps; here are
the provider that exports them, and the spans of stages. The SDK is imported only where traces are wanted, and reads
the standard OTEL_ variables itself.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fastapi.telemetry import TelemetryConfig
from opentelemetry import context, trace

from api.settings import Settings
from index import InputError, observe_stages, release

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

_MISSING = "CITESPAN_TRACES needs the extra otel: pip install 'citespan[otel]'"
# Of a request's address, since a question may stand there.
_QUERY = "url.query"


def open_provider(settings: Settings) -> "TracerProvider | None":
    """Return what exports spans over OTLP, None where no traces are wanted.

    Raises:
        InputError: the libraries for it are not installed.
    """
    if not settings.traces:
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        raise InputError(_MISSING) from None
    resource = Resource.create()
    if str(resource.attributes.get("service.name", "unknown_service")).startswith("unknown_service"):
        resource = resource.merge(Resource({"service.name": "citespan"}))
    provider = TracerProvider(resource=resource.merge(Resource({"service.version": release()})))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


def telemetry(provider: "TracerProvider | None", *, questions: bool) -> TelemetryConfig:
    """Return FastAPI's options for traces: nothing is measured where traces are off.

    Args:
        provider: makes and exports spans.
        questions: whether a question may stand in a span.
    """
    if provider is not None and not questions:
        provider.add_span_processor(_withholding())
    wanted = provider is not None
    return {
        "tracer_provider": provider,
        "tracing": wanted,
        "metrics": False,
        "logs": False,
        "auto_configure": False,
        "exclude": lambda scope: scope["path"] in ("/healthz", "/readyz", "/metrics"),
    }


def trace_stages(provider: "TracerProvider") -> Callable[[], None]:
    """Make a span of each stage of a request's work; return what ends that.

    Args:
        provider: of the request's own span.
    """
    tracer = provider.get_tracer("citespan", release())

    def observe(name: str, begun: int, ended: int, failed: bool) -> None:
        # What no request asked for, such as a feed's next round, has no trace to be part of.
        if not trace.get_current_span().get_span_context().is_valid:
            return
        span = tracer.start_span(f"citespan.{name}", start_time=begun)
        if failed:
            span.set_status(trace.StatusCode.ERROR)
        span.end(max(begun, ended))

    return observe_stages(observe)


def trace_id() -> str | None:
    """Return the id of the trace that is under way, as 32 hexadecimal digits; None where there is none."""
    known = trace.get_current_span().get_span_context()
    return f"{known.trace_id:032x}" if known.is_valid else None


def _withholding() -> Any:
    from opentelemetry.sdk.trace import Span, SpanProcessor

    class Withholding(SpanProcessor):  # type: ignore[misc]
        """Takes the query out of addresses, as soon as a span begins."""

        def on_start(self, span: Span, parent_context: context.Context | None = None) -> None:
            if span.attributes and _QUERY in span.attributes:
                span.set_attribute(_QUERY, "WITHHELD")

    return Withholding()
