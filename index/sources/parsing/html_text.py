"""Markup that is all article (a chapter, an entry's content) → text; runs in the subprocess.

Web pages have menus around their article and are read by ``formats.html``.
"""

import re
from typing import Any

from index.errors import UnsupportedFormat

_BLOCKS = frozenset(
    [
        "p",
        "div",
        "section",
        "article",
        "header",
        "footer",
        "main",
        "aside",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "ul",
        "ol",
        "dl",
        "dt",
        "dd",
        "li",
        "blockquote",
        "pre",
        "table",
        "tr",
        "figure",
        "figcaption",
        "hr",
        "address",
        "center",
        "body",
        "form",
        "fieldset",
        "details",
        "summary",
    ]
)
_TIGHT = frozenset(("li", "tr", "dt", "dd"))
_NO_TEXT = frozenset("script style head title svg math template noscript iframe object audio video nav select".split())  # noqa: SIM905
_SPACE = re.compile(r"[ \t\r\n\f\v\u200b]+")


def parse_markup(markup: str | bytes) -> Any:
    """Return the root element of HTML or XHTML; entities of its own are not resolved and nothing is loaded.

    Raises:
        UnsupportedFormat: it cannot be parsed.
    """
    from lxml import etree

    text = markup.encode() if isinstance(markup, str) else markup
    declared = "utf-8" if isinstance(markup, str) else None
    parser = etree.HTMLParser(encoding=declared, no_network=True, remove_comments=True, remove_pis=True, huge_tree=True)
    root = etree.fromstring(text, parser)
    if root is None:
        raise UnsupportedFormat("the markup in it is damaged: save it as plain text")
    return root


def parse_xml(data: bytes) -> Any:
    """Return the root element of XML without entities, DTDs or the network.

    Raises:
        UnsupportedFormat: it is not well-formed.
    """
    from lxml import etree

    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        return etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise UnsupportedFormat(f"the XML in it is damaged (line {error.lineno or 1}): get it again") from None


def markup_to_text(root: Any) -> str:
    """Return the text under an element: paragraphs apart, list items and table rows on lines, cells between bars.

    Walks without recursion, so that depth costs nothing.
    """
    page = _Page()
    stack: list[tuple[Any, bool]] = [(root, False)]
    while stack:
        element, done = stack.pop()
        tag = _tag(element)
        if done:
            page.close(tag)
        elif tag and tag not in _NO_TEXT:
            page.open(tag)
            page.words.append(element.text or "")
            stack.append((element, True))
            stack.extend((child, False) for child in reversed(element))
            continue
        if element is not root:
            page.words.append(element.tail or "")
    page.end_line(0)
    return "".join(page.lines)


class _Page:
    """The lines so far, and the words of the one being written."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.words: list[str] = []
        self._breaks = 0  # line breaks due before the next line
        self._cells = 0  # cells begun in this row
        self._inside = 0  # cells that are open

    def open(self, tag: str) -> None:
        """Begin an element."""
        if tag in ("td", "th"):
            if self._cells:
                self.words.append(" | ")
            self._cells += 1
            self._inside += 1
        else:
            self._boundary(tag)
            if tag == "tr":
                self._cells = 0

    def close(self, tag: str) -> None:
        """End an element."""
        if tag in ("td", "th"):
            self._inside = max(0, self._inside - 1)
        elif tag != "br":
            self._boundary(tag)

    def end_line(self, breaks: int) -> None:
        """Put the words on a line of their own; the next one comes after so many line breaks."""
        line = _SPACE.sub(" ", "".join(self.words)).strip()
        self.words.clear()
        if line:
            self.lines.append("\n" * self._breaks + line if self.lines else line)
            self._breaks = 0
        self._breaks = max(self._breaks, breaks)

    def _boundary(self, tag: str) -> None:
        if tag in ("table", "tr") or (tag in _BLOCKS and not self._inside):
            self.end_line(1 if tag in _TIGHT else 2)
        elif tag in _BLOCKS or tag == "br":
            # A row of a table is one line, whatever its cells hold.
            self.words.append(" ") if self._inside else self.end_line(1)


def _tag(element: Any) -> str:
    """Local name in lower case; "" for comments and processing instructions."""
    return element.tag.rpartition("}")[2].lower() if isinstance(element.tag, str) else ""
