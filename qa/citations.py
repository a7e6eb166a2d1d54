"""An article → a citation that a writer can paste, in the styles that newsrooms and libraries ask for.

Own code, since one kind of source (an article with a title, perhaps an author, a publisher, a date and an address)
needs a page of it, and a CSL processor with its thousands of styles does not know that a date may be missing because
nobody found it.  Chicago: 18th edition, notes; APA: 7th; MLA: 9th; BibTeX: biblatex's ``@online``; CSL-JSON 1.0.
"""

import json
import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, Protocol, get_args
from urllib.parse import urlsplit

from index import QueryError

Style = Literal["chicago", "apa", "mla", "bibtex", "csl-json"]
STYLES: tuple[Style, ...] = get_args(Style)
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
# MLA shortens the months of more than four letters.
_SHORT = ("Jan.", "Feb.", "Mar.", "Apr.", "May", "June", "July", "Aug.", "Sept.", "Oct.", "Nov.", "Dec.")
_DATE = re.compile(r"(\d{4})(?:-(\d{2}))?(?:-(\d{2}))?")
# Words that make a byline an organisation's or a desk's.
_NOT_A_PERSON = re.compile(
    r"\b(agency|association|bank|board|bureau|center|centre|college|committee|council|department|desk|editors?|"
    r"foundation|government|group|inc|institute|ltd|magazine|ministry|news|newsroom|office|organi[sz]ation|post|press|"
    r"reporters?|service|society|staff|team|the|times|university|writers?)\b",
    re.IGNORECASE,
)
# They stand before the family name and belong to it.
_PARTICLES = {"al", "bin", "da", "de", "del", "della", "den", "der", "di", "dos", "du", "el", "ibn", "la", "le", "ten"}
_PARTICLES |= {"ter", "van", "vom", "von", "zu"}
_SUFFIXES = re.compile(r"(jr|sr|ii|iii|iv|phd|md)\.?", re.IGNORECASE)
_TEX = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
_TEX |= {character: f"\\{character}" for character in "&%$#_{}"}
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|~])")


class Citable(Protocol):
    """What a citation is made of: index.ArticleInfo has it."""

    @property
    def id(self) -> str:
        """Of the article."""

    @property
    def title(self) -> str:
        """One line, "" where unknown."""

    @property
    def author(self) -> str | None:
        """As the article gives it."""

    @property
    def source(self) -> str | None:
        """Site or publisher."""

    @property
    def published(self) -> str | None:
        """ISO 8601; a year or a month will do."""

    @property
    def url(self) -> str | None:
        """Address."""


@dataclass(frozen=True, slots=True)
class _Name:
    family: str
    given: str = ""


def cite(
    article: Citable, style: Style = "chicago", *, accessed: date, page: int | None = None, markdown: bool = False
) -> str:
    """Return the citation of an article.

    What is not known is left out or written as the style wants it: APA's n.d., the day of access where there is no
    date, the title in the author's place.

    Args:
        article: what is known of it.
        style: one of STYLES.
        accessed: the day on which it was looked at.
        page: of the article, for one that has pages.
        markdown: the publisher in italics, and what Markdown would take for its own escaped; plain text otherwise.

    Raises:
        QueryError: no such style.
    """
    if style not in STYLES:
        raise QueryError(f"style must be one of {', '.join(STYLES)}, not {style!r}", field="style")
    if style == "bibtex":
        return _bibtex(article, accessed, page)
    if style == "csl-json":
        return json.dumps(csl(article, accessed=accessed, page=page), ensure_ascii=False)
    maker = {"chicago": _chicago, "apa": _apa, "mla": _mla}[style]
    return maker(article, accessed, page, _Marks(markdown))


