"""A question and what was said before → how it may be understood.  Pure, deterministic, English.

There is no language model in it.  A question that stands alone is left alone.  One that leans on what was said is put
anew: what is left out is taken from the question before (ellipsis), pronouns and "that year" give way to what they may
stand for, "else" asks again without what was answered.  Where more than one reading is possible all are returned, and
the caller keeps the one that the articles support best (qa.followups.retrieval_budget).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from index import question_language
from qa.followups import anaphora
from qa.followups.dialogue_state import Said, said
from qa.followups.ellipsis import ELSE, asking_for_someone, is_clause, reasons, repeated, spliced, without_else
from qa.followups.entities import mentions
from qa.followups.ordinals import pointed_at
from qa.followups.question_parser import bare, taken_apart
from qa.followups.substitution import says_what_not
from qa.types import MAX_QUESTION_CHARACTERS, Turn

# Turns of a conversation that are looked back on.
TURNS = 6
# Readings that are tried, at most.
READINGS = 5
# What the answer of the next likely reading counts beside that of the one before, and that of the question untouched.
SECOND = 0.75
RAW = 0.6
_MAX_TOPIC = 300
_MAX_ITEMS = 50


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to understand a question.

    Attributes:
        question: what it is understood to be.
        query: what is looked for; more than the question where that alone leaves the topic out.
        weight: how likely this reading is beside the others, 0..1; what its answer's confidence counts.
        without: answers that are not wanted, since they were given.
        leans: whether it goes on from what was said, so that the same articles are likely to answer it.
        kind: how it came about: the likeliest by the rules, another by the rules, as it was asked but with what the
            question before says put behind it, or its answer, or as it was asked alone.
    """

    question: str
    query: str
    weight: float = 1.0
    without: tuple[str, ...] = ()
    leans: bool = False
    kind: Literal["first", "other", "stated", "answered", "alone"] = "other"


def variants(question: str, history: Sequence[Turn]) -> tuple[Variant, ...]:
    """Return how a question may be understood, the likeliest first, at least one and at most READINGS.

    Args:
        question: as it was asked, trimmed.
        history: what was said before, in order; the last TURNS count.
    """
    if not history:
        return (Variant(question, question, kind="alone"),)
    memory = said([_shortened(turn) for turn in history[-TURNS:]])
    topic = memory.topic[:_MAX_TOPIC]
    if question_language(question) not in (None, "en"):
        with_topic = Variant(question, f"{question} {topic}", 0.9, leans=True)
        return (Variant(question, question, kind="first"), with_topic)
    found: dict[str, Variant] = {}
    readings = _readings(question, memory, topic)
    if readings[0].leans:
        asked_alone = [one for one in readings if one.kind == "alone"]
        rules = [one for one in readings if one.kind != "alone"]
        # "The older act": nothing is asked in these words alone.
        readings = (
            rules[:3] if _is_fragment(question) else [*rules[:2], *asked_alone, *_as_asked(question, memory, topic)]
        )
    for one in readings:
        put = " ".join(one.question.split())
        # What does not fit, or says nothing, is no question any more.
        if len(put) <= MAX_QUESTION_CHARACTERS and any(map(str.isalnum, put)):
            found.setdefault(put, replace(one, question=put if put != " ".join(question.split()) else question))
    kept = list(found.values())[:READINGS] or [Variant(question, f"{question} {topic}".strip(), leans=True)]
    return (replace(kept[0], weight=1.0, kind="first"), *kept[1:])


def _is_fragment(question: str) -> bool:
    text = bare(question)[0]
    phrasing = taken_apart(text)
    return not phrasing.opening and not phrasing.whole and not is_clause(text, phrasing)


def _as_asked(question: str, memory: Said, topic: str) -> list[Variant]:
    """The question as it was asked, with what was said put behind it: what the rules make of it may be wrong."""
    text = bare(question)[0].rstrip("?!. ")
    last = (memory.turn.answer,) if memory.turn.answer else ()
    query = f"{text} {topic}"
    stated = Variant(f"{text} when {memory.statement}?", query, SECOND, last, leans=True, kind="stated")
    return [stated, *(Variant(f"{text}, {one}?", query, RAW, last, leans=True, kind="answered") for one in last)]


def _readings(question: str, memory: Said, topic: str) -> list[Variant]:
    text, goes_on, corrects = bare(question)
    given = tuple(memory.answers)
    last = (memory.turn.answer,) if memory.turn.answer else ()
    if reasons(text):
        why = _asked("Why", memory)
        return [Variant(why, f"{why} {topic}", leans=True, without=last)]
    pointing = text
    text = pointed_at(asking_for_someone(text), memory)
    pointed = text != pointing
    if ELSE.search(text):
        again = without_else(text, memory)
        meant = [reading for one in again for reading in anaphora.resolved(one, memory) or [one]]
        names = tuple(one.text for one in mentions(memory.question)) if memory.phrasing.word != "where" else ()
        return [
            Variant(one, f"{one} {topic}", SECOND**place, (*given, *names), leans=True)
            for place, one in enumerate(meant)
        ]
    phrasing = taken_apart(text)
    without = last if corrects else ()
    put = anaphora.resolved(text, memory)
    whole = repeated(text, phrasing, memory)
    if not whole and not phrasing.whole and not is_clause(text, phrasing):
        if put and not phrasing.opening and not says_what_not(text):
            # "Their coach?"
            whole = [*(f"What is {one.rstrip('?!. ')}?" for one in put[:2])]
        else:
            whole = spliced(text, phrasing, memory)
    if whole:
        return [Variant(one, f"{one} {topic}", SECOND**place, given, leans=True) for place, one in enumerate(whole)]
    if put:
        return [
            *(Variant(one, f"{one} {topic}", SECOND**place, last, leans=True) for place, one in enumerate(put[:2])),
            Variant(text, f"{text} {topic}", RAW, last, leans=True),
            *([Variant(question, question, RAW, kind="alone")] if _names_something(text) and not goes_on else []),
        ]
    alone = Variant(question, question, kind="alone")
    if corrects or pointed:
        return [Variant(text, f"{text} {topic}", 1.0, without, leans=True)]
    if _names_something(text) and not goes_on:
        return [alone]
    return [Variant(text, f"{text} {topic}", leans=True), Variant(question, question, SECOND, kind="alone")]


def _names_something(text: str) -> bool:
    return bool(mentions(text))


def _asked(opening: str, memory: Said) -> str:
    return f"{opening} {memory.phrasing.with_answer(memory.turn.answer)}?"


def _shortened(turn: Turn) -> Turn:
    """The same within bounds: what is read of each turn must not grow with what others send as history."""
    longest = max(len(turn.question), len(turn.answer or ""), len(turn.sentence or ""), len(turn.title or ""))
    if longest <= 1_000 and sum(map(len, turn.items)) <= 1_000 and len(turn.items) <= _MAX_ITEMS:
        return turn
    return Turn(
        turn.question[:1_000],
        None if turn.standalone_question is None else turn.standalone_question[:1_000],
        None if turn.answer is None else turn.answer[:1_000],
        tuple(item[:200] for item in turn.items[:_MAX_ITEMS]),
        None if turn.sentence is None else turn.sentence[:1_000],
        None if turn.title is None else turn.title[:300],
    )
