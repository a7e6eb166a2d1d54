"""A receiver of webhooks on this machine that answers as a test tells it to."""

import json
import threading
from dataclasses import dataclass
from typing import Any

from standardwebhooks import Webhook

from tests.local import LocalServer, Quiet


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


class Receiver(LocalServer):
    """Takes messages; `answers` are the statuses (with headers) of the next ones, then 204."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.answers: list[tuple[int, dict[str, str]]] = []
        self.hold = threading.Event()
        self.hold.set()
        receiver = self

        class Handler(Quiet):
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

        super().__init__(Handler)
        self.url += "/hook"

    def __exit__(self, *more: object) -> None:
        self.hold.set()
        super().__exit__(*more)

    @property
    def environment(self) -> dict[str, str]:
        """What a service needs to reach it, with waits that a test can sit out."""
        return {
            "CITESPAN_ALLOWED_NETWORKS": '["127.0.0.1/32"]',
            "CITESPAN_ALLOWED_PORTS": f"[80, {self.port}]",
            "CITESPAN_WEBHOOK_RETRY_SECONDS": "[0.1, 0.1, 0.1]",
        }
