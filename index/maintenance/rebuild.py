"""What can be made anew inside a collection's database, from what it is made of; all within the caller's transaction.

Imports sqlite3, as the store does that keeps the database.
"""

import contextlib
import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from index.audit.collection_audit import Audit, masked_ranges
from index.audit.defects import Tally
from index.boilerplate.lines import host_or_source, line_hashes
from index.errors import CitespanError
from index.storage.damaged_rows import rows_by_key
from index.storage.tables import article_rows, duplicate_groups, fulltext_table, site_lines
from index.storage.tables.article_rows import Prepared
from index.storage.tables.vector_blobs import blob, is_unit
from index.text.near_duplicates import bands, shingles
from index.types import Article
from index.validation import instant_range

# What is wrong with an article's passages, and means that they are cut anew.
CUT_ANEW = {
    "masked_range_invalid",
    "passages_missing",
    "passage_differs",
    "passage_masked",
    "passages_disordered",
}
_ORPHANS = (
    "DELETE FROM passage WHERE article NOT IN (SELECT key FROM article)",
    "DELETE FROM vector WHERE id NOT IN (SELECT id FROM passage)",
    "DELETE FROM article_tag WHERE article NOT IN (SELECT key FROM article)",
    "DELETE FROM band WHERE article NOT IN (SELECT key FROM article)",
    "DELETE FROM article_line WHERE article NOT IN (SELECT key FROM article)",
    "DELETE FROM job_failure WHERE job NOT IN (SELECT id FROM job)",
    "DELETE FROM followed WHERE subscription NOT IN (SELECT url FROM subscription)",
)
# Makes what is written of some articles: given them, returns them cut and embedded.
Prepare = Callable[[Sequence[Article]], list[Prepared]]
Embed = Callable[[Sequence[tuple[str, str]]], npt.NDArray[np.float32]]
_TOGETHER = 64


def mend(db: sqlite3.Connection, prepare: Prepare, embed: Embed, *, all_vectors: bool = False) -> None:
    """Make everything anew that is made of articles' texts, where it is not what it should be.

    Words, near-copies and counts of lines are made anew as a whole; passages and vectors where they are wrong.

    Args:
        db: within a transaction; foreign keys must not be enforced.
        prepare: cuts and embeds articles.
        embed: (title, text) of passages → float32 (n, dimension).
        all_vectors: whether every vector is made anew, for those that are well formed may still be wrong.

    Raises:
        sqlite3.DatabaseError: the database is damaged, or the disk refused.
    """
    for statement in _ORPHANS:
        db.execute(statement)
    _mend_fields(db)
    for article in _to_cut(db):
        for item in prepare([article]):
            _replace_passages(db, item)
    _mend_vectors(db, embed, all_vectors=all_vectors)
    _renew_words(db)
    _renew_families_and_lines(db)
    db.execute("UPDATE meta SET value = CAST(value AS INTEGER) + 1 WHERE name = 'generation'")


def _mend_fields(db: sqlite3.Connection) -> None:
    """Make the columns and tags that say again what others say agree with those."""
    for key, text, published, tags in rows_by_key(db, "article", "text, published, tags", "key"):
        held = "SELECT tag FROM article_tag WHERE article = ? ORDER BY tag"
        labels = [tag for (tag,) in db.execute(held, (key,))]
        try:
            named = list(json.loads(tags))
        except (ValueError, TypeError):
            named = labels  # they are written twice
            db.execute("UPDATE article SET tags = ? WHERE key = ?", (json.dumps(labels), key))
        if set(labels) != set(named):
            db.execute("DELETE FROM article_tag WHERE article = ?", (key,))
            db.executemany("INSERT INTO article_tag VALUES (?, ?)", [(tag, key) for tag in named])
        with contextlib.suppress(CitespanError, TypeError):  # a date that nobody can read is for a person to look at
            first, last = instant_range(published) if published else (None, None)
            db.execute(
                "UPDATE article SET characters = ?1, published_first = ?2, published_last = ?3 WHERE key = ?4"
                " AND (characters IS NOT ?1 OR published_first IS NOT ?2 OR published_last IS NOT ?3)",
                (len(text), first, last, key),
            )


