"""Words that point at one of several things said together: "the former", "the first one".  Pure, English."""

import re

from qa.followups.dialogue_state import Said
from qa.followups.verbs import AUXILIARIES, is_past

_PLACES = {"former": 0, "first": 0, "second": 1, "third": 2, "latter": -1, "last": -1}
_POINTING = re.compile(
    rf"\b(?:the|that) ({'|'.join(_PLACES)})\b(?: ones?\b)?(?: of (?:them|these|those|the (?:two|three|four)))?",
    re.IGNORECASE,
)
_JOINING = frozenset(
    ["from", "in", "on", "at", "of", "by", "with", "for", "about", "before", "after", "and", "or", "but", "then"]
)


def pointed_at(text: str, memory: Said) -> str:
    """Return a question with what points at one of several things replaced by that thing; else as it is.

    Args:
        text: without fillers.
        memory: what was said.
    """
    match = _POINTING.search(text)
    if match is None:
        return text
    word = match[1].lower()
    after = re.match(r"(?:['’]s)? ?([\w'’-]*)", text[match.end() :])
    following = after[1].lower() if after else ""
    # "The former minister", "the first to climb it": no pointing.
    verb = following in AUXILIARIES or is_past(following) or following.endswith("en")
    asked = text[: match.start()].split()[-1:]
    stands = not following or verb or following in _JOINING or (bool(asked) and asked[0].lower() in AUXILIARIES)
    if not stands or (word not in ("former", "latter") and following in _JOINING and match.group().count(" ") < 2):
        return text
    found = next((texts for texts in memory.lists if len(texts) > 1), [])
    place = _PLACES[word]
    if len(found) < 2 or place >= len(found):
        return text
    return text[: match.start()] + found[place] + text[match.end() :]
