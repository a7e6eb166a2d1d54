"""NDJSON → articles, one a line; a bad line is reported with its number and does not stop the rest."""

import gzip
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any, BinaryIO, cast

import orjson

from index.errors import ArticleError, CitespanError, InputError, TooLarge, UnsupportedFormat
from index.sources.formats.base import Format, Given, Sure
from index.sources.formats.html import read_html
from index.types import Article, Failure

MAX_LINE_BYTES = 16 * 1024**2
_STRINGS = ("id", "title", "url", "source", "published", "author", "updated", "language")


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


@dataclass(frozen=True, slots=True)
class RawLine:
    """A line that is not blank, as it came in.

    Attributes:
        number: from 1.
        end: bytes from where reading began to the line's end, its line break included.
        data: what it holds; None where that is over MAX_LINE_BYTES.
    """

    number: int
    end: int
    data: bytes | None


def read_ndjson(lines: BinaryIO, name: str, known: Mapping[str, Any] | None = None) -> Iterator[Article | Failure]:
    """Yield an Article or a Failure for each line that is not blank.

    Args:
        lines: read lazily; no line over MAX_LINE_BYTES is held.
        name: what failures call it.
        known: fields of Article that hold for every line: they win.
    """
    for line in read_lines(lines, f"{name} line", known=known):
        yield line.item


def read_lines(lines: BinaryIO, name: str, *, after: int = 0, known: Mapping[str, Any] | None = None) -> Iterator[Line]:
    """Yield the lines that are not blank, each with its number.

    Args:
        lines: read lazily, and not beyond the line that is yielded; no line over MAX_LINE_BYTES is held.
        name: what failures call a line, before its number.
        after: number of the line before the first one.
        known: fields of Article that hold for every line: they win.
    """
    for raw in raw_lines(lines, after=after):
        where = f"{name} {raw.number}"
        if raw.data is None:
            error = TooLarge(f"over {MAX_LINE_BYTES // 1024**2} MiB: split the article")
            yield Line(raw.number, raw.end, Failure(where, error))
        else:
            yield Line(raw.number, raw.end, _item(raw.data, where, known))


def raw_lines(lines: BinaryIO, *, after: int = 0) -> Iterator[RawLine]:
    """Yield the lines that are not blank as they are, without a look at what they hold.

    Args:
        lines: read lazily, and not beyond the line that is yielded; no line over MAX_LINE_BYTES is held.
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
            yield RawLine(number, end, None)
            continue
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        if line.strip():
            yield RawLine(number, end, line)


def _item(line: bytes, where: str, known: Mapping[str, Any] | None) -> Article | Failure:
    try:
        return article_from_json(orjson.loads(line), known)
    except orjson.JSONDecodeError as error:
        return Failure(where, InputError(f"not JSON ({error.msg} at column {error.colno}): one object a line"))
    except CitespanError as error:
        return Failure(where, error)


def article_from_json(facts: Any, known: Mapping[str, Any] | None = None) -> Article:
    """Make an Article of a parsed object.

    Its names are id, title, url, source, published (or date), author, updated, language, tags, and text or html; others
    are passed over.  A text is taken as it is; a page says more about itself.

    Args:
        facts: the object.
        known: fields of Article that win over those of the object.

    Raises:
        InputError: it is not an object, or a field is of the wrong kind or unusable.
    """
    if not isinstance(facts, dict):
        raise InputError('not an object: give {"text": ...} with title, url, source, published and tags where known')
    fields: dict[str, Any] = {}
    for name in _STRINGS:
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
    fields.update((name, value) for name, value in (known or {}).items() if value)
    text, html = facts.get("text"), facts.get("html")
    if isinstance(text, str) and html is None:
        return Article(text=text, **fields)
    if isinstance(html, str) and text is None:
        return read_html(html, **fields)
    raise ArticleError("give either text or html, as a string", field="text")


def is_lines(text: str) -> bool:
    """Whether the first line is a JSON object that looks like an article."""
    first = text.lstrip()[:1_000_000].split("\n", 1)[0]
    if not first.startswith("{"):
        return False
    try:
        facts = orjson.loads(first)
    except orjson.JSONDecodeError:
        return False
    return isinstance(facts, dict) and bool({"text", "html"} & facts.keys())


def _recognises(given: Given) -> Sure:
    if given.data.startswith(b"\x1f\x8b"):
        return Sure.LIKELY if given.name.lower().endswith(".gz") else Sure.NO
    head = given.head.lstrip()
    if not head:
        return Sure.NO
    # A first line longer than the head is looked at as a whole.
    whole = head if "\n" in head or len(given.data) <= len(head) else given.text
    return Sure.LIKELY if is_lines(whole) and "\n" in whole.strip() else Sure.MAYBE


def _read(given: Given) -> Iterator[Article | Failure]:
    if not given.data.startswith(b"\x1f\x8b"):
        yield from read_ndjson(BytesIO(given.data), given.name, given.shared)
        return
    try:
        with gzip.open(BytesIO(given.data)) as unpacked:
            yield from read_ndjson(_Counted(cast(BinaryIO, unpacked), given), given.name, given.shared)
    except (OSError, EOFError, zlib.error):
        raise UnsupportedFormat("the gzip data are damaged or cut short: get them again") from None


class _Counted(BytesIO):
    """Lines of gzip data, as long as so much may be unpacked."""

    def __init__(self, lines: BinaryIO, given: Given) -> None:
        super().__init__()
        self._lines = lines
        self._allowance = given.allowance

    def readline(self, size: int | None = -1, /) -> bytes:
        line = self._lines.readline(-1 if size is None else size)
        self._allowance.take(len(line))
        return line


def _stream(lines: BinaryIO, given: Given) -> Iterator[Article | Failure]:
    yield from read_ndjson(lines, given.name, given.shared)


FORMAT = Format(
    name="ndjson",
    recognises=_recognises,
    read=_read,
    suffixes=(".ndjson", ".jsonl", ".ndjson.gz", ".jsonl.gz"),
    content_types=("application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"),
    stream=_stream,
    several=True,
)
