"""A feed or sitemap → the pages that it names, with what it says of each."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from index.errors import ArticleError, CitespanError, FetchError, InputError
from index.sources.formats import feed, sitemap
from index.sources.formats.base import Given, Sure, split_content_type
from index.types import Failure
from index.web.decompression import inflated
from index.web.fetcher import Fetched, Fetcher
from index.web.urls import parse_target

Kind = Literal["feed", "sitemap"]
_MAX_DEPTH = 3
_MAX_SITEMAPS = 100
_LINK = re.compile(r"<link\b[^<>]{0,1000}>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"([\w:-]{1,40})\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))")


@dataclass(frozen=True, slots=True)
class Entry:
    """One page that a feed or sitemap names.

    Attributes:
        url: its address.
        mark: changes when the page does; None where the feed or sitemap says nothing of that.
        text: the whole article, where the feed holds it; "" where its page is to be fetched.
        facts: (field, value) of what the feed says of it, as it stands there.
    """

    url: str
    mark: str | None = None
    text: str = ""
    facts: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Listing:
    """What a feed or sitemap names.

    Attributes:
        kind: feed or sitemap.
        url: where it was found.
        title: of the feed, None where it has none or no entries.
        entries: in its order, each address once.
        complete: whether it names everything there is: a page that is no longer in it has vanished.
        failures: what in it cannot be used.
        etag: to ask again only if it has changed; None where that would not tell.
        modified: the same.
    """

    kind: Kind
    url: str
    title: str | None
    entries: tuple[Entry, ...]
    complete: bool
    failures: tuple[Failure, ...] = ()
    etag: str | None = None
    modified: str | None = None


def listing_kind(data: bytes) -> Kind | None:
    """Return whether bytes begin as a feed or a sitemap does; None for anything else."""
    given = Given(data, "")
    if feed.FORMAT.recognises(given) is Sure.YES:
        return "feed"
    return "sitemap" if sitemap.FORMAT.recognises(given) is Sure.YES else None


def fetch_listing(
    url: str, fetcher: Fetcher, *, etag: str | None = None, modified: str | None = None
) -> Listing | None:
    """Fetch a feed or sitemap; None where it has not changed since etag and modified.

    Raises:
        FetchError: it cannot be fetched, or is neither.
        ArticleError: it is damaged.
    """
    fetched = fetcher.fetch(url, etag=etag, modified=modified)
    return None if fetched.unchanged else read_listing(fetched, fetcher)


def read_listing(fetched: Fetched, fetcher: Fetcher) -> Listing:
    """Return what a fetched feed or sitemap names; the sitemaps of an index are fetched too.

    Raises:
        FetchError: it is neither.
        ArticleError: it is damaged.
    """
    data = unpacked(fetched, fetcher)
    kind = listing_kind(data)
    if kind is None:
        raise FetchError(not_a_listing(fetched, data))
    return _feed(fetched, data, fetcher) if kind == "feed" else _sitemap(fetched, data, fetcher)


def unpacked(fetched: Fetched, fetcher: Fetcher) -> bytes:
    """Return the bytes of a page; those of a sitemap.xml.gz unpacked, within the fetcher's limit.

    Raises:
        FetchError: they are damaged, or more than the limit.
    """
    if not fetched.data.startswith(b"\x1f\x8b"):
        return fetched.data
    limit = fetcher.policy.max_bytes
    data = bytearray()
    for part in inflated([fetched.data], "gzip"):
        data += part
        if len(data) > limit:
            raise FetchError("what is packed in it is larger than a page may be: give its parts")
    return bytes(data)


def links(data: bytes, relation: str) -> Iterator[dict[str, str]]:
    """Yield the attributes of a page's <link> elements that have a relation, such as canonical."""
    from html import unescape

    for tag in _LINK.findall(data[:200_000].decode("latin-1")):
        found = {
            match[1].lower(): unescape(next(filter(None, match.groups()[1:]), "")) for match in _ATTRIBUTE.finditer(tag)
        }
        if relation in found.get("rel", "").lower().split() and found.get("href"):
            yield found


