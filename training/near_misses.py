"""Training examples → questions that nearly fit a passage and have no answer there, made by rule.

Each kind is one way in which a reader is fooled:

- ``name``, ``place``, ``time``, ``number``: what the question names gives way to another of the same kind, of the same
  passage or of the same data (Rajpurkar et al. 2018, arXiv:1806.03822, "entity swap");
- ``relation``: one word gives way to its opposite or its sibling (``relations.toml``), of which the passage is silent;
- ``attribute``: the passage speaks of the subject, not of what is asked about it;
- ``negated``: the sentence with the answer says that it is not so.

The passages that word search brings up are ``reading_data.negatives``.
"""

import calendar
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from training.names import STOP_WORDS, Lexicon, names_in
from training.relations import has_templates, siblings, silent_templates

Row = dict[str, Any]
KINDS = ("name", "place", "time", "number", "relation", "attribute", "negated")

_WORD = re.compile(r"\w+")
_SENTENCE = re.compile(r"[^.!?\n]+(?:[.!?](?![\s\"”')\]]*(?:[A-Z\"“(]|$))[^.!?\n]*)*[.!?\"”')\]]*\s*")
_YEAR = re.compile(r"\b(?:1[0-9]{3}|20[0-4][0-9])\b")
_NUMBER = re.compile(r"(?<![\w.,-])\d[\d,.]*\d\b(?![-\w])|(?<![\w.,-])\d\b(?![-.\w])")
_MONTHS = calendar.month_name[1:]
_MONTH = re.compile(rf"\b(?:{'|'.join(_MONTHS)})\b")
_DECADE = re.compile(r"\b(1[5-9]|20)(\d)0s\b")
_CENTURY = re.compile(r"\b(\d{1,2})(?:st|nd|rd|th)(?=[ -]century)")
# A time before, after or between which something else may have been: another number may well have the same answer.
_BOUND = re.compile(
    r"\b(?:before|after|since|until|by|between|from|to|over|than|least|most|and|around|about)\s+$", re.I
)
_TIME = re.compile(
    r"\d|\b(?:january|february|march|april|may|june|july|august|september|october|november|december|monday|tuesday"
    r"|wednesday|thursday|friday|saturday|sunday|today|yesterday|tomorrow|century|centuries|decade|years?|months?|weeks?"
    r"|days?|when|while|during|after|before|since|until|once|later|now|ago|morning|evening|night|spring|summer|autumn"
    r"|winter|early|late|recently|time|season|easter|christmas|era|age|reign|war|wars)\b",
    re.I,
)
_COUNT = re.compile(
    r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozens?|hundreds?|thousands?|millions?"
    r"|billions?|half|both|several|many|few|pair|couple|single|twice|percent|all|no|none)\b",
    re.I,
)
_VERB = re.compile(
    r"\b(was|were|is|are|had been|has been|have been|will be|will|can|could|would)\b(?! (?:not|never|n't))"
)
_ASKED_VERB = re.compile(r"\b(did|does|do|was|were|is|are|has|have|had|can|could|would|will)\b")


