"""An article's rows: written and taken out within the store's transaction, with all that is made of them."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from index.storage.read_view import Vectors
from index.storage.tables import duplicate_groups, fulltext_table, site_lines
from index.storage.tables.vector_blobs import blob
from index.types import Article, MaskedRange, Passage
from index.validation import instant_range, now


@dataclass(frozen=True, slots=True)
class Prepared:
    """An article ready to be written.

    Attributes:
        article: the article.
        masked: page furniture in it.
        passages: its passages.
        vectors: float32 (n, dimension), one a passage.
        bands: what near-copies are looked up by.
        shingles: what near-copies are told by.
        embedded: number of passages that were embedded for this.
        language: of the article, as its source names it or as it was detected; None where neither tells.
        site: whose furniture the article has, None where unknown.
        lines: hashes of its short lines, which tell what the site's articles share.
    """

    article: Article
    masked: tuple[MaskedRange, ...]
    passages: tuple[Passage, ...]
    vectors: Vectors
    bands: tuple[int, ...]
    shingles: frozenset[str]
    embedded: int
    language: str | None
    site: str | None = None
    lines: tuple[int, ...] = ()

    @property
    def found_in(self) -> tuple[tuple[str, str], ...]:
        """Where what is known of the article was found."""
        detected = self.language is not None and self.article.language is None
        return (*self.article.found_in, *((("language", "detected"),) if detected else ()))


def insert(db: sqlite3.Connection, item: Prepared) -> list[int]:
    """Write an article that is not there, with all that is made of it; returns the ids of its passages."""
    article = item.article
    first, last = instant_range(article.published) if article.published else (None, None)
    key = db.execute(
        "INSERT INTO article (id, title, url, source, published, published_first, published_last, tags, text,"
        " characters, sha256, fingerprint, masked, added, author, updated, language, pages, origin, found_in)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            article.id,
            article.title,
            article.url,
            article.source,
            article.published,
            first,
            last,
            json.dumps(article.tags),
            article.text,
            len(article.text),
            article.sha256,
            article.fingerprint,
            ranges(item.masked),
            now(),
            article.author,
            article.updated,
            item.language,
            json.dumps(article.pages),
            article.origin,
            json.dumps(item.found_in),
        ),
    ).lastrowid
    db.executemany("INSERT INTO article_tag VALUES (?, ?)", [(tag, key) for tag in article.tags])
    duplicate_groups.join(db, int(key or 0), item.bands, item.shingles)
    site_lines.join(db, int(key or 0), item.site, item.lines)
    return insert_passages(db, int(key or 0), item)


def ranges(masked: Sequence[MaskedRange]) -> str:
    """Return masked ranges as the database holds them."""
    return json.dumps([(m.start, m.end, m.rule) for m in masked])


def insert_passages(db: sqlite3.Connection, key: int, item: Prepared) -> list[int]:
    """Write the passages of an article that is there, their words and vectors; returns their ids."""
    ids = []
    for passage, vector in zip(item.passages, item.vectors, strict=True):
        row = db.execute(
            "INSERT INTO passage (article, number, start, text) VALUES (?, ?, ?, ?)",
            (key, passage.number, passage.start, passage.text),
        )
        ids.append(int(row.lastrowid or 0))
        db.execute("INSERT INTO vector VALUES (?, ?)", (ids[-1], blob(vector)))
    texts = [passage.text for passage in item.passages]
    fulltext_table.put(db, list(zip(ids, texts, strict=True)), item.article.title, item.language)
    return ids


@dataclass(frozen=True, slots=True)
class Gone:
    """What went with an article: ids of its passages, and how many entries of the word index and vectors."""

    passages: list[int]
    words: int
    vectors: int


def delete(db: sqlite3.Connection, article_id: str) -> Gone | None:
    """Take out an article and all that was made of it; None where there is none."""
    found = db.execute("SELECT key FROM article WHERE id = ?", (article_id,)).fetchone()
    if found is None:
        return None
    key = found[0]
    duplicate_groups.leave(db, key)
    site_lines.leave(db, key)
    gone = delete_passages(db, key)
    db.execute("DELETE FROM article WHERE key = ?", (key,))
    return gone


def delete_passages(db: sqlite3.Connection, key: int) -> Gone:
    """Take out the passages of an article, their words and vectors."""
    title, language = db.execute("SELECT title, language FROM article WHERE key = ?", (key,)).fetchone()
    rows = db.execute("SELECT id, text FROM passage WHERE article = ?", (key,)).fetchall()
    words = fulltext_table.take_out(db, rows, title, language)
    vectors = 0
    for row, _ in rows:
        vectors += db.execute("DELETE FROM vector WHERE id = ?", (row,)).rowcount
    db.execute("DELETE FROM passage WHERE article = ?", (key,))
    return Gone([row for row, _ in rows], words, vectors)
