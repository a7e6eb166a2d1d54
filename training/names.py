"""Names in texts and what kind each is, learnt from the training data's own questions and answers."""

import re
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

_WORDS = tomllib.loads(Path(__file__).with_name("words.toml").read_text(encoding="utf-8"))
STOP_WORDS = frozenset(_WORDS["stop_words"].split())
_NOT_NAMES = frozenset(_WORDS["not_names"].split())
_HEADS = {word: kind for kind, words in _WORDS["heads"].items() for word in words.split()}
_FIRST_WORDS = {word: kind for kind, words in _WORDS["first_words"].items() for word in words.split()}
# Capitalised words, with the small words that join them: "University of Tarn", "Ida Holm".
_NAME = re.compile(r"\b[A-Z][\w'’-]*(?:(?: (?:of|the|de|von|van|and|du|la))* [A-Z][\w'’-]*)*")
_ASKS_FOR = (
    ("person", re.compile(r"^(?:who|whom)\b(?! (?:is|was|are|were) (?:the|a) (?:company|team|band|country))|^whose\b")),
    (
        "place",
        re.compile(r"^where\b|\b(?:what|which) (?:city|country|state|town|village|county|region|province|island)"),
    ),
    (
        "organisation",
        re.compile(
            r"\b(?:what|which) (?:company|band|team|organi[sz]ation|university|college|school|party|club|newspaper"
            r"|agency|network|label|studio|bank|firm)\b"
        ),
    ),
)


def names_in(text: str) -> list[tuple[str, int]]:
    """Return the names of a text and where each begins; common words at a sentence's beginning are left out."""
    names = []
    for match in _NAME.finditer(text):
        words, start = match.group().split(" "), match.start()
        while words and words[0].lower().removesuffix("'s").removesuffix("’s") in _NOT_NAMES:
            start += len(words.pop(0)) + 1
        while words and (words[-1].lower() in _NOT_NAMES or not words[-1][0].isupper()):
            words.pop()
        name = re.sub(r"['’]s?$", "", " ".join(words))
        if len(name) > 2:
            names.append((name, start))
    return names


class Lexicon:
    """Kinds of names: person, place, organisation or event.

    A name is of the kind that it answers questions for ("Who ...?", "Which town ...?"), of the kind that its first or
    last word says, or a person's where its first word is a first name.

    Args:
        rows: examples with an answer.

    Attributes:
        of_kind: the names that answer questions, by kind, each in alphabetical order.
    """

    def __init__(self, rows: Iterable[dict[str, Any]]) -> None:
        votes: dict[str, Counter[str]] = defaultdict(Counter)
        first_names: Counter[str] = Counter()
        for row in rows:
            question = row["question"].lower().strip()
            kind = next((kind for kind, pattern in _ASKS_FOR if pattern.search(question)), None)
            for answer in row["answers"][:1] if kind else ():
                names = names_in(answer["text"])
                if len(names) == 1 and len(names[0][0]) >= len(answer["text"]) - 4:
                    name = names[0][0]
                    votes[name][str(kind)] += 1
                    words = name.split(" ")
                    if kind == "person" and len(words) == 2:
                        first_names[words[0]] += 1
        self._kinds = {name: count.most_common(1)[0][0] for name, count in votes.items()}
        self._first_names = {name for name, count in first_names.items() if count >= 2 and name not in self._kinds}
        self.of_kind: dict[str, list[str]] = defaultdict(list)
        for name in sorted(self._kinds):
            self.of_kind[str(self.kind(name))].append(name)

    def kind(self, name: str, others: Sequence[str] = ()) -> str | None:
        """Return person, place, organisation, event, or None where nothing says.

        Args:
            name: as it is written.
            others: names beside it, whose last word it may be: "Holm" beside "Ida Holm".
        """
        words = name.split(" ")
        by_word = _HEADS.get(words[-1].lower()) or _FIRST_WORDS.get(words[0].lower())
        if by_word:
            return by_word
        if name in self._kinds:
            return self._kinds[name]
        if 2 <= len(words) <= 3 and words[0] in self._first_names and all(word[0].isupper() for word in words):
            return "person"
        if len(words) == 1:
            for other in others:
                if other.endswith(f" {name}") and self.kind(other) == "person":
                    return "person"
        return None
