"""uvicorn's HTTP protocol with limits on how long a request may take to arrive, and its reply to be taken.

uvicorn waits for ever for a client that sends nothing, half a header, or a byte every two seconds, and for one that
reads nothing; it keeps all that a client sends before the headers end.  It hangs up on a client that is still sending a
body which was refused: the system then resets the connection, and the refusal is lost on the way (RFC 9112, section
9.6).  Of pipelined requests it ends only the last when their client leaves, and it answers a malformed one before those
that came first.  It sends chunks to clients of HTTP/1.0, which know none, and passes over the host that an address
names (section 3.2.2).
"""

import re
from asyncio import TimerHandle, Transport, get_running_loop
from collections import deque
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from api.concurrency.response_buffers import Delivery, Outgoing, keep_little_unsent
from api.errors import Problem, busy

# Far over the limits that the application explains; beyond it nothing more is kept.
_HEAD_BYTES = 512 * 1024
_PARSED_URL_BYTES = 65_535
# Bytes a second that a large body must keep up in the end; one over its limit is refused whatever it declares.
_SLOWEST = 256 * 1024
# How long what a refused client still sends is thrown away, so that it can read why.
_LINGER_SECONDS = 2.0
# Requests of one connection that may wait for the one being answered.
_PIPELINED = 256
_ABSOLUTE = re.compile(rb"([a-z][a-z0-9+.-]*)://([^/?#]*)", re.IGNORECASE)


class _Link:
    """A transport whose writes are watched, and that is closed in two steps while its client is still sending.

    First our side of it is closed, then the rest.

    Args:
        transport: the real one.
        sending: whether more of a request is to come.
        delivery: watches what is taken of what is written.
    """

    def __init__(self, transport: Transport, sending: Callable[[], bool], delivery: Delivery) -> None:
        self._transport = transport
        self._sending = sending
        self.write = delivery.write
        self.lingers = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def is_closing(self) -> bool:
        return self.lingers or self._transport.is_closing()

    def close(self) -> None:
        linger = not self.is_closing() and self._sending() and self._transport.can_write_eof()
        if not linger:
            self._transport.close()
            return
        self.lingers = True
        self._transport.write_eof()
        self._transport.resume_reading()
        get_running_loop().call_later(_LINGER_SECONDS, self._transport.close)


