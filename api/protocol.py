"""uvicorn's HTTP protocol with a limit on how long a request may take to arrive.

uvicorn waits for ever for a client that sends nothing, half a header, or a byte every two seconds.
"""

from asyncio import TimerHandle, Transport
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.problems import Problem


def with_deadlines(header_seconds: float, body_seconds: float) -> type[HttpToolsProtocol]:
    """Return a protocol class that closes connections whose request does not arrive in time.

    One absolute limit for the headers and one for the body; replies may take as long as they like.

    Args:
        header_seconds: from the connection, or a further request's first byte, to the end of its headers.
        body_seconds: from the end of the headers to the end of the body.
    """

    class DeadlineProtocol(HttpToolsProtocol):
        _timer: TimerHandle | None = None

        def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._arm(header_seconds)

        def connection_lost(self, exc: Exception | None) -> None:
            self._disarm()
            super().connection_lost(exc)

        def on_message_begin(self) -> None:
            self._arm(header_seconds)
            super().on_message_begin()

        def on_headers_complete(self) -> None:
            self._arm(body_seconds)
            super().on_headers_complete()

        def on_message_complete(self) -> None:
            self._disarm()
            super().on_message_complete()

        def send_400_response(self, msg: str) -> None:
            body = bytes(Problem(400, "this is not a well-formed HTTP request").response().body)
            head = (
                "HTTP/1.1 400 Bad Request\r\ncontent-type: application/problem+json\r\n"
                f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
            )
            self.transport.write(head.encode("ascii") + body)
            self.transport.close()

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
