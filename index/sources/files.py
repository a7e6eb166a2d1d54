"""Files and folders → Articles, each by the reader that its content asks for."""

import gzip
import re
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Any

import orjson

from index.errors import ArticleError, CitespanError, InputError, TooLarge, UnsupportedFormat
from index.sources.html import decode_html, looks_like_html, read_html
from index.sources.markdown import has_front_matter, read_markdown
from index.sources.names import id_of_name
from index.sources.ndjson import article_from_json, read_ndjson
from index.sources.plain import read_text
from index.text import decode_text
from index.types import Article, Failure

MAX_FILE_BYTES = 32 * 1024**2
_PAGES = (".html", ".htm", ".xhtml")
_LINES = (".ndjson", ".jsonl", ".ndjson.gz", ".jsonl.gz")


def walk(path: Path) -> Iterator[Path]:
    """Yield a file itself, or all files under a folder in order, hidden ones left out."""
    if not path.is_dir():
        yield path
        return
    for child in sorted(path.iterdir()):
        if not child.name.startswith("."):
            yield from walk(child)


def read_file(path: Path) -> Iterator[Article | Failure]:
    """Yield the articles of one file; whatever is wrong with it comes as a Failure."""
    name = str(path)
    try:
        if path.name.lower().endswith(_LINES):
            with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as lines:
                empty = True
                for item in read_ndjson(lines, name):  # type: ignore[arg-type]
                    empty = False
                    yield item
                if empty:
                    raise ArticleError("the file is empty: it holds no article")
            return
        yield from _read_whole(path)
    except CitespanError as error:
        yield Failure(name, error)
    except (OSError, EOFError) as error:
        reason = getattr(error, "strerror", None) or "damaged"
        yield Failure(name, InputError(f"cannot be read ({reason}): check the file and its rights"))


def _read_whole(path: Path) -> Iterator[Article | Failure]:
    if not path.is_file():
        raise InputError("not a regular file: give files or folders")
    size = path.stat().st_size
    if size > MAX_FILE_BYTES:
        raise TooLarge(f"{size:,} bytes; at most {MAX_FILE_BYTES:,}: split it, or give its articles as NDJSON")
    data = path.read_bytes()
    if not data.strip():
        raise ArticleError("the file is empty: it holds no article")
    suffix = path.suffix.lower()
    text = decode_html(data)
    known: dict[str, Any] = {"id": article_id(path)}
    if suffix == ".json" or _is_lines(text):
        yield from _read_json(data, path)
    elif suffix in _PAGES or looks_like_html(text):
        yield _titled(read_html(text, **known), path)
    elif suffix in (".md", ".markdown") or has_front_matter(text):
        yield _titled(read_markdown(text, **known), path)
    else:
        yield _titled(read_text(decode_text(data), **known), path)


def article_id(path: Path) -> str:
    """Return the id of a file's article: a changed file keeps it, so adding it again replaces the article."""
    return id_of_name(path.stem, str(path.resolve()))


def _titled(article: Article, path: PurePath) -> Article:
    if article.title:
        return article
    from dataclasses import replace

    words = re.sub(r"[-_\s]+", " ", path.stem).strip().encode("utf-8", "replace").decode()
    return replace(article, title=words[:1].upper() + words[1:])


def _is_lines(text: str) -> bool:
    """Whether the first line is a JSON object that looks like an article."""
    first = text.lstrip()[:1_000_000].split("\n", 1)[0]
    if not first.startswith("{"):
        return False
    try:
        facts = orjson.loads(first)
    except orjson.JSONDecodeError:
        return False
    return isinstance(facts, dict) and bool({"text", "html"} & facts.keys())


def _read_json(data: bytes, path: Path) -> Iterator[Article | Failure]:
    from io import BytesIO

    try:
        facts = orjson.loads(data.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        if _is_lines(data.decode("utf-8", "replace")):
            yield from read_ndjson(BytesIO(data), str(path))
            return
        raise UnsupportedFormat(f"not JSON ({error.msg} at line {error.lineno}): mend it, or give NDJSON") from None
    for number, one in enumerate(facts if isinstance(facts, list) else [facts], 1):
        try:
            yield article_from_json(one)
        except CitespanError as error:
            yield Failure(f"{path} article {number}" if isinstance(facts, list) else str(path), error)
