"""The bytes of one file → its articles, by the reader that their content asks for."""

from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import PurePath
from typing import Any

from index.errors import ArticleError, CitespanError
from index.sources.files import _PAGES, _is_lines, _titled
from index.sources.html import decode_html, looks_like_html, read_html
from index.sources.markdown import has_front_matter, read_markdown
from index.sources.ndjson import read_ndjson
from index.sources.plain import read_text
from index.text import decode_text
from index.types import Article, Failure


def read_bytes(
    data: bytes, name: str, *, url: str | None = None, content_type: str | None = None, **known: Any
) -> Iterator[Article | Failure]:
    """Read the articles of one file's bytes.

    Args:
        data: the whole file.
        name: its file name: what failures call it.
        url: where it was found.
        content_type: the Content-Type it was sent with; the content decides.
        known: fields of Article that the caller knows better than the file: they win.

    Yields:
        Articles, and failures for what could not be read.
    """
    path = PurePath(name)
    fields = {**known, **({"url": url} if url else {})}
    try:
        if not data.strip():
            raise ArticleError("the file is empty: it holds no article")
        text = decode_html(data)
        suffix = path.suffix.lower()
        if suffix in (".json", ".ndjson", ".jsonl") or _is_lines(text):
            more = {field: value for field, value in fields.items() if field != "id"}
            for item in read_ndjson(BytesIO(data), name):
                yield replace(item, **more) if isinstance(item, Article) else item
        elif suffix in _PAGES or looks_like_html(text):
            yield _titled(read_html(text, **fields), path)
        elif suffix in (".md", ".markdown") or has_front_matter(text):
            yield _titled(read_markdown(text, **fields), path)
        else:
            yield _titled(read_text(decode_text(data), **fields), path)
    except CitespanError as error:
        yield Failure(name, error)
