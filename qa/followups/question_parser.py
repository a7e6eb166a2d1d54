"""A question taken apart, and put together anew: its opening, what it is asked of, and what it says once answered.

Pure, English, by word forms alone; what cannot be taken apart stays whole.
"""

import re
from dataclasses import dataclass

from qa.followups.verbs import AUXILIARIES, is_past, plain_form

# Words that a place, a time or a partner comes after.
PREPOSITIONS = (
    *("in", "on", "at", "to", "from", "by", "for", "with", "of", "into", "before", "after", "since", "until", "during"),
)

_PREPOSITION = (
    r"(?:in|on|at|to|from|by|for|with|of|into|before|after|since|until|till|during|under|over|against|through|about)"
)
_OPENING = re.compile(
    rf"(?:{_PREPOSITION}\s+|until\s+|since\s+)?(?:who|whom|whose|what|which|when|where|why|how)\b", re.IGNORECASE
)
_FILLER = re.compile(
    r"(?:(?:and|n|but|so|ok|okay|well|wow|nice|great|good|fine|thanks|"
    r"thank you(?: kindly| very much)?|kindly|good (?:morning|day|evening|afternoon)|oh|also|hmm*|please|right|alright|"
    r"cool|yes|just|exactly|roughly)\b[\s,.!:;…-]*|"
    r"(?:please\s+)?(?:(?:can|could|would|will) you (?:please |kindly |be so (?:good|kind) as to |mind )*)?"
    r"(?:tell(?:ing)? (?:me|us)|explain(?: to me)?)\s+(?:about\s+)?|"
    r"(?:might|may|could|can) (?:one|i|we) (?:know|ask|learn)\s+|"
    r"(?:sir|madam|hi|hello|hey)\b[\s,.!]+|any idea\s+|"
    r"(?:i['’]?d|i (?:would|should))\s+(?:also\s+)?(?:like|love|want) to (?:know|ask)\s+|"
    r"(?:do you|did they) (?:also )?(?:know|say)\s+(?=who|what|when|where|why|how|which)|"
    r"what exactly\s+(?=(?:do|di|is|wa))|"
    r"(?:what|how) about\s+)",
    re.IGNORECASE,
)
_CORRECTION = re.compile(
    r"(?:no|nope|sorry|forgive me|(?:i beg your )?pardon(?: me)?|"
    r"excuse me|not that|wait|hang on|hold on)\b[\s,.!:;…-]*|"
    r"(?:i\s+(?:actually |really )?(?:mean|meant|wanted|had|want)(?: to (?:say|ask|know)(?: about)?)?|"
    r"i(?:['’]?d| would)\s+(?:rather|sooner) (?:have|know)|i (?:was )?thinking of|"
    r"i['’]?m asking|i was asking|i am asking|rather|actually)\b[\s,:]*",
    re.IGNORECASE,
)
# "The older one, I mean.", "the first, actually"
_CORRECTED = re.compile(r"(?<![\s,])[\s,]+(?:i (?:mean|meant)|actually|rather|instead|in mind)[\s.!]*$", re.IGNORECASE)
# What people put after a question.
_TAIL = re.compile(
    r"(?<![\s,])[\s,]+(?:please|pls|lol|haha|thanks|thank you|sir|madam|by the way|btw|do we know|do you know|"
    r"is (?:that|it|this) known|if you please|if i may ask|if (?:that|it) is known|can you tell me)[\s?!.]*$",
    re.IGNORECASE,
)
# Fillers that are stripped from each end of a question.
_MAX_AROUND = 8
_ASIDE = re.compile(r",? (?:if i may ask|if you please|by the way|please),", re.IGNORECASE)
_MAX_OPENING = 8
_QUESTION_WORDS = ("what", "when", "where", "which", "whose", "why", "who", "how")
_SPELT = {"".join(sorted(word)): word for word in _QUESTION_WORDS if len(word) > 3}
_CONTRACTED = re.compile(r"\b(?:(what|who|where|when|how|that)['’]s|(what|who|where|when|how)s)\b", re.IGNORECASE)
_NEGATED = re.compile(r"\b(did|does|do|is|was|were|are|has|have|had|could|would|should)nt\b", re.IGNORECASE)
# "in Moscow, sorry, in Pyongyang"
_MENDED = re.compile(
    r"\b(in|at|on|for|to|from|by) ([\w -]{2,40}), (?:no|sorry|wait|no wait|i mean)\b[, ]+(?:i mean[, ]+)?(?=\1 )",
    re.IGNORECASE,
)
_HOW_COME = re.compile(r"\bhow come (?=\w)", re.IGNORECASE)
_ASKING = rf"(?:{_PREPOSITION} |until |since )?(?:who|whose|whom|what|when|where|which|why|how)\b"
_DISLOCATED = re.compile(
    rf"((?:the|that|this|these|those|its|his|her|their|an?|(?-i:[A-Z]))\b(?!\S* (?:on|later|ago)\b)[^,?]{{1,80}}"
    rf"(?<!\bon)(?<!later)(?<!ago)), "
    rf"({_ASKING}[^,?]*?\b)(it|that|this|they|them|those|she|he|his|her|its|their)\b"
    rf"(?! (?:same |very )?(?:year|time|day|month))([^,?]*\??)$",
    re.IGNORECASE,
)
# "What were their names, the girls?"
_RESUMED = re.compile(
    rf"({_ASKING}[^,?]*?\b)(it|they|them|she|he|him|his|her|its|their)\b([^,?]*), "
    rf"(the [^,?]{{2,60}}|[A-Z][^,?]{{2,60}})\??$",
    re.IGNORECASE,
)
_SENTENCES = re.compile(r"(?<=[?!])\s+|(?<=[a-z]{2}\.)\s+|(?<=\d\.)\s+(?=[A-Z])")
_ASKS = re.compile(
    r"\b(?:who|whose|whom|what|when|where|which|why|how)\b|"
    r"^(?:and |but |so )?(?:is|are|was|were|do|does|did|has|have|had|can)\b",
    re.IGNORECASE,
)
_SMALL = frozenset([*_QUESTION_WORDS, *AUXILIARIES, "the", "a", "an", "that", "this", "those", "these", "their", "its"])
_PLACE = re.compile(rf"{_PREPOSITION}\b", re.IGNORECASE)
# "Five years on, who beat his party?", "The visitors, how many came?"
_FRONTED = re.compile(rf"([^,?]{{2,80}}), ({_ASKING}[^?]{{3,}})\??$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Phrasing:
    """A question in its parts; joined by spaces they are the question.

    Attributes:
        opening: what is asked for: "When", "Which countries", "On what"; "" where there is none.
        auxiliary: "did", "is" ...; "" where the opening is what does it: "Who nationalised the canal".
        rest: everything after.
    """

    opening: str
    auxiliary: str
    rest: str

    @property
    def word(self) -> str:
        """The question word alone, in lower case; "" where there is none."""
        found = re.search(r"\b(?:who|whom|whose|what|which|when|where|why|how)\b", self.opening.lower())
        return found.group() if found else ""

    @property
    def head(self) -> str:
        """The noun that the opening asks for: "countries" of "Which countries"; "" where there is none."""
        words = self.opening.split()
        at = next((i for i, one in enumerate(words) if one.lower() == self.word), len(words))
        return words[-1] if len(words) - at > 1 and self.word in ("which", "what", "whose", "how") else ""

    @property
    def whole(self) -> bool:
        """Whether it has a verb, and not only an opening or a name."""
        return bool(self.auxiliary) or (bool(self.opening) and bool(self.rest))

    def with_answer(self, answer: str | None) -> str:
        """Return what follows an opening where the same is asked about: "did Anna mend the clock".

        Args:
            answer: takes the place of what was asked for, where it is a part of what is said; None leaves it out.
        """
        is_ = self.auxiliary in ("is", "are", "was", "were") and self.word in ("who", "what", "which")
        # "What is the lake called", "which telescope was launched": the answer is not what that is said of.
        if is_ and answer and (self.word == "who" or not re.search(r"\b(?:like|for)$|\w+ed\b", self.rest)):
            return f"{self.auxiliary} {answer} {self.rest}"
        if self.auxiliary and self.rest.endswith(" like") and answer:
            return f"{self.auxiliary} {self.rest.removesuffix(' like')} {answer}"
        if self.auxiliary:
            object_ = self.word in ("who", "whom", "what", "which") and self.auxiliary in (
                "do",
                "does",
                "did",
                "had",
                "has",
            )
            number = self.word == "how" and self.head and re.search(r"\b(?:many|much)\b", self.opening, re.IGNORECASE)
            if number and answer:
                noun = re.split(r"\b(?:many|much)\b", self.opening, flags=re.IGNORECASE)[-1].strip()
                counted = "" if not noun or noun.split()[-1].lower() in answer.lower() else f" {noun}"
                return self._with_object(f"{answer}{counted}")
            if object_ and answer and not self.opening.lower().startswith(_STARTS):
                return self._with_object(answer)
            return f"{self.auxiliary} {self.rest}"
        verb, _, rest = self.rest.partition(" ")
        subject = answer or (" ".join(self.opening.split()[1:]) if self.head else "they")
        if self.word == "how" and answer and self.head and self.head.lower() not in answer.lower():
            subject = f"{answer} {self.head}"
        return f"{'did' if is_past(verb) else 'does'} {subject} {plain_form(verb)} {rest}".strip()

    def _with_object(self, object_: str) -> str:
        rest, place = self.rest, re.search(r"\s(?:in|on|at|during|after|before) [^,]*$", self.rest)
        if place:
            return f"{self.auxiliary} {rest[: place.start()]} {object_}{place.group()}"
        return f"{self.auxiliary} {rest} {object_}"


_STARTS = tuple(f"{word} " for word in PREPOSITIONS)


def taken_apart(question: str) -> Phrasing:
    """Return a question in its parts.

    Args:
        question: without fillers; its mark may be there or not.
    """
    text = question.strip().rstrip("?!. ")
    words = text.split()
    if words and words[0].lower() in AUXILIARIES:
        return Phrasing("", words[0], " ".join(words[1:]))
    match = _OPENING.match(text)
    if not match:
        return Phrasing("", "", text)
    asked = len(match.group().split())
    for at in range(asked, min(len(words), asked + _MAX_OPENING)):
        if words[at].lower() in AUXILIARIES:
            return Phrasing(" ".join(words[:at]), words[at], " ".join(words[at + 1 :]))
        if at >= asked and (at > asked or match.group().lower().split()[-1] in ("who", "what")) and is_past(words[at]):
            return Phrasing(" ".join(words[:at]), "", " ".join(words[at:]))
    if len(words) > 2 and words[1].lower() not in ("else", "about", "other", "on", "of"):
        verb = match.group().lower() == "who" or re.search(r"[^s]s$|^(?:if|of)$", words[1])
        if match.group().lower() in ("who", "what") and verb:
            return Phrasing(words[0], "", " ".join(words[1:]))
    return Phrasing(text, "", "")


def bare(question: str) -> tuple[str, bool, bool]:
    """Strip what people put before a question.

    Returns:
        The question without it, whether something of it says that it goes on ("and", "what about"), and whether it
        corrects what was asked ("no, I meant").
    """
    text, goes_on, corrects = _one_sentence(_mended(question.strip())), False, False
    for _ in range(_MAX_AROUND):
        if match := _CORRECTION.match(text):
            corrects = True
        elif match := _FILLER.match(text):
            goes_on = True
        else:
            break
        if match.end() >= len(text.rstrip("?!. ")):
            break
        text = text[match.end() :]
    text = _ASIDE.sub(",", text)
    for _ in range(_MAX_AROUND):
        match = _TAIL.search(text)
        if not match or not match.start():
            break
        text = text[: match.start()] + ("?" if "?" in match.group() else "")
    if match := _CORRECTED.search(text):
        text, corrects = text[: match.start()], True
    text = re.sub(r",? in mind\b", "", text) if corrects else text
    if corrects:
        text = re.sub(r"(?<![\s,])[\s,]+sorry\s*$", "", text)
    placed = _in_place(text)
    return placed, goes_on or placed != text, corrects


def _one_sentence(text: str) -> str:
    """Several sentences as one: the question, with what names something beside it before or after."""
    parts = [part.strip(" .") for part in _SENTENCES.split(text) if part.strip(" .?!")]
    if len(parts) < 2:
        return text
    asking = [at for at, part in enumerate(parts) if _ASKS.search(part)]
    if not asking:
        return text
    at = asking[-1]
    before = parts[at - 1] if at else ""
    after = parts[at + 1] if at + 1 < len(parts) and not _ASKS.search(parts[at + 1]) else ""
    main = parts[at].rstrip("?! ")
    if len(after.split()) > 1:
        place = _CORRECTED.sub("", _CORRECTION.sub("", after.rstrip("?! "), count=1)).rstrip(" ,.")
        main = f"{main} {place}" if _PLACE.match(place) else f"{main}, {_small(place)}"
    elif before and not before.endswith("?"):
        lead = re.sub(r"^((?:no[, ]+)*)not [^,]+, ", r"\1", before, flags=re.IGNORECASE)
        return f"{lead}, {_small(main)}?"
    return f"{main}?"


def _small(text: str) -> str:
    """A text whose first word has its capital for nothing but its place, without that."""
    word = text.split(" ")[0].lower()
    return text[:1].lower() + text[1:] if word in _SMALL else text


def _in_place(text: str) -> str:
    """A question with what stands before or after it put where it belongs."""
    if match := _DISLOCATED.match(text):
        # "The cathedral, when was that finished?"
        return f"{match[2]}{_owner(match[1], match[3])}{match[4]}"
    if match := _RESUMED.match(text):
        return f"{match[1]}{_owner(match[4], match[2])}{match[3]}?"
    if match := _FRONTED.match(text):
        asked = match[2].split()
        counts = re.match(r"(how (?:many|much)|which)\b ?", match[2], re.IGNORECASE)
        noun = re.match(r"the ([\w -]+)$", match[1], re.IGNORECASE)
        if counts and noun and len(asked) > 2:
            return f"{counts[1]} {noun[1]} {match[2][counts.end() :]}?"
        return f"{match[2].rstrip()} {match[1][:1].lower() + match[1][1:] if noun else match[1]}?"
    return text


def _owner(name: str, word: str) -> str:
    return f"{name}'s" if word.lower() in ("his", "her", "its", "their") else name


def _mended(text: str) -> str:
    """A question with its question word spelt right and nothing drawn together: "waht's" → "what is"."""
    words = text.split(" ")
    for at, word in enumerate(words[:6]):
        lower = word.lower().rstrip("?")
        known = _SPELT.get("".join(sorted(lower)))
        if known is not None and lower not in _QUESTION_WORDS and lower[:1] == known[:1]:
            words[at] = known + word[len(lower) :]
    return _HOW_COME.sub("why ", _MENDED.sub("", _NEGATED.sub(r"\1n't", _spaced_out(" ".join(words)))))


def _spaced_out(text: str) -> str:
    return _CONTRACTED.sub(lambda match: f"{match[1] or match[2]} is", text)
