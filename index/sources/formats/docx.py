"""DOCX → an article: headings, paragraphs, lists and tables in order, and the document's core properties."""

import re
from collections.abc import Iterator
from io import BytesIO
from typing import Any

from index.errors import ArticleError, UnsupportedFormat
from index.sources.formats.base import Format, Given, Sure
from index.sources.metadata import Facts, plausible
from index.sources.parsing.zip_archive import SIGNATURES, check_sizes, names_in, open_archive
from index.sources.sandbox import limited
from index.types import Article, Failure

MAX_ENTRIES = 1_000
MAX_UNPACKED_BYTES = 25 * 1024**2
# Pictures hardly shrink and are never parsed: they only have to fit.
MAX_PICTURE_BYTES = 64 * 1024**2
_WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
# What was taken out while changes were tracked, and the copy of a text box for old programs, is not text.
_NOT_READ = {f"{_WORD}del", f"{_WORD}moveFrom", "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"}
_HOLDERS = {f"{_WORD}{name}" for name in ("sdt", "sdtContent", "customXml", "ins", "moveTo", "smartTag")}
# When the template was made that documents written by programs come from.
_TEMPLATE_DATES = ("2013-12-23",)


def extract(data: bytes) -> dict[str, Any]:
    """Return text, headings and core properties; runs in the subprocess.

    Raises:
        ArticleError: it holds no text.
        UnsupportedFormat: it is damaged.
    """
    from docx import Document
    from docx.opc.exceptions import OpcError

    try:
        document = Document(BytesIO(data))
        body = document.element.body
    except (OpcError, KeyError, ValueError, AttributeError, SyntaxError) as error:
        raise UnsupportedFormat(f"the DOCX is damaged ({type(error).__name__}): open it and save it again") from None
    kinds = _style_kinds(document)
    parts: list[str] = []
    title = ""
    tight = False
    for kind, text in _blocks(body, kinds):
        if not text:
            tight = False
            continue
        together = tight and kind in ("item", "row")
        parts.append(("\n" if together else "\n\n") + text)
        tight = kind in ("item", "row")
        if kind == "title" or (kind == "heading" and not title):
            title = title or text
    whole = "".join(parts).strip("\n")
    if not whole:
        raise ArticleError("the DOCX holds no text: if it shows pictures of text, run text recognition over them first")
    return {"text": whole, "title": title, "properties": _properties(document)}


def _style_kinds(document: Any) -> dict[str, str]:
    """Id of a paragraph style → title, heading or item; built-in names are English in every language's Word."""
    kinds = {}
    for style in document.styles.element.iter(f"{_WORD}style"):
        name = style.find(f"{_WORD}name")
        name = (name.get(f"{_WORD}val") or "").lower() if name is not None else ""
        if name == "title":
            kinds[style.get(f"{_WORD}styleId")] = "title"
        elif re.match(r"heading \d", name):
            kinds[style.get(f"{_WORD}styleId")] = "heading"
        elif name.startswith("list"):
            kinds[style.get(f"{_WORD}styleId")] = "item"
    return kinds


def _blocks(body: Any, kinds: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Paragraphs and rows of tables in order, those in content controls and tracked insertions too."""
    pending = list(reversed(body))
    while pending:
        element = pending.pop()
        if element.tag == f"{_WORD}p":
            yield _kind(element, kinds), _words(element)
        elif element.tag == f"{_WORD}tbl":
            pending.extend(reversed(element.findall(f"{_WORD}tr")))
            yield "table", ""
        elif element.tag == f"{_WORD}tr":
            cells = (" ".join(_words(cell).split()) for cell in element.iter(f"{_WORD}tc"))
            yield "row", " | ".join(cells).strip(" |")
        elif element.tag in _HOLDERS:
            pending.extend(reversed(element))


def _kind(paragraph: Any, kinds: dict[str, str]) -> str:
    style = paragraph.find(f"{_WORD}pPr/{_WORD}pStyle")
    kind = kinds.get(style.get(f"{_WORD}val") or "", "") if style is not None else ""
    numbered = paragraph.find(f"{_WORD}pPr/{_WORD}numPr") is not None
    return kind or ("item" if numbered else "paragraph")


def _words(element: Any) -> str:
    """The text of a paragraph or cell, as it reads once all tracked changes are accepted."""
    words: list[str] = []
    pending = [element]
    while pending:
        one = pending.pop()
        if isinstance(one, str):
            words.append(one)
            continue
        if one.tag in _NOT_READ:
            continue
        if one.tag == f"{_WORD}t":
            words.append(one.text or "")
        elif one.tag == f"{_WORD}tab":
            words.append("\t")
        elif one.tag in (f"{_WORD}br", f"{_WORD}cr"):
            words.append("\n")
        elif one.tag == f"{_WORD}noBreakHyphen":
            words.append("-")
        if one.tag == f"{_WORD}p" and one is not element:
            pending.append("\n")
        if one.tag != f"{_WORD}pPr":
            pending.extend(reversed(one))
    return "".join(words).strip()


def _properties(document: Any) -> dict[str, str]:
    """Core properties as strings; ones that cannot be read are left out."""
    about = document.core_properties
    found = {}
    for name in ("title", "author", "language", "created", "modified"):
        try:
            value = getattr(about, name)
        except (ValueError, AttributeError, KeyError):
            continue
        if value:
            found[name] = value if isinstance(value, str) else value.isoformat()
    return found


def _recognises(given: Given) -> Sure:
    if not given.data.startswith(SIGNATURES):
        return Sure.NO
    names = names_in(given.data)
    return Sure.YES if "[Content_Types].xml" in names and any(name.startswith("word/") for name in names) else Sure.NO


def _read(given: Given) -> Iterator[Article | Failure]:
    with open_archive(given.data, entries=MAX_ENTRIES, what="DOCX") as archive:
        check_sizes(
            archive, most=MAX_UNPACKED_BYTES, what="DOCX", skip=("word/media/", "word/embeddings/", "word/fonts/")
        )
        check_sizes(archive, most=MAX_PICTURE_BYTES, what="DOCX")
    found = limited.run("docx", given.data)
    text, about = found["text"], found["properties"]
    facts = Facts(given.known)
    dated = _made(about.get("created")), _made(about.get("modified"))
    facts.offer_document(text, about, "docx-properties", (found["title"], "heading"), dated)
    yield facts.article(text)


def _made(value: str | None) -> str | None:
    day = plausible(value)
    return None if day in _TEMPLATE_DATES else day


FORMAT = Format(
    name="docx",
    recognises=_recognises,
    read=_read,
    suffixes=(".docx", ".docm", ".dotx"),
    content_types=("application/vnd.openxmlformats-officedocument.wordprocessingml.document",),
    parse=extract,
)
