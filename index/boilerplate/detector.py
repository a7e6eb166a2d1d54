"""Finds page furniture in text: menus, breadcrumbs, "See also", share bars, comment forms.

It is masked, never cut out: offsets hold in the text as it came, and nothing is lost.  Masking a
real sentence is worse than leaving furniture.  So a rule takes lines that nothing else can be, and
where a line stands decides of the others: what several articles of a site have around their text,
and what is wedged in between furniture.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

from index.boilerplate.line_rules import (
    SENTENCE_END,
    breadcrumb,
    dateline,
    hint_of,
    in_menu,
    opens_contents,
    opens_list,
    rule_of,
)
from index.boilerplate.lines import LONGEST_LINE, Line, Repetition, lines_of
from index.types import MaskedRange

# A line repeats if so many articles of its site have it, and such a share of them or so many anyway.
LEAST_ARTICLES = 3
_SHARE, _MANY = 0.3, 20
# A sentence may be told again in every article on one matter, so more is asked of it.
_SENTENCE_ARTICLES, _SENTENCE_SHARE, _SENTENCE_WORDS = 5, 0.5, 7
# Between paragraphs, where a heading may stand in every article ("Ingredients"), more is asked.
_INNER_SHARE, _INNER_WORDS = 0.5, 5
_LONGEST_REPEATED = 240
# After one of these behind the last sentence nothing but furniture follows.
_ENDS = frozenset({"comments", "newsletter", "copyright", "read_more", "see_also"})
# So many headlines of others may follow "Related posts", and so many sentences on cookies are a notice.
_HEADLINES, _COOKIE_NOTES = 8, 3


class _Lines:
    """A text's lines and what has been found of them so far; each step looks at every line once."""

    def __init__(self, text: str, check: Callable[[], None]) -> None:
        self.all: list[Line] = []
        for line in lines_of(text):
            check()
            self.all.append(line)
        self.found: dict[int, str] = {}
        self.apart = [False] + [
            text.count("\n", left.end, right.start) > 1 for left, right in zip(self.all, self.all[1:], strict=False)
        ]

    def __len__(self) -> int:
        return len(self.all)

    def open(self, place: int) -> bool:
        """Whether a line may yet be found to be furniture."""
        line = self.all[place]
        return place not in self.found and line.end - line.start <= LONGEST_LINE

    def beside(self, place: int, *, both: bool) -> bool:
        """Whether the lines around one are furniture, both of them or one."""
        before, after = place - 1 in self.found, place + 1 in self.found
        edge = (place == 0, place == len(self) - 1)
        return (before or edge[0]) and (after or edge[1]) if both else before or after


def find_furniture(
    text: str, repeated: Repetition | None = None, *, check: Callable[[], None] = lambda: None
) -> tuple[MaskedRange, ...]:
    """Return the page furniture in a text.

    Works line by line in linear time.  Where nothing but furniture would be left, nothing is masked.

    Args:
        text: an article's text.
        repeated: how often its site's articles have each line, None where that is unknown.
        check: called for each line; what it raises ends the work.

    Returns:
        Ranges in order, not overlapping, each with the name of the rule that found it.
    """
    lines = _Lines(text, check)
    for place in range(len(lines)):
        check()
        if lines.open(place) and (name := rule_of(lines.all[place].text)):
            lines.found[place] = name
    _about_cookies(lines)
    _headlines(lines)
    alike = _alike(lines, repeated) if repeated is not None and repeated.articles >= LEAST_ARTICLES else {}
    first, last = _body(lines, alike)
    title = _title(lines, first)
    alike.pop(title, None)
    _repeated(lines, alike, first, last)
    _menu_on_top(lines, first)
    _wedged(lines, first, title, check)
    _end(lines, last)
    if len(lines.found) == len(lines):
        return ()
    return tuple(
        MaskedRange(lines.all[place].start, lines.all[place].end, lines.found[place]) for place in sorted(lines.found)
    )


def _is_sentence(line: Line, words: int) -> bool:
    long = line.end - line.start > LONGEST_LINE
    return long or (len(line.text.split()) >= words and SENTENCE_END.search(line.text) is not None)


def _alike(lines: _Lines, repeated: Repetition) -> dict[int, float]:
    """Lines that repeat, each with the share of the site's articles that have it."""
    found = {}
    told_again = sentences = 0
    for place, line in enumerate(lines.all):
        if not lines.open(place) or line.end - line.start > _LONGEST_REPEATED:
            continue
        count = repeated.count(line.text)
        share = count / repeated.articles
        least = (LEAST_ARTICLES, _SHARE)
        if _is_sentence(line, _SENTENCE_WORDS):
            sentences += 1
            told_again += count >= LEAST_ARTICLES
            least = (_SENTENCE_ARTICLES, _SENTENCE_SHARE)
        if count >= least[0] and (share >= least[1] or count >= _MANY) and not _says_something(line.text):
            found[place] = share
    # An article that came several times repeats itself, not what stands around it.
    return {} if told_again > sentences / 2 else found


