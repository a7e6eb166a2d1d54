"""A sitemap (sitemaps.org): it names pages and holds no article, so reading a saved one says what to do instead."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from index.errors import ArticleError, UnsupportedFormat
from index.sources.formats.base import Format, Given, Sure
from index.sources.sandbox import limited
from index.types import Article, Failure

# The protocol's own limit for one file.
MAX_LOCATIONS = 50_000


@dataclass(frozen=True, slots=True)
class Locations:
    """What a sitemap names.

    Attributes:
        index: whether it names other sitemaps.
        locations: (address, time of its last change or None), in its order.
    """

    index: bool
    locations: tuple[tuple[str, str | None], ...]


def sitemap_locations(data: bytes) -> Locations:
    """Return what a sitemap names, the first MAX_LOCATIONS of it.

    A damaged one is refused as a whole: half a list would look as if the other pages had vanished.

    Raises:
        ArticleError: it is damaged, or no sitemap.
        UnsupportedFormat: it cannot be parsed within the limits.
    """
    found = limited.run("sitemap", data)
    return Locations(found["index"], tuple((place, changed) for place, changed in found["locations"]))


def extract(data: bytes) -> dict[str, Any]:
    """Return whether a sitemap is an index, and its locations; runs in the subprocess.

    Raises:
        ArticleError: it is damaged, or no sitemap.
    """
    from lxml import etree

    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise ArticleError(f"this sitemap is damaged ({' '.join(str(error).split())[:120]})") from None
    name = etree.QName(root).localname
    if name not in ("urlset", "sitemapindex"):
        raise ArticleError(f"this is no sitemap: it begins with <{name[:40]}>")
    locations: list[tuple[str, str | None]] = []
    for one in root[:MAX_LOCATIONS]:
        found: dict[str, str] = {}
        for part in one:
            if isinstance(part.tag, str) and part.text:
                found.setdefault(etree.QName(part).localname, part.text.strip())
        if found.get("loc"):
            locations.append((found["loc"], found.get("lastmod", "")[:40] or None))
    return {"index": name == "sitemapindex", "locations": locations}


def _recognises(given: Given) -> Sure:
    return Sure.YES if given.root in ("urlset", "sitemapindex") else Sure.NO


def _read(given: Given) -> Iterator[Article | Failure]:
    yield Failure(
        given.name,
        UnsupportedFormat(
            "this is a sitemap: it names pages and holds no articles: follow it by its address (citespan follow URL), "
            "or add the pages' addresses"
        ),
    )


FORMAT = Format(name="sitemap", recognises=_recognises, read=_read, parse=extract)
