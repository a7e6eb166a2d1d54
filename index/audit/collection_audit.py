"""What is wrong inside a collection's database: every layer against the layer that it is made of.

Reads only, so it can be done beside a service, and goes on after what cannot be read.
Imports sqlite3, as the store does that keeps the database.
"""

import contextlib
import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from index.audit.defects import Tally
from index.boilerplate.lines import host_or_source
from index.errors import CitespanError
from index.storage.damaged_rows import open_to_read, rows_by_key
from index.storage.migrations import MIGRATIONS, schema_of, schema_of_format
from index.storage.tables.fulltext_table import outdated, put
from index.storage.tables.vector_blobs import is_unit
from index.text.near_duplicates import FEWEST, bands, shingles
from index.text.query_terms import indexed
from index.types import MaskedRange
from index.validation import instant_range

_DAMAGES_NAMED = 100
_COLUMNS = "id, text, sha256, characters, published, published_first, published_last, tags, masked, url, source"
# FTS5 bounds the depth of an expression.
_WORDS_AT_ONCE = 200


class Audit:
    """One reading of a collection's database; what is wrong goes into a tally.

    Args:
        db: a connection in a transaction.
        tally: where defects are counted.
    """

    def __init__(self, db: sqlite3.Connection, tally: Tally) -> None:
        self._db = db
        self._tally = tally
        self._alone: sqlite3.Connection | None = None
        self._complete = False  # whether it has all tables of the newest format

    def close(self) -> None:
        """Free what was needed on the way; the database stays open."""
        if self._alone is not None:
            self._alone.close()
            self._alone = None

    def run(self, *, thorough: bool = False, advance: Callable[[int], None] = lambda done: None) -> None:
        """Look at everything.

        Args:
            thorough: also compute anew which articles are near-copies.
            advance: called with the number of articles looked at.
        """
        self._guarded(self.file)
        if self._complete:
            for part in (self.references, self.words, self.families, self.lines):
                self._guarded(part)
        self._guarded(lambda: self.articles(thorough=thorough, advance=advance))

    def file(self) -> None:
        """Look at the database's pages, and at its tables and indexes."""
        damages = [row[0] for row in self._db.execute(f"PRAGMA integrity_check({_DAMAGES_NAMED})") if row[0] != "ok"]
        if damages:
            self._tally.add("database_damaged", *damages)
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        differing = schema_of(self._db) ^ schema_of_format(version)
        self._complete = not differing and version == len(MIGRATIONS)
        if differing:
            self._tally.add("schema_differs", *sorted({name for name, _ in differing}))

    def references(self) -> None:
        """Look for rows whose article, passage, job or feed is gone."""
        for table in ("article_tag", "band", "article_line", "job_failure", "followed"):
            broken = self._db.execute(f"PRAGMA foreign_key_check({table})").fetchall()
            if broken:
                self._tally.add("reference_broken", table, count=len(broken))
        ids = {
            "passage_orphaned": "SELECT id FROM passage WHERE article NOT IN (SELECT key FROM article)",
            "vector_missing": "SELECT id FROM passage WHERE id NOT IN (SELECT id FROM vector)",
            "vector_orphaned": "SELECT id FROM vector WHERE id NOT IN (SELECT id FROM passage)",
        }
        for kind, statement in ids.items():
            for row in self._db.execute(statement):
                self._tally.add(kind, f"passage {row[0]}")

    def words(self) -> None:
        """Look at the word index: which passages it has, and whether its parts agree."""
        if outdated(self._db):
            self._tally.add("words_outdated")
        ids = {
            "words_missing": "SELECT id FROM passage WHERE id NOT IN (SELECT id FROM words_docsize)",
            "words_orphaned": "SELECT id FROM words_docsize WHERE id NOT IN (SELECT id FROM passage)",
        }
        for kind, statement in ids.items():
            for row in self._db.execute(statement):
                self._tally.add(kind, f"passage {row[0]}")
        try:
            # Walks every page of the index: a damaged one is an error.
            self._db.execute("CREATE VIRTUAL TABLE IF NOT EXISTS temp.vocabulary USING fts5vocab(main, words, row)")
            listed = self._db.execute("SELECT coalesce(sum(cnt), 0) FROM temp.vocabulary").fetchone()[0]
            sizes = (row[0] for row in self._db.execute("SELECT sz FROM words_docsize"))
            if listed != sum(_varints(size) for size in sizes):
                self._tally.add("words_damaged", "it does not hold as many words as its passages have")
        except sqlite3.DatabaseError as error:
            self._tally.add("words_damaged", str(error))

    def finds(self, passage: int, title: str, text: str, language: str | None) -> bool:
        """Return whether a passage is found by all of its own words together."""
        try:
            words = self._own_words(passage, title, text, language)
            matched = "SELECT 1 FROM words WHERE words MATCH ? AND rowid = ?"
            query = " AND ".join(words[:_WORDS_AT_ONCE])
            return not words or self._db.execute(matched, (query, passage)).fetchone() is not None
        except sqlite3.DatabaseError:
            return False

    def _own_words(self, passage: int, title: str, text: str, language: str | None) -> list[str]:
        """What an index of a passage alone finds it by, as FTS5 is asked; it decides what a word is."""
        if self._alone is None:
            self._alone = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
            made = self._db.execute("SELECT sql FROM sqlite_master WHERE name = 'words'").fetchone()[0]
            self._alone.execute(made)
        self._alone.execute("INSERT INTO words (words) VALUES ('delete-all')")
        put(self._alone, [(passage, text)], title, language)
        parts = {*indexed(title, language).split(), *indexed(text, language).split()}
        quoted = ('"' + part.replace('"', '""') + '"' for part in sorted(parts) if "\x00" not in part)
        found = "SELECT 1 FROM words WHERE words MATCH ?"
        return [word for word in quoted if self._alone.execute(found, (word,)).fetchone()]

    def families(self) -> None:
        """Look for families of near-copies that have lost all but one of their members."""
        alone = "SELECT min(id) FROM article WHERE family IS NOT NULL GROUP BY family HAVING count(*) < 2"
        for row in self._db.execute(alone):
            self._tally.add("family_of_one", row[0])

    def lines(self) -> None:
        """Compare the counts of each site's lines with what its articles added to them."""
        for key, name, articles in self._db.execute("SELECT key, name, articles FROM site ORDER BY key"):
            count, parts = 0, []
            for row in self._db.execute("SELECT hashes FROM article_line WHERE site = ?", (key,)):
                count += 1
                parts.append(np.frombuffer(row[0], dtype="<i8"))
            hashes, added = np.unique(np.concatenate([*parts, np.empty(0, np.int64)]), return_counts=True)
            held = self._db.execute("SELECT hash, articles FROM line WHERE site = ? ORDER BY hash", (key,)).fetchall()
            if count != articles or held != list(zip(hashes.tolist(), added.tolist(), strict=True)):
                self._tally.add("line_counts_wrong", name)
        lost = "SELECT DISTINCT site FROM article_line WHERE site NOT IN (SELECT key FROM site)"
        for row in self._db.execute(lost):
            self._tally.add("line_counts_wrong", f"site {row[0]}")

    def articles(self, *, thorough: bool = False, advance: Callable[[int], None] = lambda done: None) -> None:
        """Compare each article's text, fields, passages and vectors with each other.

        Args:
            thorough: also compute anew what near-copies are looked up by.
            advance: called with the number of articles looked at.
        """
        known = schema_of(self._db)
        marks = {table for table in ("band", "article_line") if any(name == table for name, _ in known)}

        def unreadable(what: str) -> None:
            self._tally.add("article_unreadable", what)

        for done, row in enumerate(rows_by_key(self._db, "article", _COLUMNS, "key", unreadable=unreadable), 1):
            self._article(row, marks, thorough=thorough)
            advance(done)

    def article(self, key: int) -> None:
        """Compare one article's text, fields, passages and vectors with each other."""
        row = self._db.execute(f"SELECT key, {_COLUMNS} FROM article WHERE key = ?", (key,)).fetchone()
        self._article(row, set(), thorough=False)

    def _article(self, row: tuple[Any, ...], marks: set[str], *, thorough: bool) -> None:
        try:
            self._compare(row, marks, thorough=thorough)
        # A damaged row may hold anything in any column.
        except (sqlite3.DatabaseError, CitespanError, ValueError, TypeError, AttributeError) as error:
            self._tally.add("article_unreadable", f"{row[1]}: {error}")

    def _compare(self, row: tuple[Any, ...], marks: set[str], *, thorough: bool) -> None:
        key, article_id, text, sha256, characters, published, first, last, tags, masked, url, source = row
        if hashlib.sha256(text.encode()).hexdigest() != sha256:
            self._tally.add("text_changed", article_id)
        dates = instant_range(published) if published else (None, None)
        labels = {tag for (tag,) in self._db.execute("SELECT tag FROM article_tag WHERE article = ?", (key,))}
        if (first, last) != dates or characters != len(text) or labels != set(json.loads(tags)):
            self._tally.add("fields_disagree", article_id)
        ranges = masked_ranges(masked, len(text))
        if ranges is None:
            self._tally.add("masked_range_invalid", article_id)
        self._passages(key, article_id, text, ranges or [])
        if "band" in marks:
            held = self._db.execute("SELECT hash FROM band WHERE article = ? ORDER BY band", (key,)).fetchall()
            if thorough or not held:
                found = shingles(text, ranges or [])
                if not held and len(found) >= FEWEST:
                    self._tally.add("copies_uncompared", article_id)
                elif held and tuple(value for (value,) in held) != bands(found):
                    self._tally.add("copies_differ", article_id)
        if "article_line" in marks and host_or_source(url, source) is not None:
            counted = self._db.execute("SELECT 1 FROM article_line WHERE article = ?", (key,)).fetchone()
            if counted is None:
                self._tally.add("lines_uncounted", article_id)

    def _passages(self, key: int, article_id: str, text: str, masked: list[MaskedRange]) -> None:
        rows = self._db.execute(
            "SELECT p.id, p.number, p.start, p.text, v.data FROM passage p LEFT JOIN vector v ON v.id = p.id"
            " WHERE p.article = ? ORDER BY p.number",
            (key,),
        ).fetchall()
        if not rows:
            self._tally.add("passages_missing", article_id)
        for _, number, start, passage, vector in rows:
            name, end = f"{article_id}:{number}", start + len(passage)
            if not passage or start < 0 or text[start:end] != passage:
                self._tally.add("passage_differs", name)
            if any(start < part.end and part.start < end for part in masked):
                self._tally.add("passage_masked", name)
            if vector is not None and (len(vector) != len(rows[0][4] or vector) or not is_unit(vector)):
                self._tally.add("vector_invalid", name)
        starts = [row[2] for row in rows]
        if [row[1] for row in rows] != list(range(len(rows))) or starts != sorted(set(starts)):
            self._tally.add("passages_disordered", article_id)

    def _guarded(self, part: Callable[[], None]) -> None:
        try:
            part()
        except sqlite3.DatabaseError as error:
            self._tally.add("database_damaged", str(error))


