"""Finds page furniture in text: menus, breadcrumbs, "See also", share bars, comment forms.

It is masked, never cut out: offsets hold in the text as it came, and nothing is lost.  Masking a
real sentence is worse than leaving furniture, so a rule takes only lines that nothing else can be.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from index.types import MaskedRange

_LINE = re.compile(r"[^\n]*\n?")
# No furniture line is longer; also bounds what each rule has to look at.
_LONGEST = 400
_SENTENCE_END = re.compile(r"[.!?…。！？][\"”’»)\]]*\s*$")
_DATE = (
    r"(?:\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}\S*)?|\d{1,2}[./]\d{1,2}[./]\d{2,4}"
    r"|(?:\d{1,2}\.? )?(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\.? \d{1,2},? ?\d{0,4}"
    r"|\d{1,2} (?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\.?,? \d{4})"
)
_NETWORKS = (
    "facebook|twitter|tweet|x|linkedin|whatsapp|telegram|reddit|pinterest|email|e-mail|print|copy link|messenger|"
    "instagram|youtube|threads|bluesky|mastodon|tiktok|vk|pocket|flipboard|sms|link|save|bookmark|more|rss"
)


@dataclass(frozen=True, slots=True)
class _Line:
    start: int
    end: int
    text: str  # stripped, white space collapsed


def _rule(pattern: str, flags: re.RegexFlag = re.IGNORECASE) -> Callable[[str], bool]:
    compiled = re.compile(pattern, flags)
    return lambda line: compiled.search(line) is not None


def _menu(line: str) -> bool:
    """ "Home | World | Sport | Contact": short words between bars, no sentence."""
    parts = re.split(r"\s*[|•·]\s*", line.strip("|•· "))
    if len(parts) < 3 or _SENTENCE_END.search(line):
        return False
    if any(len(part.split()) > 3 or re.search(r"\d", part) for part in parts):
        return False
    return bool(re.search(r"\b(home|contact|about|news|sport|world|login|log in|sign in|subscribe|menu)\b", line, re.I))


def _breadcrumb(line: str) -> bool:
    """ "Home » World » Asia", "date 2023-06-23 Home » Title – Site": begins at Home and goes down."""
    found = re.match(
        rf"(?:(?:date|published|posted|updated)?:?\s*{_DATE}\s+)?(?:you are here:?\s*)?home(?:page)?\s*(?:»|›|>|→|/|::)\s*\S",
        line,
        re.IGNORECASE,
    )
    return found is not None


def _share(line: str) -> bool:
    """ "Share on Facebook Tweet WhatsApp Email": nothing but the names of networks."""
    words = re.sub(r"[^\w\s-]", " ", line.lower())
    words = re.sub(
        r"\b(?:share|this|article|story|page|post|on|via|to|with|by|in|and|or|follow|us|\d+|shares?)\b", " ", words
    )
    rest = re.sub(rf"\b(?:{_NETWORKS})\b", " ", words)
    return (
        bool(re.match(r"(?:\d+\s+)?shares?\b|tweet\b|follow us\b|facebook\b|email\b|print\b|copy link\b", line, re.I))
        and not rest.strip()
    )


# (name, test of one line).  A line is stripped and its white space collapsed.  Lines over _LONGEST
# characters are never furniture.
_RULES: tuple[tuple[str, Callable[[str], bool]], ...] = (
    ("breadcrumb", _breadcrumb),
    ("menu", _menu),
    ("share", _share),
    # "See also  Headline - Site": a teaser is a headline, so no full stop ends it.  With a colon it may.
    ("see_also", lambda line: _teaser(line, r"see also|also see|see more|watch also|watch|read also|also read")),
    (
        "read_more",
        lambda line: _teaser(
            line,
            r"read more|more on this|related (?:story|stories|articles?|news|posts?|coverage|reading|links?)|related"
            r"|recommended(?: for you| reading| stories)?|don['’]t miss|up next|you may also like|you might also like"
            r"|more from [^.:]{2,40}|trending(?: now)?|most (?:read|popular)|editor['’]?s['’]? (?:picks?|choice)|next article"
            r"|previous article|keep reading|continue reading",
        ),
    ),
    (
        "advertisement",
        _rule(
            r"^(?:\[?(?:advertisements?|sponsored(?: content)?|ad|promoted|paid content)\]?|story continues below.{0,40}|article continues (?:after|below).{0,40})\.?$"
        ),
    ),
    (
        "cookies",
        _rule(
            r"^(?:this (?:web)?site|we(?: and our partners)?|our (?:web)?site|by (?:continuing|using|clicking))\b.{0,160}\bcookies\b"
        ),
    ),
    (
        "cookies",
        _rule(
            r"^(?:accept(?: all)?(?: cookies)?|reject all|cookie (?:settings|policy|preferences)|manage cookies|privacy policy)[.|\s]*$"
        ),
    ),
    (
        "newsletter",
        _rule(
            r"^(?:sign up|subscribe|get|join)\b.{0,100}\b(?:newsletters?|inbox|e?mail(?:ing)? list|e-?mail updates|breaking news alerts)\b.{0,60}$"
        ),
    ),
    (
        "newsletter",
        _rule(
            r"^(?:subscribe(?: now| today)?|sign up(?: now)?|log in|login|sign in|register|newsletter|your e-?mail address)[.!:]?$"
        ),
    ),
    (
        "comments",
        _rule(
            r"^(?:leave a (?:comment|reply)|post a comment|add a comment|\d* ?comments?(?: \(\d+\))?|no comments(?: yet)?|join the (?:conversation|discussion)|your e-?mail address will not be published\.?.{0,60}|required fields are marked.{0,10}|be the first to comment.{0,20}|(?:view|show|load) (?:all |more )?comments.{0,20}|comments are closed\.?)$"
        ),
    ),
    ("copyright", _rule(r"^(?:©|\(c\)|copyright\b).{0,200}$")),
    ("copyright", _rule(r"^.{0,120}\ball rights reserved\b.{0,120}$")),
    (
        "follow",
        _rule(
            r"^(?:follow|like|find|join) (?:us|me|@?\w+) on (?:" + _NETWORKS + r"|google news|social media)\b.{0,80}$"
        ),
    ),
    (
        "credit",
        _rule(
            r"^(?:(?:photo|image|picture|file photo|photograph)(?: credits?| courtesy(?: of)?| by)?\s*[:/©]|(?:photo|image|photograph) (?:by|courtesy of)\b).{0,120}$"
        ),
    ),
    (
        "byline",
        _rule(r"^[Bb][Yy] [A-Z][\w.'’-]+(?: [A-Z][\w.'’-]+){1,3}(?:(?:,| and| \|) [\w ,'’|&-]{1,60})?$", re.NOFLAG),
    ),
    (
        "dateline",
        _rule(
            rf"^(?:published|posted|updated|last updated|last modified|first published|date)?:?\s*(?:on )?(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,? )?{_DATE}(?:[, |·-]{{0,3}}(?:at )?\d{{1,2}}[:.]\d{{2}}(?: ?[ap]\.?m\.?)?(?: ?[A-Z]{{2,4}})?)?[.|\s]*$"
        ),
    ),
    (
        "navigation",
        _rule(
            r"^(?:skip to (?:main )?content|back to top|click here.{0,60}|tap here.{0,60}|menu|search|toggle navigation|load more|show more|view all|see all|next|previous|home|advertise with us|terms (?:of (?:use|service)|and conditions)|contact us|about us|\d+ ?min(?:ute)?s? read|listen to this article.{0,30}|tags?: .{1,120}|filed under:? .{1,120}|categor(?:y|ies): .{1,120}|share this:?|share)[.]?$"
        ),
    ),
)
# After one of these near the end of a text, headlines follow until it ends.
_LIST_HEADING = re.compile(
    r"^(?:related (?:posts?|articles?|stories|news|links?|coverage|content|topics?)|more stories|you (?:may|might) also like"
    r"|recommended(?: for you| stories)?|most (?:read|popular|viewed)|latest (?:news|stories|posts)|more from .{1,40}"
    r"|trending(?: now)?|popular (?:posts|now)|leave a (?:comment|reply)|editor['’]?s['’]? picks?|more on this story)\s*:?$",
    re.IGNORECASE,
)
_TAIL_LINES = 16


def find_furniture(text: str) -> tuple[MaskedRange, ...]:
    """Return the page furniture in a text.

    Works line by line in linear time.  Where nothing but furniture would be left, nothing is masked.

    Returns:
        Ranges in order, not overlapping, each with the name of the rule that found it.
    """
    lines = list(_lines(text))
    found: dict[int, str] = {}
    for place, line in enumerate(lines):
        for name, test in _RULES:
            if len(line.text) <= _LONGEST and test(line.text):
                found[place] = name
                break
    for place in _tail(lines, found):
        found.setdefault(place, "related_list")
    if len(found) == len(lines):
        return ()
    return tuple(MaskedRange(lines[place].start, lines[place].end, found[place]) for place in sorted(found))


def _lines(text: str) -> Iterator[_Line]:
    """The lines that hold something, as ranges without surrounding white space."""
    for match in _LINE.finditer(text):
        raw = match.group()
        inner = raw.strip()
        if inner:
            start = match.start() + len(raw) - len(raw.lstrip())
            short = " ".join(inner[: _LONGEST * 4].split())
            yield _Line(start, start + len(inner), short)


def _teaser(line: str, words: str) -> bool:
    """Whether a line is one of these words alone, or with a headline after a colon or instead of a sentence."""
    match = re.match(rf"(?:{words})\b\s*(?P<mark>[:»>|–—-]+)?\s*(?P<rest>.*)$", line, re.IGNORECASE)
    if match is None:
        return False
    rest = match["rest"]
    if not rest:
        return True
    if len(line) > 200:
        return False
    headline = rest[:1].isupper() or rest[:1].isdigit() or rest[:1] in "\"'“‘«["
    if match["mark"] and match["mark"][0] in ":»>|":
        return headline
    return headline and not _SENTENCE_END.search(rest) and "," not in rest[:12]


def _tail(lines: list[_Line], found: dict[int, str]) -> Iterator[int]:
    """Headlines under "Related posts" at the end of a text: short lines without a full stop, to the last one."""
    first = max(1, len(lines) - _TAIL_LINES)
    for place in range(first, len(lines)):
        if _LIST_HEADING.match(lines[place].text):
            block = range(place, len(lines))
            plain = [at for at in block if at not in found and at != place]
            if all(len(lines[at].text) <= 160 and not _SENTENCE_END.search(lines[at].text) for at in plain):
                yield from block
                return


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
    lines = [line for _, line in zip(range(8), _lines(text), strict=False)]
    title = published = source = None
    for line in lines[:-1]:
        if _breadcrumb(line.text) and len(line.text) <= _LONGEST:
            crumbs = re.split(r"\s*(?:»|›|→|::)\s*|\s+[>/]\s+", line.text)
            last = crumbs[-1] if len(crumbs) > 1 else ""
            parts = re.split(r"\s+[–—|-]\s+", last)
            # Only a headline is worth taking: a crumb of one or two words is a section.
            if len(parts[0].split()) >= 4:
                title = title or parts[0].strip()
                source = source or (parts[-1].strip() if len(parts) > 1 else None)
            published = published or _date(crumbs[0])
        elif any(name == "dateline" and test(line.text) for name, test in _RULES):
            published = published or _date(line.text)
        elif not any(test(line.text) for _, test in _RULES):
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
