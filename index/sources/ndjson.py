"""NDJSON → Articles, one a line; a bad line is reported with its number and does not stop the rest."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import orjson

from index.errors import ArticleError, CitespanError, InputError, TooLarge
from index.sources.html import read_html
from index.types import Article, Failure

MAX_LINE_BYTES = 16 * 1024**2


@dataclass(frozen=True, slots=True)
class Line:
    """A line that is not blank.

    Attributes:
        number: from 1.
        end: bytes from where reading began to the line's end, its line break included.
        item: what it holds.
    """

    number: int
    end: int
    item: Article | Failure


def read_ndjson(lines: BinaryIO, name: str) -> Iterator[Article | Failure]:
    """Yield an Article or a Failure for each line that is not blank.

    Args:
        lines: read lazily; no line over MAX_LINE_BYTES is held.
        name: what failures call it.
    """
    for line in read_lines(lines, f"{name} line"):
        yield line.item


def read_lines(lines: BinaryIO, name: str, *, after: int = 0) -> Iterator[Line]:
    """Yield the lines that are not blank, each with its number.

    Args:
        lines: read lazily, and not beyond the line that is yielded; no line over MAX_LINE_BYTES is held.
        name: what failures call a line, before its number.
        after: number of the line before the first one.
    """
    number, end = after, 0
    while line := lines.readline(MAX_LINE_BYTES + 1):
        number += 1
        end += len(line)
        if len(line) > MAX_LINE_BYTES:
            while line and not line.endswith(b"\n"):
                line = lines.readline(MAX_LINE_BYTES)
                end += len(line)
            error = TooLarge(f"over {MAX_LINE_BYTES // 1024**2} MiB: split the article")
            yield Line(number, end, Failure(f"{name} {number}", error))
            continue
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        if line.strip():
            yield Line(number, end, _item(line, f"{name} {number}"))


def _item(line: bytes, where: str) -> Article | Failure:
    try:
        return article_from_json(orjson.loads(line))
    except orjson.JSONDecodeError as error:
        return Failure(where, InputError(f"not JSON ({error.msg} at column {error.colno}): one object a line"))
    except CitespanError as error:
        return Failure(where, error)


def article_from_json(facts: Any) -> Article:
    """Make an Article of a parsed object: id, title, url, source, published (or date), tags, text or html.

    Other fields are passed over.

    Raises:
        InputError: it is not an object, or a field is of the wrong kind or unusable.
    """
    if not isinstance(facts, dict):
        raise InputError('not an object: give {"text": ...} with title, url, source, published and tags where known')
    fields: dict[str, Any] = {}
    for name in ("id", "title", "url", "source", "published"):
        value = facts.get(name)
        if name == "published" and value is None:
            value = facts.get("date")
        if value is not None and not isinstance(value, str):
            raise ArticleError(f"{name} must be a string", field=name)
        if value:
            fields[name] = value
    tags = facts.get("tags") or []
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise ArticleError("tags must be a list of strings", field="tags")
    fields["tags"] = tuple(tags)
    text, html = facts.get("text"), facts.get("html")
    if isinstance(text, str) and html is None:
        return Article(text=text, **fields)
    if isinstance(html, str) and text is None:
        return read_html(html, **fields)
    raise ArticleError("give either text or html, as a string", field="text")