def csl(article: Citable, *, accessed: date, page: int | None = None) -> dict[str, Any]:
    """Return an article as a CSL-JSON item, which reference managers import.

    Args:
        article: what is known of it.
        accessed: the day on which it was looked at.
        page: of the article, for one that has pages.
    """
    parts = _date(article.published)
    facts: dict[str, Any] = {
        "id": article.id,
        "type": "webpage" if article.url else "article",
        "title": _title(article),
        "author": [
            {"family": name.family, "given": name.given} if name.given else {"literal": name.family}
            for name in _names(article.author)
        ],
        "container-title": _source(article),
        "issued": {"date-parts": [list(parts)]} if parts else None,
        "URL": article.url,
        "accessed": {"date-parts": [[accessed.year, accessed.month, accessed.day]]},
        "locator": str(page) if page else None,
    }
    return {name: value for name, value in facts.items() if value}


class _Marks:
    """How a text and a name of a publication are written."""

    def __init__(self, markdown: bool) -> None:
        self._markdown = markdown

    def text(self, value: str) -> str:
        return escape_markdown(value) if self._markdown else value

    def italic(self, value: str) -> str:
        return f"*{self.text(value)}*" if self._markdown and value else value

    def link(self, url: str | None) -> str:
        return f"<{_without(url, '<> ')}>" if self._markdown and url else url or ""


def escape_markdown(text: str) -> str:
    """Return a text as Markdown that shows it as it is."""
    return _MARKDOWN.sub(r"\\\1", text)


def _chicago(article: Citable, accessed: date, page: int | None, marks: _Marks) -> str:
    names = _names(article.author)
    who = _series([f"{name.given} {name.family}".strip() for name in names], most=3, shown=1)
    day = _date(article.published)
    source = _source(article)
    parts = [
        marks.text(who),
        f"“{marks.text(_title(article))},”",
        marks.italic(source),
        _american(day) if day else f"accessed {_american((accessed.year, accessed.month, accessed.day))}",
        str(page or ""),
        marks.link(article.url),
    ]
    shown = [part for part in parts if part]
    # The comma after a title stands inside its quotation marks.
    return _ended(", ".join(shown).replace(",”,", ",”"))


def _apa(article: Citable, accessed: date, page: int | None, marks: _Marks) -> str:
    names = [
        f"{name.family}, {_initials(name.given)}" if name.given else name.family for name in _names(article.author)
    ]
    day = _date(article.published)
    when = "n.d."
    if day:
        rest = [_MONTHS[day[1] - 1]] if len(day) > 1 else []
        when = f"{day[0]}, {' '.join([*rest, *(str(part) for part in day[2:])])}" if rest else f"{day[0]}"
    # A publisher that is the author too is named once.
    own = [name.family for name in _names(article.author)] == [_source(article)]
    title, source = marks.text(_title(article)), "" if own else marks.italic(_source(article))
    where = f"{source}, p. {page}" if source and page else source or (f"p. {page}" if page else "")
    if names:
        listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])}, & {names[-1]}"
        lead = [_ended(marks.text(listed)), f"({when}).", _ended(title)]
    else:
        lead = [_ended(title), f"({when})."]
    address = marks.link(article.url)
    if address and not day:
        address = f"Retrieved {_american((accessed.year, accessed.month, accessed.day))}, from {address}"
    return " ".join(part for part in [*lead, _ended(where), address] if part)


def _mla(article: Citable, accessed: date, page: int | None, marks: _Marks) -> str:
    names = _names(article.author)
    who = ""
    if names:
        first = f"{names[0].family}, {names[0].given}" if names[0].given else names[0].family
        others = [f"{name.given} {name.family}".strip() for name in names[1:]]
        who = f"{first}, and {others[0]}" if len(others) == 1 else f"{first}, et al" if others else first
    day = _date(article.published)
    when = " ".join(
        [*(str(part) for part in day[2:]), *(_SHORT[part - 1] for part in day[1:2]), str(day[0])] if day else []
    )
    parts = [marks.italic(_source(article)), when, f"p. {page}" if page else "", marks.link(article.url)]
    lead = [_ended(marks.text(who)), f"“{_ended(marks.text(_title(article)))}”"]
    seen = "" if day else f"Accessed {accessed.day} {_SHORT[accessed.month - 1]} {accessed.year}."
    return " ".join(part for part in [*lead, _ended(", ".join(part for part in parts if part)), seen] if part)


