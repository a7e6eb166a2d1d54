"""A receiver of webhooks on this machine that answers as a test tells it to."""

import json
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from standardwebhooks import Webhook


@dataclass
class Message:
    """One message as it came in."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def type(self) -> str:
        return str(json.loads(self.body)["type"])

    def verified(self, secret: str) -> Any:
        """What it says, once its signature is found to be right."""
        return Webhook(secret).verify(self.body, self.headers)


class Receiver:
    """Takes messages; `answers` are the statuses (with headers) of the next ones, then 204."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.answers: list[tuple[int, dict[str, str]]] = []
        self.hold = threading.Event()
        self.hold.set()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                heads = {name.lower(): value for name, value in self.headers.items()}
                receiver.messages.append(Message(self.path, heads, body))
                receiver.hold.wait(30)
                status, more = receiver.answers.pop(0) if receiver.answers else (204, {})
                try:
                    self.send_response(status)
                    for name, value in more.items():
                        self.send_header(name, value)
                    self.end_headers()
                except OSError:
                    return  # the sender was killed

            def log_message(self, *_: Any) -> None:
                return

        class Listening(ThreadingHTTPServer):
            def handle_error(self, *_: Any) -> None:
                return  # a sender that hangs up is none of the test's

        self._server = Listening(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/hook"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.hold.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def environment(self) -> dict[str, str]:
        """What a service needs to reach it, with waits that a test can sit out."""
        return {
            "CITESPAN_ALLOWED_NETWORKS": '["127.0.0.1/32"]',
            "CITESPAN_ALLOWED_PORTS": f"[80, {self.port}]",
            "CITESPAN_WEBHOOK_RETRY_SECONDS": "[0.1, 0.1, 0.1]",
        }