def _to_cut(db: sqlite3.Connection) -> Iterator[Article]:
    """Yield the articles whose passages are not what they should be."""
    for key in [row[0] for row in db.execute("SELECT key FROM article ORDER BY key")]:
        tally = Tally()
        Audit(db, tally).article(key)
        if CUT_ANEW & {defect.kind for defect in tally}:
            article_id, title, text, url, source, language = db.execute(
                "SELECT id, title, text, url, source, language FROM article WHERE key = ?", (key,)
            ).fetchone()
            with contextlib.suppress(CitespanError):  # one that could not be added today
                yield Article(text, id=article_id, title=title, url=url, source=source, language=language)


def _replace_passages(db: sqlite3.Connection, item: Prepared) -> None:
    key = db.execute("SELECT key FROM article WHERE id = ?", (item.article.id,)).fetchone()[0]
    db.execute("DELETE FROM vector WHERE id IN (SELECT id FROM passage WHERE article = ?)", (key,))
    db.execute("DELETE FROM passage WHERE article = ?", (key,))
    db.execute("UPDATE article SET masked = ? WHERE key = ?", (article_rows.ranges(item.masked), key))
    for passage, vector in zip(item.passages, item.vectors, strict=True):
        row = db.execute(
            "INSERT INTO passage (article, number, start, text) VALUES (?, ?, ?, ?)",
            (key, passage.number, passage.start, passage.text),
        )
        db.execute("INSERT INTO vector VALUES (?, ?)", (row.lastrowid, blob(vector)))


def _mend_vectors(db: sqlite3.Connection, embed: Embed, *, all_vectors: bool) -> None:
    wrong = []
    for (passage,) in db.execute("SELECT id FROM passage ORDER BY id").fetchall():
        data = db.execute("SELECT data FROM vector WHERE id = ?", (passage,)).fetchone()
        if all_vectors or data is None or not is_unit(data[0]):
            wrong.append(passage)
    for at in range(0, len(wrong), _TOGETHER):
        group = wrong[at : at + _TOGETHER]
        texts = [
            db.execute(
                "SELECT a.title, p.text FROM passage p JOIN article a ON a.key = p.article WHERE p.id = ?", (passage,)
            ).fetchone()
            for passage in group
        ]
        made = zip(group, embed(texts), strict=True)
        db.executemany("INSERT OR REPLACE INTO vector VALUES (?, ?)", [(key, blob(row)) for key, row in made])


def _renew_words(db: sqlite3.Connection) -> None:
    """Make the table of words anew, from its definition on: its own parts may be damaged."""
    made = db.execute("SELECT sql FROM sqlite_master WHERE name = 'words'").fetchone()[0]
    db.execute("DROP TABLE words")
    db.execute(made)
    fulltext_table.rebuild(db)


def _renew_families_and_lines(db: sqlite3.Connection) -> None:
    looked = dict(db.execute("SELECT name, looked FROM site"))
    for table in ("band", "line", "article_line", "site"):
        db.execute(f"DELETE FROM {table}")
    db.execute("UPDATE article SET family = NULL WHERE family IS NOT NULL")
    for (key,) in db.execute("SELECT key FROM article ORDER BY key").fetchall():
        text, masked, url, source = db.execute(
            "SELECT text, masked, url, source FROM article WHERE key = ?", (key,)
        ).fetchone()
        found = shingles(text, masked_ranges(masked, len(text)) or [])
        duplicate_groups.join(db, key, bands(found), found)
        site_lines.join(db, key, host_or_source(url, source), line_hashes(text))
    db.executemany("UPDATE site SET looked = ? WHERE name = ?", [(count, name) for name, count in looked.items()])
