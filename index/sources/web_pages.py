"""Web addresses → articles: a page, the entries of a feed, the pages of a sitemap."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urljoin, urlsplit

from index.errors import ArticleError, CitespanError, FetchError
from index.sources.feeds_and_sitemaps import Entry, Listing, links, listing_kind, read_listing, unpacked
from index.sources.formats.feed import Entry as FeedEntry
from index.sources.formats.feed import entry_article
from index.sources.metadata import Facts
from index.sources.read_source import read_bytes
from index.types import Article, Failure
from index.validation import check_url
from index.web.fetcher import Fetched, Fetcher

# A host that asks to be left alone for so long is waited for, once; for longer the page fails.
_WAITED_FOR = 30.0


@dataclass(frozen=True, slots=True)
class EntryRead:
    """What became of one page of a feed or sitemap.

    Attributes:
        articles: made of it; more than one where the page is an archive or the like.
        failures: what in it could not be used.
        unchanged: whether the server said that nothing has changed.
        etag: to ask again only if it has changed.
        modified: the same.
    """

    articles: tuple[Article, ...]
    failures: tuple[Failure, ...] = ()
    unchanged: bool = False
    etag: str | None = None
    modified: str | None = None


def fetch_article(url: str, fetcher: Fetcher, **known: Any) -> Article:
    """Fetch a page and return its article.

    Args:
        url: http or https.
        fetcher: does the fetching.
        known: fields of Article that the caller knows better than the page: they win.

    Raises:
        FetchError: it cannot be fetched, or is a feed or sitemap.
        InputError: it holds no article, or several.
    """
    fetched = _patiently(url, fetcher)
    if listing_kind(fetched.data) is not None:
        raise FetchError("this is a feed or sitemap: follow it, or add one of its pages")
    found = list(_read(fetched, known))
    articles = [one for one in found if isinstance(one, Article)]
    if len(articles) == 1 and len(found) == 1:
        return articles[0]
    for one in found:
        if isinstance(one, Failure) and isinstance(one.error, CitespanError):
            raise one.error
    raise FetchError("there are several articles at this address: fetch it and add the file")


def open_web(url: str, fetcher: Fetcher) -> Iterator[Article | Failure]:
    """Yield the articles of a page, of a feed's entries or of a sitemap's pages, and what could not be used of them."""
    try:
        fetched = _patiently(url, fetcher)
        if listing_kind(unpacked(fetched, fetcher)) is None:
            yield from _read(fetched, {})
            return
        listing = read_listing(fetched, fetcher)
    except CitespanError as error:
        yield Failure(url, error)
        return
    yield from listing.failures
    if not listing.entries:
        yield Failure(url, ArticleError("it names no pages at the moment"))
    seen: dict[str, str] = {}
    for entry in listing.entries:
        try:
            found = read_entry(entry, listing, fetcher)
        except CitespanError as error:
            yield Failure(entry.url, error)
            continue
        yield from found.failures
        for article in found.articles:
            yield apart(article, entry, seen.get(article.id))
            seen.setdefault(article.id, article.sha256)


def read_entry(
    entry: Entry, listing: Listing, fetcher: Fetcher, *, etag: str | None = None, modified: str | None = None
) -> EntryRead:
    """Return the articles of one entry: of its own content where the feed holds it whole, else of its page.

    Raises:
        FetchError: the page cannot be fetched.
    """
    if entry.text:
        own = entry_article(FeedEntry(entry.url, entry.url, entry.text, entry.facts), url=entry.url, origin=listing.url)
        return EntryRead((own,))
    fetched = _patiently(entry.url, fetcher, etag, modified)
    if fetched.unchanged:
        return EntryRead((), (), True, fetched.etag or etag, fetched.modified or modified)
    if listing_kind(fetched.data) is not None:
        raise FetchError("this is a feed or sitemap, not a page: follow it by itself")
    found = list(_read(fetched, {}))
    return EntryRead(
        tuple(_completed(one, entry, listing) for one in found if isinstance(one, Article)),
        tuple(one for one in found if isinstance(one, Failure)),
        False,
        fetched.etag,
        fetched.modified,
    )


def apart(article: Article, entry: Entry, other: str | None) -> Article:
    """Return an article that does not take another one's place.

    Some sites name one canonical address on all their pages; then each page's own is taken.

    Args:
        article: as its page has it.
        entry: where it was found.
        other: SHA-256 of the text of another page's article that has the same id, None where there is none.
    """
    if other is None or other == article.sha256 or article.url == entry.url:
        return article
    return replace(article, id="", url=entry.url)


def _completed(article: Article, entry: Entry, listing: Listing) -> Article:
    """Add where the article came from, and what the feed knows and the page does not say."""
    said = Facts({})
    for name, value in entry.facts:
        said.offer(name, value, listing.kind)
    missing = {name: said.get(name) for name, _ in entry.facts if name in said and not getattr(article, name)}
    found = (*article.found_in, *((name, listing.kind) for name in missing))
    return replace(article, origin=listing.url, found_in=found, **missing)


def _read(fetched: Fetched, known: dict[str, Any]) -> Iterator[Article | Failure]:
    url = known.pop("url", None) or _canonical(fetched)
    try:
        yield from read_bytes(fetched.data, fetched.url, url=url, content_type=fetched.content_type, **known)
    except CitespanError as error:
        yield Failure(fetched.url, error)


def _canonical(fetched: Fetched) -> str:
    """Return the address that a page calls its own, if it is on the same host; else the one that answered.

    Pages that call the site's front page their own are mistaken.
    """
    final = urlsplit(fetched.url)
    for found in links(fetched.data, "canonical"):
        try:
            url = check_url(urljoin(fetched.url, found["href"].strip()).partition("#")[0])
        except (ArticleError, ValueError):
            continue
        parts = urlsplit(url)
        same_host = (parts.hostname or "").removeprefix("www.") == (final.hostname or "").removeprefix("www.")
        front = parts.path in ("", "/") and not parts.query
        if same_host and parts.port == final.port and (not front or final.path in ("", "/")):
            return url
    return fetched.url


def _patiently(url: str, fetcher: Fetcher, etag: str | None = None, modified: str | None = None) -> Fetched:
    """Fetch a page; where the server asks to come again soon, do so once."""
    try:
        return fetcher.fetch(url, etag=etag, modified=modified)
    except FetchError as error:
        # The wait itself is Hosts': it knows how long the host is to be left alone.
        if error.status is None or error.retry_after is None or error.retry_after > _WAITED_FOR:
            raise
    return fetcher.fetch(url, etag=etag, modified=modified)