def make(rows: Sequence[Row], settings: dict[str, Any], dice: random.Random) -> list[Row]:
    """Return near-misses of answerable examples, each with its ``kind`` and the stretch that a crop must ``keep``.

    Args:
        rows: the examples; those of ``settings["from"]`` that have an answer are turned.
        settings: ``from``, and for each of KINDS how many at most.
        dice: decides.
    """
    chosen = [row for row in rows if row["src"] in settings["from"] and row["answers"] and not row.get("multi")]
    lexicon = Lexicon(row for row in rows if row["answers"])
    ways = {
        "name": lambda row: _other_name(row, lexicon, dice, of_places=False),
        "place": lambda row: _other_name(row, lexicon, dice, of_places=True),
        "time": lambda row: _other_time(row, dice),
        "number": lambda row: _other_number(row, dice),
        "relation": lambda row: _other_relation(row, dice),
        "negated": lambda row: _negated(row, dice),
    }
    turned: list[Row] = []
    for kind, way in ways.items():
        order = dice.sample(chosen, len(chosen))
        turned += [row | {"kind": kind} for row in _first(settings[kind], (way(row) for row in order))]
    order = dice.sample(chosen, len(chosen))
    attribute = _first(settings["attribute"] // 4, (_unasked(row, dice) for row in order))
    attribute += _first(settings["attribute"] // 4, (_template(row, lexicon, dice) for row in order))
    attribute += _first(settings["attribute"] - len(attribute), _asked_elsewhere(order, dice))
    turned += [row | {"kind": "attribute"} for row in attribute]
    return turned


def evidence(row: Row, longest: int = 500) -> tuple[int, int] | None:
    """Return the stretch of a passage with the answer and the nearest mention of each name of the question.

    A crop without what the question names would make an answerable question look like one about something else.

    Args:
        row: an example with an answer.
        longest: characters; a name further away is left out.

    Returns:
        First character and end, None where there is no answer or several make it up.
    """
    if not row["answers"] or row.get("multi"):
        return None
    start = row["answers"][0]["start"]
    return _around(row["context"], start, start + len(row["answers"][0]["text"]), row["question"], longest)


def _around(text: str, start: int, end: int, question: str, longest: int) -> tuple[int, int]:
    """The stretch grown to the nearest mention of each name and number of a question."""
    first, last = start, end
    for name in [name for name, _ in names_in(question)] + _YEAR.findall(question):
        mentions = [match.span() for match in re.finditer(rf"\b{re.escape(name)}\b", text)]
        if mentions:
            low, high = min(mentions, key=lambda span: max(start - span[1], span[0] - end))
            if max(last, high) - min(first, low) <= longest:
                first, last = min(first, low), max(last, high)
    return first, last


def _first(count: int, rows: Iterator[Row | None]) -> list[Row]:
    return list(islice((row for row in rows if row is not None), count))


def _turned(row: Row, start: int, end: int, words: str) -> Row:
    """The example with one stretch of its question changed, and without an answer."""
    question = row["question"][:start] + words + row["question"][end:]
    return _unanswered(row, question)


def _unanswered(row: Row, question: str) -> Row:
    answer = row["answers"][0]
    low, high = answer["start"], answer["start"] + len(answer["text"])
    keep = _around(row["context"], low, high, question, 500)
    return {**row, "question": question, "answers": [], "impossible": True, "keep": keep}


def content(text: str) -> set[str]:
    """Return the telling words of a text, each by its first five letters: "opened" is "opens"."""
    return {word[:5] for word in _WORD.findall(text.lower()) if word not in STOP_WORDS}


def sentences(text: str) -> list[tuple[int, int]]:
    """Return where each sentence of a text begins and ends, roughly."""
    return [match.span() for match in _SENTENCE.finditer(text)]


def _could_answer(row: Row, question: str, name: str) -> bool:
    """Whether a sentence with this name, or one beside it, speaks of what the changed question asks.

    Such a sentence has the answer's words or half of the question's other telling words.
    """
    text = row["context"]
    rest = content(question) - content(name)
    spans = sentences(text)
    for number, span in enumerate(spans):
        own = text[slice(*span)]
        if not re.search(rf"\b{re.escape(name)}\b", own):
            continue
        low, high = spans[max(0, number - 1)][0], spans[min(len(spans) - 1, number + 1)][1]
        if any(answer["text"].lower() in own.lower() for answer in row["answers"]):
            return True
        if 2 * len(rest & content(text[low:high])) >= max(1, len(rest)):
            return True
    return False


def _other_name(row: Row, lexicon: Lexicon, dice: random.Random, of_places: bool) -> Row | None:
    """Another name of the same kind; every second time one of the passage, where there is one that does not fit."""
    question, text = row["question"], row["context"]
    in_text = [name for name, _ in names_in(text)]
    in_question = [(name, start) for name, start in names_in(question) if start]
    dice.shuffle(in_question)
    answers = " ".join(answer["text"] for answer in row["answers"])
    for name, start in in_question:
        kind = lexicon.kind(name, in_text)
        # Of what the passage does not name, the question may be about its subject in other words.
        if kind is None or (kind == "place") != of_places or not _shares_word(name, text):
            continue
        within = sorted(
            {
                other
                for other in in_text
                if lexicon.kind(other, in_text) == kind
                and not _shares_word(other, f"{question} {answers}")
                and not _could_answer(row, question[:start] + other + question[start + len(name) :], other)
            }
        )
        if within and dice.random() < 0.5:
            return _turned(row, start, start + len(name), dice.choice(within))
        for other in dice.sample(lexicon.of_kind[kind], min(8, len(lexicon.of_kind[kind]))):
            alike = abs(len(other.split(" ")) - len(name.split(" "))) <= 1
            if alike and not _shares_word(other, f"{question} {text}"):
                return _turned(row, start, start + len(name), other)
    return None


def _shares_word(name: str, text: str) -> bool:
    words = {word for word in _WORD.findall(name.lower()) if len(word) > 2 and word not in STOP_WORDS}
    return bool(words & set(_WORD.findall(text.lower())))


def _other_time(row: Row, dice: random.Random) -> Row | None:
    """Another year, month, decade or century."""
    question, text = row["question"], row["context"]
    years = [match for match in _YEAR.finditer(question) if not _BOUND.search(question[: match.start()])]
    if years:
        match = dice.choice(years)
        year = int(match.group())
        in_text = {int(other) for other in _YEAR.findall(text)}
        within = [
            str(other)
            for other in sorted(in_text)
            if str(other) not in question and not _could_answer(row, question, str(other))
        ]
        if within and dice.random() < 0.5:
            return _turned(row, *match.span(), dice.choice(within))
        others = [year + sign * step for step in (1, 2, 3, 5, 8, 10, 20) for sign in (1, -1)]
        # A year between two that the passage names may lie in a span of time it speaks of.
        low, high = min(in_text, default=year), max(in_text, default=year)
        free = [other for other in others if other not in in_text and (other < low or other > high or low == high)]
        if year in in_text and min(free, default=0) >= 1000 and max(free) < 2050:
            return _turned(row, *match.span(), str(dice.choice(free)))
        return None
    month = _MONTH.search(question)
    if month and month.group() in text and not _BOUND.search(question[: month.start()]):
        others = [other for other in _MONTHS if other not in text and other not in question]
        return _turned(row, *month.span(), dice.choice(others)) if others else None
    decade = _DECADE.search(question)
    if decade and decade.group() in text:
        free = [f"{decade.group(1)}{digit}0s" for digit in range(10)]
        free = [other for other in free if other not in text and other[:3] not in text and other not in question]
        return _turned(row, *decade.span(), dice.choice(free)) if free else None
    century = _CENTURY.search(question)
    if century and century.group() in text:
        free = [f"{number}th" for number in range(4, 20) if f"{number}th" not in text + question]
        return _turned(row, *century.span(), dice.choice(free)) if free else None
    return None


def _other_number(row: Row, dice: random.Random) -> Row | None:
    """Another number with as many digits, which the passage does not have."""
    question, text = row["question"], row["context"]
    numbers = [
        match
        for match in _NUMBER.finditer(question)
        if not _YEAR.fullmatch(match.group())
        and not _BOUND.search(question[: match.start()])
        and re.search(rf"\b{re.escape(match.group())}\b", text)
    ]
    if not numbers:
        return None
    match = dice.choice(numbers)
    for _ in range(9):
        rest = match.group()[1:]
        other = str(dice.randint(1, 9)) + "".join(str(dice.randint(0, 9)) if sign.isdigit() else sign for sign in rest)
        if other != match.group() and not re.search(rf"\b{re.escape(other)}\b", text + " " + question):
            return _turned(row, *match.span(), other)
    return None


def _other_relation(row: Row, dice: random.Random) -> Row | None:
    """One word of the question changed for its opposite or its sibling, of which the passage has no word."""
    question = row["question"]
    ways = siblings(question, row["context"])
    if not ways:
        return None
    way = dice.choice(ways)
    words = way.words if not question[way.start].isupper() else way.words[0].upper() + way.words[1:]
    changed = _turned(row, way.start, way.end, words)
    return changed | {"question": re.sub(r"\b([Aa])n? (?=[aeio])", r"\1n ", changed["question"])}


def _negated(row: Row, dice: random.Random) -> Row | None:
    """The sentence with the answer says the contrary; one time in five the question asks for what is not so."""
    answer, text = row["answers"][0], row["context"]
    if dice.random() < 0.2:
        if re.search(r"\b(?:not|never|no|except|only)\b|n't\b", text + " " + row["question"]):
            return None
        match = _ASKED_VERB.search(row["question"])
        if match is None:
            return None
        # "Where was Ida Holm not born": after the subject, which is a name.
        rest = row["question"][match.end() :]
        subject = next(((name, start) for name, start in names_in(rest) if start == 1), None)
        if subject is None or match.group() in ("is", "are") or not rest[1 + len(subject[0]) :].startswith(" "):
            return None
        at = match.end() + 1 + len(subject[0])
        return _turned(row, at, at, f" {dice.choice(['not', 'never'])}")
    if text.lower().count(answer["text"].lower()) != 1:
        return None
    low, high = next(
        ((low, high) for low, high in sentences(text) if low <= answer["start"] < high), (0, answer["start"])
    )
    verbs = list(_VERB.finditer(text, low, answer["start"]))
    # The clause's own verb: the last one before the answer, nothing of another clause between.
    if not verbs or re.search(r"[,;:()]|\b(?:and|but|who|which|that|while)\b", text[verbs[-1].end() : answer["start"]]):
        return None
    verb = verbs[-1]
    if re.search(r"\b(?:no|not|never|nor|neither|only|if|whether)\b", text[low:high]):
        return None
    first = verb.group().split(" ")[0]
    denial = dice.choice([" not", " never"]) if first not in ("will", "can") else " not"
    at = verb.start() + len(first)
    keep = _around(text, answer["start"], answer["start"] + len(answer["text"]), row["question"], 500)
    context = text[:at] + denial + text[at:]
    keep = (min(keep[0], low), min(len(context), max(keep[1], high) + len(denial)))
    return {**row, "context": context, "answers": [], "impossible": True, "keep": keep}


def _asked_elsewhere(rows: Sequence[Row], dice: random.Random) -> Iterator[Row | None]:
    """Questions of other passages under the same title, about a name that this passage has too."""
    by_title: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        if row.get("title"):
            by_title[(row["src"], row["title"])].append(row)
    times: Counter[str] = Counter()
    for row in rows:
        others = by_title[(row["src"], row.get("title") or "")]
        title = content(row.get("title") or "")
        for other in dice.sample(others, min(12, len(others))):
            text = row["context"]
            if other["context"] == text or times[other["question"]] >= 2:
                continue
            names = {name for name, start in names_in(other["question"]) if start or " " in name}
            mentioned = [name for name in sorted(names) if name in text]
            attribute = content(other["question"]) - title - {part for name in names for part in content(name)}
            if not mentioned or len(mentioned) < len(names) or len(attribute) < 2:
                continue
            # It would have to speak of none of what is asked, or it may say the same in other words.
            if 2 * len(attribute & content(text)) > len(attribute) or _holds(text, other):
                continue
            times[other["question"]] += 1
            start = text.index(mentioned[0])
            keep = start, start + len(mentioned[0])
            yield {**row, "question": other["question"], "answers": [], "impossible": True, "keep": keep}
            break


def _holds(text: str, row: Row) -> bool:
    """Whether a passage has the words of an example's answer, or its numbers."""
    for answer in row["answers"]:
        if answer["text"].lower() in text.lower():
            return True
        if set(re.findall(r"\d+", answer["text"])) & set(re.findall(r"\d+", text)):
            return True
    return False


def _unasked(row: Row, dice: random.Random) -> Row | None:
    """A question asks when, or how many, of what the passage gives no time and no number for."""
    question, text = row["question"], row["context"]
    match = re.match(
        r"(?:Where|Why|How|With whom|For whom|By whom) (?=(?:did|was|were|does|do|is|are|has|had) )", question
    )
    if match and not _TIME.search(text):
        return _turned(row, 0, match.end(), "When ")
    match = re.match(r"(?:What|Which) (?:kinds?|types?|sorts?) of (?=\w+s\b)", question)
    if match and not _COUNT.search(text) and dice.random() < 0.5:
        return _turned(row, 0, match.end(), "How many ")
    return None


def _template(row: Row, lexicon: Lexicon, dice: random.Random) -> Row | None:
    """A plain question about a name of the passage, which has no word of what is asked."""
    text = row["context"]
    names = names_in(text)
    subjects = [(name, start, lexicon.kind(name, [other for other, _ in names])) for name, start in names]
    subjects = [subject for subject in subjects if has_templates(subject[2]) and len(subject[0]) > 3]
    if not subjects or dice.random() < 0.5:
        return None
    name, start, kind = dice.choice(subjects)
    ways = silent_templates(str(kind), text)
    if not ways:
        return None
    question = dice.choice(ways).format(name=name) + dice.choice(["?", "?", "?", ""])
    if dice.random() < 0.15:
        question = question.lower()
    return {**row, "question": question, "answers": [], "impossible": True, "keep": (start, start + len(name))}
