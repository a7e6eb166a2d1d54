"""The table of words within the database: what is written into it, taken out of it, and when it is made anew.

The table is contentless: FTS5 keeps no text, so a passage is taken out by handing in the very form that was written.
``meta`` says which form that was; a library whose form is another's is brought up to date when it is opened.
"""

import json
import sqlite3
from collections.abc import Sequence

from index.text.language_detection import detect_language
from index.text.query_terms import form, indexed

# Articles whose passages are read at a time.
_BATCH = 64


def put(db: sqlite3.Connection, passages: Sequence[tuple[int, str]], title: str, language: str | None) -> None:
    """Write an article's passages, (id, text), into the table of words."""
    head = indexed(title, language)
    db.executemany(
        "INSERT INTO words (rowid, title, body) VALUES (?, ?, ?)",
        ((key, head, indexed(text, language)) for key, text in passages),
    )


def take_out(db: sqlite3.Connection, passages: Sequence[tuple[int, str]], title: str, language: str | None) -> int:
    """Take an article's passages, (id, text), out of the table of words; returns how many went."""
    head = indexed(title, language)
    return db.executemany(
        "INSERT INTO words (words, rowid, title, body) VALUES ('delete', ?, ?, ?)",
        ((key, head, indexed(text, language)) for key, text in passages),
    ).rowcount


def outdated(db: sqlite3.Connection) -> bool:
    """Return whether the table of words has another form than this version writes."""
    row = db.execute("SELECT value FROM meta WHERE name = 'words'").fetchone()
    return row is None or row[0] != form()


def rebuild(db: sqlite3.Connection) -> int:
    """Make the table of words anew, within the caller's transaction; returns the number of passages.

    Articles whose language nothing names are looked at again: earlier versions did not.  A few articles are in memory
    at a time.
    """
    db.execute("INSERT INTO words (words) VALUES ('delete-all')")
    count, last = 0, 0
    while rows := db.execute(
        "SELECT key, title, language, text, found_in FROM article WHERE key > ? ORDER BY key LIMIT ?", (last, _BATCH)
    ).fetchall():
        for last, title, named, text, found_in in rows:
            language = named or detect_language(text)
            if language != named:
                places = [*json.loads(found_in), ("language", "detected")]
                changed = (language, json.dumps(places), last)
                db.execute("UPDATE article SET language = ?, found_in = ? WHERE key = ?", changed)
            passages = db.execute("SELECT id, text FROM passage WHERE article = ? ORDER BY id", (last,)).fetchall()
            put(db, passages, title, language)
            count += len(passages)
    db.execute("INSERT OR REPLACE INTO meta VALUES ('words', ?)", (form(),))
    return count