def with_limits(
    header_seconds: float,
    body_seconds: float,
    read_seconds: float,
    outgoing: Outgoing,
    *,
    body_bytes: int = 256 * 1024 * 1024,
    most_connections: int = 10_000,
) -> type[HttpToolsProtocol]:
    """Return a protocol class that closes connections whose request is not sent, or reply not taken, in time.

    One absolute limit for the headers and one for the body; a reply may take as long as its client takes some of it.

    Args:
        header_seconds: from the connection, or a further request's first byte, to the end of its headers.
        body_seconds: from the end of the headers to the end of the body, and more for what the headers declare.
        read_seconds: in which a client must take some of what is sent to it.
        outgoing: counts what is held for clients that do not.
        body_bytes: the longest body that any address takes.
        most_connections: at a time; further ones get 503, so that descriptors are left for the library.
    """

    class LimitedProtocol(HttpToolsProtocol):
        _timer: TimerHandle | None = None
        _in_head = False
        _head_bytes = 0
        _running: RequestResponseCycle | None = None
        _refusal: Problem | None = None

        def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
            keep_little_unsent(transport)
            self._delivery = Delivery(transport, read_seconds, outgoing)
            self._link = _Link(transport, self._more_to_come, self._delivery)
            super().connection_made(self._link)  # type: ignore[arg-type]
            if len(self.connections) > most_connections:
                self._send_refusal(busy(1, "too many connections are open: try again"))
                return
            self._arm(header_seconds)

        def connection_lost(self, exc: Exception | None) -> None:
            self._disarm()
            self._delivery.close()
            outgoing.clogged.discard(self._link)
            # Whichever of pipelined requests is being answered: the base class knows of the last that came alone.
            if self._running is not None and not self._running.response_complete:
                self._running.disconnected = True
                self._running.message_event.set()
            self.pipeline.clear()
            super().connection_lost(exc)

        def pause_writing(self) -> None:
            outgoing.clogged.add(self._link)
            super().pause_writing()

        def resume_writing(self) -> None:
            outgoing.clogged.discard(self._link)
            super().resume_writing()

        def data_received(self, data: bytes) -> None:
            if self._link.lingers or self._refusal is not None:
                return
            super().data_received(data)
            if self._in_head:
                self._head_bytes += len(data)
                if self._head_bytes > _HEAD_BYTES:
                    self._refuse()
                    self._in_head = False

        def on_message_begin(self) -> None:
            if len(self.pipeline) >= _PIPELINED:
                # They would be kept in memory as fast as they can be sent.
                self._refusal = Problem(429, f"{_PIPELINED} requests wait on this connection: read replies first")
                self._disarm()
                raise OverflowError  # which ends the parsing
            self._arm(header_seconds)
            self._in_head, self._head_bytes = True, 0
            super().on_message_begin()

        def on_headers_complete(self) -> None:
            self._in_head = False
            self._take_target()
            super().on_headers_complete()
            # What is declared beyond every limit is refused, and must not buy time.
            self._arm(body_seconds + min(_declared(self.headers), body_bytes) / _SLOWEST)

        def on_message_complete(self) -> None:
            self._disarm()
            super().on_message_complete()

        def on_response_complete(self) -> None:
            if self._running is not None and self._running.more_body:
                self._arm(body_seconds)  # for the rest of a body that nothing waits for any more
            super().on_response_complete()
            if self._refusal is not None and self._running is not None and self._running.response_complete:
                self._send_refusal(self._refusal)

        def send_400_response(self, msg: str) -> None:
            self._refuse()

        def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
            self._running = cycle
            if cycle.scope["http_version"] != "1.1":
                app = _without_chunks(app, cycle)
            super()._start_asgi_task(cycle, app)

        def _take_target(self) -> None:
            """Make an address that names its host one without, and that host the one that is checked."""
            match = _ABSOLUTE.match(self.url)
            if match is None:
                return
            scheme, host = match.groups()
            if scheme.lower() not in (b"http", b"https"):
                host = b""  # no host of ours
            rest = self.url[match.end() :]
            self.url = rest if rest.startswith(b"/") else b"/" + rest
            self.headers[:] = [(name, host if name == b"host" else value) for name, value in self.headers]

        def _refuse(self) -> None:
            if self._refusal is not None:
                return
            # The parser cannot take an address of 64 KiB: what it calls malformed is only too long.
            if len(getattr(self, "url", b"")) > _PARSED_URL_BYTES:
                problem = Problem(414, "the address is too long: send the question in a POST body")
            elif self._head_bytes > _HEAD_BYTES:
                problem = Problem(431, "the headers are too large: send fewer")
            else:
                problem = Problem(400, "this is not a well-formed HTTP request")
            running = self._running
            if running is not None and not running.response_complete and not running.more_body:
                # Replies come in the order of their requests: this one after those that are still to be answered.
                self._refusal = problem
                self._disarm()
                self.pipeline = deque(pair for pair in self.pipeline if not pair[0].more_body)
            elif running is not None and running.response_started and not running.response_complete:
                self.transport.abort()  # a reply to a body that turned out malformed cannot be taken back
            else:
                self._send_refusal(problem)

        def _send_refusal(self, problem: Problem) -> None:
            if self.transport.is_closing():
                return
            body = bytes(problem.response().body)
            headers = "".join(f"{name.lower()}: {value}\r\n" for name, value in problem.headers.items())
            head = (
                f"HTTP/1.1 {problem.status} {HTTPStatus(problem.status).phrase}\r\n"
                f"content-type: application/problem+json\r\ncontent-length: {len(body)}\r\n"
                f"{headers}connection: close\r\n\r\n"
            )
            self.transport.write(head.encode("ascii") + body)
            self.transport.close()

        def _more_to_come(self) -> bool:
            return self._in_head or (self.cycle is not None and self.cycle.more_body)

        def _arm(self, seconds: float) -> None:
            self._disarm()
            self._timer = self.loop.call_later(seconds, self._expire)

        def _disarm(self) -> None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

        def _expire(self, *_: Any) -> None:
            if self.transport is None:
                return
            running = self._running
            body = running is not None and running.more_body and not running.response_started
            if (self._in_head and (running is None or running.response_complete)) or body:
                # Closing tells a handler that waits for the body that its client has gone.
                self._send_refusal(Problem(408, "the request did not arrive in time: send it faster, or in parts"))
            else:
                self.transport.abort()

    return LimitedProtocol


def _without_chunks(app: ASGIApp, cycle: RequestResponseCycle) -> Any:
    """Return an application whose replies of unknown length end with the connection: HTTP/1.0 knows no chunks."""

    async def served(scope: Scope, receive: Receive, send: Send) -> None:
        unknown = False

        async def unchunked(message: Message) -> None:
            nonlocal unknown
            if message["type"] == "http.response.start":
                unknown = all(name.lower() != b"content-length" for name, _ in message.get("headers", []))
                cycle.chunked_encoding = False if unknown else None
            elif unknown:
                cycle.expected_content_length = len(message.get("body", b""))
            await send(message)

        await app(scope, receive, unchunked)

    return served


def _declared(headers: list[tuple[bytes, bytes]]) -> int:
    """Return the Content-Length, as the parser has checked it; 0 where there is none."""
    return next((int(value) for name, value in headers if name == b"content-length"), 0)