def _bibtex(article: Citable, accessed: date, page: int | None) -> str:
    names = _names(article.author)
    authors = [f"{name.family}, {name.given}" if name.given else f"{{{name.family}}}" for name in names]
    day = _date(article.published)
    fields = {
        "author": " and ".join(_tex(name, braces="{}") for name in authors),
        "title": f"{{{_tex(_title(article))}}}",
        "organization": _tex(_source(article)),
        "date": "-".join(f"{part:02}" for part in day),
        "pages": str(page or ""),
        "url": _without(article.url, "{}\\ "),
        "urldate": accessed.isoformat(),
    }
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
    return "\n".join([f"@online{{{_key(article, names, day)},", *lines, "}"])


def _without(url: str | None, characters: str) -> str:
    """Return an address in which some characters are written by their numbers."""
    return "".join(f"%{ord(one):02X}" if one in characters else one for one in url or "")


def _key(article: Citable, names: list[_Name], day: tuple[int, ...]) -> str:
    def plain(text: str) -> str:
        return re.sub(r"[^a-z0-9]", "", unicodedata.normalize("NFKD", text.lower()))

    words = [plain(word) for word in _title(article).split() if len(plain(word)) > 3]
    made = plain(names[0].family if names else _source(article)) + (str(day[0]) if day else "") + "".join(words[:1])
    return made[:60] or "article"


def _title(article: Citable) -> str:
    return " ".join((article.title or article.id).split())


def _source(article: Citable) -> str:
    if article.source:
        return " ".join(article.source.split())
    host = urlsplit(article.url or "").hostname or ""
    return host.removeprefix("www.")


def _date(published: str | None) -> tuple[int, ...]:
    """Return year, month and day, as many as are known."""
    found = _DATE.match(published or "")
    return tuple(int(part) for part in found.groups() if part) if found else ()


def _names(author: str | None) -> list[_Name]:
    """Return the people, or the organisation, that a byline names."""
    line = re.sub(r"^\s*by\s+", "", " ".join((author or "").split()), flags=re.IGNORECASE)
    # With semicolons between them, people may be given family name first.
    between = r"\s*;\s*" if ";" in line else r",?\s+and\s+|\s+&\s+|,\s+(?=\S+\s+\S)"
    parts = re.split(between, line)
    if _NOT_A_PERSON.search(line):
        parts = [line]
    return [_name(part.strip(" ,")) for part in parts if part.strip(" ,")]


def _name(text: str) -> _Name:
    family, comma, given = text.partition(", ")
    if comma and given and not _NOT_A_PERSON.search(text):
        return _Name(family, given)
    words = text.split()
    # One word is an agency or an alias; beyond five it is no name.
    if (
        not 2 <= len(words) <= 5
        or _NOT_A_PERSON.search(text)
        or any(word.isupper() and len(word) > 2 for word in words)
    ):
        return _Name(text)
    last = len(words) - 1
    if last > 1 and _SUFFIXES.fullmatch(words[last]):
        last -= 1
    while last > 1 and words[last - 1].lower().rstrip("-") in _PARTICLES:
        last -= 1
    return _Name(" ".join(words[last:]), " ".join(words[:last]))


def _initials(given: str) -> str:
    return " ".join("-".join(f"{part[0]}." for part in word.split("-") if part) for word in given.split())


def _series(names: list[str], *, most: int, shown: int) -> str:
    if len(names) > most:
        return f"{', '.join(names[:shown])} et al."
    return (
        names[0]
        if len(names) == 1
        else f"{', '.join(names[:-1])}{',' * (len(names) > 2)} and {names[-1]}"
        if names
        else ""
    )


def _american(day: tuple[int, ...]) -> str:
    if len(day) == 3:
        return f"{_MONTHS[day[1] - 1]} {day[2]}, {day[0]}"
    return f"{_MONTHS[day[1] - 1]} {day[0]}" if len(day) == 2 else str(day[0])


def _ended(text: str) -> str:
    return text if not text or text.endswith((".", "?", "!", ".”", "…")) else f"{text}."


def _tex(text: str, braces: str = "") -> str:
    return "".join(character if character in braces else _TEX.get(character, character) for character in text)
