import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.text.query_terms import MAX_WORDS, match_terms, words

NASTY = [
    "what?",
    "C++",
    "NEAR(",
    "a OR",
    "x:y",
    '"',
    "'; DROP TABLE articles;--",
    "*",
    "AND",
    "-a",
    "^a",
    "{a b}",
    "a\x00b",
    "😀",
    "(",
]


@pytest.fixture(scope="module")
def table() -> sqlite3.Connection:
    database = sqlite3.connect(":memory:")
    database.execute("CREATE VIRTUAL TABLE w USING fts5(body, tokenize='porter unicode61')")
    return database


@pytest.mark.parametrize("query", NASTY)
def test_no_query_is_a_syntax_error(table: sqlite3.Connection, query: str) -> None:
    expression = " OR ".join(match_terms(query))
    if expression:
        table.execute("SELECT rowid FROM w WHERE w MATCH ?", (expression,)).fetchall()


@given(query=st.text(max_size=100))
def test_nor_is_any_other(query: str) -> None:
    database = sqlite3.connect(":memory:")
    database.execute("CREATE VIRTUAL TABLE w USING fts5(body)")
    expression = " OR ".join(match_terms(query))
    if expression:
        database.execute("SELECT rowid FROM w WHERE w MATCH ?", (expression,)).fetchall()


def test_stop_words_go_unless_they_are_all_there_is() -> None:
    assert words("Who is the president of France?") == ["president", "france"]
    assert words("who is it") == ["who", "is", "it"]
    assert len(words(" ".join(f"w{n}" for n in range(500)))) == MAX_WORDS
