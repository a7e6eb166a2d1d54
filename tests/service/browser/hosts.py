"""A site of its own origin, for pages that stand elsewhere than the service."""

from tests.local import LocalServer, Quiet

_KINDS = {"css": "text/css", "html": "text/html; charset=utf-8"}


class Host(LocalServer):
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

        class Handler(Quiet):
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

        super().__init__(Handler)
