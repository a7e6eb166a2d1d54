"""What a conversation has spoken of so far: people, things, groups, times; the likeliest first.  Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from qa.followups.entities import Kind, kind_of, mentions
from qa.followups.question_parser import Phrasing, bare, taken_apart
from qa.followups.verbs import plain_form
from qa.types import Turn

# An answer beyond so many words is a clause, and no name for anything.
_MAX_NAME_WORDS = 8
_DETERMINER = r"(?:the|an?|its|his|her|their|some|all|most)"
_STOPS = (
    "in on at to from by for with of into before after since until during under over against through about is are was "
    "were do does did has have had and or but that which who whose when where why how not than as also"
)
_STOP = rf"(?:{'|'.join(_STOPS.split())})"
# Auxiliaries that go with what is several.
_OF_SEVERAL = ("do", "were", "are", "have", "did", "can", "could", "will", "would", "should", "must", "may", "might")
_NOUNS = re.compile(
    rf"^(?:{_DETERMINER} )?(?!{_STOP}\b)[\w'’-]+(?: (?!{_STOP}\b)[\w'’-]+){{0,3}}"
    rf"(?: (?:of|in|behind|on|to|from|off) (?:the |an? )?[A-Z][\w-]*(?: [A-Z][\w-]*)*)?"
)
_PLACED = re.compile(r"\b(?:in|at|on|to|from|into|near|over|under|through|across)(?: the)? $", re.IGNORECASE)
# Characters before a name that _PLACED may need: "through the " and what is before it.
_REACH = 16
_LOWER_NOUN = re.compile(rf"\b(?:the|an?) (?!{_STOP}\b)(?:[a-z-]*[^\Ws] )?(?!{_STOP}\b)[a-z-]+\b")

_SPLIT = re.compile(r",? (?:and|or|&) |, ")
_SEVERAL = re.compile(
    r"((?:[A-Z][\w'’-]*)(?: [A-Z][\w'’-]*)*)(?:,? (?:and|or) |, )(?:the )?([A-Z][\w'’-]*(?: [A-Z][\w'’-]*)*)"
)


@dataclass(slots=True)
class Said:
    """What a conversation has spoken of; made by said().

    Attributes:
        turn: the last one.
        question: as it was understood.
        phrasing: that question in its parts.
        answers: the texts of all answers and of their members, the last first.
        named: what was named, of each kind, the likeliest to be meant first.
        lists: what was named together, of each turn, the last first.
        title: of the article of the last answer that has one, "" where none has.
    """

    turn: Turn
    question: str
    phrasing: Phrasing
    answers: list[str] = field(default_factory=list)
    named: dict[Kind, list[str]] = field(default_factory=lambda: {"person": [], "thing": [], "several": [], "time": []})
    lists: list[list[str]] = field(default_factory=list)
    title: str = ""

    @property
    def topic(self) -> str:
        """What was spoken of last, in a few words: the question as it was understood, and the article's title."""
        names = [one.text for one in mentions(self.question)]
        rest = " ".join(names) if names else self.phrasing.rest
        return " ".join(part for part in (rest, self.title) if part)

    @property
    def statement(self) -> str:
        """What the last question says once it is answered, about as a clause."""
        if self.phrasing.auxiliary:
            return self.phrasing.rest
        return f"{self.turn.answer or 'they'} {self.phrasing.rest}"

    @property
    def deed(self) -> str:
        """What the last question says that somebody did, in the plain form: "mend the clock"."""
        rest = self.phrasing.rest
        if self.phrasing.auxiliary:
            subject = subject_of(self.phrasing)
            return rest[len(subject) :].strip() if subject and rest.startswith(subject) else ""
        verb, _, after = rest.partition(" ")
        return f"{plain_form(verb)} {after}".strip()

    def add(self, kind: Kind, name: str) -> None:
        """Remember something that was named, unless it is known."""
        known = self.named[kind]
        if name and len(name.split()) <= _MAX_NAME_WORDS and name.lower() not in (one.lower() for one in known):
            known.append(name)


def said(turns: Sequence[Turn]) -> Said:
    """Return what some turns have spoken of.

    Args:
        turns: in order, at least one.
    """
    last = turns[-1]
    question = bare(last.standalone_question or last.question)[0]
    found = Said(last, question, taken_apart(question))
    for turn in reversed(turns):
        _remember(found, turn)
    for turn in reversed(turns):
        found.title = found.title or turn.title or ""
        if turn.sentence:
            for one in mentions(turn.sentence):
                if one.kind == "person":
                    found.add("person", one.text)
    return found


