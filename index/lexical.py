"""A query's words → an FTS5 match expression.  Pure; the store runs it.

FTS5 has a query language of its own, in which most questions are syntax errors.  So every word is
quoted and the words are joined with OR; BM25 then ranks by how many and how rare they are.
"""

import re

MAX_WORDS = 64

_TOKEN = re.compile(r"[^\W_]+")

# Words that say nothing about which passage is meant.  With OR they would only make every passage
# a match and the ranking slow.
_STOP_WORDS = """a about an and any are as at be been being by can could did do does doing for from had has have
having he her hers him his how i if in into is it its me my of on or our s she should so some such t than that the
their theirs them then there these they this those to was we were what when where which while who whom whose why will
with would you your"""
STOP_WORDS = frozenset(_STOP_WORDS.split())


def words(query: str) -> list[str]:
    """Return the distinct words of a query that are worth looking for, in order, at most MAX_WORDS.

    Where there are only stop words, they are all there is, and are kept.
    """
    found = list(dict.fromkeys(match.group().lower() for match in _TOKEN.finditer(query)))
    telling = [word for word in found if word not in STOP_WORDS]
    return (telling or found)[:MAX_WORDS]


def match_expression(query: str) -> str | None:
    """Return an FTS5 expression that matches passages with any of the query's words, or None if it has none."""
    quoted = [f'"{word}"' for word in words(query)]
    return " OR ".join(quoted) if quoted else None
