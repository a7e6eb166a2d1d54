"""Words of texts and of queries → what FTS5 is given: the form of the word index, and match expressions.  Pure.

FTS5 has a query language of its own, in which most questions are syntax errors.  So every word is
quoted and the words are joined with OR; BM25 then ranks by how many and how rare they are.
"""

import re
import unicodedata

from index.text import stemming
from index.text.language_detection import question_language
from index.text.scripts import MOVED_MARKS, WORD, single, spaced
from index.text.stopwords import FUNCTION_WORDS

MAX_WORDS = 64
# Raised whenever the same text would get another form.
_FORM = 1

_TOKEN = re.compile(f"(?:[^\\W_]|[{MOVED_MARKS}])+")


def form() -> str:
    """Return what the form of texts depends on: an index made with another has to be made anew."""
    return f"{_FORM} stems {stemming.version()} characters {unicodedata.unidata_version}"


def indexed(text: str, language: str | None) -> str:
    """Return a text in the form in which the word index has it; English stays as it is.

    Args:
        text: a title or a passage.
        language: ISO 639 code of its article's language, None where unknown.
    """
    if language is None or language not in stemming.STEMMED:
        return spaced(text)
    return WORD.sub(lambda match: stemming.stem(match.group(), language), text)


def words(query: str) -> list[str]:
    """Return the distinct words of a query that are worth looking for, in order, at most MAX_WORDS.

    Where there are only stop words, they are all there is, and are kept.
    """
    found = [match.group() for match in _TOKEN.finditer(spaced(query.lower()))]
    return _telling(found, question_language(query) or "en")


def match_terms(query: str, languages: set[str] | None = None) -> list[str]:
    """Return FTS5 expressions, each of which matches passages with one of the query's words.

    Args:
        query: words or a question.
        languages: ISO 639 codes of the languages that the articles are in.
    """
    quoted = [f'"{word}"*' if single(word) else f'"{word}"' for word in words(query)]
    asked_in = question_language(query) or "en"
    for language in stemming.plausible(languages or set(), query):
        telling = _telling([match.group().lower() for match in WORD.finditer(query)], asked_in, language)
        # Words that have no stem of their own are among those above.
        marked = (stemming.stem(word, language) for word in telling)
        quoted += [f'"{word}"' for word in dict.fromkeys(marked) if stemming.marked(word)]
    return quoted


def _telling(found: list[str], *languages: str) -> list[str]:
    """Return distinct words that are no small words of some languages; all of them where nothing else is left."""
    distinct = list(dict.fromkeys(found))
    small = frozenset[str]().union(*(FUNCTION_WORDS.get(language, ()) for language in languages))
    return ([word for word in distinct if word not in small] or distinct)[:MAX_WORDS]