def _remember(found: Said, turn: Turn) -> None:
    question = bare(turn.standalone_question or turn.question)[0]
    asked = taken_apart(question)
    found.lists.append(_members(turn.answer, turn.items, question))
    found.answers += [text for text in (turn.answer, *turn.items) if text]
    answered = [] if turn.answer is None else [(_answer_kind(asked, turn), turn.answer)]
    named: list[tuple[Kind, str]] = []
    counted = re.match(r"(?:how many|which|what) (.+)$", asked.opening, re.IGNORECASE)
    if counted and re.search(r"[a-z]{2}[^su]s\b|men\b|people\b", counted[1]):
        named.append(("several", f"the {counted[1]}"))
    subject = subject_of(asked)
    if subject:
        named.append((_subject_kind(asked, subject), subject))
    spoken = [(one.kind, one.text, one.start) for one in mentions(question)]
    spoken += [("thing", match.group(), match.start()) for match in _LOWER_NOUN.finditer(question)]
    # What something was done to comes before where that was.
    spoken.sort(key=lambda one: _PLACED.search(question[max(0, one[2] - _REACH) : one[2]]) is not None)
    named += [(kind, name) for kind, name, _ in spoken]
    if asked.head and turn.answer is None and asked.word in ("which", "what"):
        named.insert(0, (kind_of(f"the {asked.head}"), f"the {asked.head}"))
    # "Which telescope ...?" is answered with what is spoken of next; "When did it ...?" is not.
    of_answer = (
        asked.word in ("who", "whom", "whose", "which", "what")
        and not asked.opening.lower().startswith(("in ", "at ", "on "))
        and not (asked.opening.lower() == "what" and asked.auxiliary in ("do", "does", "did"))
    )
    for kind, name in [*answered, *named] if of_answer else [*named, *answered]:
        found.add(kind, name)
        if kind == "thing" and _may_be_person(name):
            found.add("person", name)
    if turn.items:
        found.named["several"].insert(0, turn.answer or "")


def _answer_kind(asked: Phrasing, turn: Turn) -> Kind:
    kind = kind_of(turn.answer or "")
    if turn.items or kind == "several":
        return "several"
    if asked.word == "when" or kind == "time":
        return "time"
    if asked.word in ("who", "whom", "whose") and kind == "thing":
        return "several" if re.search(r"[a-z]s$", turn.answer or "") and " " in (turn.answer or "") else "person"
    return kind


def _subject_kind(asked: Phrasing, subject: str) -> Kind:
    if asked.auxiliary in ("are", "were", "do", "have") or re.search(
        r"^(?:the |[A-Z]\w+['’]s )?[\w -]*[a-z]{2,}[^su]s$", subject
    ):
        return "several"
    return kind_of(subject)


def subject_of(asked: Phrasing) -> str:
    """Return what a question with an auxiliary is asked of: "the capital controls in Iceland"; "" where unclear."""
    if not asked.auxiliary:
        return ""
    named = next(iter(mentions(asked.rest)), None)
    after = asked.rest[named.end : named.end + 2] if named is not None else ""
    if named is not None and asked.rest.lower().startswith(named.text.lower()) and after not in ("'s", "’s"):
        return named.text
    match = _NOUNS.match(asked.rest)
    if not match:
        return ""
    words = match.group().split()
    # The main verb follows its subject: a word in -s ends what several are, a past form what was done.
    for at, word in enumerate(words[:-1]):
        plural = asked.auxiliary in _OF_SEVERAL and re.fullmatch(r"[a-z-]{3,}[^su]s", word)
        if plural and words[at + 1] not in ("of", "in", "behind", "on", "to", "from", "off"):
            return " ".join(words[: at + 1])
    if words[-1].endswith(("ed", "ing", "en")) and len(words) > 1:
        words.pop()
    if len(words) > 1 and words[0].lower() in ("the", "a", "an") and asked.auxiliary in ("did", "does"):
        small = [word for word in words if word[0].islower()]
        if len(small) == len(words) and len(words) > 2:
            words.pop()
    return " ".join(words)


def _may_be_person(name: str) -> bool:
    return re.fullmatch(r"[A-Z][\w'’-]+", name) is not None and not any(map(str.isdigit, name))


def _members(answer: str | None, items: tuple[str, ...], question: str) -> list[str]:
    """Return the things that an answer, or else its question, names together."""
    if len(items) > 1:
        return list(items)
    if answer and len(mentions(answer)) and (split := [one.strip() for one in _SPLIT.split(answer) if one.strip()])[1:]:
        return split
    match = _SEVERAL.search(question)
    return [match[1], match[2]] if match else []
