"""Look at every layer of a library for what is wrong, beside a service or on a damaged library, changing nothing."""

import json
import random
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from index.audit.collection_audit import Audit, sample
from index.audit.defects import Defect, Tally
from index.audit.record_audit import audit_records, stale_quotations
from index.embedding.encoder import Encoder, SentenceEncoder, embedded_text
from index.errors import CollectionNotFound, LibraryFormatError, ModelError
from index.folder.atomic_moves import moves_unfinished
from index.folder.collection_folders import DATABASE, collection_names, has_lost_database, lost_collections
from index.folder.library_file import FORMAT, MARKER, read_marks
from index.maintenance.files import files_open_to_others, leftovers, lost_job_files
from index.maintenance.report import CheckedCollection, CheckReport, OnProgress, ignore_progress
from index.search.vector_index import VectorIndex, read_manifest
from index.storage.damaged_rows import open_to_read
from index.storage.migrations import MIGRATIONS, check_version, is_foreign
from index.storage.read_view import View
from index.storage.records import DATABASE as RECORDS
from index.storage.records import FORMAT as RECORDS_FORMAT

DEFAULT_SAMPLE = 100
_EMBEDDED_TOGETHER = 64
# Cosine of a passage's stored vector and the one that is made of its text now: float16, and batches of other sizes.
_SAME = 0.99
_NEAREST = 10


def check_library(
    folder: str | Path,
    *,
    encoder: Encoder | None = None,
    sample_size: int | None = DEFAULT_SAMPLE,
    seed: int = 0,
    collection: str | None = None,
    models: Sequence[Callable[[], object]] = (),
    progress: OnProgress = ignore_progress,
) -> CheckReport:
    """Look for what is wrong with a library.

    Nothing is changed and no lock is taken: each database is read as it was at one moment.

    Args:
        folder: the library's folder.
        encoder: texts → vectors; None takes the shipped model.
        sample_size: of each collection, how many passages are searched for by their own text; None for all of them.
        seed: with which they are chosen.
        collection: only this one; None for all.
        models: each verifies more weights, raising ModelError where they are not as they should be.
        progress: called as it goes.

    Raises:
        LibraryFormatError: there is no library.
        CollectionNotFound: there is no such collection.
    """
    path = Path(folder).expanduser()
    lost = lost_collections(path) if path.is_dir() and not moves_unfinished(path) else []
    names = sorted({*collection_names(path), *lost}) if path.is_dir() else []
    if not names and not (path / MARKER).is_file() and not moves_unfinished(path):
        raise LibraryFormatError(f"there is no library at {path}")
    if collection is not None and collection not in names:
        raise CollectionNotFound(f"no collection {collection!r}")
    tally = Tally()
    _check_folder(path, tally)
    chosen = encoder or SentenceEncoder()
    usable = True
    for number, verify in enumerate([lambda: chosen.fingerprint, *models]):
        try:
            verify()
        except ModelError as error:
            tally.add("model_changed", str(error))
            usable = usable and number > 0
    # Before the articles: what is quoted was there then.
    records = _check_records(path, tally)
    collections: list[CheckedCollection] = []
    defects: list[Defect] = []
    for name in names:
        if collection is not None and name != collection:
            continue
        if name in lost:
            missing = Tally(name)
            missing.add("database_missing")
            defects.extend(missing)
            continue
        checking = _Collection(path / name, chosen if usable else None, sample_size, seed, progress)
        collections.append(checking.run())
        defects.extend(checking.tally)
    return CheckReport(str(path), tuple(collections), records, (*tally, *defects), seed)


def _check_folder(folder: Path, tally: Tally) -> None:
    try:
        version = json.loads((folder / MARKER).read_text(encoding="utf-8"))["format"]
        if not isinstance(version, int):
            raise ValueError(f"format {version!r}")
        if version > FORMAT:
            tally.add("format_newer", f"{MARKER} has format {version}")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        tally.add("library_file_unreadable", str(error))
    if moves_unfinished(folder):
        tally.add("moves_unfinished")
    for kind, paths in (("files_left_over", leftovers(folder)), ("files_open_to_others", files_open_to_others(folder))):
        found = [str(path.relative_to(folder)) for path in paths]
        if found:
            tally.add(kind, *found)


def _check_records(folder: Path, tally: Tally) -> int:
    path = folder / RECORDS
    if not path.exists() or not path.stat().st_size:
        with suppress(LibraryFormatError):
            if read_marks(folder):
                tally.add("records_missing")
        return 0
    try:
        with closing(open_to_read(path)) as db:
            version = db.execute("PRAGMA user_version").fetchone()[0]
            if version > RECORDS_FORMAT:
                tally.add("format_newer", f"{RECORDS} has format {version}")
                return 0
            count = audit_records(db, tally) if version else 0
        for collection, article in sure_stale_quotations(folder):
            tally.add("quotation_kept", f"{collection}/{article}" if article else collection)
    except sqlite3.Error as error:
        tally.add("records_unreadable", str(error))
        return 0
    return count


def sure_stale_quotations(folder: Path) -> list[tuple[str, str]]:
    """Return the articles, (collection, id), that records quote though they are gone, beside a service too.

    An article that is being removed is forgotten by the records before and after: what is found twice is left behind.
    """
    found: set[tuple[str, str]] | None = None
    for _ in range(2):
        with closing(open_to_read(folder / RECORDS)) as db:
            again = set(stale_quotations(db, lambda collection, article: _holds(folder / collection, article)))
        found = again if found is None else found & again
        if not found:
            break
    return sorted(found or ())


