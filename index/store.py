"""SQLite: articles, passages, their words and vectors.  The one truth; imports sqlite3.

One connection does every commit and checkpoint, since SQLite before 3.51.3 can lose commits when
two connections do (sqlite.org/wal.html#walresetbug).  Readers are opened read-only and never
checkpoint.  ``synchronous=FULL``: a commit that returned is on the disk.
"""

import contextlib
import json
import queue
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import numpy as np
import numpy.typing as npt

from index.errors import CollectionNotFound, LibraryCorrupt, LibraryError, QueryError, StorageError
from index.migrations import check_version, migrate
from index.types import (
    Article,
    ArticleInfo,
    CollectionInfo,
    Filters,
    MaskedRange,
    Page,
    Passage,
    StoredArticle,
    instant_range,
)

DATABASE = "articles.db"
Ids = npt.NDArray[np.int64]
Vectors = npt.NDArray[np.float32]

_INFO = """a.id, a.title, a.url, a.source, a.published, a.tags, a.sha256, a.characters,
    (SELECT count(*) FROM passage WHERE article = a.key), a.added"""
# Title words count more: a title is short and says what the passage is about.
_TITLE_WEIGHT, _BODY_WEIGHT = 1.0, 1.0


@dataclass(frozen=True, slots=True)
class Prepared:
    """An article ready to be written.

    Attributes:
        article: the article.
        masked: page furniture in it.
        passages: its passages.
        vectors: float32 (n, dimension), one a passage.
    """

    article: Article
    masked: tuple[MaskedRange, ...]
    passages: tuple[Passage, ...]
    vectors: Vectors


@dataclass(frozen=True, slots=True)
class Written:
    """What one transaction changed.

    Attributes:
        created: per article, whether its id is new.
        ids: int64 ids of the new passages, in order.
        removed: int64 ids of the passages that went.
        generation: of the database after the commit.
    """

    created: tuple[bool, ...]
    ids: Ids
    removed: Ids
    generation: int


class View:
    """One consistent reading of a collection; made by Store.read and valid inside its ``with``."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def meta(self, name: str) -> str | None:
        """Return a stored setting."""
        row = self._db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def generation(self) -> int:
        """Return the number of commits so far."""
        return int(self.meta("generation") or 0)

    def info(self, name: str) -> CollectionInfo:
        """Return the collection's size."""
        articles, characters = self._db.execute("SELECT count(*), coalesce(sum(characters), 0) FROM article").fetchone()
        passages = self._db.execute("SELECT count(*) FROM passage").fetchone()[0]
        return CollectionInfo(name, articles, passages, characters)

    def fingerprint(self, article_id: str) -> tuple[str, int] | None:
        """Return an article's fingerprint and number of passages, None where there is none."""
        row = self._db.execute(
            "SELECT fingerprint, (SELECT count(*) FROM passage WHERE article = key) FROM article WHERE id = ?",
            (article_id,),
        ).fetchone()
        return None if row is None else (row[0], row[1])

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
            text=found[10],
            masked=tuple(MaskedRange(*fields) for fields in json.loads(found[11])),
            passages=tuple(Passage(article_id, number, at, at + len(text), text) for number, at, text in passages),
        )

    def page(self, limit: int, after: int) -> tuple[Page, int | None]:
        """Return articles in order of arrival after a key, and the key to go on from."""
        rows = self._db.execute(
            f"SELECT {_INFO}, a.key FROM article a WHERE a.key > ? ORDER BY a.key LIMIT ?",
            (after, limit + 1),
        ).fetchall()
        more = rows[limit - 1][-1] if len(rows) > limit else None
        return Page(tuple(_info(row) for row in rows[:limit])), more

    def allowed(self, filters: Filters) -> Ids | None:
        """Return the ids of the passages that pass the filters, ascending; None where all do."""
        clause, values = _where(filters)
        if not clause:
            return None
        rows = self._db.execute(
            f"SELECT p.id FROM passage p JOIN article a ON a.key = p.article WHERE {clause} ORDER BY p.id",
            values,
        )
        return np.fromiter((row[0] for row in rows), dtype=np.int64)

    def lexical(self, expression: str, limit: int, filters: Filters) -> list[int]:
        """Return the ids of the passages that match best by BM25, best first."""
        clause, values = _where(filters)
        inside = f"AND rowid IN (SELECT p.id FROM passage p JOIN article a ON a.key = p.article WHERE {clause})"
        rows = self._db.execute(
            f"SELECT rowid FROM words WHERE words MATCH ? {inside if clause else ''} "
            f"ORDER BY bm25(words, {_TITLE_WEIGHT}, {_BODY_WEIGHT}), rowid LIMIT ?",
            (expression, *values, limit),
        )
        return [row[0] for row in rows]

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
                found[int(key)] = (Passage(info.id, row[10], row[11], row[11] + len(row[12]), row[12]), info)
        return found

    def passage_ids(self) -> Ids:
        """Return the ids of all passages, ascending: int64 (n,)."""
        return np.fromiter((row[0] for row in self._db.execute("SELECT id FROM passage ORDER BY id")), dtype=np.int64)

    def vectors(self, ids: Sequence[int] | Ids) -> tuple[Ids, Vectors]:
        """Return the vectors of the given passages that are still there: int64 (n,) and float32 (n, dimension)."""
        rows = []
        for key in ids:
            row = self._db.execute("SELECT id, data FROM vector WHERE id = ?", (int(key),)).fetchone()
            if row is not None:
                rows.append(row)
        return _vectors(rows)

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

    def check(self) -> list[str]:
        """Return what is wrong inside the database, in words; empty where all is well."""
        problems = [row[0] for row in self._db.execute("PRAGMA integrity_check") if row[0] != "ok"]
        counts = {
            "passages without an article": "SELECT count(*) FROM passage WHERE article NOT IN "
            "(SELECT key FROM article)",
            "passages without a vector": "SELECT count(*) FROM passage WHERE id NOT IN (SELECT id FROM vector)",
            "vectors without a passage": "SELECT count(*) FROM vector WHERE id NOT IN (SELECT id FROM passage)",
            "passages without words": "SELECT count(*) FROM passage WHERE id NOT IN (SELECT rowid FROM words)",
            "words without a passage": "SELECT count(*) FROM words WHERE rowid NOT IN (SELECT id FROM passage)",
        }
        for what, statement in counts.items():
            count = self._db.execute(statement).fetchone()[0]
            if count:
                problems.append(f"{count} {what}")
        return problems


