"""Scripts: which one a text is written in, and the words of those that put no spaces between them.

unicode61, FTS5's tokenizer, ends a word at a combining mark of any script but Latin, Greek and Cyrillic, and makes one
word of a whole clause of Chinese, Japanese or Thai.  So such text is given to it in another form: vowel signs as
characters of the private use area, which it takes for letters, and clauses as pairs of neighbouring characters, which
need no dictionary (overlapping bigrams, as Lucene's CJKAnalyzer makes them).  Korean has spaces, but hangs particles
on its nouns: its words become pairs too.  English text stays as it is.
"""

import re
import unicodedata
from itertools import pairwise

# Marks of the scripts from Hebrew to Mongolian; those of Latin, Greek and Cyrillic are unicode61's own business.
_MARKS = "".join(chr(code) for code in range(0x0591, 0x1800) if unicodedata.category(chr(code)) in ("Mn", "Mc"))
# Where marks are moved to, all within the private use area.
_MOVED = 0xE000
_LETTERS_OF_PAIRS = (
    "\u0e01-\u0e30\u0e32\u0e33\u0e40-\u0e46\u0e81-\u0eb0\u0eb2\u0eb3\u0ec0-\u0ec6"  # Thai, Lao
    "\u1000-\u102a\u103f\u1780-\u17b3"  # Burmese, Khmer
    "\u3005-\u3007\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\uff66-\uff9f"  # Japanese
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Chinese characters
    "\u1100-\u11ff\uac00-\ud7a3"  # Korean
)
MOVED_MARKS = "\ue591-\uf7ff"
_UNIT = f"[{_LETTERS_OF_PAIRS}][{MOVED_MARKS}\u3099\u309a]*"
_UNITS = re.compile(_UNIT)
_RUN = re.compile(f"(?:{_UNIT})+")
# Without a character of these nothing changes.
_CHANGED = re.compile("[\u0591-\u1dff\u3000-\udfff\uf900-\U0003ffff]")
_FULL_WIDTH = re.compile("[\uff01-\uff5e]+")

# Arabic: short vowels and the line that stretches a word come and go; these letters are written one for another.
_ARABIC = {"أ": "ا", "إ": "ا", "آ": "ا", "ٱ": "ا", "ى": "ي", "ی": "ي", "ئ": "ي", "ؤ": "و", "ة": "ه", "ک": "ك"}
_LEFT_OUT = [0x0640, 0x200C, 0x200D, *range(0x0610, 0x061B), *range(0x064B, 0x0660), 0x0670, *range(0x06D6, 0x06EE)]
_FORM = (
    {ord(mark): chr(ord(mark) + _MOVED) for mark in _MARKS}
    | {ord(letter): other for letter, other in _ARABIC.items()}
    | dict.fromkeys([code for code in _LEFT_OUT if code not in (0x06DD, 0x06DE, 0x06E9)])
)

# A word of any script, its marks included.
WORD = re.compile(f"(?:[^\\W_]|[{_MARKS}\u0300-\u036f\u200c\u200d\u0640])+")

_NOT_LATIN = re.compile("[^\\W\\d_\u0000-\u024f\u1e00-\u1eff\u02b0-\u02ff]+")
_NAMED = {
    name: re.compile(f"[{letters}]")
    for name, letters in {
        "kana": "\u3041-\u3096\u30a1-\u30fa\uff66-\uff9f",
        "hangul": "\u1100-\u11ff\uac00-\ud7a3",
        "han": "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff",
        "cyrillic": "\u0400-\u052f",
        "arabic": "\u0620-\u06ff\u0750-\u077f",
        "devanagari": "\u0904-\u0939\u0958-\u0961",
        "greek": "\u0370-\u03ff\u1f00-\u1fff",
        "hebrew": "\u05d0-\u05ea",
        "thai": "\u0e01-\u0e46",
    }.items()
}
# A character of these says as much as several letters.
_WEIGHT = {"kana": 2, "hangul": 2, "han": 3}


def script(text: str) -> str:
    """Return the script that most of a text is written in: "latin", "han", "kana" (with han or without), "hangul",
    "cyrillic", "arabic", "devanagari", "greek", "hebrew", "thai", or "other"; "latin" too where there are no letters.
    """
    if text.isascii():
        return "latin"
    others = "".join(_NOT_LATIN.findall(text))
    if not others:
        return "latin"
    counts = {name: len(letters.findall(others)) for name, letters in _NAMED.items()}
    named = sum(counts.values())
    weights = {name: count * _WEIGHT.get(name, 1) for name, count in counts.items()}
    # Japanese is written in Chinese characters as well.
    if weights["kana"] * 10 > weights["han"]:
        weights["kana"] += weights.pop("han")
    weights["latin"] = sum(character.isalpha() for character in text) - len(others)
    weights["other"] = len(others) - named
    return max(weights, key=lambda name: weights[name])


def spaced(text: str) -> str:
    """Return a text as the word search has it: in pairs where a script has no spaces; else most often as it is."""
    if _CHANGED.search(text) is None:
        return text
    text = _FULL_WIDTH.sub(lambda match: unicodedata.normalize("NFKC", match.group()), text)
    return _RUN.sub(_pairs, text.translate(_FORM))


def single(word: str) -> bool:
    """Return whether a word in the form of spaced() is one lone character that elsewhere begins a pair."""
    return _UNITS.fullmatch(word) is not None


def _pairs(run: re.Match[str]) -> str:
    units = _UNITS.findall(unicodedata.normalize("NFKC", run.group()))
    if len(units) < 2:
        return f" {''.join(units)} "
    return f" {' '.join(first + second for first, second in pairwise(units))} "
