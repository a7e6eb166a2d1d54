"""Which language a text is in: by its script, by its small words, and only where both do not tell by a model.

The model (py3langid) takes most of a second and 80 MB to load: what is in English, or in one of the languages whose
small words are known here, never needs it.
"""

import functools
import re
from collections import Counter
from typing import Any

from index.text.scripts import script
from index.text.stopwords import FUNCTION_WORDS

# So much of a text is looked at: 4,000 characters say as much as more would.
_SAMPLE = 4_000
# And so much first, which most often is enough to see that it is English.
_BEGINNING = 500
_LATIN = ("en", "de", "fr", "es", "it", "pt")
_WORD = re.compile(r"[^\W\d_]+")
_VOTES: dict[str, tuple[str, ...]] = {
    word: tuple(language for language in _LATIN if word in FUNCTION_WORDS[language])
    for language in _LATIN
    for word in FUNCTION_WORDS[language]
}
# Small words of English alone; "in" or "was" may be German.
_ENGLISH = frozenset(word for word, languages in _VOTES.items() if languages == ("en",))
# Small words of others alone.
_OTHERS = frozenset(word for word, languages in _VOTES.items() if "en" not in languages)
# Words that begin a question in one of the languages, and are neither English nor a name.
_ASKING = {
    word: language
    for language, listed in {
        "de": "wer wem wen wessen wann warum weshalb wieso welche welcher welches welchem welchen wie wieviel woher "
        "wohin womit wofür wodurch worüber woran",
        "fr": "quel quelle quelles quels pourquoi combien où lequel laquelle",
        "es": "quién quiénes cuál cuáles cuándo cuánto cuánta cuántos cuántas dónde adónde qué",
        "it": "quale quali perché quanti quante",
        "pt": "quem quais onde quantos quantas",
    }.items()
    for word in listed.split()
}
_OF_SCRIPT = {"kana": "ja", "han": "zh", "hangul": "ko", "greek": "el", "hebrew": "he", "thai": "th"}
_UKRAINIAN = re.compile("[іїєґІЇЄҐ]")
_RUSSIAN = re.compile("[ыэёЫЭЁ]")
_DEVANAGARI_WORD = re.compile(r"[\u0900-\u0963\u0971-\u097f-]+")
_URDU = re.compile("[ٹڈڑںےہھ]")
_PERSIAN = re.compile("[پچژگکی]")
# Of the model's languages, those that are written the same.
_SAME = {
    "wuu": "zh",
    "yue": "zh",
    "arz": "ar",
    "ary": "ar",
    "apc": "ar",
    "ars": "ar",
    "acm": "ar",
    "nb": "no",
    "nn": "no",
}
UNKNOWN = "und"


def guess_language(text: str) -> str:
    """Return the ISO 639 code of the language a text is probably in, as cutting it into sentences needs it.

    By script and small words alone, in time that does not grow with the text; "en" for what is in Latin letters and no
    other known language, "und" for another script whose language is not known.
    """
    beginning = set(text[:_BEGINNING].lower().split())
    english = len(beginning & _ENGLISH)
    if english >= 4 and english > 2 * len(beginning & _OTHERS):
        return "en"
    sample = text[:_SAMPLE]
    written = script(sample)
    if written != "latin":
        return _of_script(sample, written) or UNKNOWN
    votes = _votes(sample)
    best, count = _best(votes)
    return best if count >= 2 and count > 1.5 * votes["en"] and count > votes["exclusive"] * 2 else "en"


def detect_language(text: str) -> str | None:
    """Return the ISO 639 code of the language a text is surely in, None where it is too short or mixed to tell."""
    sample = text[:_SAMPLE]
    letters = sum(len(word) for word in _WORD.findall(sample))
    written = script(sample)
    if written != "latin":
        language = _of_script(sample, written)
        if language is not None:
            return language if letters >= 8 else None
    else:
        votes = _votes(sample)
        language, count = _best(votes, also_english=True)
        rest = max((votes[other] for other in _LATIN if other != language), default=0)
        if count >= 8 and count >= 1.5 * rest and count >= 0.2 * votes["words"]:
            return language
    if letters < 60:
        return None
    found, probability = _model().classify(sample)
    return _SAME.get(found, str(found)) if probability >= 0.9 else None


def question_language(question: str) -> str | None:
    """Return the code of the language a question is surely in if that is not English, else None.

    "und" where it surely is not in English but cannot be told.  Names of other languages in an English question do not
    count: one small word of English alone is enough for it to be one.
    """
    written = script(question)
    words = _WORD.findall(question.lower())
    if any(word in _ENGLISH for word in words):
        return None
    if written != "latin":
        return _of_script(question, written, short=True) or UNKNOWN
    votes = _votes(question)
    best, count = _best(votes)
    asking = "es" if question.startswith("¿") else _ASKING.get(words[0]) if words else None
    if asking is not None and len(words) >= 3 and 2 * votes[asking] >= count:
        return asking
    if count < 3 or count < votes["en"] + 2:
        return None
    return best if [votes[language] for language in _LATIN].count(count) == 1 else UNKNOWN


def _votes(text: str) -> Counter[str]:
    """Count a text's small words by language; "exclusive" are those of English alone, "words" all words."""
    votes: Counter[str] = Counter()
    words = _WORD.findall(text.lower())
    for word in words:
        for language in _VOTES.get(word, ()):
            votes[language] += 1
        if word in _ENGLISH:
            votes["exclusive"] += 1
    votes["words"] = len(words)
    return votes


def _best(votes: Counter[str], *, also_english: bool = False) -> tuple[str, int]:
    language = max((_LATIN if also_english else _LATIN[1:]), key=lambda one: votes[one])
    return language, votes[language]


def _of_script(text: str, written: str, *, short: bool = False) -> str | None:
    """Return the language of a text in another script than Latin, None where several are written in it alike.

    Of a short text one small word has to be enough.
    """
    if written == "cyrillic":
        if _UKRAINIAN.search(text) and not _RUSSIAN.search(text):
            return "uk"
        words = _WORD.findall(text.lower())
        russian, ukrainian = (sum(word in FUNCTION_WORDS[one] for word in words) for one in ("ru", "uk"))
        if ukrainian > russian:
            return "uk"
        return "ru" if _RUSSIAN.search(text) or (short and russian) else None
    if written == "arabic":
        if _URDU.search(text):
            return "ur"
        return "fa" if len(_PERSIAN.findall(text)) * 50 > len(text) else "ar"
    if written == "devanagari":
        return (
            "hi"
            if any(word in FUNCTION_WORDS["hi"] for word in re.split(r"[^\u0900-\u0963\u0971-\u097f-]+", text))
            else None
        )
    return _OF_SCRIPT.get(written)


@functools.cache
def _model() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