def _repeated(lines: _Lines, alike: dict[int, float], first: int, last: int) -> None:
    """Lines that repeat: around the text all, sentences only beyond other furniture, between paragraphs hardly any."""
    known = sorted({*lines.found, *(place for place in alike if not _is_sentence(lines.all[place], _SENTENCE_WORDS))})
    above = max((place for place in known if place < first), default=-1)
    below = min((place for place in known if place > last), default=len(lines))
    for place, share in alike.items():
        if _is_sentence(lines.all[place], _SENTENCE_WORDS):
            furniture = place < above or place > below
        elif first <= place <= last:
            furniture = share >= _INNER_SHARE and len(lines.all[place].text.split()) >= _INNER_WORDS
        else:
            furniture = True
        if furniture:
            lines.found[place] = "repeated"


def _says_something(line: str) -> bool:
    """Whether a line tells a fact although others have it too: "2 eggs", "Country: France", a table's row."""
    if SENTENCE_END.search(line) and re.search(r"\d", line):
        return True
    return bool(re.match(r"\d", line) or (len(line) <= 60 and re.search(r"\w\s?:\s?\w", line))) or line.count("\t") in (
        1,
        2,
    )


def _body(lines: _Lines, alike: dict[int, float]) -> tuple[int, int]:
    """First and last line of the text proper; beyond the last line and before the first where there is no sentence."""
    for words in (7, 3):
        real = [
            place
            for place, line in enumerate(lines.all)
            if place not in lines.found and place not in alike and _is_sentence(line, words)
        ]
        if real:
            return real[0], real[-1]
    return -1, len(lines)


def _about_cookies(lines: _Lines) -> None:
    """Leave the sentences on cookies where there are many of them: then the text is about cookies."""
    places = [place for place, name in lines.found.items() if name == "cookies" and _is_sentence(lines.all[place], 5)]
    if len(places) > _COOKIE_NOTES:
        for place in places:
            del lines.found[place]


def _headlines(lines: _Lines) -> None:
    """Headlines of other articles under "Read more", up to the next paragraph."""
    for place in range(len(lines)):
        if place not in lines.found:
            continue
        numbered = opens_contents(lines.all[place].text)
        if not numbered and not opens_list(lines.all[place].text):
            continue
        for below in range(place + 1, min(place + 1 + _HEADLINES, len(lines))):
            line = lines.all[below]
            if below in lines.found:
                continue
            if (
                not lines.open(below)
                or (lines.apart[below] and below > place + 1)
                or not _is_headline_below(line, numbered)
            ):
                break
            lines.found[below] = "related_list"


def _is_headline_below(line: Line, numbered: bool) -> bool:
    if line.end - line.start > 140 or line.text[-1] in ",;:":
        return False
    if numbered:
        return line.listed or re.match(r"\d+(?:\.\d+)*\.? ", line.text) is not None
    asks = line.text.endswith("?") and line.text[0].isupper()
    return (line.listed or len(line.text.split()) >= 3) and (asks or SENTENCE_END.search(line.text) is None)


def _menu_on_top(lines: _Lines, first: int) -> None:
    """A menu with each entry on a line of its own: short lines above the text, some of them a menu's words."""
    place = 0
    while place < first:
        stop = place
        while stop < first and _is_entry(lines, stop):
            stop += 1
        # The headline may be as short as an entry, so none is taken after the last that is certain.
        certain = [at for at in range(place, stop) if at in lines.found or in_menu(lines.all[at].text)]
        if stop - place >= 4 and len(certain) >= 2:
            for at in range(place, certain[-1]):
                lines.found.setdefault(at, "menu")
        place = stop + 1


def _is_entry(lines: _Lines, place: int) -> bool:
    line = lines.all[place].text
    if place in lines.found:
        return True
    return lines.open(place) and len(line.split()) <= 3 and not re.match(r"\d", line) and line[-1] not in '!?…,;:"”'


def _title(lines: _Lines, first: int) -> int:
    """The headline: the longest line above the text that nothing is known of; -1 where there is none."""
    above = [place for place in range(first) if lines.open(place) and not lines.all[place].text.endswith(".")]
    unknown = [place for place in above if hint_of(lines.all[place].text) is None]
    return max(unknown, key=lambda place: (len(lines.all[place].text), place), default=-1)


