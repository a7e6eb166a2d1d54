"""A real HTTP server that answers what a test tells it to, one reply after the other."""

import threading
from dataclasses import dataclass, field

from tests.local import LocalServer, Quiet


@dataclass
class Reply:
    """One reply.

    Attributes:
        status: of HTTP; 0 hangs up without a word once the request has been read.
        body: what follows the headers.
        headers: beside Content-Length, which is left out of a stream.
        cut: a stream: the body is sent without its length, and the connection closed behind it.
        holds: a stream: the connection is kept open behind the body until the client goes.
    """

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False
    holds: bool = False


@dataclass
class Request:
    """One request as it came in."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Scripted(LocalServer):
    """Answers with the given replies in order, then with the last one again and again."""

    def __init__(self, *replies: Reply) -> None:
        self.replies = list(replies)
        self.requests: list[Request] = []
        self.gone = threading.Event()
        script = self

        class Handler(Quiet):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                body = self._body()
                headers = {name.lower(): value for name, value in self.headers.items()}
                script.requests.append(Request(self.command, self.path, headers, body))
                reply = script.replies.pop(0) if len(script.replies) > 1 else script.replies[0]
                self.close_connection = True
                if not reply.status:
                    return
                self.send_response_only(reply.status)
                self.send_header("Connection", "close")
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                if not (reply.cut or reply.holds):
                    self.send_header("Content-Length", str(len(reply.body)))
                self.end_headers()
                self.wfile.write(reply.body)
                if reply.holds:
                    self.connection.settimeout(20)
                    if self.connection.recv(1) == b"":
                        script.gone.set()

            do_GET = do_POST = do_DELETE = answer

            def _body(self) -> bytes:
                if self.headers.get("Transfer-Encoding") == "chunked":
                    parts = []
                    while size := int(self.rfile.readline(), 16):
                        parts.append(self.rfile.read(size))
                        self.rfile.readline()
                    self.rfile.readline()
                    return b"".join(parts)
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))

        super().__init__(Handler)