class Store:
    """The database of one collection.

    Safe for use from several threads: one writes at a time, any number read.

    Args:
        folder: the collection's folder, which exists.
        read_only: open without the right to write; the database must exist.

    Raises:
        LibraryFormatError: another program's database, or a newer format.
        LibraryCorrupt: the file is damaged.
        StorageError: the disk refused.
    """

    def __init__(self, folder: Path, *, read_only: bool = False) -> None:
        self.path = folder / DATABASE
        self.read_only = read_only
        self._write_lock = threading.RLock()
        self._readers: queue.LifoQueue[sqlite3.Connection] = queue.LifoQueue()
        self._closed = False
        self._writer: sqlite3.Connection | None = None
        with _translated():
            if read_only:
                with contextlib.closing(self._connect(reader=True)) as connection:
                    check_version(connection)
            else:
                self._writer = self._connect(reader=False)
                self._writer.execute("PRAGMA journal_mode = WAL")
                self._writer.execute("PRAGMA synchronous = FULL")
                self._writer.execute("PRAGMA foreign_keys = ON")
                migrate(self._writer)

    def close(self) -> None:
        """Close all connections; readers still at work close theirs when they are done."""
        with self._write_lock:
            self._closed = True
            while True:
                try:
                    self._readers.get_nowait().close()
                except queue.Empty:
                    break
            if self._writer is not None:
                with contextlib.suppress(sqlite3.Error):
                    self._writer.close()
                self._writer = None

    @contextlib.contextmanager
    def read(self) -> Iterator[View]:
        """Give one consistent reading of the database.

        Raises:
            LibraryCorrupt: the file is damaged.
            StorageError: the disk refused.
            CollectionNotFound: the collection has been removed meanwhile.
        """
        if self._closed:
            raise CollectionNotFound("the collection is closed or has been removed")
        with _translated():
            try:
                connection = self._readers.get_nowait()
            except queue.Empty:
                connection = self._connect(reader=True)
            try:
                connection.execute("BEGIN")
                yield View(connection)
            finally:
                if connection.in_transaction:
                    connection.rollback()
                if self._closed:
                    connection.close()
                else:
                    self._readers.put(connection)

    def write(self, prepared: Sequence[Prepared]) -> Written:
        """Add articles or replace those with the same ids, all in one transaction.

        Raises:
            StorageError: the disk refused; nothing was written.
        """
        with self._transaction() as db:
            created: list[bool] = []
            removed: list[int] = []
            ids: list[int] = []
            for item in prepared:
                gone = _delete(db, item.article.id)
                created.append(gone is None)
                removed.extend(gone or [])
                ids.extend(_insert(db, item))
            generation = _advance(db)
        return Written(tuple(created), np.array(ids, np.int64), np.array(removed, np.int64), generation)

    def remove(self, article_id: str) -> Written | None:
        """Remove an article and all that was made of it; None where there is none.

        Raises:
            StorageError: the disk refused; nothing was removed.
        """
        with self._transaction() as db:
            gone = _delete(db, article_id)
            if gone is None:
                return None
            generation = _advance(db)
        return Written((), np.empty(0, np.int64), np.array(gone, np.int64), generation)

    def set_meta(self, name: str, value: str) -> None:
        """Store a setting."""
        with self._transaction() as db:
            db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    def replace_vectors(self, batches: Iterator[tuple[Ids, Vectors]], encoder: str) -> None:
        """Replace every vector, and note the encoder that made them, in one transaction.

        Raises:
            StorageError: the disk refused; the old vectors stay.
        """
        with self._transaction() as db:
            for ids, vectors in batches:
                rows = ((_blob(vector), int(key)) for key, vector in zip(ids, vectors, strict=True))
                db.executemany("UPDATE vector SET data = ? WHERE id = ?", rows)
            db.execute("INSERT OR REPLACE INTO meta VALUES ('encoder', ?)", (encoder,))
            _advance(db)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._write_lock:
            if self._closed:
                raise CollectionNotFound("the collection is closed or has been removed")
            if self._writer is None:
                raise LibraryError("the library was opened for reading only")
            with _translated():
                self._writer.execute("BEGIN IMMEDIATE")
                try:
                    yield self._writer
                    self._writer.commit()
                except BaseException:
                    if self._writer.in_transaction:
                        self._writer.rollback()
                    raise

    def _connect(self, *, reader: bool) -> sqlite3.Connection:
        mode = "ro" if reader else "rwc"
        uri = f"file:{quote(str(self.path.absolute()))}?mode={mode}"
        connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=30)
        if reader:
            connection.execute("PRAGMA query_only = ON")
        return connection


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


