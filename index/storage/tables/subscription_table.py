"""What the database knows of following: feeds and sitemaps, when each is due, and the pages that each has named.

Imports sqlite3, as the store does that hands out the connection.
"""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import inf

from index.clock import seconds_left, seconds_since

MAX_ERROR_CHARACTERS = 500
# Seconds for which a feed or sitemap that fails is put off at most; one that is looked at less often waits longer.
LONGEST_WAIT = 24 * 3600
_COLUMNS = "url, kind, title, every, etag, modified, created, checked, due, failures, error"
_PAGE_COLUMNS = "url, articles, mark, own, listed, vanished, etag, modified, checked, failures, error"


@dataclass(frozen=True, slots=True)
class Subscription:
    """A feed or sitemap that a collection follows.

    Attributes:
        url: its address.
        kind: feed or sitemap, None before it was first fetched.
        title: of the feed, None where it has none.
        every: seconds between two rounds.
        etag: to ask again only if it has changed.
        modified: the same.
        created: ISO 8601 instant (UTC) since when it is followed.
        checked: ISO 8601 instant (UTC) of the last round, None before the first.
        due: ISO 8601 instant (UTC) of the next.
        failures: rounds in a row in which it could not be fetched.
        error: why, None where the last round went well.
        articles: number of pages that articles came from.
        vanished: number of pages that are gone; their articles are kept.
        failing: number of pages that could not be used.
    """

    url: str
    kind: str | None
    title: str | None
    every: int
    etag: str | None
    modified: str | None
    created: str
    checked: str | None
    due: str
    failures: int
    error: str | None
    articles: int = 0
    vanished: int = 0
    failing: int = 0


@dataclass(frozen=True, slots=True)
class FollowedPage:
    """One page that a feed or sitemap has named.

    Attributes:
        url: its address.
        checked: ISO 8601 instant (UTC) at which it was last looked at.
        articles: ids of the articles that were made of it.
        mark: what the feed or sitemap last said of its state, None where it said nothing.
        own: whether its article is the feed's own text, so that the page need not be fetched.
        listed: whether the feed or sitemap names it at present.
        vanished: whether it is gone.
        etag: to ask again only if it has changed.
        modified: the same.
        failures: times in a row that it could not be used.
        error: why, None where it could.
    """

    url: str
    checked: str
    articles: tuple[str, ...] = ()
    mark: str | None = None
    own: bool = False
    listed: bool = True
    vanished: bool = False
    etag: str | None = None
    modified: str | None = None
    failures: int = 0
    error: str | None = None