def _holds(folder: Path, article_id: str) -> bool:
    if has_lost_database(folder):
        return True  # it may be brought back
    if not (folder / DATABASE).is_file():
        return False
    try:
        with closing(open_to_read(folder / DATABASE)) as db:
            return not article_id or View(db).sha256(article_id) is not None
    except sqlite3.Error:
        return True  # who knows


class _Collection:
    """One collection that is looked at, in one reading of its database."""

    def __init__(
        self, folder: Path, encoder: Encoder | None, sample_size: int | None, seed: int, progress: OnProgress
    ) -> None:
        self.tally = Tally(folder.name)
        self._folder = folder
        self._encoder = encoder
        self._sample_size = sample_size
        self._seed = seed
        self._progress = progress

    def run(self) -> CheckedCollection:
        name = self._folder.name
        try:
            with closing(open_to_read(self._folder / DATABASE)) as db:
                return self._run(db)
        except LibraryFormatError as error:
            self.tally.add("format_newer", str(error))
        except sqlite3.Error as error:
            self.tally.add("database_unreadable", str(error))
        return CheckedCollection(name)

    def _run(self, db: sqlite3.Connection) -> CheckedCollection:
        name = self._folder.name
        if is_foreign(db):
            self.tally.add("database_foreign")
            return CheckedCollection(name)
        version = check_version(db)
        if version == 0:  # nothing has been stored in it yet
            return CheckedCollection(name)
        if version < len(MIGRATIONS):
            self.tally.add("format_older", f"format {version}")
        audit = Audit(db, self.tally)
        total = _count_articles(db)
        thorough = self._sample_size is None
        audit.run(thorough=thorough, advance=lambda done: self._progress(f"{name}: articles", done, total))
        searched = 0
        try:
            view = View(db)
            ids = view.passage_ids()
            index = self._snapshot(view, ids)
            if version == len(MIGRATIONS):
                searched = self._search(db, audit, ids, index, view.meta("encoder"))
                lost = lost_job_files(self._folder, view.ledger.open_jobs())
                if lost:
                    self.tally.add("job_file_missing", *lost)
            return CheckedCollection(name, version, view.generation(), total or 0, len(ids), searched)
        except sqlite3.DatabaseError as error:
            self.tally.add("database_damaged", str(error))
            return CheckedCollection(name, version, 0, total or 0, 0, searched)
        finally:
            audit.close()

    def _snapshot(self, view: View, ids: "np.ndarray[Any, Any]") -> VectorIndex | None:
        """Look at the snapshot of the vectors; return it where it stands for this very reading."""
        for _ in range(3):
            manifest = read_manifest(self._folder)
            if manifest is None:
                break
            loaded = VectorIndex.load(
                self._folder,
                encoder=manifest["encoder"],
                dimension=manifest["dimension"],
                database=view.meta("id") or "",
                mapped=True,
            )
            if loaded is None:
                if read_manifest(self._folder) != manifest:
                    continue  # a newer one has taken its place
                self.tally.add("snapshot_damaged", str(manifest["file"]))
                return None
            index, generation = loaded
            if generation != view.generation():
                return None  # brought up to date when it is loaded
            differing = np.setxor1d(index.ids(), ids)
            if len(differing):
                self.tally.add("snapshot_differs", *(f"passage {key}" for key in differing.tolist()))
            return index
        if (self._folder / "vectors.json").exists():
            self.tally.add("snapshot_damaged", "vectors.json")
        return None

    def _search(
        self,
        db: sqlite3.Connection,
        audit: Audit,
        ids: "np.ndarray[Any, Any]",
        index: VectorIndex | None,
        made_by: str | None,
    ) -> int:
        """Search for passages by their own text, in the words and in the vectors; return for how many."""
        encoder = self._encoder
        if encoder is not None and made_by not in (None, encoder.fingerprint):
            self.tally.add("encoder_differs")
            encoder = None
        chosen = ids.tolist()
        if self._sample_size is not None and self._sample_size < len(chosen):
            chosen = sorted(random.Random(self._seed).sample(chosen, self._sample_size))  # noqa: S311 (no secret)
        rows = sample(db, chosen)
        done = 0
        while batch := list(islice(rows, _EMBEDDED_TOGETHER)):
            for key, name, title, text, language, _ in batch:
                if not audit.finds(key, title, text, language):
                    self.tally.add("words_differ", name)
            if encoder is not None:
                vectors = encoder.encode_passages([embedded_text(title, text) for _, _, title, text, _, _ in batch])
                for (key, name, _, _, _, stored), vector in zip(batch, vectors, strict=True):
                    self._compare(key, name, stored, vector, index)
            done += len(batch)
            self._progress(f"{self._folder.name}: searching", done, len(chosen))
        return done

    def _compare(
        self, key: int, name: str, stored: bytes | None, vector: "np.ndarray[Any, Any]", index: VectorIndex | None
    ) -> None:
        if stored is None or len(stored) != 2 * len(vector):
            return  # said already
        own = float(np.frombuffer(stored, dtype="<f2").astype(np.float32) @ vector)
        if not own >= _SAME:
            self.tally.add("vector_differs", name)
        elif index is not None:
            nearest, cosines = index.search(vector, _NEAREST)
            # As many near-copies may come first.
            if key not in nearest and not (len(cosines) == _NEAREST and float(cosines[-1]) >= _SAME):
                self.tally.add("snapshot_misses", name)


def _count_articles(db: sqlite3.Connection) -> int | None:
    try:
        return int(db.execute("SELECT count(*) FROM article").fetchone()[0])
    except sqlite3.DatabaseError:
        return None
