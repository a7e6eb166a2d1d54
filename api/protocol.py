"""uvicorn's HTTP protocol with limits on how long a request may take to arrive and how long its head may be.

uvicorn waits for ever for a client that sends nothing, half a header, or a byte every two seconds, and
keeps all that a client sends before the headers end.  And it hangs up on a client that is still sending a body which
was refused: the system then resets the connection, and the refusal is lost on the way (RFC 9112, section 9.6).
"""

from asyncio import TimerHandle, Transport, get_running_loop
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.problems import Problem

# Far over the limits that the application explains; beyond it nothing more is kept.
_HEAD_BYTES = 512 * 1024
_PARSED_URL_BYTES = 65_535
# Bytes a second that a large body must keep up in the end; one over its limit is refused whatever it declares.
_SLOWEST = 256 * 1024
# How long what a refused client still sends is thrown away, so that it can read why.
_LINGER_SECONDS = 2.0


class _Lingering:
    """A transport that is closed in two steps while its client is still sending: first our side of it, then the rest.

    Args:
        transport: the real one.
        sending: whether more of a request is to come.
    """

    def __init__(self, transport: Transport, sending: Callable[[], bool]) -> None:
        self._transport = transport
        self._sending = sending
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


def with_deadlines(header_seconds: float, body_seconds: float) -> type[HttpToolsProtocol]:
    """Return a protocol class that closes connections whose request does not arrive in time.

    One absolute limit for the headers and one for the body; replies may take as long as they like.

    Args:
        header_seconds: from the connection, or a further request's first byte, to the end of its headers.
        body_seconds: from the end of the headers to the end of the body, and more for what the headers declare.
    """

    class DeadlineProtocol(HttpToolsProtocol):
        _timer: TimerHandle | None = None
        _in_head = False
        _head_bytes = 0

        def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
            self._link = _Lingering(transport, self._more_to_come)
            super().connection_made(self._link)  # type: ignore[arg-type]
            self._arm(header_seconds)

        def connection_lost(self, exc: Exception | None) -> None:
            self._disarm()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            if self._link.lingers:
                return
            super().data_received(data)
            if self._in_head:
                self._head_bytes += len(data)
                if self._head_bytes > _HEAD_BYTES:
                    self._refuse()
                    self._in_head = False

        def on_message_begin(self) -> None:
            self._arm(header_seconds)
            self._in_head, self._head_bytes = True, 0
            super().on_message_begin()

        def on_headers_complete(self) -> None:
            self._in_head = False
            super().on_headers_complete()
            self._arm(body_seconds + _declared(self.headers) / _SLOWEST)

        def on_message_complete(self) -> None:
            self._disarm()
            super().on_message_complete()

        def send_400_response(self, msg: str) -> None:
            self._refuse()

        def _refuse(self) -> None:
            # The parser cannot take an address of 64 KiB: what it calls malformed is only too long.
            if len(getattr(self, "url", b"")) > _PARSED_URL_BYTES:
                problem = Problem(414, "the address is too long: send the question in a POST body")
            elif self._head_bytes > _HEAD_BYTES:
                problem = Problem(431, "the headers are too large: send fewer")
            else:
                problem = Problem(400, "this is not a well-formed HTTP request")
            body = bytes(problem.response().body)
            head = (
                f"HTTP/1.1 {problem.status} {HTTPStatus(problem.status).phrase}\r\n"
                f"content-type: application/problem+json\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
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
            # Closing tells a handler that waits for the body that its client has gone.
            if self.transport is not None:
                self.transport.abort()

    return DeadlineProtocol


def _declared(headers: list[tuple[bytes, bytes]]) -> int:
    """Return the Content-Length, as the parser has checked it; 0 where there is none."""
    return next((int(value) for name, value in headers if name == b"content-length"), 0)
