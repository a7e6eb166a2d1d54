"""SQLite: articles, passages, their words and vectors.  The one truth."""

import contextlib
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from index.errors import CitespanError, LibraryLocked, StorageError
from index.folder.lock import FolderLock
from index.storage.commits import advance
from index.storage.connections import Connections
from index.storage.read_view import Ids, Vectors
from index.storage.tables import article_rows, duplicate_groups
from index.storage.tables.article_rows import Prepared
from index.storage.tables.job_table import Ledger, Step
from index.storage.tables.subscription_table import Subscriptions
from index.storage.tables.vector_blobs import blob


@dataclass(frozen=True, slots=True)
class Written:
    """What one transaction changed.

    Attributes:
        created: per article, whether its id is new.
        ids: int64 ids of the new passages, in order.
        removed: int64 ids of the passages that went.
        generation: of the database after the commit.
        words: number of entries that went from the word index.
        vectors: number of vectors that went.
    """

    created: tuple[bool, ...]
    ids: Ids
    removed: Ids
    generation: int
    words: int = 0
    vectors: int = 0


class Store(Connections):
    """The database of one collection, and what is written to it.  Safe for use from several threads."""

    @property
    def exists(self) -> bool:
        """Whether there is a database already, one in which something may have been stored."""
        if not self._in_doubt:
            return super().exists
        try:
            with self.read(brief=True) as view:
                return not view.is_unused()
        except StorageError:
            return True

    def has_room(self) -> bool:
        """Return whether something may be added: on a disk that is nearly full, once as much was removed."""
        return not self.space.refuses() or not self.space.refuses(self._reusable())

    def check_room(self) -> None:
        """Refuse what would be added while the disk is nearly full.

        Raises:
            StorageError: it is.
        """
        if not self.has_room():
            self.space.check(self._reusable())

    def _reusable(self) -> int:
        with self.read(brief=True) as view:
            return view.reusable_bytes()

    def write(self, prepared: Sequence[Prepared], encoder: str, step: Step | None = None) -> Written:
        """Add articles or replace those with the same ids, all in one transaction.

        Args:
            prepared: what is to be written.
            encoder: fingerprint of what made the vectors; noted where none is noted yet.
            step: the stretch of a job that adds them, noted in the same transaction.

        Raises:
            StorageError: the disk refused; nothing was written.
            JobEnded: the job was cancelled; nothing was written.
        """
        with self.transaction() as db:
            if step is not None:
                Ledger(db).advance(step)
            created: list[bool] = []
            removed: list[int] = []
            ids: list[int] = []
            for item in prepared:
                gone = article_rows.delete(db, item.article.id)
                created.append(gone is None)
                removed.extend(gone.passages if gone else [])
                ids.extend(article_rows.insert(db, item))
            if prepared:
                db.execute("INSERT OR IGNORE INTO meta VALUES ('encoder', ?)", (encoder,))
                # By which a snapshot of vectors is known to be this database's, wherever files are copied to.
                db.execute("INSERT OR IGNORE INTO meta VALUES ('id', lower(hex(randomblob(16))))")
            generation = advance(db)
        return Written(tuple(created), np.array(ids, np.int64), np.array(removed, np.int64), generation)

    def remask(self, prepared: Sequence[Prepared], site: str) -> Written:
        """Replace masked ranges and passages of articles that stay as they are otherwise, all in one transaction.

        Args:
            prepared: articles whose text and title are those of the collection.
            site: whose articles they are; it is noted that they have been looked at.

        Raises:
            StorageError: the disk refused; nothing was changed.
        """
        ids: list[int] = []
        removed: list[int] = []
        with self.transaction() as db:
            for item in prepared:
                key = db.execute("SELECT key FROM article WHERE id = ?", (item.article.id,)).fetchone()[0]
                duplicate_groups.leave(db, key)
                removed.extend(article_rows.delete_passages(db, key).passages)
                masked = article_rows.ranges(item.masked)
                # The words that are written now have the form of this language.
                db.execute("UPDATE article SET masked = ?, language = ? WHERE key = ?", (masked, item.language, key))
                duplicate_groups.join(db, key, item.bands, item.shingles)
                ids.extend(article_rows.insert_passages(db, key, item))
            db.execute("UPDATE site SET looked = articles WHERE name = ?", (site,))
            generation = advance(db)
        return Written((), np.array(ids, np.int64), np.array(removed, np.int64), generation)

    def remove(self, article_id: str) -> Written | None:
        """Remove an article and all that was made of it; None where there is none.

        Raises:
            StorageError: the disk refused; nothing was removed.
        """
        with self.transaction() as db:
            gone = article_rows.delete(db, article_id)
            if gone is None:
                return None
            generation = advance(db)
        return Written(
            (), np.empty(0, np.int64), np.array(gone.passages, np.int64), generation, gone.words, gone.vectors
        )

    def forget(self) -> None:
        """Leave nothing on the disk of what was removed before: neither in the word index nor in the log of changes.

        Takes its time with a large collection; what is read or written meanwhile waits or is not disturbed.
        """
        if not self.exists:
            return
        try:
            with self.transaction() as db:
                # Deleted words stay in older parts of the index until all are made one.
                db.execute("INSERT INTO words (words) VALUES ('optimize')")
        finally:
            self.checkpoint()

    def replace_vectors(self, batches: Iterator[tuple[Ids, Vectors]], encoder: str) -> None:
        """Replace every vector, and note the encoder that made them, in one transaction.

        Raises:
            StorageError: the disk refused; the old vectors stay.
        """
        with self.transaction() as db:
            for ids, vectors in batches:
                updates = ((blob(vector), int(key)) for key, vector in zip(ids, vectors, strict=True))
                db.executemany("UPDATE vector SET data = ? WHERE id = ?", updates)
            db.execute("INSERT OR REPLACE INTO meta VALUES ('encoder', ?)", (encoder,))
            advance(db)

    @contextlib.contextmanager
    def ledger(self) -> Iterator[Ledger]:
        """Give the collection's jobs, to be changed in one transaction.

        Raises:
            StorageError: the disk refused; nothing was changed.
            CollectionNotFound: the collection has been removed meanwhile.
        """
        with self.transaction() as db:
            yield Ledger(db)

    @contextlib.contextmanager
    def subscriptions(self) -> Iterator[Subscriptions]:
        """Give what the collection follows, to be changed in one transaction.

        Raises:
            StorageError: the disk refused; nothing was changed.
            CollectionNotFound: the collection has been removed meanwhile.
        """
        with self.transaction() as db:
            yield Subscriptions(db)


