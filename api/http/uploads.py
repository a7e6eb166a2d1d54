"""multipart/form-data → files and fields, within limits, whole or not at all."""

import contextlib
import errno
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from python_multipart.multipart import parse_options_header
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from api.errors import Problem, problem_of
from api.http.request_body import check_declared, check_uncompressed, pieces, too_large
from api.schemas.requests import UploadIn
from api.settings import Settings
from index import Article, Failure, StorageError, UnknownFormat, make_id, read_bytes

_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
_MAX_FIELDS = 100
_MAX_FIELD_BYTES = 16 * 1024
_MAX_NAME_CHARACTERS = 200
# More articles than this in one upload are a batch: a job takes them in.
MAX_ARTICLES = 1_000


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """One file of an upload.

    Attributes:
        name: for people to see and to make an id of; never a path.
        content_type: as the client has it, None where it says nothing.
        content: where its bytes are.
    """

    name: str
    content_type: str | None
    content: UploadFile

    def articles(self, known: UploadIn) -> list[Article | Failure]:
        """Read its articles; reads and parses, so not to be called in the event loop."""
        self.content.file.seek(0)
        fields: dict[str, Any] = {"id": make_id(self.name, self.name), **known.known()}
        url = fields.pop("url", None)
        return list(read_bytes(self.content.file.read(), self.name, url=url, content_type=self.content_type, **fields))


@contextlib.asynccontextmanager
async def uploaded(request: Request, settings: Settings) -> AsyncIterator[tuple[list[UploadedFile], UploadIn]]:
    """Take an upload in; its files are gone when the ``with`` is left.

    Raises:
        Problem: 400 not whole or not multipart, 413 too large, 415 another encoding, 422 wrong fields, 507 disk full.
    """
    _, options = parse_options_header(request.headers.get("content-type", ""))
    if not options.get(b"boundary"):
        raise Problem(400, "the Content-Type header has no boundary: let the client make the body and the header")
    if options.get(b"charset", b"utf-8").lower() not in (b"utf-8", b"utf8"):
        raise Problem(415, "send the fields in UTF-8")
    check_uncompressed(request)
    check_declared(request, settings.upload_body_bytes)
    parser = _Parser(request, settings)
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise Problem(400, f"the body is not a usable multipart/form-data: {error.message}") from None
    except OSError as error:  # where large files are kept meanwhile
        raise problem_of(
            StorageError(f"an upload cannot be kept ({error.strerror})", disk_full=error.errno in _DISK_FULL)
        ) from error
    try:
        if not parser.whole:
            raise Problem(400, "the body ends before its last boundary: nothing of it was kept, send it again")
        files = [_file(part) for name, part in form.multi_items() if isinstance(part, UploadFile) and name == "file"]
        yield files, _fields(form.multi_items(), len(files))
    finally:
        await form.close()


def problem_of_failure(failure: Failure) -> Problem:
    """Return the problem of the one file of an upload that could not be used."""
    problem = problem_of(failure.error)
    status = 415 if isinstance(failure.error, UnknownFormat) else problem.status
    if status in (413, 415):
        return Problem(status, problem.detail)
    return Problem(status, problem.detail, errors=problem.errors, headers=problem.headers)


class _Parser(MultiPartParser):
    """Counts each file's bytes, and notices a body that ends too early."""

    def __init__(self, request: Request, settings: Settings) -> None:
        super().__init__(
            request.headers,
            pieces(request, settings.upload_body_bytes),
            max_files=settings.upload_files,
            max_fields=_MAX_FIELDS,
            max_part_size=_MAX_FIELD_BYTES,
        )
        self.whole = False
        self._limit = settings.upload_file_bytes
        self._bytes = 0

    def on_part_begin(self) -> None:
        super().on_part_begin()
        self._bytes = 0

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        self._bytes += end - start
        if self._bytes > self._limit:
            raise too_large(self._limit, "a file")
        super().on_part_data(data, start, end)

    def on_end(self) -> None:
        self.whole = True


def _file(part: UploadFile) -> UploadedFile:
    # Browsers of old send a whole path; what steers a terminal or turns text around has no place in a name.
    last = re.split(r"[/\\]", part.filename or "")[-1]
    name = "".join(character if character.isprintable() else " " for character in last).strip()
    return UploadedFile(name[-_MAX_NAME_CHARACTERS:] or "file", part.content_type, part)


def _fields(items: Sequence[tuple[str, Any]], files: int) -> UploadIn:
    facts: dict[str, Any] = {}
    for name, value in items:
        if isinstance(value, UploadFile):
            if name != "file":
                raise _wrong("file", "name each part with a file in it file")
        elif name == "tags":
            facts.setdefault("tags", []).append(value)
        elif name in facts:
            raise _wrong(name[:100], "give it once")
        else:
            facts[name[:100]] = value
    if not files:
        raise _wrong("file", "there is no file: send one or more parts named file, each with a filename")
    try:
        known = UploadIn.model_validate(facts)
    except ValueError as error:
        raise problem_of(error) from None
    for name in ("id", "title", "url"):
        if files > 1 and getattr(known, name) is not None:
            raise _wrong(name, "it is of one article: send one file, or leave it out")
    return known


def _wrong(field: str, message: str) -> Problem:
    return Problem(422, f"{field}: {message}", errors=[{"loc": ["body", field], "msg": message}])
