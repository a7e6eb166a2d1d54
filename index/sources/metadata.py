"""What is found out about an article while it is read, each fact with the place where it was found.

The first place that gives a usable value wins; what cannot be used or can be read two ways is left out.
"""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from index.boilerplate.detector import metadata_from_text
from index.errors import ArticleError
from index.types import Article
from index.validation import (
    MAX_SOURCE_CHARACTERS,
    MAX_TAG_CHARACTERS,
    MAX_TAGS,
    MAX_TITLE_CHARACTERS,
    check_language,
    check_url,
    instant_range,
    one_line,
)

_MONTH_NAMES = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
_MONTHS = {name[:length]: number for number, name in enumerate(_MONTH_NAMES, 1) for length in (3, 4, len(name))}
# What people type into a cell or a form where they know nothing.
_NOTHING = {"", "-", "--", "n/a", "na", "none", "null", "nil", "nan", "unknown", "untitled", "anonymous", "?"}
# Titles that programs write: names of files and of programs, "untitled", nothing but digits.
_NO_TITLE = re.compile(
    r"(?:microsoft (?:word|powerpoint|excel)\b.*|powerpoint presentation|untitled.*|document\d*|print|slide \d+"
    r"|layout \d+|presentation\d*|book\d+|scan(?:ned)?\b.*|doc\d+"
    r"|.*\.(?:docx?|pdf|indd|qxp|qxd|tex|dvi|rtf|odt|pptx?|xlsx?|txt|html?|pages)"
    r"|[\d\W_]*|https?:.*|[^\s]*[/\\][^\s]*|\(?anonymous\)?|unspecified|none|title|your title.*)",
    re.IGNORECASE,
)
_NO_AUTHOR = re.compile(
    r"(?:admin(?:istrator)?|user|owner|author|default|anonymous|unspecified|\(.*\)|.*\\.*|microsoft.*|office.*|windows.*"
    r"|python-docx|hp|dell|pc|home|student|root|\W*|[a-z]{1,3}\d+|scanner|none)",
    re.IGNORECASE,
)


class Facts:
    """Fields of an article with where each was found.

    Args:
        known: fields that the caller knows: they win over all that is found, and are not listed as found.
    """

    def __init__(self, known: Mapping[str, Any]) -> None:
        self._known = {name: value for name, value in known.items() if value}
        self._found: dict[str, Any] = {}
        self._places: dict[str, str] = {}

    def __contains__(self, field: str) -> bool:
        """Whether the field is known already."""
        return field in self._known or field in self._found

    def get(self, field: str) -> Any:
        """Return the field's value, None where nothing is known."""
        return self._known.get(field, self._found.get(field))

    def offer(self, field: str, value: Any, place: str) -> None:
        """Take a value for a field that has none yet, if it can be used.

        Args:
            field: title, url, source, author, published, updated, language or tags.
            value: as it was found; None and what is no value are passed over.
            place: where, as in ``json-ld``.
        """
        if field in self or value is None:
            return
        usable = _USABLE[field](value)
        if usable:
            self._found[field] = usable
            self._places[field] = place

    def offer_first_lines(self, text: str) -> None:
        """Take title, source and date from the first lines of a text, where they say them."""
        own = metadata_from_text(text)
        for field in ("title", "source", "published"):
            self.offer(field, getattr(own, field), "first-lines")

    def offer_document(
        self, text: str, about: Mapping[str, Any], place: str, title: tuple[str, str], dated: tuple[Any, Any]
    ) -> None:
        """Take what a document's properties say, and its text where they say nothing.

        A date in the text is the article's; properties tell when the file was made, often much later.

        Args:
            text: the document's text.
            about: its properties: title, author, language.
            place: what they are called.
            title: one that the text has, and where it was found.
            dated: days on which it was made and last changed, ISO 8601, None where unknown.
        """
        self.offer("title", real_title(about.get("title")), place)
        self.offer("author", real_author(about.get("author")), place)
        self.offer("language", about.get("language"), place)
        self.offer("title", *title)
        self.offer_first_lines(text)
        made, changed = dated
        self.offer("published", made, place)
        if changed and changed[:10] > (self.get("published") or changed)[:10]:
            self.offer("updated", changed, place)

    def article(self, text: str, **more: Any) -> Article:
        """Return the article of a text with all that is known.

        Args:
            text: the article's text.
            more: other fields of Article, such as pages.

        Raises:
            ArticleError: the text is empty, or a field given by the caller cannot be used.
            TooLarge: the text is too long.
        """
        found = tuple(self._places.items())
        return Article(text=text, **{**self._found, "found_in": found, **more, **self._known})


def real_title(value: Any) -> str | None:
    """Return a title out of a file's properties, None where a program wrote it rather than a person."""
    line = " ".join(value.split()) if isinstance(value, str) else ""
    return line if len(line) >= 3 and not _NO_TITLE.fullmatch(line) else None


def real_author(value: Any) -> str | None:
    """Return an author out of a file's properties, None where it is the name of a program or an account."""
    line = " ".join(value.split()) if isinstance(value, str) else ""
    return line if line and not _NO_AUTHOR.fullmatch(line) else None