class Subscriptions:
    """What one collection follows, inside one transaction; made by Store.subscriptions and View.subscriptions.

    Args:
        connection: in a transaction.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def all(self) -> list[Subscription]:
        """Return all subscriptions, by address."""
        return [self._made(row) for row in self._db.execute(f"SELECT {_COLUMNS} FROM subscription ORDER BY url")]

    def get(self, url: str) -> Subscription | None:
        """Return a subscription, None where there is none."""
        row = self._db.execute(f"SELECT {_COLUMNS} FROM subscription WHERE url = ?", (url,)).fetchone()
        return None if row is None else self._made(row)

    def due(self, now: datetime) -> list[str]:
        """Return the addresses whose time has come, the longest due first.

        What was written while the clock was ahead is due too: a round that is yet to be, or further off than any wait.
        """
        rows = self._db.execute("SELECT url, every, checked, due FROM subscription ORDER BY due, url").fetchall()
        return [url for url, every, checked, due in rows if _is_due(every, checked, due, now)]

    def begin(self, url: str, every: int, now: str) -> bool:
        """Follow an address, or change how often; it is due at once.  Return whether it is new."""
        known = self._db.execute("UPDATE subscription SET every = ?, due = ? WHERE url = ?", (every, now, url)).rowcount
        if known:
            return False
        self._db.execute(
            "INSERT INTO subscription (url, every, created, due) VALUES (?, ?, ?, ?)", (url, every, now, now)
        )
        return True

    def end(self, url: str) -> bool:
        """Follow an address no longer; its articles stay.  Return whether it was followed."""
        return bool(self._db.execute("DELETE FROM subscription WHERE url = ?", (url,)).rowcount)

    def succeeded(
        self, url: str, kind: str, title: str | None, etag: str | None, modified: str | None, now: str, due: str
    ) -> None:
        """Note that a round has come to its end."""
        self._db.execute(
            "UPDATE subscription SET kind = ?, title = ?, etag = ?, modified = ?, checked = ?, due = ?, failures = 0,"
            " error = NULL WHERE url = ?",
            (kind, title, etag, modified, now, due, url),
        )

    def failed(self, url: str, error: str, now: str, due: str, *, counts: bool = True) -> None:
        """Note that a feed or sitemap could not be brought up to date, and whether that counts against it."""
        self._db.execute(
            "UPDATE subscription SET checked = ?, due = ?, failures = failures + ?, error = ? WHERE url = ?",
            (now, due, counts, error[:MAX_ERROR_CHARACTERS], url),
        )

    def pages(self, url: str) -> dict[str, FollowedPage]:
        """Return the pages that a feed or sitemap has named, by address."""
        rows = self._db.execute(f"SELECT {_PAGE_COLUMNS} FROM followed WHERE subscription = ?", (url,))
        return {row[0]: _page(row) for row in rows}

    def failing(self, url: str, limit: int) -> list[FollowedPage]:
        """Return pages that could not be used the last time, those first that failed most often."""
        rows = self._db.execute(
            f"SELECT {_PAGE_COLUMNS} FROM followed WHERE subscription = ? AND error IS NOT NULL AND NOT vanished"
            " ORDER BY failures DESC, url LIMIT ?",
            (url, limit),
        )
        return [_page(row) for row in rows]

    def save(self, url: str, pages: Iterable[FollowedPage]) -> None:
        """Write down what is known of pages of a subscription; nothing where it has ended meanwhile."""
        if self._db.execute("SELECT 1 FROM subscription WHERE url = ?", (url,)).fetchone() is None:
            return
        self._db.executemany(
            f"INSERT OR REPLACE INTO followed (subscription, {_PAGE_COLUMNS})"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    url,
                    page.url,
                    json.dumps(page.articles),
                    page.mark,
                    page.own,
                    page.listed,
                    page.vanished,
                    page.etag,
                    page.modified,
                    page.checked,
                    page.failures,
                    page.error and page.error[:MAX_ERROR_CHARACTERS],
                )
                for page in pages
            ],
        )

    def present(self, ids: Iterable[str]) -> set[str]:
        """Return which of these articles the collection has."""
        wanted = json.dumps(list(ids))
        return {
            row[0]
            for row in self._db.execute(
                "SELECT id FROM article WHERE id IN (SELECT value FROM json_each(?))", (wanted,)
            )
        }

    def mark_vanished(self, ids: Sequence[str], when: str | None) -> int:
        """Note when articles vanished from where they came, or (None) that they are there.  Return how many changed."""
        return self._db.execute(
            "UPDATE article SET vanished = ? WHERE (vanished IS NULL) = (? IS NOT NULL)"
            " AND id IN (SELECT value FROM json_each(?))",
            (when, when, json.dumps(list(ids))),
        ).rowcount

    def _made(self, row: Sequence[object]) -> Subscription:
        counts = self._db.execute(
            "SELECT count(*) FILTER (WHERE articles <> '[]'), count(*) FILTER (WHERE vanished AND articles <> '[]'),"
            " count(*) FILTER (WHERE error IS NOT NULL AND NOT vanished) FROM followed WHERE subscription = ?",
            (row[0],),
        ).fetchone()
        return Subscription(*row, *counts)  # type: ignore[arg-type]


def _is_due(every: int, checked: str | None, due: str, now: datetime) -> bool:
    moment, longest = now.timestamp(), float(max(every, LONGEST_WAIT))
    if checked is not None and seconds_since(datetime.fromisoformat(checked).timestamp(), moment) == inf:
        return True
    return not seconds_left(datetime.fromisoformat(due).timestamp(), longest, moment)


def _page(row: Sequence[object]) -> FollowedPage:
    url, articles, mark, own, listed, vanished, etag, modified, checked, failures, error = row
    return FollowedPage(
        url=str(url),
        checked=str(checked),
        articles=tuple(json.loads(str(articles))),
        mark=mark,  # type: ignore[arg-type]
        own=bool(own),
        listed=bool(listed),
        vanished=bool(vanished),
        etag=etag,  # type: ignore[arg-type]
        modified=modified,  # type: ignore[arg-type]
        failures=int(failures),  # type: ignore[call-overload]
        error=error,  # type: ignore[arg-type]
    )