def remove_if_unused(folder: Path) -> None:
    """Remove a collection's folder if its database was made and nothing was ever stored in it, as after a full disk.

    Args:
        folder: the collection's; one that cannot be read stays.
    """
    if any(folder.glob("vectors*")):  # it was closed with something in it
        return
    store = Store(folder)
    try:
        with store.read(brief=True) as view:
            unused = view.is_unused()
    except CitespanError:
        return
    finally:
        store.close()
    if unused:
        shutil.rmtree(folder, ignore_errors=True)


def bring_up_to_date(folder: Path) -> None:
    """Let a collection of an older format be written by this process for as long as that takes.

    Args:
        folder: the collection's, in a library that is opened for reading only.

    Raises:
        LibraryLocked: it has an older format, and another process has the library open for writing.
        StorageError: it has an older format, and the disk refuses to have it written.
    """
    if not Store(folder, read_only=True).outdated():
        return
    try:
        lock = FolderLock.take(folder.parent)
    except LibraryLocked as error:
        raise LibraryLocked(f"collection {folder.name!r} has an older format and must be written; {error}") from None
    except OSError as error:
        raise StorageError(
            f"collection {folder.name!r} has an older format, and cannot be written to bring it up to date: "
            f"{error.strerror}"
        ) from error
    try:
        store = Store(folder)
        store.check()
        store.close()
    finally:
        lock.release()
