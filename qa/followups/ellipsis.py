"""What a question leaves out because it was said just before: "When?", "And Syria?", "Who else?".  Pure, English."""

import re

from qa.followups.dialogue_state import Said, subject_of
from qa.followups.question_parser import Phrasing, taken_apart
from qa.followups.substitution import replaced
from qa.followups.verbs import AUXILIARIES, is_past

_BESIDES = r"(?:besides|apart from|other than|except(?: for)?|beyond)"
_SHORT = r"(?:him|her|them|that|this|it|those|these|(?-i:[A-Z][\w'’-]*(?: [A-Z][\w'’-]*)*))"
ELSE = re.compile(rf"\b(?:else|others?|another|more of them)\b|\b(?i:{_BESIDES}) {_SHORT}\b", re.IGNORECASE)
_SOMEONE = re.compile(
    r"^(do|does|did|has|have|had|is|was|were|are) (?:any|some)(one|body|thing)\b"
    r"(?=.*\b(?:else|besides|apart|other)\b) ?",
    re.IGNORECASE,
)
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
# A question word that does not stand first.
_IN_PLACE = re.compile(r"^(?!\S+ (?:of|about) )\S+ \S+.* (?:who|whom|whose|what|which|when|where|how)\b", re.IGNORECASE)
_SUBJECTS = frozenset(["he", "she", "they", "it", "you", "we", "i", "there"])
# A question that has more words than this, with a verb among them, is a sentence.
_FRAGMENT = 5
_COUNT = re.compile(r"^how (?:many|much)$", re.IGNORECASE)


def reasons(text: str) -> bool:
    """Return whether a question asks for nothing but the reason of what was said."""
    return _REASONS.match(text.strip().rstrip("?!. ")) is not None


def is_clause(text: str, asked: Phrasing) -> bool:
    """Return whether what has no part that is known for a verb says something by itself all the same.

    "The latter recognised it on what date", "why he believed such a thing".
    """
    words = text.rstrip("?!. ").lower().split()
    if _IN_PLACE.search(text):
        return True
    if asked.opening:
        body = words[len(asked.opening.split()) :] if len(asked.opening.split()) < len(words) else words
        return len(words) > 2 and any(word in _SUBJECTS and (at + 1 < len(body)) for at, word in enumerate(body[1:], 1))
    verb = any(word in AUXILIARIES or (at and is_past(word)) for at, word in enumerate(words))
    return (len(words) > _FRAGMENT and verb) or len(words) > 2 * _FRAGMENT


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
    if asked.word == "why" and len(asked.opening.split()) < 3:
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
    return [*replaced(asked.rest, memory), f"{memory.question.rstrip('?!. ')} {asked.rest}?"]


def asking_for_someone(text: str) -> str:
    """Return "Did anyone else help?" as what it wants to know: "Who else did help?"; all else as it is."""
    match = _SOMEONE.match(text)
    if not match:
        return text
    word = "What" if match[2].lower() == "thing" else "Who"
    rest = re.sub(r"^else\b ?", "", text[match.end() :], flags=re.IGNORECASE)
    return f"{word} else {match[1].lower()} {rest}"


def without_else(text: str, memory: Said) -> list[str]:
    """Return what is asked once more where something else is wanted, without the word for it."""
    plain = re.sub(rf",? ?\b{_BESIDES} {_SHORT}\b,?", " ", text, flags=re.IGNORECASE)
    plain = re.sub(r"\s+", " ", re.sub(r"\b(?:else|others?|another)\b", " ", plain, flags=re.IGNORECASE)).strip()
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
