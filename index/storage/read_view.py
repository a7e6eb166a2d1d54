"""One consistent reading of a collection: what the database knows, without the right to change it.

Imports sqlite3, as the store does that makes these views.
"""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from index.errors import QueryError
from index.storage.pending_work import Agenda
from index.storage.tables.change_feed import News
from index.storage.tables.job_table import Ledger
from index.storage.tables.subscription_table import Subscriptions
from index.types import ArticleInfo, CollectionInfo, Filters, MaskedRange, Page, Passage, StoredArticle
from index.validation import instant_range

Ids = npt.NDArray[np.int64]
Vectors = npt.NDArray[np.float32]

# Ranking by BM25 looks at every passage that has one of the words. With 300,000 passages and 400 development questions
# this bound costs nothing (the right one is among the first ten in 89.7 of 100 with it, in 89.5 without it) and halves
# the time of the slowest.
MATCHES = 60_000

_INFO = """a.id, a.title, a.url, a.source, a.published, a.tags, a.sha256, a.characters,
    (SELECT count(*) FROM passage WHERE article = a.key), a.added, a.author, a.updated, a.language, a.pages, a.origin,
    a.found_in, a.family, a.vanished"""
_INFO_COLUMNS = 18


class View:
    """One consistent reading of a collection; made by Store.read and valid inside its ``with``."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    @property
    def ledger(self) -> Ledger:
        """The collection's jobs, to read."""
        return Ledger(self._db)

    @property
    def subscriptions(self) -> Subscriptions:
        """What the collection follows, to read."""
        return Subscriptions(self._db)

    @property
    def news(self) -> News:
        """What has changed since a moment."""
        return News(self._db)

    def meta(self, name: str) -> str | None:
        """Return a stored setting."""
        row = self._db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def reusable_bytes(self) -> int:
        """Return how many bytes the file has that hold nothing: what is added takes them first."""
        row = self._db.execute(
            "SELECT freelist_count * page_size FROM pragma_freelist_count, pragma_page_size"
        ).fetchone()
        return int(row[0])

    def generation(self) -> int:
        """Return the number of commits so far."""
        return int(self.meta("generation") or 0)

    def is_unused(self) -> bool:
        """Return whether nothing was ever stored in the collection."""
        agenda = self.agenda()
        stored = self._db.execute("SELECT EXISTS (SELECT 1 FROM article)").fetchone()[0]
        return not (stored or self.generation() or agenda.follows or agenda.remembers_jobs)

    def info(self, name: str) -> CollectionInfo:
        """Return the collection's size."""
        articles, characters = self._db.execute("SELECT count(*), coalesce(sum(characters), 0) FROM article").fetchone()
        passages = self._db.execute("SELECT count(*) FROM passage").fetchone()[0]
        copies = self._db.execute(
            "SELECT count(*) - count(DISTINCT family) FROM article WHERE family IS NOT NULL"
        ).fetchone()[0]
        return CollectionInfo(name, articles, passages, characters, copies)

    def agenda(self) -> Agenda:
        """Return whether anything is to be done in the collection of itself."""
        row = self._db.execute(
            "SELECT EXISTS (SELECT 1 FROM subscription), EXISTS (SELECT 1 FROM job),"
            " EXISTS (SELECT 1 FROM job WHERE state IN ('queued', 'running'))"
        ).fetchone()
        return Agenda(*map(bool, row))

    def sample(self, turn: int) -> int | None:
        """Return the id of a passage, another one each turn; None where there is none."""
        last = self._db.execute("SELECT max(id) FROM passage").fetchone()[0]
        if last is None:
            return None
        # Knuth's multiplicative hash spreads turns over all ids.
        start = turn * 2_654_435_761 % last
        row = self._db.execute("SELECT id FROM passage WHERE id > ? ORDER BY id LIMIT 1", (start,)).fetchone()
        return int(row[0])

    def fingerprint(self, article_id: str) -> tuple[str, int] | None:
        """Return an article's fingerprint and number of passages, None where there is none."""
        row = self._db.execute(
            "SELECT fingerprint, (SELECT count(*) FROM passage WHERE article = key) FROM article WHERE id = ?",
            (article_id,),
        ).fetchone()
        return None if row is None else (row[0], row[1])

    def sha256(self, article_id: str) -> str | None:
        """Return the SHA-256 of an article's text, None where there is none."""
        row = self._db.execute("SELECT sha256 FROM article WHERE id = ?", (article_id,)).fetchone()
        return None if row is None else row[0]

    def article_vectors(self, article_id: str) -> tuple[str, list[str], Vectors]:
        """Return an article's title, its passages' texts, and their vectors, float32 (n, dimension), as stored."""
        rows = self._db.execute(
            "SELECT a.title, p.text, v.id, v.data FROM article a JOIN passage p ON p.article = a.key "
            "JOIN vector v ON v.id = p.id WHERE a.id = ? ORDER BY p.number",
            (article_id,),
        ).fetchall()
        return rows[0][0] if rows else "", [row[1] for row in rows], _vectors([row[2:] for row in rows])[1]

    def article_lines(self, article_id: str) -> tuple[str | None, list[int]]:
        """Return the site that an article's lines are counted for, None where they are not, and their hashes."""
        row = self._db.execute(
            "SELECT s.name, l.hashes FROM article a JOIN article_line l ON l.article = a.key"
            " JOIN site s ON s.key = l.site WHERE a.id = ?",
            (article_id,),
        ).fetchone()
        return (None, []) if row is None else (str(row[0]), np.frombuffer(row[1], dtype="<i8").tolist())

    def lines(self, site: str, hashes: Sequence[int]) -> tuple[int, dict[int, int]]:
        """Return how many articles a site has, and how many of them have each of some lines; absent where none."""
        rows = self._db.execute(
            "SELECT l.hash, l.articles FROM line l JOIN site s ON s.key = l.site"
            " WHERE s.name = ? AND l.hash IN (SELECT value FROM json_each(?))",
            (site, json.dumps(list(hashes))),
        )
        return self.site(site)[0], dict(rows.fetchall())

    def site(self, name: str) -> tuple[int, int]:
        """Return how many articles a site has, and how many it had when they were masked anew."""
        row = self._db.execute("SELECT articles, looked FROM site WHERE name = ?", (name,)).fetchone()
        return (0, 0) if row is None else (int(row[0]), int(row[1]))

    def newest(self, site: str, limit: int) -> list[str]:
        """Return the ids of a site's articles that came last, newest first."""
        rows = self._db.execute(
            "SELECT a.id FROM article_line l JOIN site s ON s.key = l.site JOIN article a ON a.key = l.article"
            " WHERE s.name = ? ORDER BY l.article DESC LIMIT ?",
            (site, limit),
        )
        return [row[0] for row in rows]

    def origins(self, folder: str) -> dict[str, list[str]]:
        """Return the ids of the articles that came from files in a folder, by origin."""
        rows = self._db.execute(
            "SELECT origin, id FROM article WHERE origin >= ? AND origin < ? ORDER BY key", (f"{folder}/", f"{folder}0")
        )
        found: dict[str, list[str]] = {}
        for origin, article_id in rows:
            found.setdefault(origin, []).append(article_id)
        return found

    def article(self, article_id: str) -> StoredArticle | None:
        """Return a whole article, None where there is none."""
        row = self._db.execute(f"SELECT {_INFO}, a.text, a.masked, a.key FROM article a WHERE id = ?", (article_id,))
        found = row.fetchone()
        if found is None:
            return None
        passages = self._db.execute(
            "SELECT number, start, text FROM passage WHERE article = ? ORDER BY number", found[-1:]
        )
        return StoredArticle(
            info=_info(found),
            text=found[_INFO_COLUMNS],
            masked=tuple(MaskedRange(*fields) for fields in json.loads(found[_INFO_COLUMNS + 1])),
            passages=tuple(Passage(article_id, number, at, at + len(text), text) for number, at, text in passages),
        )

    def page(self, limit: int, after: int, *, newest: bool = False) -> tuple[Page, int | None]:
        """Return articles in order of arrival after a key (0: from the start), and the key to go on from."""
        where, order = ("(?1 = 0 OR a.key < ?1)", "DESC") if newest else ("a.key > ?1", "ASC")
        rows = self._db.execute(
            f"SELECT {_INFO}, a.key FROM article a WHERE {where} ORDER BY a.key {order} LIMIT ?2",
            (after, limit + 1),
        ).fetchall()
        more = rows[limit - 1][-1] if len(rows) > limit else None
        return Page(tuple(_info(row) for row in rows[:limit])), more

    def allowed(self, filters: Filters, after: int = 0) -> Ids | None:
        """Return the ids, beyond one, of the passages that pass the filters, ascending; None where all do."""
        clause, values = _where(filters)
        if not clause:
            return None
        rows = self._db.execute(
            f"SELECT p.id FROM passage p JOIN article a ON a.key = p.article WHERE {clause} AND p.id > ? ORDER BY p.id",
            (*values, after),
        )
        return np.fromiter((row[0] for row in rows), dtype=np.int64)

    def languages(self) -> set[str]:
        """Return the languages, ISO 639 codes, that articles are in."""
        # From one language to the next along the index, not over all articles.
        rows = self._db.execute(
            "WITH RECURSIVE found (code) AS (SELECT min(language) FROM article UNION ALL"
            " SELECT (SELECT min(language) FROM article WHERE language > code) FROM found WHERE code IS NOT NULL)"
            " SELECT code FROM found WHERE code IS NOT NULL"
        )
        return {row[0] for row in rows}

    def lexical(self, terms: Sequence[str], limit: int, filters: Filters) -> list[int]:
        """Return the ids of the passages that match best by BM25, best first.

        Args:
            terms: as lexical.match_terms() makes them; any of them may match.
            limit: at most so many passages.
            filters: which articles may be searched.
        """
        if not terms:
            return []
        clause, values = _where(filters)
        inside = f"AND rowid IN (SELECT p.id FROM passage p JOIN article a ON a.key = p.article WHERE {clause})"
        rows = self._db.execute(
            f"SELECT rowid FROM words WHERE words MATCH ? {inside if clause else ''} "
            f"ORDER BY bm25(words), rowid LIMIT ?",
            (self._affordable(terms), *values, limit),
        )
        return [row[0] for row in rows]

    def _affordable(self, terms: Sequence[str]) -> str:
        """An expression of which at most MATCHES passages are ranked: common words alone are no match."""
        everything = " OR ".join(terms)
        last = self._db.execute("SELECT max(id) FROM passage").fetchone()[0] or 0
        if len(terms) < 2 or last <= MATCHES:
            return everything
        counts = [
            self._db.execute(
                "SELECT count(*) FROM (SELECT rowid FROM words WHERE words MATCH ? LIMIT ?)", (term, MATCHES + 1)
            ).fetchone()[0]
            for term in terms
        ]
        rare: list[str] = []
        matches = 0
        for count, term in sorted(zip(counts, terms, strict=True)):
            matches += count
            if rare and matches > MATCHES:
                # The others rank what one of these matches.
                return f"({' OR '.join(rare)}) AND ({everything})"
            rare.append(term)
        return everything

    def passages(self, ids: Sequence[int]) -> dict[int, tuple[Passage, ArticleInfo]]:
        """Return passages with their articles by id; ids that are gone are left out."""
        found = {}
        for key in ids:
            row = self._db.execute(
                f"SELECT {_INFO}, p.number, p.start, p.text "
                "FROM passage p JOIN article a ON a.key = p.article WHERE p.id = ?",
                (int(key),),
            ).fetchone()
            if row is not None:
                info = _info(row)
                number, start, text = row[_INFO_COLUMNS:]
                found[int(key)] = (Passage(info.id, number, start, start + len(text), text), info)
        return found

    def families(self, ids: Sequence[int]) -> dict[int, tuple[int, int]]:
        """Return family and article, as numbers, of the passages whose articles have near-copies, by id."""
        # Told at once by an index of their own: most collections have none.
        if self._db.execute("SELECT 1 FROM article WHERE family IS NOT NULL LIMIT 1").fetchone() is None:
            return {}
        rows = self._db.execute(
            "SELECT p.id, a.family, a.key FROM passage p JOIN article a ON a.key = p.article "
            "WHERE p.id IN (SELECT value FROM json_each(?)) AND a.family IS NOT NULL",
            (json.dumps([int(key) for key in ids]),),
        )
        return {row[0]: (row[1], row[2]) for row in rows}

    def passage_ids(self) -> Ids:
        """Return the ids of all passages, ascending: int64 (n,)."""
        return np.fromiter((row[0] for row in self._db.execute("SELECT id FROM passage ORDER BY id")), dtype=np.int64)

    def vectors(self, ids: Sequence[int] | Ids) -> tuple[Ids, Vectors]:
        """Return the vectors of the given passages that are still there, by id: int64 (n,), float32 (n, dimension)."""
        wanted = json.dumps([int(key) for key in ids])
        rows = self._db.execute(
            "SELECT id, data FROM vector WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id", (wanted,)
        )
        return _vectors(rows.fetchall())

    def all_vectors(self, batch: int = 20_000) -> Iterator[tuple[Ids, Vectors]]:
        """Yield all vectors in batches, ascending by id."""
        cursor = self._db.execute("SELECT id, data FROM vector ORDER BY id")
        while rows := cursor.fetchmany(batch):
            yield _vectors(rows)

    def texts(self, batch: int = 1_000) -> Iterator[list[tuple[int, str, str]]]:
        """Yield (passage id, title, text) in batches, ascending by id."""
        cursor = self._db.execute(
            "SELECT p.id, a.title, p.text FROM passage p JOIN article a ON a.key = p.article ORDER BY p.id"
        )
        while rows := cursor.fetchmany(batch):
            yield rows


