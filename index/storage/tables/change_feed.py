"""What has changed in a collection since a moment: passages that came, articles that changed or went.

Imports sqlite3, as the store does that hands out the connection.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment in the life of a collection.

    Attributes:
        generation: number of commits so far.
        articles: greatest number that an article has been given; none is given twice.
        passages: the same of passages.
        count: passages that are there.
    """

    generation: int = 0
    articles: int = 0
    passages: int = 0
    count: int = 0


class News:
    """What a reading of a collection says of the time since a mark.

    Args:
        connection: in a transaction.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def mark(self) -> Mark:
        """Return the moment of this reading."""
        given = dict(self._db.execute("SELECT name, seq FROM sqlite_sequence").fetchall())
        generation = self._db.execute("SELECT value FROM meta WHERE name = 'generation'").fetchone()
        count = self._db.execute("SELECT count(*) FROM passage").fetchone()[0]
        return Mark(int(generation[0]) if generation else 0, given.get("article", 0), given.get("passage", 0), count)

    def vectors(
        self, since: Mark, batch: int = 20_000
    ) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]]:
        """Yield the passages that came since, ascending: ids int64 (n,), vectors float32 (n, dimension)."""
        cursor = self._db.execute("SELECT id, data FROM vector WHERE id > ? ORDER BY id", (since.passages,))
        while rows := cursor.fetchmany(batch):
            flat = np.frombuffer(b"".join(row[1] for row in rows), dtype="<f2").astype(np.float32)
            yield np.array([row[0] for row in rows], np.int64), flat.reshape(len(rows), -1)

    def matching(self, terms: Sequence[str], since: Mark) -> npt.NDArray[np.int64]:
        """Return the ids, ascending, of passages that came since and have one of some words.

        Args:
            terms: as lexical.match_terms() makes them.
            since: from when on.
        """
        if not terms:
            return np.empty(0, np.int64)
        rows = self._db.execute(
            "SELECT rowid FROM words WHERE words MATCH ? AND rowid > ? ORDER BY rowid",
            (" OR ".join(terms), since.passages),
        )
        return np.fromiter((row[0] for row in rows), dtype=np.int64)

    def fresh(self, article_ids: Iterable[str], since: Mark) -> set[str]:
        """Return those of some articles that came since, as new ones or in place of others with their ids."""
        wanted = json.dumps(sorted(set(article_ids)))
        rows = self._db.execute(
            "SELECT id FROM article WHERE id IN (SELECT value FROM json_each(?)) AND key > ?", (wanted, since.articles)
        )
        return {row[0] for row in rows}

    def changed(self, article_ids: Iterable[str], since: Mark) -> set[str]:
        """Return those of some articles that have gone, or have passages that came since."""
        wanted = set(article_ids)
        rows = self._db.execute(
            "SELECT a.id FROM article a WHERE a.id IN (SELECT value FROM json_each(?)) AND NOT EXISTS "
            "(SELECT 1 FROM passage p WHERE p.article = a.key AND p.id > ?)",
            (json.dumps(sorted(wanted)), since.passages),
        )
        return wanted - {row[0] for row in rows}

    def standing(self, versions: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
        """Return those of some articles, (id, SHA-256 of the text), that are there with that very text."""
        wanted = set(versions)
        rows = self._db.execute(
            "SELECT id, sha256 FROM article WHERE id IN (SELECT value FROM json_each(?))",
            (json.dumps(sorted({article_id for article_id, _ in wanted})),),
        )
        return wanted & {(row[0], row[1]) for row in rows}
