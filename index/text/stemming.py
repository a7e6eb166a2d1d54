"""Words of languages that bend them, told apart by their stems: "Häuser" and "Haus".

The stemmers are Snowball's.  A stem carries a mark of its language, so that a German stem is never taken for an English
word, and so that FTS5's own stemmer, which is for English, leaves it alone.
"""

import functools
import re
import threading
from typing import Any

from index.text.scripts import script, spaced

# Snowball's stemmer for each language.  English is missing: FTS5's own is what ranking was fitted with.
_STEMMERS = {
    "ar": "arabic",
    "ca": "catalan",
    "cs": "czech",
    "da": "danish",
    "de": "german",
    "el": "greek",
    "es": "spanish",
    "et": "estonian",
    "eu": "basque",
    "fi": "finnish",
    "fr": "french",
    "ga": "irish",
    "hi": "hindi",
    "hu": "hungarian",
    "hy": "armenian",
    "id": "indonesian",
    "it": "italian",
    "lt": "lithuanian",
    "ne": "nepali",
    "nl": "dutch",
    "no": "norwegian",
    "pl": "polish",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sr": "serbian",
    "sv": "swedish",
    "ta": "tamil",
    "tr": "turkish",
    "uk": "",  # Snowball has none: see _ukrainian
}
STEMMED = frozenset(_STEMMERS)
_SCRIPTS = {"ar": "arabic", "el": "greek", "hi": "devanagari", "ne": "devanagari", "hy": "other", "ta": "other"} | {
    language: "cyrillic" for language in ("ru", "uk", "sr")
}
# In the private use area, which FTS5 takes for letters, below the marks of index.text.scripts.
_FIRST_MARK = 0xE000
_of_thread = threading.local()

# Endings of Ukrainian nouns, adjectives and verbs, longest first.
_LISTED = """
ами ями ому ему ого його йому ими іми їми ою ею єю ах ях ам ям ів їв ей ий ій ої їх их іх ую юю ее ем єм ом єєю а
я о е є у ю и і ї ь й ові еві єві інь ати яти ити іти їти ала яла ила іла їла али яли или іли їли ало яло ило іло
їло ав яв ив ає яє ить їть іть ають яють ать ять уть ють емо ємо имо їмо ете єте ите їте ено ений ена ене ені аний
ано ана ані яний яно увати ювати ував ював увала ювала ували ювали увало ювало увано ювано ований йований овано
йовано ована йована овані йовані ує ює ують юють уєть ується юється уються юються ається яється ються аються
яються ться ася алася илася алися илися алося илося авсь ався ився иться яться ість ості істю остей остям остях"""
_ENDINGS = sorted(_LISTED.split(), key=lambda ending: (-len(ending), ending))
_SHORTEST = 3


def version() -> str:
    """Return what stems depend on; what was made with another version has to be made anew."""
    import Stemmer

    return str(Stemmer.version())


@functools.lru_cache(maxsize=100_000)
def stem(word: str, language: str) -> str:
    """Return a word's stem with the mark of its language, in the form of index.text.scripts.spaced().

    A word in another script than the language's, or a number, is returned without a mark: it is the same in all.

    Args:
        word: one word, as a text has it.
        language: one of STEMMED.
    """
    lower = word.lower()
    if not any(character.isalpha() for character in lower) or script(lower) != _SCRIPTS.get(language, "latin"):
        return spaced(word)
    bare = _ukrainian(lower) if language == "uk" else str(_stemmer(language).stemWord(lower))
    return spaced(bare) + _mark(language)


def marked(word: str) -> bool:
    """Return whether a word carries the mark of a language."""
    return _FIRST_MARK <= ord(word[-1]) < _FIRST_MARK + 26 * 26


def plausible(languages: set[str], text: str) -> list[str]:
    """Return those languages, in order, whose stems words of a text may have: it has letters of their script."""
    written = {script(word) for word in text.split()}
    return sorted(language for language in languages & STEMMED if _SCRIPTS.get(language, "latin") in written)


def _mark(language: str) -> str:
    first, second = (ord(letter) - ord("a") for letter in language)
    return chr(_FIRST_MARK + 26 * first + second)


def _stemmer(language: str) -> Any:
    """Return this thread's stemmer: they must not be shared between threads."""
    import Stemmer

    if not hasattr(_of_thread, "stemmers"):
        _of_thread.stemmers = {}
    if language not in _of_thread.stemmers:
        _of_thread.stemmers[language] = Stemmer.Stemmer(_STEMMERS[language])
    return _of_thread.stemmers[language]


def _ukrainian(word: str) -> str:
    """Cut off the longest ending that leaves enough of a word, and make one of vowels that change before one."""
    word = word.replace("'", "").replace("’", "")
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST:
            word = word[: -len(ending)]
            break
    # міст, моста; піч, печі: і in a closed syllable is о or е in an open one.
    return re.sub("[іое](?=[^аеиіоуюяєї]*$)", "о", word)
