"""Markdown → an article: its text without markup, and what its front matter says of it."""

import re
from collections.abc import Iterator
from html import unescape
from typing import Any

from index.errors import ArticleError
from index.sources.formats.base import Format, Given, Sure
from index.sources.metadata import Facts
from index.sources.sandbox import limited
from index.types import Article, Failure

SUFFIXES = (".md", ".markdown", ".mdown", ".mkd")
# Field of an article → what front matter calls it, the usual name first.
_KEYS = {
    "title": ("title",),
    "url": ("url", "link", "canonical"),
    "source": ("source", "site", "publisher"),
    "author": ("author", "authors", "by"),
    "published": ("published", "date", "pubdate", "publishdate", "created"),
    "updated": ("updated", "modified", "lastmod", "last_modified"),
    "language": ("language", "lang"),
    "tags": ("tags", "keywords"),
}
_FRONT = re.compile(r"\A---[ \t]*\r?\n(.*?)\r?\n(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.DOTALL)


def has_front_matter(text: str) -> bool:
    """Whether a text begins with a block of ``key: value`` lines between dashes."""
    match = _FRONT.match(text)
    return match is not None and re.search(r"(?m)^\w+:", match[1]) is not None


def read_markdown(text: str, **known: Any) -> Article:
    """Turn Markdown into an article; links keep their words, tables and lists their lines.

    Args:
        text: the Markdown.
        known: fields of Article that the caller knows better than the file: they win.

    Raises:
        ArticleError: nothing is left without markup.
        UnsupportedFormat: it cannot be parsed within the limits of the subprocess.
    """
    front: dict[str, Any] = {}
    match = _FRONT.match(text)
    if match:
        front = _front_matter(match[1])
        text = text[match.end() :]
    parsed = limited.run("markdown", text.encode("utf-8", "replace"))
    plain, heading = parsed["text"], parsed["heading"]
    if not plain.strip():
        raise ArticleError("the Markdown holds no text", field="text")
    facts = Facts(known)
    for field, keys in _KEYS.items():
        for key in keys:
            facts.offer(field, front.get(key), "front-matter")
    facts.offer("title", heading, "heading")
    facts.offer_first_lines(plain)
    return facts.article(plain)


def extract(data: bytes) -> dict[str, Any]:
    """Return the text of Markdown without markup, and its first heading; runs in the subprocess."""
    from markdown_it import MarkdownIt

    blocks: list[str] = []
    heading = ""
    in_heading = tight = in_cell = False
    cells: list[str] = []
    for token in MarkdownIt("commonmark").enable("table").parse(data.decode()):
        if token.type == "heading_open":
            in_heading = True
        elif token.type in ("bullet_list_open", "ordered_list_open"):
            tight = True
        elif token.type in ("bullet_list_close", "ordered_list_close"):
            tight = False
        elif token.type in ("th_open", "td_open"):
            in_cell = True
        elif token.type == "tr_close":
            blocks.append("\n" + " | ".join(cells))
            cells = []
        elif token.type in ("fence", "code_block"):
            blocks.append("\n\n" + token.content.rstrip())
        elif token.type == "html_block":
            words = " ".join(unescape(_without_tags(token.content)).split())
            if re.match(r"\s*<h1\b", token.content, re.IGNORECASE):
                heading = heading or words
            if words:
                blocks.append("\n\n" + words)
        elif token.type == "inline":
            words = "".join(_inline(child) for child in token.children or ()).strip()
            if in_cell:
                cells.append(words)
                in_cell = False
                continue
            if in_heading:
                heading = heading or words
                in_heading = False
            if words:
                blocks.append(("\n" if tight else "\n\n") + words)
    return {"text": "".join(blocks).strip("\n"), "heading": heading}


def _without_tags(markup: str) -> str:
    # Behind the end of the last comment "<!--" begins none: its end is not to be looked for again and again.
    commented, end, rest = markup.rpartition("-->")
    commented = re.sub(r"<!--.*?-->|<[^<>]*>", " ", commented + end, flags=re.DOTALL)
    return commented + re.sub(r"<[^<>]*>", " ", rest)


def _inline(token: Any) -> str:
    if token.type in ("text", "code_inline"):
        return str(token.content)
    if token.type in ("softbreak", "hardbreak"):
        return "\n" if token.type == "hardbreak" else " "
    return ""  # marks of emphasis and links; images have no text of the article's


def _front_matter(block: str) -> dict[str, Any]:
    """Read ``key: value``, ``key: [a, b]`` and lists of ``- item`` lines; the rest of YAML is passed over."""
    facts: dict[str, Any] = {}
    key = ""
    for line in block.splitlines():
        item = re.match(r"\s*-\s+(.*)$", line)
        pair = re.match(r"([\w-]+)\s*:\s*(.*)$", line)
        if item and key:
            if not isinstance(facts.get(key), list):
                facts[key] = []
            facts[key].append(_bare(item[1]))
        elif pair:
            key = pair[1].lower()
            value = pair[2].strip()
            listed = re.fullmatch(r"\[(.*)\]", value)
            facts[key] = [_bare(part) for part in listed[1].split(",")] if listed else _bare(value)
    return facts


def _bare(value: str) -> str:
    value = value.strip()
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'" else value


def _recognises(given: Given) -> Sure:
    return Sure.LIKELY if has_front_matter(given.head) else Sure.MAYBE


def _read(given: Given) -> Iterator[Article | Failure]:
    yield read_markdown(given.text, **given.known)


FORMAT = Format(
    name="markdown",
    recognises=_recognises,
    read=_read,
    suffixes=SUFFIXES,
    content_types=("text/markdown", "text/x-markdown"),
    parse=extract,
)
