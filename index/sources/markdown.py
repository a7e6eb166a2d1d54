"""Markdown → an article: its text without markup, title, date and tags from front matter."""

import re
from typing import Any

from index.cleaning import metadata_from_text
from index.errors import ArticleError
from index.fields import instant_range
from index.types import Article

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
    """
    front: dict[str, Any] = {}
    match = _FRONT.match(text)
    if match:
        front = _front_matter(match[1])
        text = text[match.end() :]
    plain, heading = _plain(text)
    if not plain.strip():
        raise ArticleError("the Markdown holds no text", field="text")
    own = metadata_from_text(plain)
    fields: dict[str, Any] = {
        "title": front.get("title") or heading or own.title or "",
        "url": front.get("url") or front.get("link") or front.get("canonical"),
        "source": front.get("source") or front.get("site") or front.get("publisher"),
        "published": _date(front.get("published") or front.get("date")) or own.published,
        "tags": _tags(front.get("tags") or front.get("keywords") or ()),
    }
    fields.update({name: value for name, value in known.items() if value})
    return Article(text=plain, **fields)


def _plain(text: str) -> tuple[str, str]:
    """Return the text without markup, and its first heading."""
    from markdown_it import MarkdownIt

    blocks: list[str] = []
    heading = ""
    in_heading = tight = in_cell = False
    cells: list[str] = []
    for token in MarkdownIt("commonmark").enable("table").parse(text):
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
    return "".join(blocks).strip("\n"), heading


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
            before = facts.get(key)
            facts[key] = [*(before if isinstance(before, list) else []), _bare(item[1])]
        elif pair:
            key = pair[1].lower()
            value = pair[2].strip()
            listed = re.fullmatch(r"\[(.*)\]", value)
            facts[key] = [_bare(part) for part in listed[1].split(",")] if listed else _bare(value)
    return facts


def _bare(value: str) -> str:
    value = value.strip()
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'" else value


def _tags(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return tuple(str(part) for part in value if part) if isinstance(value, list | tuple) else ()


def _date(value: object) -> str | None:
    if not isinstance(value, str) or not value:
        return None
    try:
        instant_range(value)
    except ArticleError:
        return None
    return value
