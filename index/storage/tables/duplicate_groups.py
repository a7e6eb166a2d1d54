"""Families of near-copies in a collection's database: kept as articles come and go.

An article that tells the same as one that is there already joins its family, or founds one with it.  What the numbers
of index.text.near_duplicates propose is decided by the texts themselves.
"""

import json
import sqlite3
from collections.abc import Iterable

from index.text.near_duplicates import are_copies, shingles
from index.types import MaskedRange

# So many articles that share a band are looked at: where more do, they are of one family anyway.
_LOOKED_AT = 30
# Of larger families none is looked at again when one goes.
_REGROUPED = 200


def join(db: sqlite3.Connection, key: int, bands: tuple[int, ...], found: frozenset[str]) -> None:
    """Enter an article that was just written, and put it with its near-copies.

    Args:
        db: within a transaction.
        key: of the article.
        bands: what it is looked up by.
        found: its shingles.
    """
    rows = list(enumerate(bands))
    candidates = {
        other
        for band, value in rows
        for (other,) in db.execute(
            "SELECT article FROM band WHERE band = ? AND hash = ? ORDER BY article LIMIT ?", (band, value, _LOOKED_AT)
        )
    }
    db.executemany("INSERT INTO band VALUES (?, ?, ?)", [(band, value, key) for band, value in rows])
    copies = [other for other in sorted(candidates)[:_LOOKED_AT] if are_copies(found, _shingles(db, other))]
    if copies:
        _unite(db, [*copies, key])


def leave(db: sqlite3.Connection, key: int) -> None:
    """Take an article out that is about to be deleted; of those it held together each goes where it belongs."""
    family = db.execute("SELECT family FROM article WHERE key = ?", (key,)).fetchone()[0]
    db.execute("DELETE FROM band WHERE article = ?", (key,))
    if family is None:
        return
    db.execute("UPDATE article SET family = NULL WHERE key = ?", (key,))
    members = "SELECT key FROM article WHERE family = ? ORDER BY key LIMIT ?"
    rest = [row[0] for row in db.execute(members, (family, _REGROUPED + 1))]
    if len(rest) > _REGROUPED:
        return  # one less of so many holds none of them apart
    if len(rest) < 2:
        db.execute("UPDATE article SET family = NULL WHERE family = ?", (family,))
        return
    texts = {other: _shingles(db, other) for other in rest}
    db.executemany("UPDATE article SET family = NULL WHERE key = ?", [(other,) for other in rest])
    for place, other in enumerate(rest):
        before = [one for one in rest[:place] if are_copies(texts[one], texts[other])]
        if before:
            _unite(db, [*before, other])


def _unite(db: sqlite3.Connection, keys: Iterable[int]) -> None:
    members = list(keys)
    families = set()
    for key in members:
        families.add(db.execute("SELECT family FROM article WHERE key = ?", (key,)).fetchone()[0])
    families.discard(None)
    # A key is never used again, so neither is a family's number.
    family = min(families, default=min(members))
    db.executemany("UPDATE article SET family = ? WHERE key = ?", [(family, key) for key in members])
    others = [(family, other) for other in families if other != family]
    db.executemany("UPDATE article SET family = ? WHERE family = ?", others)


def _shingles(db: sqlite3.Connection, key: int) -> frozenset[str]:
    text, masked = db.execute("SELECT text, masked FROM article WHERE key = ?", (key,)).fetchone()
    return shingles(text, [MaskedRange(*fields) for fields in json.loads(masked)])
