"""Which lines a site's articles repeat: counted in a collection's database as articles come and go."""

import sqlite3
from collections import Counter
from collections.abc import Sequence

import numpy as np

from index.boilerplate.lines import Repetition, line_hashes, site_of
from index.storage.read_view import View
from index.types import Article


def join(db: sqlite3.Connection, key: int, site: str | None, lines: Sequence[int]) -> None:
    """Count the lines of an article that was just written.

    Args:
        db: within a transaction.
        key: of the article.
        site: whose furniture it has, None where unknown: then nothing is counted.
        lines: hashes of its short lines, each once.
    """
    if site is None:
        return
    number = db.execute(
        "INSERT INTO site (name, articles) VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET articles = articles + 1"
        " RETURNING key",
        (site,),
    ).fetchone()[0]
    db.executemany(
        "INSERT INTO line VALUES (?, ?, 1) ON CONFLICT (site, hash) DO UPDATE SET articles = articles + 1",
        [(number, line) for line in lines],
    )
    hashes = np.asarray(lines, dtype="<i8").tobytes()
    db.execute("INSERT INTO article_line (article, site, hashes) VALUES (?, ?, ?)", (key, number, hashes))


def leave(db: sqlite3.Connection, key: int) -> None:
    """Take the lines of an article back that is about to be deleted; what nobody has any more is deleted too."""
    found = db.execute("SELECT site, hashes FROM article_line WHERE article = ?", (key,)).fetchone()
    if found is None:
        return
    site, hashes = found
    rows = [(site, int(line)) for line in np.frombuffer(hashes, dtype="<i8")]
    db.executemany("UPDATE line SET articles = articles - 1 WHERE site = ? AND hash = ?", rows)
    db.executemany("DELETE FROM line WHERE site = ? AND hash = ? AND articles <= 0", rows)
    db.execute("DELETE FROM article_line WHERE article = ?", (key,))
    db.execute("UPDATE site SET articles = articles - 1 WHERE key = ?", (site,))
    db.execute("DELETE FROM site WHERE key = ? AND articles <= 0", (site,))


def repetitions(articles: Sequence[Article], view: View) -> dict[str, Repetition]:
    """Return how often the lines of some articles occur on their sites, those articles themselves included.

    Args:
        articles: about to be added, or there already; none twice.
        view: what the collection holds.

    Returns:
        By site; for articles of no known site there is nothing.
    """
    counts: dict[str, Counter[int]] = {}
    sizes: Counter[str] = Counter()
    for article in articles:
        site = site_of(article)
        if site is None:
            continue
        sizes[site] += 1
        counts.setdefault(site, Counter()).update(line_hashes(article.text))
        # What it had before does not count beside what it has now.
        before, lines = view.article_lines(article.id)
        if before is not None:
            sizes[before] -= 1
            counts.setdefault(before, Counter()).subtract(lines)
    found = {}
    for site, counted in counts.items():
        held, stored = view.lines(site, list(counted))
        counted.update(stored)
        found[site] = Repetition(sizes[site] + held, counted)
    return found
