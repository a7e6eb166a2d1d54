"""Anything that people have → an iterator of Articles, and of what could not be read."""

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from index.errors import ArticleError, InputError
from index.sources.files import read_file, walk
from index.sources.formats.base import make_id
from index.sources.formats.html import read_html
from index.sources.formats.ndjson import article_from_json, read_ndjson
from index.sources.formats.plain import read_text
from index.sources.read_source import holds_several, read_bytes
from index.sources.web_pages import open_web
from index.types import Article, Failure
from index.web.fetcher import shared_fetcher
from index.web.policy import FetchPolicy

__all__ = [
    "article_from_json",
    "count_sources",
    "is_url",
    "make_id",
    "open_source",
    "read_bytes",
    "read_file",
    "read_html",
    "read_text",
    "walk",
]
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)


def open_source(
    source: str | Path, *, stdin: BinaryIO | None = None, policy: FetchPolicy | None = None
) -> Iterator[Article | Failure]:
    """Read a file, a folder, a web address (page, feed or sitemap), or NDJSON from standard input (``-``).

    Args:
        source: a path, an http or https address, or ``-``.
        stdin: what ``-`` reads; None takes the process's own.
        policy: where fetching may go and how far; None takes the defaults.

    Returns:
        A lazy iterator of articles and of failures; one bad file or line does not stop the rest.

    Raises:
        InputError: there is nothing at that path.
    """
    if str(source) == "-":
        return read_ndjson(stdin or sys.stdin.buffer, "standard input")
    if is_url(source):
        return open_web(str(source), shared_fetcher(policy or FetchPolicy()))
    path = Path(source)
    if not path.exists():
        what = "a broken link" if path.is_symlink() else "no such file or folder"
        raise InputError(f"{source}: {what}")
    return _read(path)


def is_url(source: str | Path) -> bool:
    """Whether a source is an address, of the web or otherwise, and no path."""
    return isinstance(source, str) and _SCHEME.match(source) is not None


def count_sources(sources: Iterable[str | Path]) -> int | None:
    """Return how many articles the sources hold, for a progress bar; None where the files' names do not say."""
    total = 0
    for source in sources:
        path = Path(source)
        if str(source) == "-" or not path.exists():
            return None
        for file in walk(path):
            if holds_several(file.name):
                return None
            total += 1
    return total


def _read(path: Path) -> Iterator[Article | Failure]:
    empty = True
    for file in walk(path):
        for item in read_file(file):
            empty = False
            yield item
    if empty:
        yield Failure(str(path), ArticleError("the folder holds no files"))