def encode_cursor(key: int) -> str:
    """Return the cursor that stands for a key."""
    return f"k{key:x}"


def decode_cursor(cursor: str | None) -> int:
    """Return the key that a cursor stands for; 0 for None.

    Raises:
        QueryError: it is not one that a listing gave out.
    """
    if cursor is None:
        return 0
    try:
        if not cursor.startswith("k") or len(cursor) > 16:
            raise ValueError(cursor)
        key = int(cursor[1:], 16)
    except ValueError:
        raise QueryError("cursor is not one that a listing gave out: leave it out", field="cursor") from None
    if key < 0 or encode_cursor(key) != cursor:
        raise QueryError("cursor is not one that a listing gave out: leave it out", field="cursor")
    return key


def _where(filters: Filters) -> tuple[str, list[str]]:
    """Return a condition on article ``a`` and the values bound in it; "" where nothing is filtered."""
    parts: list[str] = []
    values: list[str] = []
    if filters.published_from is not None:
        parts.append("a.published_last >= ?")
        values.append(instant_range(filters.published_from)[0])
    if filters.published_to is not None:
        parts.append("a.published_first <= ?")
        values.append(instant_range(filters.published_to)[1])
    if filters.as_of is not None:
        parts.append("(a.published_first IS NULL OR a.published_first <= ?)")
        values.append(instant_range(filters.as_of)[1])
    if filters.sources:
        parts.append(f"a.source IN ({_marks(filters.sources)})")
        values.extend(filters.sources)
    if filters.article_ids:
        parts.append(f"a.id IN ({_marks(filters.article_ids)})")
        values.extend(filters.article_ids)
    if filters.tags:
        parts.append(f"a.key IN (SELECT article FROM article_tag WHERE tag IN ({_marks(filters.tags)}))")
        values.extend(filters.tags)
    return " AND ".join(parts), values


def _marks(values: Sequence[str]) -> str:
    return ", ".join("?" * len(values))


def _info(row: Sequence[Any]) -> ArticleInfo:
    article_id, title, url, source, published, tags, sha256, characters, passages, added = row[:10]
    author, updated, language, pages, origin, found_in, family, vanished = row[10:_INFO_COLUMNS]
    return ArticleInfo(
        id=article_id,
        title=title,
        url=url,
        source=source,
        published=published,
        tags=tuple(json.loads(tags)),
        sha256=sha256,
        characters=characters,
        passages=passages,
        added=added,
        author=author,
        updated=updated,
        language=language,
        pages=tuple(json.loads(pages)),
        origin=origin,
        found_in=tuple((field, place) for field, place in json.loads(found_in)),
        family=family,
        vanished=vanished,
    )


def _vectors(rows: Sequence[tuple[int, bytes]]) -> tuple[Ids, Vectors]:
    ids = np.array([row[0] for row in rows], dtype=np.int64)
    if not rows:
        return ids, np.empty((0, 0), np.float32)
    flat = np.frombuffer(b"".join(row[1] for row in rows), dtype="<f2").astype(np.float32)
    return ids, flat.reshape(len(rows), -1)
