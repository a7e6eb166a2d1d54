"""One collection: its database, its vectors in memory, and the snapshot that joins the two.

It holds no file and no vector before its first use, and gives both back when others need the room: which is when, the
library's OpenFiles knows.

The database is the truth.  A write commits there first and reaches the vectors after; opening
loads the newest snapshot of the vectors and brings it up to date by comparing ids, or rebuilds it.
"""

import contextlib
import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from index.audit.collection_audit import audit_database
from index.audit.defects import Tally
from index.embedding.encoder import Encoder
from index.erasure import Forgetting
from index.errors import ArticleNotFound, CommitUncertain, QueryError
from index.ingestion.jobs import Jobs
from index.ingestion.prepare import batches, prepare, vectors_of
from index.ingestion.remask import mask_outgrown
from index.ingestion.time_budget import ARTICLE_SECONDS
from index.probe import probe
from index.search.live_vectors import Nearest
from index.search.retriever import retrieve
from index.stages import stage
from index.storage.database import Store
from index.storage.open_files import OpenFiles
from index.storage.pending_work import Agenda
from index.storage.read_view import decode_cursor, encode_cursor
from index.storage.records import Records
from index.storage.tables.job_table import Step
from index.storage.tables.site_lines import repetitions
from index.types import (
    Added,
    Article,
    Candidate,
    CollectionInfo,
    Failure,
    Filters,
    Page,
    Progress,
    Removed,
    StoredArticle,
)

MAX_SEARCH_LIMIT = 1_000
MAX_LIST_LIMIT = 1_000

