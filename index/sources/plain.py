"""Decoded plain text → an Article, with what its first lines say of it."""

from typing import Any

from index.cleaning import metadata_from_text
from index.fields import MAX_TITLE_CHARACTERS
from index.types import Article


def read_text(text: str, **known: Any) -> Article:
    """Return the article of a text; title, source and date are read from its first lines where not given.

    Args:
        text: the text as it came in, decoded.
        known: fields of Article; those that are given win.

    Raises:
        ArticleError: a field cannot be used.
    """
    own = metadata_from_text(text)
    found = {"title": own.title and own.title[:MAX_TITLE_CHARACTERS], "source": own.source, "published": own.published}
    return Article(text=text, **{**{name: value for name, value in found.items() if value}, **known})