def _insert(db: sqlite3.Connection, item: Prepared) -> list[int]:
    article = item.article
    first, last = instant_range(article.published) if article.published else (None, None)
    key = db.execute(
        "INSERT INTO article (id, title, url, source, published, published_first, published_last, tags, text,"
        " characters, sha256, fingerprint, masked, added) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
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
            json.dumps([(m.start, m.end, m.rule) for m in item.masked]),
            datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        ),
    ).lastrowid
    db.executemany("INSERT INTO article_tag VALUES (?, ?)", [(tag, key) for tag in article.tags])
    ids = []
    for passage, vector in zip(item.passages, item.vectors, strict=True):
        row = db.execute(
            "INSERT INTO passage (article, number, start, text) VALUES (?, ?, ?, ?)",
            (key, passage.number, passage.start, passage.text),
        )
        ids.append(int(row.lastrowid or 0))
        db.execute("INSERT INTO vector VALUES (?, ?)", (ids[-1], _blob(vector)))
        db.execute("INSERT INTO words (rowid, title, body) VALUES (?, ?, ?)", (ids[-1], article.title, passage.text))
    return ids


def _delete(db: sqlite3.Connection, article_id: str) -> list[int] | None:
    found = db.execute("SELECT key, title FROM article WHERE id = ?", (article_id,)).fetchone()
    if found is None:
        return None
    key, title = found
    rows = db.execute("SELECT id, text FROM passage WHERE article = ?", (key,)).fetchall()
    for row, text in rows:
        db.execute("INSERT INTO words (words, rowid, title, body) VALUES ('delete', ?, ?, ?)", (row, title, text))
        db.execute("DELETE FROM vector WHERE id = ?", (row,))
    db.execute("DELETE FROM passage WHERE article = ?", (key,))
    db.execute("DELETE FROM article WHERE key = ?", (key,))
    return [row for row, _ in rows]


def _advance(db: sqlite3.Connection) -> int:
    db.execute("UPDATE meta SET value = CAST(value AS INTEGER) + 1 WHERE name = 'generation'")
    return int(db.execute("SELECT value FROM meta WHERE name = 'generation'").fetchone()[0])


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


def _info(row: Sequence[object]) -> ArticleInfo:
    article_id, title, url, source, published, tags, sha256, characters, passages, added = row[:10]
    return ArticleInfo(
        id=str(article_id),
        title=str(title),
        url=url if url is None else str(url),
        source=source if source is None else str(source),
        published=published if published is None else str(published),
        tags=tuple(json.loads(str(tags))),
        sha256=str(sha256),
        characters=int(str(characters)),
        passages=int(str(passages)),
        added=str(added),
    )


def _blob(vector: npt.NDArray[np.float32]) -> bytes:
    return np.asarray(vector, dtype="<f2").tobytes()


def _vectors(rows: Sequence[tuple[int, bytes]]) -> tuple[Ids, Vectors]:
    ids = np.array([row[0] for row in rows], dtype=np.int64)
    if not rows:
        return ids, np.empty((0, 0), np.float32)
    flat = np.frombuffer(b"".join(row[1] for row in rows), dtype="<f2").astype(np.float32)
    return ids, flat.reshape(len(rows), -1)


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    """Turn SQLite's errors into ours, to the most specific class."""
    try:
        yield
    except sqlite3.OperationalError as error:
        text = str(error)
        if "full" in text:
            raise StorageError("the disk is full: free space and try again", disk_full=True) from error
        if "readonly" in text or "unable to open" in text:
            raise StorageError(
                "the library's folder cannot be written or opened: check its owner and rights"
            ) from error
        if "locked" in text or "I/O" in text or "disk" in text:
            raise StorageError(f"the storage refused ({text}): try again") from error
        raise LibraryCorrupt(f"the database cannot be used ({text}): restore it from a backup") from error
    except sqlite3.DatabaseError as error:
        raise LibraryCorrupt(f"the database is damaged ({error}): restore it from a backup") from error
