"""A site of its own origin, for pages that stand elsewhere than the service."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

_KINDS = {"css": "text/css", "html": "text/html; charset=utf-8"}


class Host:
    """A web server on a free port, with pages that a test puts there.

    Attributes:
        url: its origin.
        pages: path to what stands there.
        policy: the Content-Security-Policy of every page.
    """

    def __init__(self) -> None:
        self.pages: dict[str, str] = {}
        self.policy = ""
        host = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = self.path.partition("?")[0]
                page = host.pages.get(path)
                data = (page or "").encode()
                self.send_response(404 if page is None else 200)
                self.send_header("Content-Type", _KINDS.get(path.rpartition(".")[2], _KINDS["html"]))
                self.send_header("Content-Length", str(len(data)))
                if host.policy:
                    self.send_header("Content-Security-Policy", host.policy)
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
