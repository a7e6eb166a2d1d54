"""One collection: its database, its vectors in memory, and the snapshot that joins the two.

The database is the truth.  A write commits there first and reaches the vectors after; opening
loads the newest snapshot of the vectors and brings it up to date by comparing ids, or rebuilds it.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from index.encoder import Encoder
from index.errors import ArticleNotFound, CitespanError, LibraryFormatError, QueryError, StorageError
from index.ingest import batches, embedded_text, prepare
from index.retriever import retrieve
from index.store import Store, Written
from index.types import Added, Article, Candidate, CollectionInfo, Filters, Page, Progress, StoredArticle
from index.vectors import VectorIndex, sweep
from index.view import View, decode_cursor, encode_cursor

MAX_SEARCH_LIMIT = 1_000
MAX_LIST_LIMIT = 1_000
# A snapshot is written when this many passages changed since the last one, and when closing.
SNAPSHOT_EVERY = 20_000

# Inside the class, list is the method of that name.
Candidates = list[Candidate]
Problems = list[str]
Articles = list[Article]
AddedAll = list[Added]

_log = logging.getLogger(__name__)


class Collection:
    """A set of articles that is searched together.  Safe for use from several threads.

    Made by Library.collection; not to be built directly.

    Args:
        name: the collection's name.
        folder: its folder, which exists.
        encoder: texts → vectors.
        read_only: whether writing is refused.
    """

    def __init__(self, name: str, folder: Path, encoder: Encoder, *, read_only: bool = False) -> None:
        self.name = name
        self.folder = folder
        self._encoder = encoder
        self._store = Store(folder, read_only=read_only)
        self._write_lock = threading.RLock()
        self._vectors: VectorIndex | None = None
        self._unsaved = 0
        self._growing: threading.Thread | None = None
        self._closing = threading.Event()

    def info(self) -> CollectionInfo:
        """Return the collection's name and size."""
        with self._store.read() as view:
            return view.info(self.name)

    def warm_up(self) -> None:
        """Load the vectors now instead of at the first search."""
        self._loaded()

    def close(self) -> None:
        """Write a snapshot of the vectors if anything changed, and close the database."""
        self._stop_growing()
        with self._write_lock:
            try:
                self._snapshot()
            except StorageError as error:
                # The next opening rebuilds from the database: slower, nothing lost.
                _log.warning("no vector snapshot at closing: %s", error)
            self._store.close()

    def discard(self) -> None:
        """Close the database without a snapshot: the collection is being removed."""
        self._stop_growing()
        with self._write_lock:
            self._unsaved = 0
            self._store.close()

    def add(
        self,
        articles: Iterable[Article],
        *,
        progress: Callable[[Progress], None] | None = None,
        batch: int = 128,
    ) -> Iterator[Added]:
        """Add articles, or replace those with the same ids; an article already there as it is stays.

        A generator: each article is yielded once it is durable and searchable.  Stopping early
        keeps what was yielded.

        Args:
            articles: read lazily.
            progress: called after each batch.
            batch: at most so many articles in one transaction.

        Raises:
            ArticleError: an article holds nothing to search; those before it are kept.
            StorageError: the disk refused; those before it are kept.
        """
        done = passages = 0
        for group in batches(articles, batch):
            results = self._add_group(group)
            done += len(group)
            passages += sum(added.passages for added in results if added.changed)
            if progress is not None:
                progress(Progress(done, passages))
            yield from results

    def add_one(self, article: Article) -> Added:
        """Add or replace one article; returns once it is durable and searchable.

        Raises:
            ArticleError: it holds nothing to search.
            StorageError: the disk refused; nothing was written.
        """
        return self._add_group([article])[0]

    def remove(self, article_id: str) -> None:
        """Remove an article and everything made of it.

        Raises:
            ArticleNotFound: no such article.
            StorageError: the disk refused; nothing was removed.
        """
        with self._write_lock:
            written = self._store.remove(article_id)
            if written is None:
                raise ArticleNotFound(f"no article {article_id!r} in collection {self.name!r}")
            self._apply(written, None)

    def get(self, article_id: str) -> StoredArticle:
        """Return an article with its text, masked ranges and passages.

        Raises:
            ArticleNotFound: no such article.
        """
        with self._store.read() as view:
            found = view.article(article_id)
        if found is None:
            raise ArticleNotFound(f"no article {article_id!r} in collection {self.name!r}")
        return found

    def list(self, *, limit: int = 50, cursor: str | None = None) -> Page:
        """Return articles in order of arrival.

        Args:
            limit: 1 to MAX_LIST_LIMIT.
            cursor: ``next_cursor`` of the page before.

        Raises:
            QueryError: limit out of range, or not a cursor.
        """
        if not 1 <= limit <= MAX_LIST_LIMIT:
            raise QueryError(f"limit must be 1 to {MAX_LIST_LIMIT:,}, not {limit}", field="limit")
        after = decode_cursor(cursor)
        with self._store.read() as view:
            page, more = view.page(limit, after)
        return page if more is None else replace(page, next_cursor=encode_cursor(more))

    def encode_query(self, query: str) -> npt.NDArray[np.float32]:
        """Return a query's vector, float32 (dimension,), to hand to search()."""
        vector: npt.NDArray[np.float32] = self._encoder.encode_queries([query.strip()])[0]
        return vector

    def search(
        self,
        query: str,
        *,
        limit: int = 10,
        filters: Filters | None = None,
        vector: npt.NDArray[np.float32] | None = None,
    ) -> Candidates:
        """Return the passages that speak most of a query, best first.

        Args:
            query: words or a question.
            limit: 1 to MAX_SEARCH_LIMIT.
            filters: which articles may be searched; None for all.
            vector: the query's vector from encode_query(), None to have it made.

        Raises:
            QueryError: an empty query or a limit out of range.
        """
        if not query.strip():
            raise QueryError("the query is empty: give some words", field="query")
        if not 1 <= limit <= MAX_SEARCH_LIMIT:
            raise QueryError(f"limit must be 1 to {MAX_SEARCH_LIMIT:,}, not {limit}", field="limit")
        return retrieve(
            query.strip(),
            self.encode_query(query) if vector is None else vector,
            store=self._store,
            vectors=self._loaded(),
            limit=limit,
            filters=filters or Filters(),
        )

    def check(self) -> Problems:
        """Return what is wrong with the collection's files, in words; empty where all is well.

        Looks at the database's own consistency, and at whether the vectors in memory hold the same
        ids as the database.
        """
        with self._write_lock, self._store.read() as view:
            problems = view.check()
            held, known = self._loaded().ids(), view.passage_ids()
            missing, extra = np.setdiff1d(known, held), np.setdiff1d(held, known)
        if len(missing) or len(extra):
            problems.append(f"the vector index lacks {len(missing)} passages and has {len(extra)} that are gone")
        return problems

    def _add_group(self, group: Articles) -> AddedAll:
        with self._store.read() as view:
            known = {article.id: view.fingerprint(article.id) for article in group}
        fresh = []
        for article in group:
            before = known[article.id]
            if before is None or before[0] != article.fingerprint:
                fresh.append(article)
        created: dict[str, bool] = {}
        if fresh:
            self._loaded()
            ready = prepare(fresh, self._encoder)
            with self._write_lock:
                written = self._store.write(ready)
                self._apply(written, np.concatenate([item.vectors for item in ready]))
            created = {item.article.id: new for item, new in zip(ready, written.created, strict=True)}
            counts = {item.article.id: len(item.passages) for item in ready}
        results = []
        for article in group:
            changed = article.id in created
            number = counts[article.id] if changed else (known[article.id] or ("", 0))[1]
            results.append(Added(article.id, article.title, number, created.get(article.id, False), changed))
        return results

    def _apply(self, written: Written, vectors: npt.NDArray[np.float32] | None) -> None:
        index = self._vectors
        if index is not None:
            index.remove(written.removed)
            if vectors is not None:
                # As stored, so that a rebuilt index gives the very same cosines.
                index.add(written.ids, vectors.astype(np.float16).astype(np.float32))
        self._grow()
        self._unsaved += len(written.ids) + len(written.removed)
        if self._unsaved >= SNAPSHOT_EVERY:
            self._snapshot()

    def _loaded(self) -> VectorIndex:
        if self._vectors is None:
            with self._write_lock:
                if self._vectors is None:
                    self._vectors = self._load()
                    self._grow()
        return self._vectors

    def _grow(self) -> None:
        """Begin to build another index in the background if there are too many vectors for the one there is."""
        with self._write_lock:
            index = self._vectors
            if index is None or not index.outgrown or self._growing is not None or self._closing.is_set():
                return
            self._growing = threading.Thread(target=self._build, name="citespan-vectors", daemon=True)
            self._growing.start()

    def _build(self) -> None:
        try:
            with self._store.read() as view:
                count = view.info(self.name).passages

                def batches() -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]]:
                    for batch in view.all_vectors():
                        if self._closing.is_set():
                            raise _Closing
                        yield batch

                _log.info("building an index of %d vectors of %r", count, self.name)
                fresh = VectorIndex.grown(self._encoder.dimension, count, batches)
            # What was written meanwhile; from here on writes reach the new index.
            with self._write_lock, self._store.read() as view:
                _catch_up(fresh, view)
                self._vectors = fresh
                self._unsaved = max(self._unsaved, 1)
                self._snapshot()
        except _Closing:
            return
        except (CitespanError, MemoryError, RuntimeError) as error:
            # The old one goes on serving, slower.
            _log.warning("no larger vector index of %r: %s", self.name, error)
        finally:
            self._growing = None

    def _stop_growing(self) -> None:
        self._closing.set()
        growing = self._growing
        if growing is not None and growing is not threading.current_thread():
            growing.join()

    def _load(self) -> VectorIndex:
        encoder, dimension = self._encoder.fingerprint, self._encoder.dimension
        if not self._store.read_only:
            sweep(self.folder)
            self._match_encoder(encoder)
        with self._store.read() as view:
            if view.meta("encoder") not in (None, encoder):
                raise LibraryFormatError(
                    f"collection {self.name!r} was embedded with another encoder: use that one, or add an article "
                    "with this one to have all embedded anew"
                )
            snapshot = VectorIndex.load(self.folder, encoder=encoder, dimension=dimension)
            if snapshot is None:
                index = VectorIndex(dimension)
                for batch in view.all_vectors():
                    index.add(*batch)
                self._unsaved = len(index)
                return index
            index, generation = snapshot
            if generation != view.generation():
                self._unsaved = _catch_up(index, view)
            return index

    def _match_encoder(self, encoder: str) -> None:
        """Embed everything anew if another encoder made the vectors."""
        with self._store.read() as view:
            made_by = view.meta("encoder")
            count = view.info(self.name).passages
            if made_by == encoder:
                return
            if made_by is not None and count:
                _log.warning("the encoder changed: embedding %d passages of %r anew", count, self.name)
                self._store.replace_vectors(_embedded(view, self._encoder), encoder)
                return
        self._store.set_meta("encoder", encoder)

    def _snapshot(self) -> None:
        if self._vectors is None or not self._unsaved or self._store.read_only:
            return
        with self._write_lock, self._store.read() as view:
            generation = view.generation()
            self._vectors.save(self.folder, generation=generation, encoder=self._encoder.fingerprint)
            self._unsaved = 0


class _Closing(Exception):
    """The collection is being closed."""


def _catch_up(index: VectorIndex, view: View) -> int:
    """Make a snapshot's ids those of the database; ids are never reused, so ids are enough."""
    held, known = index.ids(), view.passage_ids()
    gone, new = np.setdiff1d(held, known), np.setdiff1d(known, held)
    index.remove(gone)
    for at in range(0, len(new), 20_000):
        index.add(*view.vectors(new[at : at + 20_000]))
    return len(gone) + len(new)


def _embedded(view: View, encoder: Encoder) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]]:
    for rows in view.texts():
        vectors = encoder.encode_passages([embedded_text(title, text) for _, title, text in rows])
        yield np.array([row[0] for row in rows], np.int64), vectors
