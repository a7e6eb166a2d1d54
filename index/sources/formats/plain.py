"""Plain text → an article, with what its first lines say of it.  Takes what no other format does."""

from collections.abc import Iterator
from typing import Any

from index.sources.formats.base import Format, Given, Sure
from index.sources.metadata import Facts
from index.types import Article, Failure


def read_text(text: str, **known: Any) -> Article:
    """Return the article of a text; title, source and date are read from its first lines where not given.

    Args:
        text: the text as it came in, decoded.
        known: fields of Article; those that are given win.

    Raises:
        ArticleError: a field cannot be used.
    """
    facts = Facts(known)
    facts.offer_first_lines(text)
    return facts.article(text)


def _read(given: Given) -> Iterator[Article | Failure]:
    yield read_text(given.text, **given.known)


FORMAT = Format(
    name="plain",
    recognises=lambda given: Sure.MAYBE,
    read=_read,
    suffixes=(".txt", ".text", ".log"),
    fallback=True,
)
