"""A web site on this machine that does what a test tells it to."""

import ssl
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from index import FetchPolicy
from tests.local import LocalServer, Quiet

STORY = (
    "The harbour of Elb was opened by queen Mara on the third of May. Ships from Ostra bring salt and timber to it.\n"
    "The new quay is 410 metres long and was built by the engineer Jon Varga within two years of hard work.\n"
    "Fishermen say that the old quay, which is much older than the town hall, will be kept as a museum for visitors.\n"
    "The town council voted for it by eleven votes to four after a debate that lasted until the early morning hours.\n"
    "Whoever wants to see the new quay may do so from Monday on, when guided walks begin at the lighthouse at noon."
)


@dataclass
class Reply:
    """One answer; `raw` sends what it likes on the connection instead."""

    body: bytes | str = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    kind: str = "text/html; charset=utf-8"
    raw: Callable[[Any], None] | None = None


class Site(LocalServer):
    """Pages by path; what has been asked for is kept in `asked` (path) and `heads` (headers)."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.pages: dict[str, Reply | Callable[[dict[str, str]], Reply]] = {}
        self.asked: list[str] = []
        self.heads: list[dict[str, str]] = []
        self.stopping = threading.Event()
        site = self

        class Handler(Quiet):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                site.asked.append(self.path)
                site.heads.append({name.lower(): value for name, value in self.headers.items()})
                page = site.pages.get(self.path, Reply("no such page", 404))
                reply = page(site.heads[-1]) if callable(page) else page
                self.close_connection = True
                try:
                    if reply.raw is not None:
                        reply.raw(self.wfile)
                        return
                    body = reply.body.encode() if isinstance(reply.body, str) else reply.body
                    self.send_response(reply.status)
                    for name, value in {
                        "Content-Type": reply.kind,
                        "Content-Length": str(len(body)),
                        **reply.headers,
                    }.items():
                        self.send_header(name, value)
                    self.end_headers()
                    if reply.status != 304:
                        self.wfile.write(body)
                except OSError:
                    return  # the fetcher has had enough

        super().__init__(Handler, tls)
        self.pages["/robots.txt"] = Reply("", 404)

    def __exit__(self, *more: object) -> None:
        self.stopping.set()
        super().__exit__(*more)

    def policy(self, **fields: Any) -> FetchPolicy:
        """One under which this site may be fetched, without pauses."""
        return FetchPolicy(
            **{
                "allowed_networks": ("127.0.0.0/8",),
                "allowed_ports": (80, 443, self.port),
                "pause_seconds": 0.0,
                **fields,
            }
        )

    def count(self, path: str) -> int:
        """How often a path has been asked for."""
        return self.asked.count(path)


def raw(*parts: bytes | Iterable[bytes]) -> Reply:
    """A reply byte by byte as given, then the connection closes."""

    def send(file: Any) -> None:
        for part in parts:
            for piece in [part] if isinstance(part, bytes) else part:
                file.write(piece)

    return Reply(raw=send)


def page(title: str, text: str, head: str = "") -> str:
    """An article's page."""
    paragraphs = "".join(f"<p>{one}</p>" for one in text.split("\n"))
    return (
        f"<!doctype html><html lang=en><head><title>{title}</title>{head}</head><body><nav><a href=/>Home</a></nav>"
        f"<article><h1>{title}</h1>{paragraphs}</article><footer>Imprint</footer></body></html>"
    )


def story(name: str, more: str = "") -> Reply:
    return Reply(page(f"Story {name}", f"{STORY} The lighthouse keeper of {name} is called {name}son. {more}"))


def rss(site: Site, *items: str) -> Reply:
    body = f"""<?xml version="1.0"?><!-- made by hand --><rss version="2.0"
      xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/">
      <channel><title>Elb &amp; Ostra</title><link>{site.url}</link><language>en-gb</language>
      {"".join(items)}</channel></rss>"""
    return Reply(body, kind="application/rss+xml")


def item(path: str, title: str, more: str = "") -> str:
    return f"<item><title>{title}</title><link>{path}</link>{more}</item>"


def content(html: str) -> str:
    return f"<content:encoded><![CDATA[{html}]]></content:encoded>"


def sitemap(*paths: str, changed: str = "") -> Reply:
    inside = "".join(
        f"<url><loc>{path}</loc>{f'<lastmod>{changed}</lastmod>' if changed else ''}</url>" for path in paths
    )
    return Reply(
        f'<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{inside}</urlset>',
        kind="application/xml",
    )


def sitemap_index(*paths: str) -> Reply:
    inside = "".join(f"<sitemap><loc>{path}</loc></sitemap>" for path in paths)
    return Reply(
        f'<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{inside}</sitemapindex>', kind="text/xml"
    )


def opening(site: Site) -> dict[str, str]:
    return {
        "CITESPAN_ALLOWED_NETWORKS": '["127.0.0.1/32"]',
        "CITESPAN_ALLOWED_PORTS": f"[80, {site.port}]",
        "CITESPAN_FETCH_PAUSE_SECONDS": "0",
        "CITESPAN_FETCH_SECONDS": "3",
    }


def until(look: Callable[[], Any], seconds: float = 20) -> Any:
    """Look until there is something to see."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("it did not come about")
