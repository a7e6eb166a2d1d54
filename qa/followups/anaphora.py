"""Words that stand for something said before: "he", "its", "there", "that year", "the agency".  Pure, English."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from qa.followups.dialogue_state import Said
from qa.followups.entities import PEOPLE, Mention, mentions
from qa.followups.question_parser import PREPOSITIONS, taken_apart
from qa.followups.verbs import AUXILIARIES

_PRONOUN = re.compile(
    r"\b(he|him|his|she|her|hers|it|its|they|them|their|theirs|there|then|this|that|these|those|such)\b", re.IGNORECASE
)
_DOING = re.compile(r"\bdo (?:it|that|this|so)\b(?! [a-z])", re.IGNORECASE)
_PERSONAL = {"he", "him", "his", "she", "her", "hers"}
_PLURAL = {"they", "them", "their", "theirs", "these", "those"}
_POSSESSIVE = {"his", "its", "their", "hers", "theirs"}
_TIMES = (
    "year",
    "day",
    "night",
    "time",
    "month",
    "week",
    "decade",
    "century",
    "summer",
    "winter",
    "spring",
    "autumn",
    "season",
    "evening",
    "morning",
)
_YEARS = ("year", "month", "time", "decade", "century", "summer", "winter", "spring", "autumn", "season", "week")
_AFTER_NO_NOUN = frozenset(
    (
        *PREPOSITIONS,
        *("under", "over", "against", "through", "about", "near", "like", "and", "but", "or", "so", "not"),
        *("what", "why", "who", "where", "when", "how", "than", "as", "because"),
    )
)

# At most this many words of a question that stand for something are looked at: each is looked at in the light of all
# that is before it.
_MAX_ANAPHORS = 12
# "The king who", "a man of letters that": possessive, so that a row of words is gone through once.
_MODIFIED = re.compile(r"\b(?:the|an?) (?P<words>(?:[a-z]+ )++)(?P<last>[a-z]*+\b)?")
_MODIFIERS = frozenset(["that", "which", "and", "when", "before", "after", "because"])


@dataclass(frozen=True, slots=True)
class Anaphor:
    """A word, with the noun after it if there is one, that stands for something else.

    Attributes:
        word: in lower case.
        noun: "year" of "that year", in lower case, with what stands between; "" where it stands alone.
        start: offset of its first code point in the question.
        end: offset after its last one.
    """

    word: str
    noun: str
    start: int
    end: int


def resolved(text: str, memory: Said) -> list[str]:
    """Return a question with what stands for something said before replaced by it, the likeliest first.

    Args:
        text: without fillers.
        memory: what was said.

    Returns:
        Nothing where nothing in it does: it may stand alone.
    """
    # "Who refused to do it?"
    done = _DOING.search(text)
    if done and memory.deed and not re.search(r"\bwhat\b", text, re.IGNORECASE):
        text = text[: done.start()] + memory.deed + text[done.end() :]
    found = list(islice(_anaphors(text), _MAX_ANAPHORS))
    if not found:
        return [text] if done else []
    readings = []
    for rank in range(2):
        put, changed = text, False
        sexes = list(
            dict.fromkeys(one.word[0] == "h" and one.word[:3] != "her" for one in found if one.word in _PERSONAL)
        )
        for one in reversed(found):
            # "Why did he push her": two people.
            other = one.word in _PERSONAL and sexes.index(one.word[0] == "h" and one.word[:3] != "her")
            new = _meant(one, text, memory, rank + int(other))
            if new is not None:
                put = put[: one.start] + new + put[one.end :]
                changed = True
        if changed:
            readings.append(put)
    return list(dict.fromkeys(readings)) or [text]


def _anaphors(text: str) -> Iterator[Anaphor]:
    named = mentions(text)
    for match in _PRONOUN.finditer(text):
        word = match[1].lower()
        before = text[: match.start()].split()[-1:]
        after = text[match.end() :].strip().rstrip("?!. ,").split(None, 1)[:1]
        if any(one.start <= match.start() < one.end for one in named):
            continue  # "He Jiankui"
        noun, end = "", match.end()
        if before and before[-1].lower() == "like":
            continue
        if word in ("this", "that", "these", "those", "such"):
            if word == "that" and not _demonstrative(before, after):
                continue
            noun, end = _noun_after(text, match.end(), plural=word in ("these", "those"))
        elif word == "there" and (
            (before and before[-1].lower() in AUXILIARIES) or (after and after[0].lower() in AUXILIARIES)
        ):
            continue  # "is there"
        elif word in _PERSONAL | _PLURAL | {"it", "its"} and _bound(
            word, text, match.start(), [m for m in named if m.end <= match.start()]
        ):
            continue
        yield Anaphor(word, noun, match.start(), end)


def _demonstrative(before: list[str], after: list[str]) -> bool:
    """Whether "that" points at something, and is not what a clause begins with."""
    if not after or not before:
        return True
    last = before[-1].lower()
    if last in _AFTER_NO_NOUN or last in AUXILIARIES:
        return True
    return after[0].lower() in _TIMES


def _noun_after(text: str, end: int, *, plural: bool) -> tuple[str, int]:
    """The words after a demonstrative that may be its noun, and where they end."""
    kept: list[str] = []
    for word in text[end:].split(" ")[1:5]:
        bare = word.rstrip("?!.,;:'")
        if not bare.isalpha() or not bare.islower() or bare in _AFTER_NO_NOUN or bare in AUXILIARIES:
            break
        kept.append(bare)
        if len(bare) < len(word) or bare in _TIMES or bare in PEOPLE:
            break
        if plural and bare.endswith(("s", "men")) and not bare.endswith("ss"):
            break
    noun = " ".join(kept)
    return noun, end + (len(noun) + 1 if noun else 0)


def _bound(word: str, text: str, start: int, earlier: list[Mention]) -> bool:
    """Whether what a pronoun stands for is in the question itself, before it."""
    asked = taken_apart(text)
    before = text[:start]
    if word in _PERSONAL:
        if any(one.kind == "person" or re.fullmatch(r"[A-Z][\w'’-]+", one.text) for one in earlier):
            return True
        if re.search(
            r"\b(?:an?|the) (?:\w+ )?(?:man|woman|patient|doctor|king|president|minister|scientist|mother)\b", before
        ):
            return True
    elif word in _PLURAL:
        if re.search(r"\b[a-z]{3,}[^\Wsu]s\b", re.sub(r"^\S+", "", before)) or len(earlier) > 1:
            return len(before.split()) > 2
    elif any(one.kind in ("thing", "several") for one in earlier) or _has_modified_noun(before):
        return True
    # "Who ran in Boston under her initials": whoever is asked for.
    if asked.word != "who" or word not in _PERSONAL:
        return False
    clause = re.search(r"\b(?:because|when|after|before|although|that|who|while|and|though|since|if)\b", before[4:])
    return bool(clause) or (not asked.auxiliary and len(before.split()) >= 3)


def _has_modified_noun(text: str) -> bool:
    """Return whether a noun with its article is followed by "that", "which", "and" or the like, with words between."""
    rows = ((match["words"].split(), match["last"]) for match in _MODIFIED.finditer(text))
    return any(not _MODIFIERS.isdisjoint([*words[1:], last]) for words, last in rows)


def _meant(one: Anaphor, text: str, memory: Said, rank: int) -> str | None:
    """What an anaphor most likely stands for, as it is put into the question; None where nothing is known."""
    named = memory.named
    if one.noun:
        return _of_noun(one, text, memory, rank)
    if one.word in _PERSONAL:
        pool = named["person"]
    elif one.word in _PLURAL:
        pool = [*named["several"], *named["person"], *named["thing"]]
    elif one.word in ("it", "its"):
        pool = [*named["thing"], *named["several"][:1]]
    elif one.word == "there":
        pool = [f"in {name}" for name in named["thing"]]
    elif one.word == "then":
        pool = [f"in {name}" for name in named["time"]] or [f"when {memory.statement}"]
    else:
        clause = memory.turn.answer if memory.phrasing.word == "what" and memory.phrasing.auxiliary else None
        pool = [*([clause] if clause else []), memory.statement, *named["thing"][:1]]
        return _ranked(pool, rank)
    if not pool:
        return None
    name = _ranked(pool, rank)
    if _possessive(one, text):
        return f"{name}'" if name.endswith("s") and one.word == "their" else f"{name}'s"
    return name


def _possessive(one: Anaphor, text: str) -> bool:
    if one.word in _POSSESSIVE:
        return True
    after = text[one.end :].strip().rstrip("?!. ").split()
    return one.word == "her" and bool(after) and after[0].lower() not in _AFTER_NO_NOUN


_PLACES = ("place", "spot", "city", "town", "village", "country", "region", "site", "area")


def _of_noun(one: Anaphor, text: str, memory: Said, rank: int) -> str | None:
    """What "that year", "this crisis" or "these two women" most likely stand for, with the words after the noun."""
    words = one.noun.split()
    for at, word in enumerate(words):
        after = "".join(f" {other}" for other in words[at + 1 :])
        if word in _TIMES and memory.named["time"]:
            name = _ranked(memory.named["time"], rank)
            put = f"in {name}" if word in _YEARS else f"on {name}"
            if re.search(r"\b(?:in|on|at|of|during|after|before|since|until) $", text[: one.start]):
                put = name
            return put + after
        if word in PEOPLE or word in ("men", "women", "people"):
            pool = memory.named["several" if one.word in _PLURAL else "person"]
            return _ranked(pool, rank) + after if pool else None
        if word == "one" and at == 0 and (things := [*memory.named["thing"], *memory.named["person"]]):
            return _ranked(things, rank) + after
        singular = word.rstrip("s")
        if memory.phrasing.head.rstrip("s").lower() == singular and memory.turn.answer:
            return memory.turn.answer + after
        for kind in ("thing", "several"):
            for name in memory.named[kind]:
                if len(singular) > 2 and re.search(rf"\b{re.escape(singular)}", name, re.IGNORECASE):
                    return name + after
        if word in _PLACES and at == 0 and memory.named["thing"]:
            return _ranked(memory.named["thing"], rank) + after
    return None


def _ranked(pool: list[str], rank: int) -> str:
    return pool[min(rank, len(pool) - 1)]
