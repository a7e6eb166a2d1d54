"""The lines of a text, and which short ones a site's articles have in common.

A line that several articles of one site share word for word says nothing of any of them.  What is
kept of a line is a hash of 64 bits; nobody needs its words again.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from index.types import Article

_LINE = re.compile(r"[^\n]*\n?")
# No furniture line is longer; also bounds what each rule has to look at.
LONGEST_LINE = 400
# Furniture stands around a text: so many short lines from its start and from its end are remembered.
_FIRST, _LAST = 48, 80
_LONGEST_REMEMBERED = 240


@dataclass(frozen=True, slots=True)
class Line:
    """One line that holds something.

    Attributes:
        start: first code point that is not white space.
        end: after the last one.
        text: stripped, white space collapsed to one space, two or more between words to a tab, a list's mark left
            out; cut off beyond what any rule looks at.
        listed: whether it had a list's mark.
    """

    start: int
    end: int
    text: str
    listed: bool = False


@dataclass(frozen=True, slots=True)
class Repetition:
    """How often a site's articles have each line.

    Attributes:
        articles: of the site, the one at hand included.
        counts: hash of a line → articles that have it.
    """

    articles: int = 0
    counts: Mapping[int, int] = field(default_factory=dict)

    @classmethod
    def of(cls, texts: Iterable[str]) -> "Repetition":
        """Count the lines of a site's texts."""
        each = [line_hashes(text) for text in texts]
        return cls(len(each), Counter(key for keys in each for key in keys))

    def count(self, line: str) -> int:
        """Return how many articles of the site have a line."""
        return self.counts.get(line_hash(line), 0) if self.counts else 0


def lines_of(text: str) -> Iterator[Line]:
    """Yield the lines of a text that hold something, in order."""
    for match in _LINE.finditer(text):
        raw = match.group()
        inner = raw.strip()
        if inner:
            start = match.start() + len(raw) - len(raw.lstrip())
            shown = inner[: LONGEST_LINE * 2]
            mark = re.match(r"[-*•▪·][ \t]+(?=\S)", shown)
            shown = re.sub(r"\s*\t\s*|\s{2,}", "\t", shown[mark.end() :] if mark else shown)
            yield Line(start, start + len(inner), re.sub(r"[^\S\t]+", " ", shown), mark is not None)


def line_hash(line: str) -> int:
    """Return the hash of a line: signed 64 bits, alike for lines that differ in case and white space alone."""
    plain = " ".join(line.casefold().split())
    return int.from_bytes(hashlib.blake2b(plain.encode(), digest_size=8).digest(), "little", signed=True)


def line_hashes(text: str) -> tuple[int, ...]:
    """Return the hashes of a text's short lines, ascending, each once: the first and the last of them if many."""
    short = [line.text for line in lines_of(text) if line.end - line.start <= _LONGEST_REMEMBERED]
    if len(short) > _FIRST + _LAST:
        short = short[:_FIRST] + short[-_LAST:]
    return tuple(sorted({line_hash(line) for line in short}))


def site_of(article: Article) -> str | None:
    """Return what an article's page furniture has in common with others': its host, else its source, else None."""
    return host_or_source(article.url, article.source)


def host_or_source(url: str | None, source: str | None) -> str | None:
    """Return the site of an article with this address and this source, None where neither tells."""
    host = urlsplit(url).hostname if url else None
    return host.removeprefix("www.") if host else source and source.casefold()
