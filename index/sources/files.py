"""Files and folders → articles, each file by the format that its content asks for."""

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

from index.errors import ArticleError, CitespanError, InputError, TooLarge
from index.sources.formats import Format, Given, all_formats
from index.sources.formats.base import make_id
from index.sources.read_source import MAX_FILE_BYTES, read_bytes
from index.types import Article, Failure
from index.validation import MAX_ORIGIN_CHARACTERS


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
    known = {"id": article_id(path), "origin": _origin(path)}
    try:
        streamed = next((one for one in all_formats() if one.stream and one.has_suffix(name)), None)
        if streamed is not None:
            yield from _stream(path, streamed, known)
        else:
            yield from read_bytes(_whole(path), name, **known)
    except CitespanError as error:
        yield Failure(name, error)
    except (OSError, EOFError) as error:
        reason = getattr(error, "strerror", None) or "damaged"
        yield Failure(name, InputError(f"cannot be read ({reason}): check the file and its rights"))


def article_id(path: Path) -> str:
    """Return the id of a file's article: a changed file keeps it, so adding it again replaces the article."""
    return make_id(path.name, str(path.resolve()))


def _whole(path: Path) -> bytes:
    if not path.is_file():
        raise InputError("not a regular file: give files or folders")
    size = path.stat().st_size
    if size > MAX_FILE_BYTES:
        raise TooLarge(f"{size:,} bytes; at most {MAX_FILE_BYTES:,}: split it, or give its articles as NDJSON")
    return path.read_bytes()


def _stream(path: Path, form: Format, known: dict[str, Any]) -> Iterator[Article | Failure]:
    """Read a file of any length piece by piece."""
    assert form.stream is not None  # noqa: S101  (chosen for it)
    empty = True
    with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as pieces:
        for item in form.stream(cast(BinaryIO, pieces), Given(b"", str(path), known=known)):
            empty = False
            yield item
    if empty:
        raise ArticleError("the file is empty: it holds no article")


def _origin(path: Path) -> str | None:
    place = str(path.resolve()).encode("utf-8", "replace").decode()
    return place if len(place) <= MAX_ORIGIN_CHARACTERS else None