def _wedged(lines: _Lines, first: int, title: int, check: Callable[[], None]) -> None:
    """Lines that are furniture among furniture, and short ones between two of them, such as the site's name."""
    if any(place in lines.found for place in range(title)):
        for place in range(title):
            if lines.open(place) and _is_scrap(lines.all[place].text, 4):
                lines.found[place] = "between"
    for order in (range(len(lines)), range(len(lines) - 1, -1, -1)):
        for place in order:
            check()
            if not lines.open(place) or place == title:
                continue
            line = lines.all[place].text
            name = hint_of(line)
            near = place - 1 in lines.found if line.isnumeric() else lines.beside(place, both=False)
            if name is not None and (place < first or near):
                lines.found[place] = name
            elif lines.beside(place, both=True) and _is_scrap(line, 4 if place < first else 2):
                lines.found[place] = "between"


def _is_scrap(line: str, words: int) -> bool:
    return len(line.split()) <= words and SENTENCE_END.search(line) is None and re.match(r"[^\W\d]", line) is not None


def _end(lines: _Lines, last: int) -> None:
    """All that follows the comments' or the newsletter's heading, behind the last sentence."""
    behind = (place for place in range(last, len(lines)) if place not in lines.found)
    last = max((place for place in behind if _is_sentence(lines.all[place], 3)), default=last)
    begin = next((place for place in range(last + 1, len(lines)) if lines.found.get(place) in _ENDS), len(lines))
    rest = range(begin, len(lines))
    if 4 * sum(place in lines.found for place in rest) < len(rest):
        return
    for place in rest:
        if lines.open(place):
            lines.found.setdefault(place, "related_list")


@dataclass(frozen=True, slots=True)
class TextMetadata:
    """What a text's own first lines say about it; None where they do not.

    Attributes:
        title: the headline.
        published: ISO 8601 date.
        source: site.
    """

    title: str | None = None
    published: str | None = None
    source: str | None = None


_MONTHS = {
    name: number
    for number, name in enumerate(
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], 1
    )
}


def metadata_from_text(text: str) -> TextMetadata:
    """Read title, date and site from the first lines of scraped text; nothing is guessed.

    Knows the breadcrumb line (``date 2023-06-23 Home » Title – Site``), a headline on a line of its
    own, and a date that stands alone or after "Published".
    """
    lines = list(islice(lines_of(text), 8))
    title = published = source = None
    for line in lines[:-1]:
        if breadcrumb(line.text) and len(line.text) <= LONGEST_LINE:
            crumbs = re.split(r"\s*(?:»|›|→|::)\s*|\s+[>/]\s+", line.text)
            last = crumbs[-1] if len(crumbs) > 1 else ""
            parts = re.split(r"\s+[–—|-]\s+", last)
            # Only a headline is worth taking: a crumb of one or two words is a section.
            if len(parts[0].split()) >= 4:
                title = title or parts[0].strip()
                source = source or (parts[-1].strip() if len(parts) > 1 else None)
            published = published or _date(crumbs[0])
        elif dateline(line.text) or hint_of(line.text) == "dateline":
            published = published or _date(line.text)
        elif len(line.text) > LONGEST_LINE or rule_of(line.text) is None:
            # The first line that is no furniture is the headline or the article's first sentence.
            title = title or (line.text if _is_headline(line.text) else None)
            if title is None or published is not None:
                break
    return TextMetadata(title, published, source)


def _is_headline(line: str) -> bool:
    return 3 <= len(line) <= 160 and not re.search(r"[.;:,…]$", line) and bool(re.match(r"[\"“‘'«]?[^\W_]", line))


def _date(text: str) -> str | None:
    """Return the one date in a short text, as ISO 8601; None where there is none or it could be read two ways."""
    from datetime import date

    if match := re.search(r"\b(\d{4})-(\d{2})-(\d{2})\b", text):
        year, month, day = (int(part) for part in match.groups())
    elif match := re.search(r"\b(\d{1,2})\.? ([A-Za-z]{3})[a-z]*\.?,? (\d{4})\b", text):
        year, month, day = int(match[3]), _MONTHS.get(match[2].lower(), 0), int(match[1])
    elif match := re.search(r"\b([A-Za-z]{3})[a-z]*\.? (\d{1,2}),? (\d{4})\b", text):
        year, month, day = int(match[3]), _MONTHS.get(match[1].lower(), 0), int(match[2])
    else:
        return None
    try:
        return date(year, month, day).isoformat()
    except ValueError:
        return None
