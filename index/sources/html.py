"""A web page → an article: its text, title, date and site, without what surrounds it."""

import re
from typing import Any
from urllib.parse import urlsplit

from index.cleaning import metadata_from_text
from index.errors import ArticleError, TooLarge
from index.fields import check_url, instant_range
from index.sources.worker import Worker
from index.text import decode_text
from index.types import Article

MAX_HTML_CHARACTERS = 16 * 1024**2
_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w-]{2,40})", re.IGNORECASE)
_LOOKS_LIKE = re.compile(
    r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.{0,2000}?-->\s*)*<(?:!doctype\s+html|html|head|body|article|main|div|p|section|meta|title|h1)\b",
    re.IGNORECASE | re.DOTALL,
)
_worker = Worker()


def looks_like_html(text: str) -> bool:
    """Whether a text begins as a page does."""
    return _LOOKS_LIKE.match(text[:5_000]) is not None


def decode_html(data: bytes) -> str:
    """Decode a page by its byte order mark, its own ``charset``, or what it looks like.

    Raises:
        UnsupportedFormat: the bytes are not text.
    """
    declared = _CHARSET.search(data[:4_096])
    return decode_text(data, declared[1].decode("ascii") if declared else None)


def read_html(html: str | bytes, *, url: str | None = None, **known: Any) -> Article:
    """Extract the article of a page, in a limited subprocess.

    Args:
        html: the page.
        url: where it was found; else the page's own canonical address is taken.
        known: fields of Article that the caller knows better than the page: they win.

    Raises:
        ArticleError: the page holds no article text.
        UnsupportedFormat: it is not a page, or cannot be parsed within the limits.
        TooLarge: over MAX_HTML_CHARACTERS.
    """
    page = decode_html(html) if isinstance(html, bytes) else html
    if len(page) > MAX_HTML_CHARACTERS:
        raise TooLarge(
            f"the page has {len(page):,} characters; at most {MAX_HTML_CHARACTERS:,}: split it", field="html"
        )
    if not page.strip():
        raise ArticleError("html is empty: give the page", field="html")
    facts = _worker.run("html", page=page)
    own = metadata_from_text(facts["text"])
    address = url or _usable_url(facts["url"])
    fields: dict[str, Any] = {
        "title": facts["title"] or own.title or "",
        "url": address,
        "source": facts["site"] or _host(address) or own.source,
        "published": _usable_date(facts["date"]) or own.published,
    }
    fields.update({name: value for name, value in known.items() if value})
    return Article(text=facts["text"], **fields)


def extract(page: str) -> dict[str, Any]:
    """Return text, title, date, site and url of a page; runs in the subprocess.

    Raises:
        ArticleError: no article text was found.
    """
    import trafilatura
    from trafilatura.settings import Extractor

    options = Extractor(output_format="python", comments=False, tables=True, with_metadata=True, dedup=False)
    # A date from the page's address or a stray number is a guess: only what the page says counts.
    options.date_params = {"original_date": True, "extensive_search": False}
    document = trafilatura.bare_extraction(page, options=options)
    text = (document.text or "").strip() if document else ""
    if not text:
        text = _plain(page)
    if not text:
        raise ArticleError("no article text was found in the page: give its text instead", field="html")
    title = _clean_title(page, document.title if document else None, document.sitename if document else None)
    return {
        "text": text,
        "title": title,
        "date": document.date if document else None,
        "site": document.sitename if document else None,
        "url": document.url if document else None,
    }


def _plain(page: str) -> str:
    """All text between the tags, for pages too odd for an extractor.

    A tokenizer without a tree, so that 20,000 nested elements cost no more than 20,000 in a row.
    """
    from html import unescape

    bare = re.sub(r"(?is)<(script|style|noscript|template|svg)\b.*?(?:</\1\s*>|$)|<!--.*?(?:-->|$)", " ", page)
    bare = re.sub(r"(?i)</?(?:p|div|br|li|tr|h[1-6]|section|article|td|blockquote)\b[^<>]*>", "\n", bare)
    bare = unescape(re.sub(r"<[^<>]*>", " ", bare))
    lines = (" ".join(line.split()) for line in bare.splitlines())
    return "\n".join(line for line in lines if line)


def _clean_title(page: str, title: str | None, site: str | None) -> str:
    """Take the site's name off the title's end: "Headline - Site"."""
    line = " ".join((title or "").split())
    if site:
        line = re.sub(rf"\s+[|–—-]\s+{re.escape(site)}$", "", line)
    return line[:500]


def _usable_url(value: str | None) -> str | None:
    try:
        return check_url(value) if value else None
    except ArticleError:
        return None


def _usable_date(value: str | None) -> str | None:
    try:
        if value:
            instant_range(value)
        return value or None
    except ArticleError:
        return None


def _host(url: str | None) -> str | None:
    return (urlsplit(url).hostname or "").removeprefix("www.") or None if url else None
