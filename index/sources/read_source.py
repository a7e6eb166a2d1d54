"""The bytes of one file → its articles, by the format that its content asks for."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from index.errors import ArticleError, CitespanError, TooLarge
from index.sources.formats import Given, all_formats, choose_format
from index.sources.formats.base import Allowance, split_content_type, title_from_name
from index.types import Article, Failure

MAX_FILE_BYTES = 32 * 1024**2
# What the archives of one file may hold altogether, unpacked.
MAX_UNPACKED_BYTES = 256 * 1024**2


def read_bytes(
    data: bytes, name: str, *, url: str | None = None, content_type: str | None = None, **known: Any
) -> Iterator[Article | Failure]:
    """Read the articles of one file's bytes: a page, a PDF, a table of articles, an archive of any of these ...

    What the content is decides; the declared type and the name's end decide only where the content does not.

    Args:
        data: the whole file, at most MAX_FILE_BYTES.
        name: its file name or path: what failures call it, and what a title is made of where nothing else gives one.
        url: where it was found.
        content_type: the Content-Type it was sent with, charset and all.
        known: fields of Article that the caller knows better than the file: they win.  Where a file holds several
            articles, ``id`` is what theirs are made of.

    Yields:
        Articles, and failures for what could not be read; one bad row or entry does not stop the rest.
    """
    media, charset = split_content_type(content_type)
    fields = {**known, **({"url": url} if url else {})}
    yield from read_given(Given(data, name, media, charset, fields, allowance=Allowance(MAX_UNPACKED_BYTES)))


def read_given(given: Given) -> Iterator[Article | Failure]:
    """Yield the articles of some bytes; whatever is wrong with them as a whole comes as a Failure."""
    try:
        if len(given.data) > MAX_FILE_BYTES:
            size = f"{len(given.data):,} bytes; at most {MAX_FILE_BYTES:,}"
            raise TooLarge(f"{size}: split it, or give its articles as NDJSON")
        if not given.data.strip():
            raise ArticleError("the file is empty: it holds no article")
        form = choose_format(given)
        for item in form.read(given):
            yield item if form.several or isinstance(item, Failure) else _titled(item, given)
    except CitespanError as error:
        yield Failure(given.name, error)


def holds_several(name: str) -> bool:
    """Whether a file of this name may hold more than one article."""
    return any(one.several and one.has_suffix(name) for one in all_formats())


def _titled(article: Article, given: Given) -> Article:
    """Give an article without a title that of its file; the name of a page on the web says less."""
    if article.title or given.known.get("url"):
        return article
    title = title_from_name(given.name)
    if not re.search(r"[^\W\d_]", title):
        return article
    return replace(article, title=title[:1_000], found_in=(*article.found_in, ("title", "file-name")))
