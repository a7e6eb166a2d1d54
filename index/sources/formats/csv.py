"""A table of articles, a row each, with commas, semicolons, tabs or bars between its columns → articles."""

import csv
import io
import re
from collections.abc import Iterator
from typing import Any

from index.errors import ArticleError, CitespanError, InputError, UnsupportedFormat
from index.sources.formats.base import Format, Given, Sure
from index.sources.formats.html import read_page
from index.sources.metadata import Facts
from index.sources.sandbox import limited
from index.types import Article, Failure
from index.validation import MAX_ARTICLE_CHARACTERS

MAX_ROWS = 200_000
_DELIMITERS = ",;\t|"
# Field → names of columns, lower case with _ for what is no letter, the usual one first.
_NAMES = {
    "text": "text body content article article_text full_text fulltext main_text maintext article_body articlebody "
    "article_content plain_text plaintext story content_text body_text texte inhalt texto",
    "html": "html content_html body_html article_html page",
    "title": "title headline heading article_title name subject titel titre",
    "url": "url link permalink href article_url source_url uri web_url",
    "published": "published date published_at publish_date published_date publication_date pub_date pubdate datetime "
    "date_published publishedat created_at created timestamp datum",
    "updated": "updated updated_at modified modified_at last_modified date_modified",
    "author": "author authors byline creator writer autor",
    "source": "source site publisher publication outlet website newspaper source_name domain",
    "language": "language lang",
    "tags": "tags keywords categories category section topics topic labels",
    "id": "id article_id guid uuid key",
}
_COLUMNS = {field: names.split() for field, names in _NAMES.items()}
_EMPTY = {"", "-", "n/a", "na", "none", "null", "nan"}


def extract(data: bytes, delimiter: str) -> dict[str, Any]:
    """Return the rows of a table as [line, cells, error], the first one its head; runs in the subprocess.

    A row with broken quotation marks is told of, and reading goes on with the line after the one it began on.
    """
    csv.field_size_limit(8 * MAX_ARTICLE_CHARACTERS)
    # Only the line ends that a table can have: a cell may hold others.
    lines = _Lines(list(io.StringIO(data.decode("utf-8"), newline="")))
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    rows: list[list[Any]] = []
    while len(rows) <= MAX_ROWS + 1:
        begun = lines.at
        try:
            cells = next(reader, None)
        except csv.Error as error:
            rows.append([begun + 1, [], str(error)])
            lines.at = begun + 1
            continue
        if cells is None:
            break
        if cells:
            rows.append([begun + 1, cells, None])
    return {"rows": rows}


class _Lines(Iterator[str]):
    """Lines that can be gone back in.

    Attributes:
        at: place of the next one.
    """

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        self.at = 0

    def __next__(self) -> str:
        if self.at >= len(self._lines):
            raise StopIteration
        self.at += 1
        return self._lines[self.at - 1]


def _columns(head: list[str]) -> dict[str, int]:
    """Field → number of the column that holds it."""
    names = [re.sub(r"\W+", "_", cell.strip().lower()).strip("_") for cell in head]
    found: dict[str, int] = {}
    for field, usual in _COLUMNS.items():
        place = next((names.index(name) for name in usual if name in names), None)
        if place is not None and place not in found.values():
            found[field] = place
    return found


def _head(text: str) -> tuple[str, list[str]]:
    """Return the delimiter that makes the most of the first line, and the cells of that line."""
    first = next((line for line in text.splitlines() if line.strip()), "")[:20_000]
    heads = []
    for delimiter in _DELIMITERS:
        try:
            cells = next(csv.reader([first], delimiter=delimiter), [])
        except csv.Error:
            cells = []
        heads.append((delimiter, cells))
    return max(heads, key=lambda one: (len(_columns(one[1])), len(one[1])))


def _recognises(given: Given) -> Sure:
    if not given.head or given.root:
        return Sure.NO if not given.head else Sure.MAYBE
    _, cells = _head(given.head)
    columns = _columns(cells)
    names = all(0 < len(cell.strip()) <= 40 for cell in cells)
    return Sure.LIKELY if names and len(columns) > 1 and {"text", "html"} & columns.keys() else Sure.MAYBE


def _read(given: Given) -> Iterator[Article | Failure]:
    delimiter, head = _head(given.head)
    columns = _columns(head)
    if not {"text", "html"} & columns.keys():
        shown = ", ".join(cell.strip()[:30] for cell in head[:12])
        raise UnsupportedFormat(
            f"no column of the table is named text, body, content or article (found: {shown}): rename the column with "
            "the articles' texts to text"
        )
    text = given.text.replace("\x00", "")
    rows = limited.run("csv", text.encode("utf-8", "replace"), delimiter=delimiter)["rows"][1:]
    if not rows:
        raise ArticleError("the table has a head and no rows: it holds no article")
    for line, cells, error in rows[:MAX_ROWS]:
        try:
            if error:
                raise InputError(f"its quotation marks do not match ({error}): double those within a cell")
            if len(cells) > len(head):
                raise InputError(
                    f"it has {len(cells)} cells, the head {len(head)}: put cells with {delimiter!r} in quotes"
                )
            yield _article(cells, columns, given)
        except CitespanError as failure:
            yield Failure(f"{given.name} line {line}", failure)
    if len(rows) > MAX_ROWS:
        yield Failure(given.name, InputError(f"over {MAX_ROWS:,} rows: the rest was not read: split the table"))


def _article(cells: list[str], columns: dict[str, int], given: Given) -> Article:
    values = {field: cells[place].strip() for field, place in columns.items() if place < len(cells)}
    values = {field: value for field, value in values.items() if value.lower() not in _EMPTY}
    if key := values.pop("id", ""):
        # Mostly a number that other tables have too.
        values["id"] = given.entry_id(key)
    text, html = values.pop("text", ""), values.pop("html", "")
    if not (text or html):
        raise ArticleError("the text cell is empty", field="text")
    facts = Facts({**given.shared, **({"id": values.pop("id")} if "id" in values else {})})
    for field, value in values.items():
        facts.offer(field, value, "csv-column")
    if "url" in values and "url" not in facts:
        raise ArticleError("its address is not an http or https one", field="url")
    return facts.article(text) if text else read_page(html, facts)


FORMAT = Format(
    name="csv",
    recognises=_recognises,
    read=_read,
    suffixes=(".csv", ".tsv", ".tab"),
    content_types=("text/csv", "text/tab-separated-values", "application/csv"),
    parse=extract,
    several=True,
)
