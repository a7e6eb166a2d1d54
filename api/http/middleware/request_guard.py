"""Around every request: id, checks of host and size, headers of safety, log, metrics.

Pure ASGI: middleware on Starlette's base class hides from a handler that its client has gone.
"""

import re
import secrets
import time
from collections.abc import Iterator, MutableMapping
from typing import Any

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.concurrency.response_buffers import PIECE_BYTES, Outgoing
from api.errors import Problem, problem_of
from api.http.error_formats import error_response
from api.observability.audit import ACTIONS, Audit, outcome_of
from api.observability.metrics import Metrics
from api.observability.tracing import trace_id
from api.settings import Settings

API_POLICY = "default-src 'none'; frame-ancestors 'none'"
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
_SAFE = {
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"content-security-policy": API_POLICY.encode(),
    b"cache-control": b"no-store",
}
_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_MAX_HEADERS = 100
_log = structlog.get_logger("citespan")


# What operators look at while there is no room for anything else.
_ALWAYS = ("/healthz", "/readyz", "/metrics")


class Gate:
    """Checks each request before the application sees it, and finishes each reply.

    Args:
        app: the application.
        settings: limits and allowed hosts.
        metrics: where requests are counted.
        audit: where those that change something are written down.
        outgoing: counts the bytes of replies that are held for their clients.
    """

    def __init__(self, app: ASGIApp, *, settings: Settings, metrics: Metrics, audit: Audit, outgoing: Outgoing) -> None:
        self._app = app
        self._audit = audit
        self._settings = settings
        self._metrics = metrics
        self._outgoing = outgoing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1000})
                return
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope["state"]["request_id"] = request_id
        begun = time.perf_counter()
        method = scope["method"]
        if method == "HEAD":
            # What answers GET answers HEAD, with the same headers (RFC 9110, section 9.3.2).
            scope, send = {**scope, "method": "GET"}, _without_body(send)
        reply = _Reply(scope, send, self._outgoing, request_id)
        try:
            self._check(scope)
            await self._app(scope, receive, reply.send)
        except Exception as error:
            problem = problem_of(error)
            if problem.reason is not None:
                self._metrics.refused(problem.reason)
            if problem.status == 500:
                _log.error("unexpected", request_id=request_id, kind=type(error).__name__, exc_info=error)
            if reply.status == 0:
                await error_response(problem, scope["path"])(scope, receive, reply.send)
        finally:
            seconds = time.perf_counter() - begun
            route = getattr(scope.get("route"), "path", None) or scope["state"].get("route", "unmatched")
            self._metrics.requests.labels(method, route, str(reply.status)).inc()
            self._metrics.seconds.labels(route).observe(seconds)
            _log.info(
                "request",
                request_id=request_id,
                method=method,
                path=scope["path"][:200],
                status=reply.status or "client gone",
                ms=round(seconds * 1000, 1),
                **_who(scope),
                **_trace(),
            )
            self._write_down(scope, reply.status, request_id)

    def _write_down(self, scope: Scope, status: int, request_id: str) -> None:
        action = getattr(scope.get("route"), "operation_id", None)
        if action not in ACTIONS:
            return
        # The name in the path is a collection's, in those that have one.
        about = {"collection" if key == "name" else key: value for key, value in scope["path_params"].items()}
        about |= scope["state"].get("audit", {})
        outcome = outcome_of(status)
        self._audit.write(
            action, outcome, scope["state"].get("caller"), **about, status=status or None, request_id=request_id
        )

    def _check(self, scope: Scope) -> None:
        """Refuse what no client of ours sends, and what there is no room to answer.

        Raises:
            Problem: 400 host, 414 address, 431 headers, 503 clients take too little of what they are sent.
        """
        settings = self._settings
        if len(scope.get("raw_path", b"")) + len(scope["query_string"]) > settings.url_bytes:
            raise Problem(414, f"the address is over {settings.url_bytes:,} bytes: send the question in a POST body")
        headers = scope["headers"]
        if len(headers) > _MAX_HEADERS or sum(len(n) + len(v) + 4 for n, v in headers) > settings.header_bytes:
            raise Problem(431, f"the headers are over {settings.header_bytes:,} bytes or {_MAX_HEADERS}: send fewer")
        hosts = [value for name, value in headers if name == b"host"]
        name = _host_name(hosts[0]) if len(hosts) == 1 else None
        if name is None or name not in settings.hosts:
            raise Problem(400, "the Host header must name this service once: set CITESPAN_ALLOWED_HOSTS to add a name")
        full = self._outgoing.refusal()
        if full is not None and scope["path"] not in _ALWAYS:
            raise full