def usable_date(value: Any) -> str | None:
    """Return the day of a date, or date and time, as ISO 8601 where it can be read in one way only.

    Knows ISO 8601, that of mails and feeds (RFC 2822), and English dates with the month as a word; 25/12/2023 has one
    reading, 04/05/2023 has two.  The day is that of the place which the date was written for; the time of day is left
    out, since of most articles it says when a program ran.
    """
    if isinstance(value, datetime):
        value = value.isoformat()
    line = " ".join(str(value).split()) if isinstance(value, str) else ""
    if not 6 <= len(line) <= 60:
        return None
    found = _iso(line) or _mail_date(line) or _with_month_name(line) or _with_slashes(line)
    return found[:10] if found else None


def _iso(line: str) -> str | None:
    if match := re.match(r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?=$|[T ])", line):
        line = f"{match[1]}-{match[2]:0>2}-{match[3]:0>2}{line[match.end() :]}"
    line = re.sub(r"(?<=\d) (?=Z$|[+-]\d{2}:?\d{2}$)", "", line)
    line = re.sub(r" UTC$| GMT$", "Z", line)
    try:
        instant_range(line)
    except ArticleError:
        return None
    return line


def _mail_date(line: str) -> str | None:
    if not re.match(r"(?:[A-Za-z]{3,9},? )?\d{1,2} [A-Za-z]{3,9} \d{4} \d{1,2}:\d{2}", line):
        return None
    try:
        found = parsedate_to_datetime(line)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return found.isoformat()


def _with_month_name(line: str) -> str | None:
    line = re.sub(r"^(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,? )", "", line, flags=re.IGNORECASE)
    if match := re.fullmatch(r"(\d{1,2})(?:st|nd|rd|th)?\.? ([A-Za-z]{3,9})\.?,? (\d{4})", line):
        day, month, year = match.groups()
    elif match := re.fullmatch(r"([A-Za-z]{3,9})\.? (\d{1,2})(?:st|nd|rd|th)?,? (\d{4})", line):
        month, day, year = match.groups()
    else:
        return None
    number = _MONTHS.get(month.lower())
    return _day(int(year), number, int(day)) if number else None


def _with_slashes(line: str) -> str | None:
    match = re.fullmatch(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4})", line)
    if match is None:
        return None
    first, second, year = int(match[1]), int(match[3]), int(match[4])
    if first > 12 or first == second:
        return _day(year, second, first)
    return _day(year, first, second) if second > 12 else None


def _day(year: int, month: int, day: int) -> str | None:
    try:
        return date(year, month, day).isoformat()
    except ValueError:
        return None


def plausible(value: str | None) -> str | None:
    """Return a date that a file's properties tell, None where a program rather than a person set it.

    Nothing was written on a computer before 1970 or in the future, and what was written in the first second of a year
    was written by a program without a clock.
    """
    usable = usable_date(value)
    if usable is None or (value or "")[4:].startswith("-01-01T00:00:00"):
        return None
    first = instant_range(usable)[0]
    return usable if "1970-01-02" < first < datetime.now(UTC).isoformat() else None


def host_of(url: str | None) -> str | None:
    """Return the host of an address without "www."."""
    return (urlsplit(url).hostname or "").removeprefix("www.") or None if url else None


def _line(field: str, limit: int, *, cut: bool = False) -> Any:
    def usable(value: Any) -> str | None:
        if not isinstance(value, str):
            return None
        try:
            line = one_line(value[: limit * 2], field, limit * 2)
        except ArticleError:
            return None
        if line.casefold() in _NOTHING or (len(line) > limit and not cut):
            return None
        return line[:limit].rstrip()

    return usable


def _author(value: Any) -> str | None:
    """A person's or a body's name; several are joined.  Addresses and handles are not names."""
    if isinstance(value, list | tuple):
        names = dict.fromkeys(name for one in value if (name := _author(one)))
        # Of very many, as many as there is room for.
        while len(", ".join(names)) > MAX_SOURCE_CHARACTERS:
            names.popitem()
        return ", ".join(names) or None
    line: str | None = _line("author", MAX_SOURCE_CHARACTERS)(value)
    if line is None or re.search(r"https?://|www\.", line):
        return None
    # "ann@paper.org (Ann Lee)", as RSS has it, and "Ann Lee <ann@paper.org>"
    line = re.sub(r"^\S+@\S+ \((.+)\)$", r"\1", line)
    line = re.sub(r"\s*<?\S+@\S+>?\s*", "", line)
    line = re.sub(r"^by\s+(?=\S)", "", line, flags=re.IGNORECASE)
    return line if re.search(r"[^\W\d_]", line) else None


def _url(value: Any) -> str | None:
    try:
        return check_url(value) if isinstance(value, str) and value else None
    except ArticleError:
        return None


def _language(value: Any) -> str | None:
    try:
        code = check_language(value) if isinstance(value, str) else None
    except ArticleError:
        return None
    return None if code in ("und", "mul", "zxx") else code


def _tags(value: Any) -> tuple[str, ...]:
    parts = re.split(r"[,;|]", value) if isinstance(value, str) else value if isinstance(value, list | tuple) else ()
    lines = (_line("tags", MAX_TAG_CHARACTERS)(part) for part in parts)
    return tuple(dict.fromkeys(line for line in lines if line))[:MAX_TAGS]


_USABLE = {
    "title": _line("title", MAX_TITLE_CHARACTERS, cut=True),
    "source": _line("source", MAX_SOURCE_CHARACTERS),
    "author": _author,
    "url": _url,
    "published": usable_date,
    "updated": usable_date,
    "language": _language,
    "tags": _tags,
}