# Inside the class, list is the method of that name.
Candidates = list[Candidate]
Words = list[str]
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
        records: of the library: what they quote of an article goes with it.
        files: of the library.
        read_only: whether writing is refused.
        admit: called before a database is made, to raise where it must not be; called again with False if it was not
            made after all.
        article_seconds: processor time that one article may take before it is embedded.

    Attributes:
        jobs: its long work.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        encoder: Encoder,
        records: Records,
        *,
        files: OpenFiles,
        read_only: bool = False,
        admit: Callable[["Collection", bool], None] = lambda collection, wanted: None,
        article_seconds: float = ARTICLE_SECONDS,
    ) -> None:
        self.name = name
        self.folder = folder
        self._encoder = encoder
        self._records = records
        self._article_seconds = article_seconds
        self._files = files
        self._store = Store(folder, read_only=read_only, files=files, holder=self, admit=lambda new: admit(self, new))
        self._store.space = records.space
        self._sized: tuple[int, CollectionInfo] | None = None
        self._planned: tuple[int, Agenda] | None = None
        self.jobs = Jobs(folder, self._store, self._add_group)
        self._write_lock = threading.RLock()
        self._nearest = Nearest(name, folder, self._store, encoder, self._write_lock)
        self._forgetting = Forgetting(name, self._store, self._nearest, self._write_lock)

    @property
    def store(self) -> Store:
        """The database, for what is kept beside the articles."""
        return self._store

    def info(self) -> CollectionInfo:
        """Return the collection's name and size."""
        commits, held = self._store.commits, self._sized
        if held is None or held[0] != commits or self._store.read_only:
            with self._store.read(brief=True) as view:
                held = self._sized = commits, view.info(self.name)
        return held[1]

    def agenda(self) -> Agenda:
        """Return whether there is something to be done in the collection of itself."""
        commits, held = self._store.commits, self._planned
        if held is None or held[0] != commits or self._store.read_only:
            with self._store.read(brief=True) as view:
                held = self._planned = commits, view.agenda()
        return held[1]

    @property
    def descriptors(self) -> int:
        """How many files it has open, at most."""
        return self._store.descriptors

    def release(self) -> bool:
        """Give back files and vectors until the next use, unless they are in use; return whether that was done."""
        return self._forgetting.finish() and self._nearest.unload() and self._store.release()

    def rest(self, seconds: float) -> None:
        """Give back files that were not used for some seconds; the vectors stay."""
        self._store.rest(seconds)

    def probe(self, turn: int) -> None:
        """Search for one of the passages, another one each turn, and raise LibraryError where that cannot be done."""
        probe(self._store, self._nearest, turn)

    def warm_up(self) -> None:
        """Load the vectors now instead of at the first search."""
        self._files.use(self)
        self._nearest.load()

    def close(self) -> None:
        """Write a snapshot of the vectors if anything changed, and close the database."""
        self._nearest.stop()
        self._forgetting.join()
        with self._write_lock:
            self._forgetting.finish()
            self._nearest.save()
            self._store.close()
        self._files.drop(self)

    def discard(self) -> None:
        """Close the database without a snapshot: the collection is being removed."""
        self._nearest.stop()
        with self._write_lock:
            self._nearest.drop()
            self._store.close()
        self._files.drop(self)

    def add(
        self,
        articles: Iterable[Article],
        *,
        progress: Callable[[Progress], None] | None = None,
        unusable: Callable[[Failure], None] | None = None,
        batch: int = 128,
    ) -> Iterator[Added]:
        """Add articles, or replace those with the same ids; an article already there as it is stays.

        A generator: each article is yielded once it is durable and searchable.  Stopping early
        keeps what was yielded.

        Args:
            articles: read lazily.
            progress: called after each batch.
            unusable: called with each article that holds nothing to search or takes too long, which is then left out;
                None has it raised.
            batch: at most so many articles in one transaction.

        Raises:
            ArticleError: an article holds nothing to search, or takes too long (ArticleTooSlow); those before it are
                kept.
            StorageError: the disk refused; those before it are kept.
        """
        done = passages = 0
        for group in batches(articles, batch):
            results = self._add_group(group, unusable)
            done += len(group)
            passages += sum(added.passages for added in results if added.changed)
            if progress is not None:
                progress(Progress(done, passages))
            yield from results

    def add_one(self, article: Article) -> Added:
        """Add or replace one article; returns once it is durable and searchable.

        Raises:
            ArticleError: it holds nothing to search, or takes too long (ArticleTooSlow).
            StorageError: the disk refused; nothing was written.
        """
        return self._add_group([article])[0]

    def remove(self, article_id: str, *, forget: bool = True) -> Removed:
        """Remove an article and everything made of it.

        Args:
            article_id: which.
            forget: call forget() too; whoever removes several does so once, at the end.

        Returns:
            What went, by layer.

        Raises:
            ArticleNotFound: no such article.
            StorageError: the disk refused; nothing was removed.
        """
        # First, since it is in another file: after a crash between the two a quotation is missing, not left behind.
        self._records.forget(self.name, [article_id])
        with self._write_lock:
            self._nearest.load()  # or it would not learn what goes
            with stage("write"), self._in_step():
                written = self._store.remove(article_id)
            if written is None:
                raise ArticleNotFound(f"no article {article_id!r} in collection {self.name!r}")
            gone = self._nearest.apply(written, None)
            removed = Removed(1, len(written.removed), written.words, written.vectors, gone)
        self._records.forget_rest(self.name, [article_id])  # what was kept in between
        if forget:
            self.forget()
        return removed

    def forget(self) -> None:
        """Leave nothing of what was removed in any file.

        In a large collection this goes on in the background, and is done at the latest when the collection is closed.
        """
        self._forgetting.begin()

    def get(self, article_id: str) -> StoredArticle:
        """Return an article with its text, masked ranges and passages.

        Raises:
            ArticleNotFound: no such article.
        """
        with self._store.read(brief=True) as view:
            found = view.article(article_id)
        if found is None:
            raise ArticleNotFound(f"no article {article_id!r} in collection {self.name!r}")
        return found

    def holds(self, article_id: str, sha256: str) -> bool:
        """Return whether an article is there and its text has this SHA-256, in hexadecimal digits."""
        with self._store.read(brief=True) as view:
            return view.sha256(article_id) == sha256

    def list(self, *, limit: int = 50, cursor: str | None = None, newest: bool = False) -> Page:
        """Return articles in order of arrival.

        Args:
            limit: 1 to MAX_LIST_LIMIT.
            cursor: ``next_cursor`` of the page before.
            newest: the last to arrive first.

        Raises:
            QueryError: limit out of range, or not a cursor.
        """
        if not 1 <= limit <= MAX_LIST_LIMIT:
            raise QueryError(f"limit must be 1 to {MAX_LIST_LIMIT:,}, not {limit}", field="limit")
        after = decode_cursor(cursor)
        with self._store.read(brief=True) as view:
            page, more = view.page(limit, after, newest=newest)
        return page if more is None else replace(page, next_cursor=encode_cursor(more))

    def encode_query(self, query: str) -> npt.NDArray[np.float32]:
        """Return a query's vector, float32 (dimension,), to hand to search()."""
        with stage("embed"):
            vector: npt.NDArray[np.float32] = self._encoder.encode_queries([query.strip()])[0]
        return vector

    def origins(self, folder: str) -> dict[str, Words]:
        """Return the ids of the articles that came from files in a folder, by the file's path.

        Args:
            folder: its absolute path.
        """
        with self._store.read(brief=True) as view:
            return view.origins(folder)

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
            vectors=self._nearest.load(),
            limit=limit,
            filters=filters or Filters(),
        )

    def check(self) -> Words:
        """Return what is wrong with the collection's files, in words; empty where all is well.

        Looks at every layer of the database, and at whether the vectors in memory hold the same ids.  check_library()
        also looks at the files, and searches for passages by their own text.
        """
        tally = Tally(self.name)
        with self._write_lock, self._store.read() as view:
            audit_database(self._store.path, tally)
            differing = np.setxor1d(self._nearest.load().ids(), view.passage_ids())
        if len(differing):
            tally.add("index_differs", *(f"passage {key}" for key in differing.tolist()))
        return [str(defect) for defect in tally]

    @contextlib.contextmanager
    def _in_step(self) -> Iterator[None]:
        """Read the vectors anew where a change may have been done or not."""
        try:
            yield
        except CommitUncertain:
            self._nearest.reload()
            raise

    def _add_group(
        self,
        group: Articles,
        unusable: Callable[[Failure], None] | None = None,
        step: Callable[[], Step] | None = None,
    ) -> AddedAll:
        with self._store.read() as view:
            known = {article.id: view.fingerprint(article.id) for article in group}
        results: dict[str, Added] = {}
        fresh = []
        for article in group:
            fingerprint, passages = known[article.id] or ("", 0)
            if fingerprint == article.fingerprint:
                results[article.id] = Added(article.id, article.title, passages, created=False, changed=False)
            else:
                fresh.append(article)
        if not fresh:
            if step is not None:
                self._store.write((), self._encoder.fingerprint, step())
            return [results[article.id] for article in group]
        self._store.check_room()
        # The vectors that are there are taken over, once they are those of this encoder.
        self._nearest.load()
        with self._store.read() as view:
            vectors = vectors_of(fresh, view)
            repeated = repetitions(fresh, view)
            rewritten = [
                article.id for article in fresh if known[article.id] and view.sha256(article.id) != article.sha256
            ]
        ready = prepare(fresh, self._encoder, vectors, repeated, unusable, seconds=self._article_seconds)
        if ready or step is not None:
            self._records.forget(self.name, rewritten)
            with self._write_lock:
                with stage("write"), self._in_step():
                    written = self._store.write(ready, self._encoder.fingerprint, step and step())
                if ready:
                    self._nearest.apply(written, np.concatenate([item.vectors for item in ready]))
                    mask_outgrown(self._store, self._nearest, self._encoder, fresh)
            self._records.forget_rest(self.name, rewritten)  # what was kept in between
            for item, created in zip(ready, written.created, strict=True):
                article = item.article
                results[article.id] = Added(article.id, article.title, len(item.passages), created, True, item.embedded)
        return [results[article.id] for article in group if article.id in results]