class _Reply:
    """A reply on its way out: with headers of safety, a large body in pieces, each once the one before has gone.

    Args:
        scope: of the request.
        send: takes its messages.
        outgoing: counts what is held of it.
        request_id: of the request.

    Attributes:
        status: its status, 0 until it begins.
    """

    def __init__(self, scope: Scope, send: Send, outgoing: Outgoing, request_id: str) -> None:
        self.status = 0
        self._scope = scope
        self._send = send
        self._outgoing = outgoing
        self._request_id = request_id
        self._refused = False

    async def send(self, message: Message) -> None:
        """Send one message of the application's."""
        if self._refused:
            return
        if message["type"] == "http.response.start":
            size = _length_of(message)
            # What only reads can be refused once it is known how large the reply is: nothing was changed.
            problem = self._outgoing.refusal(size) if size > PIECE_BYTES and self._scope["method"] == "GET" else None
            if problem is not None and message["status"] == 200:
                response = error_response(problem, self._scope["path"])
                await self._begin(response.status_code, response.raw_headers)
                await self._send({"type": "http.response.body", "body": response.body})
                self._refused = True
            else:
                await self._begin(message["status"], message.get("headers", []))
            return
        body = message.get("body", b"")
        if len(body) <= PIECE_BYTES:
            await self._send(message)
            return
        left = len(body)
        self._outgoing.hold(left)
        try:
            for piece in _pieces(body):
                await self._send({"type": "http.response.body", "body": piece, "more_body": True})
                self._outgoing.hold(-len(piece))
                left -= len(piece)
        finally:
            self._outgoing.hold(-left)
        await self._send({"type": "http.response.body", "body": b"", "more_body": message.get("more_body", False)})

    async def _begin(self, status: int, headers: Any) -> None:
        self.status = status
        added = self._scope["state"].get("reply_headers", ())
        finished = _with_safety([*headers, *added], self._request_id)
        await self._send({"type": "http.response.start", "status": status, "headers": finished})


def _without_body(send: Send) -> Send:
    """Return what sends the head of a reply, which is then complete: also a stream's, which would go on for ever."""

    async def head(message: Message) -> None:
        if message["type"] == "http.response.start":
            await send(message)
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    return head


def _length_of(message: Message) -> int:
    return next((int(value) for name, value in message.get("headers", []) if name.lower() == b"content-length"), 0)


def _pieces(body: bytes) -> Iterator[memoryview]:
    view = memoryview(body)
    return (view[at : at + PIECE_BYTES] for at in range(0, len(view), PIECE_BYTES))


def _request_id(scope: Scope) -> str:
    given = [value for name, value in scope["headers"] if name == b"x-request-id"]
    if len(given) == 1 and _ID.fullmatch(given[0]):
        return str(given[0].decode("ascii"))
    return secrets.token_hex(8)


def _with_safety(headers: Any, request_id: str) -> list[tuple[bytes, bytes]]:
    present: MutableMapping[bytes, bytes] = {name.lower(): value for name, value in headers}
    added = [(name, value) for name, value in _SAFE.items() if name not in present]
    return [*headers, *added, (b"x-request-id", request_id.encode("ascii"))]


def _host_name(value: bytes) -> str | None:
    match = re.fullmatch(rb"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+)(?::(\d{1,5}))?", value)
    return match[1].decode("ascii").lower() if match else None


def _trace() -> dict[str, str]:
    """Return which trace a request is part of, where there are traces."""
    found = trace_id()
    return {} if found is None else {"trace": found}


def _who(scope: Scope) -> dict[str, str]:
    """Return whose key it was, by its name: no key is ever written to the log."""
    name = getattr(scope["state"].get("caller"), "name", None)
    return {} if name is None else {"key": name}
