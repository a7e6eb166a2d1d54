"""A ZIP archive of files → the articles of each of them.

Names in it serve for ids, titles and failures only: nothing is ever written, so none can lead anywhere.
"""

import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePosixPath

from index.errors import ArticleError, CitespanError, InputError, UnknownFormat
from index.sources.formats.base import Format, Given, Sure
from index.sources.parsing.zip_archive import SIGNATURES, open_archive, read_entry
from index.sources.read_source import MAX_FILE_BYTES, read_given
from index.types import Article, Failure

MAX_ENTRIES = 10_000
MAX_DEPTH = 2
_CLUTTER = ("thumbs.db", "desktop.ini")
# Archives that are a document of some other program: the first part of names in it → what it is.
_DOCUMENTS = {
    "xl/": ("an Excel workbook", "save its table as CSV"),
    "ppt/": ("a PowerPoint presentation", "save it as PDF"),
    "content.xml": ("an OpenDocument file", "save it as DOCX or PDF"),
    "Index/Document.iwa": ("a Pages document", "export it as DOCX or PDF"),
    "META-INF/MANIFEST.MF": ("a Java archive", "unpack it if there are articles in it"),
}


def _recognises(given: Given) -> Sure:
    return Sure.LIKELY if given.data.startswith(SIGNATURES) else Sure.NO


def _read(given: Given) -> Iterator[Article | Failure]:
    if given.depth >= MAX_DEPTH:
        raise InputError(f"archives within archives are read {MAX_DEPTH} deep and no deeper: unpack it first")
    with open_archive(given.data, entries=MAX_ENTRIES) as archive:
        entries = [entry for entry in archive.infolist() if not _is_clutter(entry)]
        _refuse_documents(entries)
        if not entries:
            raise ArticleError("the archive holds no files")
        seen: set[str] = set()
        for entry in entries:
            name = f"{given.name} entry {entry.filename}"
            try:
                if entry.filename in seen:
                    raise InputError("the archive holds two files of this name: rename one")
                seen.add(entry.filename)
                data = read_entry(archive, entry, most=MAX_FILE_BYTES)
                given.allowance.take(len(data))
            except CitespanError as error:
                yield Failure(name, error)
                continue
            known = {**given.shared, "id": given.entry_id(entry.filename)}
            inner = replace(
                given, data=data, name=name, content_type="", charset=None, known=known, depth=given.depth + 1
            )
            yield from read_given(inner)


def _is_clutter(entry: zipfile.ZipInfo) -> bool:
    parts = PurePosixPath(entry.filename.replace("\\", "/")).parts
    hidden = any(part == "__MACOSX" or (part.startswith(".") and part != "..") for part in parts)
    return entry.is_dir() or hidden or not parts or parts[-1].lower() in _CLUTTER


def _refuse_documents(entries: list[zipfile.ZipInfo]) -> None:
    for entry in entries:
        for start, (what, advice) in _DOCUMENTS.items():
            if entry.filename.startswith(start):
                raise UnknownFormat(f"this is {what}, which cannot be read: {advice}")


FORMAT = Format(
    name="zip",
    recognises=_recognises,
    read=_read,
    suffixes=(".zip",),
    content_types=("application/zip", "application/x-zip-compressed"),
    several=True,
)
