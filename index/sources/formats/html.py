"""A web page → an article: its text and what it says of itself, without what surrounds it."""

import re
from collections.abc import Iterator
from typing import Any

from index.errors import ArticleError, TooLarge
from index.sources.formats.base import Format, Given, Sure, own_charset
from index.sources.metadata import Facts, host_of
from index.sources.parsing.html_metadata import Fact, page_facts
from index.sources.sandbox import limited
from index.text.decoding import decode_text
from index.types import Article, Failure

MAX_HTML_CHARACTERS = 16 * 1024**2
_PAGES = ("html", "head", "body")
_PIECES = (
    "article",
    "main",
    "div",
    "p",
    "section",
    "meta",
    "title",
    "h1",
    "h2",
    "h3",
    "table",
    "ul",
    "header",
    "center",
)
# Markdown and a table of articles may begin with a tag too: their names' ends say so.
_MAY_BEGIN_SO = (".md", ".markdown", ".mdown", ".mkd", ".csv", ".tsv")


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
    page = decode_text(html, own_charset(html)) if isinstance(html, bytes) else html
    return read_page(page, Facts({**known, "url": url or known.get("url")}))


def read_page(page: str, facts: Facts) -> Article:
    """Extract the article of a decoded page.

    Args:
        page: the page.
        facts: what is known already; what the page says is added.

    Raises:
        ArticleError: the page holds no article text.
        UnsupportedFormat: it cannot be parsed within the limits.
        TooLarge: over MAX_HTML_CHARACTERS.
    """
    if len(page) > MAX_HTML_CHARACTERS:
        raise TooLarge(
            f"the page has {len(page):,} characters; at most {MAX_HTML_CHARACTERS:,}: split it", field="html"
        )
    if not page.strip():
        raise ArticleError("html is empty: give the page", field="html")
    found = limited.run("html", page.encode("utf-8", "surrogatepass"))
    for field, value, place in found["facts"]:
        facts.offer(field, value, place)
    facts.offer("source", host_of(facts.get("url")), "url")
    facts.offer_first_lines(found["text"])
    return facts.article(found["text"])


def extract(data: bytes) -> dict[str, Any]:
    """Return the text of a page and facts about it; runs in the subprocess.

    Raises:
        ArticleError: no article text was found.
    """
    import trafilatura
    from trafilatura.settings import Extractor

    page = data.decode("utf-8", "surrogatepass")
    # What surrounds the text is masked later by its own rules; what is left out here nobody can bring back.
    options = Extractor(
        output_format="python", comments=False, tables=True, with_metadata=True, dedup=False, recall=True
    )
    # A date from the page's address or a stray number is a guess: only what the page says counts.
    options.date_params = {"original_date": True, "extensive_search": False}
    document = trafilatura.bare_extraction(page, options=options)
    text = (document.text or "").strip() if document else ""
    if not text:
        text = _plain(page)
    if not text:
        raise ArticleError("no article text was found in the page: give its text instead", field="html")
    facts = _own_facts(page)
    if document:
        found = {"title": document.title, "source": document.sitename, "url": document.url, "author": document.author}
        facts.extend((field, value, "page") for field, value in found.items() if value)
        if document.date and _says_plainly(page, document.date):
            facts.append(("published", document.date, "page"))
    return {"text": text, "facts": _without_site(facts)}


def _own_facts(page: str) -> list[Fact]:
    """What the page says in its markup; none where it is too odd for a tree."""
    from lxml import etree, html

    try:
        return list(
            page_facts(html.fromstring(page.encode("utf-8", "replace"), parser=html.HTMLParser(encoding="utf-8")))
        )
    except (etree.LxmlError, ValueError, RecursionError):
        return []


def _says_plainly(page: str, day: str) -> bool:
    """Whether a page's text has a date in a form that can be read in one way: extractors also guess at 04/05/2023.

    What scripts and time elements say has been looked at before, with what they are about.
    """
    # What is never closed goes to the end of the page: the search for its end is not begun again and again.
    page = re.sub(r"(?is)<script\b.*?(?:</script\s*>|\Z)|<!--.*?(?:-->|\Z)|<time\b[^>]*(?:>|\Z)", " ", page)
    year, month, number = day.split("-")
    number = number.lstrip("0")
    word = r"[^\W\d_]{3,12}\.?"
    forms = (
        rf"{day}",
        rf"{year}/{month}/0?{number}\b",
        rf"\b0?{number}(?:st|nd|rd|th|\.)?(?: de)? {word},?(?: de)? {year}\b",
        rf"{word} 0?{number}(?:st|nd|rd|th)?,? {year}\b",
    )
    return re.search("|".join(forms), page) is not None


def _without_site(facts: list[Fact]) -> list[Fact]:
    """Take the site's name off the titles' ends: "Headline - Site"."""
    sites = {re.escape(value) for field, value, _ in facts if field == "source" and isinstance(value, str)}
    if not sites:
        return facts
    ending = re.compile(rf"\s+[|–—•-]\s+(?:{'|'.join(sorted(sites))})$")
    return [
        (field, ending.sub("", " ".join(value.split())), place) if field == "title" and value else (field, value, place)
        for field, value, place in facts
    ]


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


def _recognises(given: Given) -> Sure:
    if given.root in _PAGES:
        return Sure.YES
    if given.root in _PIECES and not given.name.lower().endswith(_MAY_BEGIN_SO):
        return Sure.LIKELY
    return Sure.MAYBE


def _read(given: Given) -> Iterator[Article | Failure]:
    yield read_html(given.text, **given.known)


FORMAT = Format(
    name="html",
    recognises=_recognises,
    read=_read,
    suffixes=(".html", ".htm", ".xhtml", ".shtml"),
    content_types=("text/html", "application/xhtml+xml"),
    parse=extract,
)
