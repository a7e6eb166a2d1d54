"""A saved sitemap: it names pages and holds no article, so reading it says what to do instead."""

from collections.abc import Iterator

from index.errors import UnsupportedFormat
from index.sources.formats.base import Format, Given, Sure
from index.types import Article, Failure


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


FORMAT = Format(name="sitemap", recognises=_recognises, read=_read)