def audit_database(path: Path, tally: Tally) -> None:
    """Count what is wrong inside a database, in one reading of it; goes on after what cannot be read.

    Args:
        path: the database's file.
        tally: where defects are counted.
    """
    try:
        with contextlib.closing(open_to_read(path)) as db:
            Audit(db, tally).run()
    except sqlite3.Error as error:
        tally.add("database_unreadable", str(error))


def sample(db: sqlite3.Connection, ids: list[int]) -> Iterator[tuple[int, str, str, str, str | None, bytes | None]]:
    """Yield passages: id, name, title, text, language and vector as stored; those that cannot be read are left out."""
    for passage in ids:
        try:
            row = db.execute(
                "SELECT p.id, a.id || ':' || p.number, a.title, p.text, a.language, v.data FROM passage p"
                " JOIN article a ON a.key = p.article LEFT JOIN vector v ON v.id = p.id WHERE p.id = ?",
                (passage,),
            ).fetchone()
        except sqlite3.DatabaseError:
            continue
        if row is not None:
            yield row


def masked_ranges(masked: str, length: int) -> list[MaskedRange] | None:
    """Return masked ranges as the database holds them; None where they are not ascending ranges of the text."""
    try:
        ranges = [MaskedRange(*fields) for fields in json.loads(masked)]
    except (ValueError, TypeError):
        return None
    ends = [0, *(part.end for part in ranges)]
    if any(part.start < end for part, end in zip(ranges, ends, strict=False)) or ends[-1] > length:
        return None
    return ranges


def _varints(data: bytes) -> int:
    """Return the sum of the numbers that FTS5 keeps of a row: its words, column by column."""
    total = value = 0
    for byte in data:
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            total, value = total + value, 0
    return total
