"""What a question turns on → opposites and siblings of which its passage is silent, by ``relations.toml``."""

import re
import tomllib
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_WORD = re.compile(r"[a-z]+(?:-[a-z]+)*")
_LONGEST = 3
# "the former mayor" turns on something else already.
_BESIDE = ("former", "vice", "deputy", "next", "first", "acting")
_ASKS_WHO = re.compile(r"\bwho(?:m)?\b")


@dataclass(frozen=True)
class Sibling:
    """A stretch of a question and the words that may take its place.

    Attributes:
        start: its first character.
        end: the character after it.
        words: what takes its place.
    """

    start: int
    end: int
    words: str


@dataclass(frozen=True)
class _Member:
    """Words of a question, and the pattern of what a passage that may speak of them has."""

    words: str
    cues: re.Pattern[str]

    @classmethod
    def read(cls, line: str, flags: int = 0) -> "_Member":
        words, _, cues = line.partition(": ")
        return cls(words, re.compile(rf"(?<!\w)(?:{cues})", flags))


@dataclass(frozen=True)
class _Table:
    """What ``relations.toml`` holds; ``places`` are the groups that each stretch of words stands in."""

    groups: list[list[_Member]]
    places: dict[str, list[int]]
    two_sided: frozenset[str]
    templates: dict[str, list[_Member]]


@cache
def _table() -> _Table:
    read = tomllib.loads(Path(__file__).with_name("relations.toml").read_text(encoding="utf-8"))
    groups = [[_Member.read(line) for line in group] for group in read["groups"]]
    for role in read["roles"]:
        beside = [_Member.read(line) for line in read["beside"]]
        own = _Member(role, re.compile(rf"(?<!\w){re.escape(role)}"))
        groups.append([own, *[_Member(f"{member.words} {role}", member.cues) for member in beside]])
    places = defaultdict(list)
    for number, group in enumerate(groups):
        for member in group:
            places[member.words].append(number)
    templates = {
        kind: [_Member.read(line.replace("?: ", ": ", 1), re.IGNORECASE) for line in lines]
        for kind, lines in read["templates"].items()
    }
    return _Table(groups, places, frozenset(read["two_sided"]), templates)


def siblings(question: str, text: str) -> list[Sibling]:
    """Return what may be changed in a question so that it asks for something of which its passage has no word.

    Args:
        question: about the passage.
        text: the passage; it has a word of what the question turns on.
    """
    lower, text = question.lower(), text.lower()
    words = list(_WORD.finditer(lower))
    table = _table()
    ways = []
    for first, match in enumerate(words):
        for last in range(first, min(first + _LONGEST, len(words))):
            start, end = match.start(), words[last].end()
            stretch = lower[start:end]
            if stretch in table.two_sided and not _ASKS_WHO.search(lower):
                continue
            for number in table.places.get(stretch, ()):
                group = table.groups[number]
                own = next(member for member in group if member.words == stretch)
                if not own.cues.search(text) or lower[:start].rstrip().endswith(_BESIDE):
                    continue
                ways += [
                    Sibling(start, end, member.words)
                    for member in group
                    if member is not own and member.words not in lower and not member.cues.search(text)
                ]
    return ways


def has_templates(kind: str | None) -> bool:
    """Whether there are plain questions about names of a kind."""
    return kind in _table().templates


def silent_templates(kind: str, text: str) -> list[str]:
    """Return the plain questions about a ``{name}`` of a kind that a text has no word of; without question mark."""
    return [member.words for member in _table().templates[kind] if not member.cues.search(text)]
