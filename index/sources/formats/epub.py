"""EPUB → an article with the book's chapters in order, or one a chapter where the book is too long for one."""

import posixpath
import zipfile
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from index.errors import ArticleError, CitespanError, InputError, UnsupportedFormat
from index.sources.formats.base import Format, Given, Sure
from index.sources.metadata import Facts
from index.sources.parsing.html_text import markup_to_text, parse_markup, parse_xml
from index.sources.parsing.zip_archive import SIGNATURES, check_sizes, names_in, open_archive, read_entry
from index.sources.sandbox import limited
from index.types import Article, Failure
from index.validation import MAX_ARTICLE_CHARACTERS

MAX_ENTRIES = 10_000
MAX_UNPACKED_BYTES = 100 * 1024**2
MAX_CHAPTERS = 2_000
_CONTAINER = "META-INF/container.xml"
_PAGES = ("application/xhtml+xml", "text/html", "application/xml", "text/x-oeb1-document")
# Fonts may be scrambled in a book that anyone may read.
_FONT_SCRAMBLING = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")


def extract(data: bytes) -> dict[str, Any]:
    """Return the chapters in reading order, each with its title, and what the package says; runs in the subprocess.

    Raises:
        ArticleError: it holds no text.
        InputError: it is locked to a reader's account.
        TooLarge: over one of the limits.
        UnsupportedFormat: it is damaged.
    """
    with open_archive(data, entries=MAX_ENTRIES, what="EPUB") as archive:
        check_sizes(archive, most=MAX_UNPACKED_BYTES, what="EPUB")
        _refuse_locked(archive)
        place, package = _package(archive)
        chapters: list[dict[str, str]] = []
        unread: dict[str, str] = {}
        for name in _spine(package, place)[:MAX_CHAPTERS]:
            try:
                root = parse_markup(read_entry(archive, name, most=MAX_UNPACKED_BYTES))
            except CitespanError as error:
                unread[name] = str(error)
                continue
            body = next(root.iter("body"), root)
            if text := markup_to_text(body):
                chapters.append({"text": text, "title": _heading(root)})
    if not chapters:
        raise ArticleError("the EPUB holds no text: its pages may be pictures")
    return {"chapters": chapters, "unread": unread, "facts": _facts(package)}


def _refuse_locked(archive: zipfile.ZipFile) -> None:
    if "META-INF/encryption.xml" not in archive.namelist():
        return
    root = parse_xml(read_entry(archive, "META-INF/encryption.xml", most=1024**2))
    used = {node.get("Algorithm") for node in root.iter("{*}EncryptionMethod")}
    if used - set(_FONT_SCRAMBLING):
        raise InputError("the EPUB is locked to a reader's account (DRM): its text cannot be read")


def _package(archive: zipfile.ZipFile) -> tuple[str, Any]:
    """Return the place and the root element of the file that lists what the book is made of."""
    container = parse_xml(read_entry(archive, _CONTAINER, most=1024**2))
    file = next(container.iter("{*}rootfile"), None)
    place = file.get("full-path") if file is not None else None
    if not place:
        raise UnsupportedFormat("the EPUB is damaged (it does not say where its package is): get it again")
    return place, parse_xml(read_entry(archive, place, most=10 * 1024**2))


def _spine(package: Any, place: str) -> list[str]:
    """Names of the entries that make up the text, in reading order."""
    folder = posixpath.dirname(place)
    items = {item.get("id"): item for item in package.iter("{*}item")}
    names = []
    for reference in package.iter("{*}itemref"):
        item = items.get(reference.get("idref"))
        if item is None or reference.get("linear") == "no" or "nav" in (item.get("properties") or "").split():
            continue
        if (item.get("media-type") or "").lower() in _PAGES and item.get("href"):
            names.append(posixpath.normpath(posixpath.join(folder, unquote(item.get("href").partition("#")[0]))))
    return list(dict.fromkeys(names))


def _heading(root: Any) -> str:
    """A chapter's own heading; the title element of most books only repeats the book's."""
    for tag in ("h1", "h2", "h3"):
        heading = next(root.iter(tag), None)
        words = " ".join("".join(heading.itertext()).split()) if heading is not None else ""
        if words:
            return words[:300]
    return ""


def _facts(package: Any) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    names = (("title", "title"), ("language", "language"), ("publisher", "source"), ("date", "published"))
    for name, field in names:
        for node in package.iter("{http://purl.org/dc/elements/1.1/}" + name):
            event = node.get("{http://www.idpf.org/2007/opf}event")
            if name == "date" and event not in (None, "publication", "original-publication"):
                continue
            found.append((field, node.text))
    creators = [node for node in package.iter("{http://purl.org/dc/elements/1.1/}creator") if node.text]
    roles = {node.get("{http://www.idpf.org/2007/opf}role") for node in creators}
    wanted = [
        node.text for node in creators if "aut" not in roles or node.get("{http://www.idpf.org/2007/opf}role") == "aut"
    ]
    found.append(("author", wanted))
    for meta in package.iter("{*}meta"):
        if meta.get("property") == "dcterms:modified":
            found.append(("updated", meta.text))
    return found


def _recognises(given: Given) -> Sure:
    if not given.data.startswith(SIGNATURES):
        return Sure.NO
    if b"application/epub+zip" in given.data[:120]:
        return Sure.YES
    return Sure.YES if _CONTAINER in names_in(given.data) else Sure.NO


def _read(given: Given) -> Iterator[Article | Failure]:
    found = limited.run("epub", given.data)
    chapters = found["chapters"]
    if sum(len(chapter["text"]) + 2 for chapter in chapters) <= MAX_ARTICLE_CHARACTERS:
        # One article while it fits: a question about a book is rarely one about a chapter.
        whole = "\n\n".join(chapter["text"] for chapter in chapters)
        yield _facts_of(found, given.known).article(whole)
    else:
        yield from _by_chapter(found, given)
    for name, reason in found["unread"].items():
        yield Failure(f"{given.name} chapter {name}", UnsupportedFormat(reason))


def _by_chapter(found: dict[str, Any], given: Given) -> Iterator[Article | Failure]:
    book = _facts_of(found, given.known).get("title")
    for number, chapter in enumerate(found["chapters"], 1):
        title = chapter["title"] or f"part {number}"
        known = {
            **given.known,
            "title": f"{book}: {title}" if book else title,
            "id": given.entry_id(f"{number}-{title}"),
        }
        try:
            yield _facts_of(found, known).article(chapter["text"])
        except CitespanError as error:
            yield Failure(f"{given.name} chapter {number}", error)


def _facts_of(found: dict[str, Any], known: Any) -> Facts:
    facts = Facts(known)
    for field, value in found["facts"]:
        facts.offer(field, value, "epub-package")
    return facts


FORMAT = Format(
    name="epub",
    recognises=_recognises,
    read=_read,
    suffixes=(".epub",),
    content_types=("application/epub+zip",),
    parse=extract,
)
