"""What a question leaves out because it was said just before: "When?", "And Syria?", "Who else?".  Pure, English."""

import re

from qa.mentions import TIME, mentions
from qa.phrasing import Phrasing, taken_apart
from qa.said import Said, subject_of

ELSE = re.compile(r"\b(?:else|others?|another|besides that|apart from that|more of them)\b", re.IGNORECASE)
_REASONS = re.compile(
    r"^(?:why(?: (?:so|that|not|is|was) ?(?:that|this|it|so)?)?|how (?:come|so)|what(?: on earth)? for|"
    r"(?:for|to) what (?:reason|purpose|end)|(?:any|the|what(?:'s| is| was| were)?(?: the)?) reasons?"
    r"(?: (?:for|of|behind) (?:that|this|it))?|because of what)$",
    re.IGNORECASE,
)
# "When did they do that?", "How was this?", "Where did it happen?"
_AGAIN = re.compile(
    r"^(?:\w+ )?(?:when|where|why|how)(?: exactly| really)? "
    r"(?:(?:do|did|does|was|is|were|would|has|had|will|could) (?:he|she|it|they|that|this|these|those)"
    r"(?: (?:all|really|actually|ever))?"
    r"(?: (?:do|done) (?:it|that|this|so|such a thing)| happen(?:ed)?| take place| occur(?:red)?| come about| so)|"
    r"(?:is|was|were) (?:that|this))(?: then)?$",
    re.IGNORECASE,
)
_PREPOSITION = re.compile(
    r"^(in|on|at|to|from|by|for|with|of|into|before|after|since|until|during|under)\s+", re.IGNORECASE
)
_NOT = re.compile(r"^(.*?)[, ]+(?:and )?not (.+)$|^not (.+?)[,;] *(?:but )?(.+)$", re.IGNORECASE)
_COUNT = re.compile(r"^how (?:many|much)$", re.IGNORECASE)


def reasons(text: str) -> bool:
    """Return whether a question asks for nothing but the reason of what was said."""
    return _REASONS.match(text.strip().rstrip("?!. ")) is not None


def repeated(text: str, asked: Phrasing, memory: Said) -> list[str]:
    """Return the question before with a new opening where one only points at it: "When did they do that?"."""
    match = _AGAIN.match(text.strip().rstrip("?!. "))
    return [f"{asked.opening} {memory.phrasing.with_answer(memory.turn.answer)}?"] if match else []


def spliced(text: str, asked: Phrasing, memory: Said) -> list[str]:
    """Return the question before with what is new put in its place, the likeliest first.

    Args:
        text: an opening ("In which month?") or anything that is no question ("And Syria?").
        asked: the same in its parts.
        memory: what was said.
    """
    before = memory.phrasing
    if asked.word == "why":
        return [f"Why {before.with_answer(memory.turn.answer)}?"]
    if asked.opening:
        body = before.with_answer(memory.turn.answer)
        if _COUNT.match(asked.opening) and not before.auxiliary:
            # "Who designed the new churches?" "How many?"
            noun = re.match(r"(\S+) (?:the )?((?:[a-z-]+ )*?[a-z-]+s)\b(.*)", before.rest)
            if noun and memory.turn.answer:
                verb = taken_apart(f"Who {noun[1]}").with_answer(memory.turn.answer)
                return [f"{asked.opening} {noun[2]} {verb}{noun[3]}?"]
        plain = f"{before.auxiliary} {before.rest}" if before.auxiliary else body
        return list(dict.fromkeys([f"{asked.opening} {body}?", f"{asked.opening} {plain}?"]))
    fragment = asked.rest
    match = _NOT.match(fragment)
    if match:
        new, old = (match[1], match[2]) if match[1] else (match[4], match[3])
        if old.lower() in memory.question.lower():
            at = memory.question.lower().index(old.lower())
            return [memory.question[:at] + new + memory.question[at + len(old) :]]
        fragment = new
    return _like_for_like(fragment, memory)


def _like_for_like(fragment: str, memory: Said) -> list[str]:
    """The question before with an element of it replaced by a like one."""
    question = memory.question.rstrip("?!. ")
    place = _PREPOSITION.match(fragment)
    within = re.search(r"^(.+?) ((?:in|at|on|from|for|of) .+)$", fragment) if not place else None
    time = TIME.search(fragment)
    named = mentions(question)
    times = [one for one in named if one.kind == "time"]
    if time and times:
        return [_put(question, times[-1].start, times[-1].end, time.group()) + "?"]
    if (time and not times) or place:
        if place:
            same = re.search(rf"\b{place[1]} (?:the )?(?:[A-Z][\w-]*)(?: [A-Z][\w-]*)*", question)
            if same:
                return [_put(question, same.start(), same.end(), fragment) + "?"]
        if place and memory.phrasing.word == "where":
            return [f"{memory.phrasing.auxiliary.capitalize()} {memory.phrasing.rest} {fragment}?"]
        return [f"{question} {fragment if place else 'in ' + fragment}?"]
    counted = re.match(r"(.*\bhow (?:many|much) )((?:[\w-]+ )?[\w-]+)( .*)$", question, re.IGNORECASE)
    if counted and fragment.islower():
        noun = memory.phrasing.head
        return (
            [question.replace(f" {noun} ", f" {fragment} ", 1) + "?"]
            if noun
            else [f"{counted[1]}{fragment}{counted[3]}?"]
        )
    found = []
    things = [one for one in named if one.kind != "time"]
    subject = subject_of(memory.phrasing)
    if subject and subject in question:
        at = question.index(subject)
        found.append(_put(question, at, at + len(subject), within[1] if within else fragment))
    for one in things:
        found.append(_put(question, one.start, one.end, within[1] if within else fragment))
    if within:
        preposition = within[2].split()[0]
        found = [
            re.sub(rf"\b{preposition} (?:the )?(?:[A-Z][\w-]*)(?: [A-Z][\w-]*)*$", lambda _: within[2], one)
            if re.search(rf"\b{preposition} (?:the )?(?:[A-Z][\w-]*)(?: [A-Z][\w-]*)*$", one)
            else f"{one} {within[2]}"
            for one in found
        ]
    if not found and memory.phrasing.rest:
        found.append(f"{memory.phrasing.opening} {memory.phrasing.auxiliary} {memory.phrasing.rest} {fragment}")
    return [f"{one}?" for one in dict.fromkeys(found)]


def without_else(text: str, memory: Said) -> list[str]:
    """Return what is asked once more where something else is wanted, without the word for it."""
    plain = re.sub(r"\s+", " ", re.sub(r"\b(?:else|others?|another)\b", " ", text, flags=re.IGNORECASE)).strip()
    bare = plain.rstrip("?!. ").lower()
    asked = taken_apart(plain)
    if (
        bare in ("any", "anything", "anyone", "anybody", "any ones", "the", "which", "what about", "who are the")
        or not bare
    ):
        return [memory.question]
    if asked.opening and not asked.rest and not asked.auxiliary:
        return [memory.question] if asked.word == memory.phrasing.word else spliced(plain, asked, memory)
    if asked.auxiliary and not asked.rest:
        # "Which other countries did?"
        subject = subject_of(memory.phrasing)
        rest = memory.phrasing.rest.removeprefix(subject).strip() if subject else memory.phrasing.rest
        return [f"{asked.opening} {asked.auxiliary} {rest}?"]
    return [plain]


def _put(text: str, start: int, end: int, new: str) -> str:
    return text[:start] + new + text[end:]
