"""A saved RSS, Atom or JSON Feed → an article for each entry that holds its whole text.

Most feeds hold the beginning of each text only: an article of that would answer wrongly, so such an entry is a failure
that says where the rest is.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import orjson

from index.errors import ArticleError, CitespanError, InputError
from index.sources.formats.base import Format, Given, Sure
from index.sources.metadata import Facts
from index.sources.parsing.html_text import markup_to_text, parse_markup
from index.sources.sandbox import limited
from index.types import Article, Failure

MAX_ENTRIES = 5_000
# A description without a content element is taken for the whole text from this length on.
WHOLE_TEXT_CHARACTERS = 600
_ROOTS = ("rss", "feed", "rdf")
_CUT = re.compile(
    r"(?:\[?(?:…|\.\.\.|&hellip;)\]?"
    r"|(?:read|continue|see|learn)\s+(?:more|reading|the (?:full|whole|rest)\b[^.]{0,40})[^.]{0,60}[»›→.…]*)\s*$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a feed.

    Attributes:
        name: its address or title, as failures call it.
        url: its page, None where it has none.
        text: its whole text, "" where the feed holds no more than a teaser.
        facts: (field, value) of what the feed says of it.
    """

    name: str
    url: str | None
    text: str
    facts: tuple[tuple[str, Any], ...]


def feed_entries(data: bytes) -> list[Entry]:
    """Return the entries of RSS, Atom or a JSON Feed, the first MAX_ENTRIES of them.

    Raises:
        UnsupportedFormat: it is damaged.
    """
    found = limited.run("feed", data)
    return [
        Entry(one["name"], one["url"], one["text"], tuple((field, value) for field, value in one["facts"] if value))
        for one in found["entries"]
    ]


def entry_article(entry: Entry, **known: Any) -> Article:
    """Return the article of an entry that holds its whole text.

    Raises:
        ArticleError: the feed holds a teaser only, or nothing.
    """
    facts = Facts(known)
    for field, value in entry.facts:
        facts.offer(field, value, "feed")
    if not entry.text:
        where = f"fetch its page with citespan add {entry.url}, or " if entry.url else ""
        raise ArticleError(
            f"the feed holds only a teaser of it: {where}follow the feed by its address (citespan follow)"
        )
    return facts.article(entry.text)


def extract(data: bytes) -> dict[str, Any]:
    """Return the entries of a feed; runs in the subprocess.

    Raises:
        InputError: it is no feed, or damaged.
    """
    return {"entries": list(_from_json(data) if data.lstrip()[:1] == b"{" else _from_xml(data))}


def _from_xml(data: bytes) -> Iterator[dict[str, Any]]:
    import feedparser

    # A stream, since bytes would be tried as an address and as a file's name first.
    feed = feedparser.parse(BytesIO(data), sanitize_html=False, resolve_relative_uris=False)
    if feed.bozo and not feed.entries:
        raise InputError(f"the feed is damaged ({type(feed.get('bozo_exception')).__name__}): get it again")
    about = feed.feed
    for entry in feed.entries[:MAX_ENTRIES]:
        content = max((part.get("value") or "" for part in entry.get("content") or ()), key=len, default="")
        summary = entry.get("summary") or ""
        text = _text(content)
        if not text or (_CUT.search(text[-200:]) and len(text) < len(_text(summary)) + 200):
            text = ""
        if not text and not content and feed.version.startswith("rss"):
            # RSS has one element for the whole text and for a teaser.
            text = _text(summary)
            text = text if len(text) >= WHOLE_TEXT_CHARACTERS else ""
        authors = [one.get("name") for one in entry.get("authors") or () if one.get("name")]
        yield _entry(
            text,
            url=entry.get("link"),
            title=_text(entry.get("title") or ""),
            author=authors or entry.get("author") or about.get("author"),
            published=entry.get("published"),
            updated=entry.get("updated") if "updated" in entry and entry.get("published") else None,
            # Atom before 1.0 and many feeds have one date only, and call it the last.
            other_date=entry.get("updated"),
            source=_text(about.get("title") or ""),
            language=(entry.get("title_detail") or {}).get("language") or about.get("language"),
            tags=[tag.get("term") for tag in entry.get("tags") or () if tag.get("term")],
        )


def _from_json(data: bytes) -> Iterator[dict[str, Any]]:
    feed = orjson.loads(data)
    for item in (feed.get("items") or ())[:MAX_ENTRIES]:
        if not isinstance(item, dict):
            continue
        content = item.get("content_html")
        text = _text(content) if isinstance(content, str) else item.get("content_text")
        people = item.get("authors") or ([item["author"]] if item.get("author") else feed.get("authors")) or ()
        yield _entry(
            text.strip() if isinstance(text, str) else "",
            url=item.get("url") or item.get("external_url"),
            title=item.get("title"),
            author=[one.get("name") for one in people if isinstance(one, dict) and one.get("name")],
            published=item.get("date_published"),
            updated=item.get("date_modified"),
            source=feed.get("title"),
            language=item.get("language") or feed.get("language"),
            tags=item.get("tags"),
        )


def _entry(text: str, **facts: Any) -> dict[str, Any]:
    text = "" if _CUT.search(text[-200:]) and len(text) < 2 * WHOLE_TEXT_CHARACTERS else text
    other = facts.pop("other_date", None)
    facts["published"] = facts.get("published") or other
    url = facts.get("url") if isinstance(facts.get("url"), str) else None
    name = url or str(facts.get("title") or "without title")[:200]
    return {
        "name": name,
        "url": url,
        "text": text,
        "facts": [(field, value) for field, value in facts.items() if value],
    }


def _text(markup: str) -> str:
    if not re.search(r"<\w|&\w+;|&#", markup):
        return markup.strip()
    return markup_to_text(parse_markup(markup)) if markup.strip() else ""


def _recognises(given: Given) -> Sure:
    if given.root in _ROOTS:
        return Sure.YES
    head = given.head.lstrip()
    return Sure.YES if head.startswith("{") and "jsonfeed.org/version" in head[:4_000].replace("\\/", "/") else Sure.NO


def _read(given: Given) -> Iterator[Article | Failure]:
    # JSON Feed is always UTF-8; XML says its own encoding, unless the server said otherwise.
    data = given.text.encode("utf-8", "replace") if given.head.lstrip().startswith("{") else in_its_encoding(given)
    entries = feed_entries(data)
    if not entries:
        raise ArticleError("the feed holds no entries: it holds no article")
    for entry in entries:
        try:
            yield entry_article(entry, **given.shared)
        except CitespanError as error:
            yield Failure(f"{given.name} entry {entry.name}", error)


def in_its_encoding(given: Given) -> bytes:
    """Return XML in the encoding that it declares, or as UTF-8 where the server declared another."""
    if given.charset is None:
        return given.data
    bare = re.sub(r"^\s*<\?xml[^>]*\?>", "", given.text)
    return bare.encode("utf-8", "replace")


FORMAT = Format(
    name="feed",
    recognises=_recognises,
    read=_read,
    suffixes=(".rss", ".atom"),
    content_types=("application/rss+xml", "application/atom+xml", "application/feed+json"),
    parse=extract,
    several=True,
)
