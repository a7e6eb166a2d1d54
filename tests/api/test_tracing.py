"""Traces: a request's, with its stages, in the trace that its client names; nothing where they are not wanted."""

import asyncio
import gzip
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest

from api.http.app import create_app
from api.observability.tracing import telemetry
from api.settings import Settings
from index import Library
from qa import QuestionAnswering
from tests.helpers import citespan, clean_environment

sdk = pytest.importorskip("opentelemetry.sdk.trace")
export = pytest.importorskip("opentelemetry.sdk.trace.export")
memory = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
SECRET_WORDS = "Who paid the zebra crossing inspector?"


@pytest.fixture
def spans(qa: QuestionAnswering, tmp_path: Path) -> Iterator[Any]:
    """Send requests to an application with traces; return their spans."""

    def traced(*requests: tuple[str, str, dict[str, Any]], **settings: Any) -> list[Any]:
        kept = memory.InMemorySpanExporter()
        provider = sdk.TracerProvider()
        provider.add_span_processor(export.SimpleSpanProcessor(kept))
        own = QuestionAnswering(Library.open(tmp_path / "library", encoder=qa.library.encoder), qa.reader)
        app = create_app(own, Settings(library=tmp_path / "library", **settings), tracer_provider=provider)

        async def main() -> None:
            async with app.router.lifespan_context(app):
                while not app.state.citespan.ready.is_set():
                    await asyncio.sleep(0.01)

                async def served(scope: Any, receive: Any, send: Any) -> None:
                    await app({**scope, "state": {}}, receive, send)

                transport = httpx2.ASGITransport(served)
                async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
                    for method, path, more in requests:
                        reply = await client.request(method, path, headers=TRACEPARENT, **more)
                        assert reply.is_success, reply.text

        asyncio.run(main())
        return list(kept.get_finished_spans())

    yield traced


ADD = ("POST", "/v1/articles", {"json": {"id": "a", "text": "The mill of Tarn was built by Hugo Marsh in 1788."}})
ASK = ("POST", "/v1/ask", {"json": {"question": "Who built the mill of Tarn?"}})


def test_request_has_a_span_for_each_stage_in_the_trace_of_its_client(spans: Any) -> None:
    found = spans(ADD, ASK)
    assert {f"{span.context.trace_id:032x}" for span in found} == {TRACE}
    roots = {span.name: span for span in found if span.parent and f"{span.parent.span_id:016x}" == PARENT}
    assert set(roots) == {"POST /v1/articles", "POST /v1/ask"}
    by_id = {span.context.span_id: span for span in found}

    def root_of(span: Any) -> str:
        while span.name not in roots:
            span = by_id[span.parent.span_id]
        return str(span.name)

    stages: dict[str, set[str]] = {"POST /v1/articles": set(), "POST /v1/ask": set()}
    for span in found:
        assert span.start_time <= span.end_time
        if span.name.startswith("citespan."):
            stages[root_of(span)].add(span.name.removeprefix("citespan."))
    assert stages["POST /v1/articles"] >= {"queue", "embed", "write"}
    assert stages["POST /v1/ask"] >= {"queue", "embed", "retrieve", "read"}


def test_spans_hold_no_question_unless_asked_for(spans: Any) -> None:
    asked = [
        ("GET", "/v1/ask", {"params": {"question": SECRET_WORDS}}),
        ("POST", "/v1/ask", {"json": {"question": SECRET_WORDS}}),
    ]
    assert "zebra" not in "".join(span.to_json() for span in spans(*asked))
    assert "zebra" in "".join(span.to_json() for span in spans(*asked, log_questions=True))


def test_health_is_not_traced(spans: Any) -> None:
    assert spans(("GET", "/healthz", {}), ("GET", "/metrics", {})) == []


def test_without_the_setting_nothing_is_traced_or_loaded(tmp_path: Path) -> None:
    assert telemetry(None, questions=False)["tracing"] is False
    code = (
        "import sys, api.http.app, api.http.server\n"
        "from api.settings import Settings\n"
        "from api.observability.tracing import open_provider\n"
        "assert open_provider(Settings()) is None\n"
        "heavy = ('opentelemetry.sdk', 'opentelemetry.exporter')\n"
        "assert not [name for name in sys.modules if name.startswith(heavy)]\n"
    )
    environment = clean_environment(OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9")
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, timeout=120)


class _Collector(BaseHTTPRequestHandler):
    """Takes what is exported to it."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        self.server.taken.append((self.path, body))  # type: ignore[attr-defined]
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        return


@pytest.mark.parametrize(("name", "service"), [("", b"citespan"), ("desk", b"desk")])
def test_standard_variables_say_where_spans_go(name: str, service: bytes) -> None:
    code = (
        "from api.settings import Settings\n"
        "from api.observability.tracing import open_provider\n"
        "provider = open_provider(Settings())\n"
        "provider.get_tracer('test').start_span('mill').end()\n"
        "provider.shutdown()\n"
    )
    collector = ThreadingHTTPServer(("127.0.0.1", 0), _Collector)
    collector.taken = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=collector.serve_forever)
    thread.start()
    try:
        environment = clean_environment(
            CITESPAN_TRACES="true",
            OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{collector.server_port}",
            OTEL_SERVICE_NAME=name,
        )
        subprocess.run([sys.executable, "-c", code], env=environment, check=True, timeout=120)
    finally:
        collector.shutdown()
        thread.join()
        collector.server_close()
    [(path, body)] = collector.taken  # type: ignore[attr-defined]
    assert path == "/v1/traces" and b"mill" in body and service in body


def test_a_missing_extra_is_named(tmp_path: Path) -> None:
    (tmp_path / "opentelemetry_hidden.py").write_text(
        "import sys\nsys.modules['opentelemetry.sdk'] = None\nsys.modules['opentelemetry.exporter'] = None\n"
    )
    code = "import opentelemetry_hidden\nfrom api.cli.main import main\nmain()"
    environment = clean_environment(CITESPAN_TRACES="true")
    environment["PYTHONPATH"] += f":{tmp_path}"
    ran = subprocess.run(
        [sys.executable, "-c", code, "serve", "--library", str(tmp_path / "l"), "--port", "0"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode == 2 and "pip install 'citespan[otel]'" in ran.stderr
    assert citespan("--help").returncode == 0