def _feed(fetched: Fetched, data: bytes, fetcher: Fetcher) -> Listing:
    charset = split_content_type(fetched.content_type)[1]
    found = feed.feed_entries(feed.in_its_encoding(Given(data, fetched.url, charset=charset)))
    entries: dict[str, Entry] = {}
    failures: list[Failure] = []
    for number, one in enumerate(found, 1):
        if len(entries) >= fetcher.policy.max_pages:
            failures.append(_limited(fetched.url, fetcher, len(found)))
            break
        url = _address(one.url, fetched.url, fetcher)
        if url is None:
            failures.append(Failure(f"{fetched.url} entry {number}", InputError("it has no address that can be used")))
            continue
        facts = tuple((field, value) for field, value in one.facts if field != "url")
        entries.setdefault(url, Entry(url, _mark(one.text, facts), one.text, facts))
    title = next((dict(entry.facts).get("source") for entry in entries.values()), None)
    return Listing(
        "feed", fetched.url, title, tuple(entries.values()), False, tuple(failures), fetched.etag, fetched.modified
    )


def _mark(text: str, facts: tuple[tuple[str, Any], ...]) -> str | None:
    """Return what changes when an entry does: of its whole text all counts, of a teaser only a date of change."""
    if not text:
        changed = dict(facts).get("updated")
        return changed[:100] if isinstance(changed, str) else None
    return hashlib.sha256(repr((text, facts)).encode("utf-8", "surrogatepass")).hexdigest()


def _sitemap(fetched: Fetched, data: bytes, fetcher: Fetcher) -> Listing:
    entries: dict[str, Entry] = {}
    failures: list[Failure] = []
    limit = fetcher.policy.max_pages
    waiting: list[tuple[str, int]] = []
    seen = {fetched.url}
    known = 0

    def take(found: bytes, base: str, depth: int) -> bool:
        nonlocal known
        facts = sitemap.sitemap_locations(found)
        for location, changed in facts.locations:
            url = _address(location, base, fetcher)
            if url is None:
                failures.append(Failure(base, InputError(f"{location[:200]!r} is no address that can be used")))
            elif not facts.index:
                known += 1
                if len(entries) < limit:
                    entries.setdefault(url, Entry(url, changed))
            elif url not in seen:
                seen.add(url)
                waiting.append((url, depth + 1))
        return facts.index

    nested = take(data, fetched.url, 0)
    complete = True
    while waiting and len(entries) < limit:
        url, depth = waiting.pop(0)
        if depth > _MAX_DEPTH or len(seen) > _MAX_SITEMAPS + 1:
            failures.append(Failure(url, FetchError("there are too many sitemaps in sitemaps: follow them one by one")))
            complete = False
            break
        try:
            inner = fetcher.fetch(url)
            take(unpacked(inner, fetcher), inner.url, depth)
        except CitespanError as error:
            failures.append(Failure(url, error))
            complete = False
    if known > limit or waiting:
        failures.append(_limited(fetched.url, fetcher, known))
        complete = False
    if not entries and not failures:
        raise ArticleError("this sitemap names no pages")
    # An index stays as it is while the sitemaps in it change, so its own ETag says nothing.
    etag, modified = (None, None) if nested else (fetched.etag, fetched.modified)
    return Listing("sitemap", fetched.url, None, tuple(entries.values()), complete, tuple(failures), etag, modified)


def _limited(url: str, fetcher: Fetcher, known: int) -> Failure:
    limit = fetcher.policy.max_pages
    return Failure(
        url,
        FetchError(f"it names {known:,} pages or more; the first {limit:,} are taken (CITESPAN_FETCH_PAGES)"),
    )


def _address(value: str | None, base: str, fetcher: Fetcher) -> str | None:
    """Return an address as it will be asked for, None for one that cannot be."""
    from urllib.parse import urljoin

    try:
        return parse_target(urljoin(base, (value or "").strip()), fetcher.policy).url if value else None
    except (FetchError, ValueError):
        return None


def not_a_listing(fetched: Fetched, data: bytes) -> str:
    """Say that something is neither feed nor sitemap, and name the feed that a page points to."""
    from urllib.parse import urljoin

    for found in links(data, "alternate"):
        if found.get("type", "").lower() in ("application/rss+xml", "application/atom+xml", "application/feed+json"):
            return f"this is a page, not a feed or sitemap; its feed is {urljoin(fetched.url, found['href'])[:500]}"
    return "this is neither a feed nor a sitemap: add it as a page, or give the address of the site's feed or sitemap"
