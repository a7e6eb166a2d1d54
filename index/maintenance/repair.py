"""Make anew what can be made anew in a library, and name what cannot.

Each collection is mended in one transaction; of a damaged database what can be read goes into a new one, which takes
its place while the damaged file is kept beside it.  What is interrupted has not happened, or is finished at the next
opening: repairing again goes on.
"""

import logging
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from index.audit.defects import KINDS, Defect
from index.embedding.encoder import Encoder, SentenceEncoder, embedded_text
from index.errors import CitespanError, LibraryFormatError, LibraryLocked, ModelError, StorageError
from index.folder.atomic_file import remove_file, tighten
from index.folder.atomic_moves import move_together
from index.folder.collection_folders import DATABASE, collection_names
from index.folder.library_file import MARKER, renew
from index.folder.lock import FolderLock, finish_moves_of
from index.ingestion.prepare import prepare
from index.library import Library
from index.maintenance.check import DEFAULT_SAMPLE, check_library, sure_stale_quotations
from index.maintenance.files import leftovers, lost_job_files
from index.maintenance.rebuild import mend
from index.maintenance.report import CheckReport, OnProgress, ignore_progress
from index.maintenance.salvage import drop_orphans_of_records, salvage_articles, salvage_records
from index.storage.read_view import View
from index.storage.records import DATABASE as RECORDS
from index.storage.records import Records, make_tables
from index.storage.sqlite_errors import translated
from index.storage.tables.article_rows import Prepared
from index.storage.tables.site_lines import repetitions
from index.storage.upgrade import upgrade
from index.types import Article, Failure

_BEYOND_SQL = {"database_unreadable", "database_foreign", "database_damaged", "schema_differs", "article_unreadable"}
_RECORDS_BEYOND_SQL = {"records_unreadable", "records_damaged", "record_invalid"}
_RECORDS = {"record_orphaned", "quotation_kept"}
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Repaired:
    """What repairing a library did.

    Attributes:
        library: its folder.
        dry_run: whether nothing was done.
        defects: what was wrong before.
        lost: of damaged files, what could not be read or is not what was added.
        kept: damaged files, kept beside those that took their place.
        check: what is wrong now; None of a dry run.
    """

    library: str
    dry_run: bool
    defects: tuple[Defect, ...]
    lost: tuple[str, ...]
    kept: tuple[str, ...]
    check: CheckReport | None

    @property
    def repairable(self) -> tuple[Defect, ...]:
        """What is, or can be, made anew."""
        return tuple(defect for defect in self.defects if defect.remedy == "repair")

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "library": self.library,
            "dry_run": self.dry_run,
            "defects": [defect.as_json() for defect in self.defects],
            "lost": list(self.lost),
            "kept": list(self.kept),
            "check": None if self.check is None else self.check.as_json(),
        }


def repair_library(
    folder: str | Path,
    *,
    encoder: Encoder | None = None,
    sample_size: int | None = DEFAULT_SAMPLE,
    dry_run: bool = False,
    marks: Sequence[str] = (),
    models: Sequence[Callable[[], object]] = (),
    progress: OnProgress = ignore_progress,
) -> Repaired:
    """Repair a library, which nobody may have open for writing.

    Args:
        folder: the library's folder.
        encoder: texts → vectors; None takes the shipped model.
        sample_size: how many passages of each collection are searched for, before and after; None for all.
        dry_run: only say what is wrong.
        marks: noted in library.json where it has to be written anew.
        models: as check_library() has them.
        progress: called as it goes.

    Raises:
        LibraryFormatError: there is no library, or a newer citespan made it; nothing was changed.
        LibraryLocked: another process has the library open for writing; nothing was changed.
        StorageError: the disk refused; what was mended before stays, and repairing can be begun again.
    """
    path = Path(folder).expanduser()
    chosen = encoder or SentenceEncoder()

    def look() -> CheckReport:
        return check_library(path, encoder=chosen, sample_size=sample_size, models=models, progress=progress)

    before = look()
    if dry_run:
        return Repaired(str(path), True, before.defects, (), (), None)
    if any(defect.kind == "format_newer" for defect in before.defects):
        raise LibraryFormatError("a newer version of citespan made the library: upgrade citespan")
    repairing = _Repair(path, chosen, before, marks)
    try:
        finish_moves_of(path, read_only=False)
        lock = FolderLock.take(path)
        try:
            repairing.run(progress)
        finally:
            lock.release()
        # Brings older formats and words up to date, and writes the snapshots.
        with Library.open(path, encoder=chosen) as library:
            for name in sorted(collection_names(path)):
                collection = library.collection(name)
                for job in lost_job_files(path / name, collection.jobs.open()):
                    collection.jobs.fail(job, "the file with its articles is gone: send it again")
                    repairing.lost.append(f"{job}: the rest of its file")
                collection.warm_up()
    except OSError as error:
        raise StorageError(f"the library cannot be repaired: {error.strerror or error}") from error
    except (LibraryLocked, StorageError):
        raise
    except ModelError as error:
        _LOG.warning("vectors were not looked at: %s", error)
    except CitespanError as error:
        _LOG.warning("not everything could be repaired: %s", error)
    return Repaired(str(path), False, before.defects, tuple(repairing.lost), tuple(repairing.kept), look())


class _Repair:
    """One repair of a library, with its lock held."""

    def __init__(self, folder: Path, encoder: Encoder, before: CheckReport, marks: Sequence[str]) -> None:
        self._folder = folder
        self._encoder = encoder
        self._before = before
        self._marks = marks
        self._stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
        self.lost: list[str] = []
        self.kept: list[str] = []

    def run(self, progress: OnProgress) -> None:
        general = {defect.kind for defect in self._before.defects if defect.collection is None}
        for stray in leftovers(self._folder, seconds=0):
            shutil.rmtree(stray, ignore_errors=True) if stray.is_dir() else remove_file(stray)
        tighten(self._folder)
        if "library_file_unreadable" in general:
            if (self._folder / MARKER).exists():
                self._keep(MARKER)
            renew(self._folder, self._marks)
        names = sorted(collection_names(self._folder))
        for done, name in enumerate(names, 1):
            kinds = {defect.kind for defect in self._before.defects if defect.collection == name}
            if any(KINDS[kind].remedy == "repair" for kind in kinds) or kinds & _BEYOND_SQL:
                self._mend_collection(name, kinds)
            progress("repairing: collections", done, len(names))
        self._mend_records(general)

    def _mend_collection(self, name: str, kinds: set[str]) -> None:
        database = self._folder / name / DATABASE
        try:
            if not kinds & _BEYOND_SQL:
                with translated():
                    upgrade(database)
                self._mend(database, kinds)
                return
        except sqlite3.DatabaseError as error:
            _LOG.warning("collection %r is damaged beyond what SQL can mend: %s", name, error)
        made = database.with_name(f"{DATABASE}.salvaged.tmp")
        remove_file(made)
        try:
            salvage_articles(database, made, self.lost.append)
        except sqlite3.DatabaseError as error:
            remove_file(made)
            self.lost.append(f"collection {name}: nothing of it can be read ({error})")
            return
        self._mend(made, kinds)
        self._replace(f"{name}/{DATABASE}", made)

    def _mend(self, database: Path, kinds: set[str]) -> None:
        # Of the vectors that it holds some may change under the same ids.
        remove_file(database.parent / "vectors.json")
        with closing(sqlite3.connect(database, isolation_level=None)) as db:
            db.execute("PRAGMA synchronous = FULL")
            db.execute("PRAGMA secure_delete = ON")
            db.execute("BEGIN IMMEDIATE")
            try:
                view = View(db)
                mend(
                    db,
                    lambda articles: self._prepare(articles, view),
                    self._embed,
                    all_vectors="vector_differs" in kinds,
                )
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise

    def _prepare(self, articles: Sequence[Article], view: View) -> list[Prepared]:
        unusable: list[Failure] = []
        ready = prepare(articles, self._encoder, {}, repetitions(articles, view), unusable.append)
        self.lost += [f"{failure.source}: {failure.error}" for failure in unusable]
        return ready

    def _embed(self, texts: Sequence[tuple[str, str]]) -> npt.NDArray[np.float32]:
        return self._encoder.encode_passages([embedded_text(title, text) for title, text in texts])

    def _mend_records(self, kinds: set[str]) -> None:
        path = self._folder / RECORDS
        if not path.exists():
            return
        if kinds & _RECORDS_BEYOND_SQL:
            made = path.with_name(f"{RECORDS}.salvaged.tmp")
            remove_file(made)
            try:
                salvage_records(path, made, make_tables, self.lost.append)
            except sqlite3.DatabaseError as error:
                remove_file(made)
                self.lost.append(f"{RECORDS}: nothing of it can be read ({error})")
                return
            self._replace(RECORDS, made)
        elif not kinds & _RECORDS and not self.kept:
            return
        with translated(), closing(sqlite3.connect(path, isolation_level=None)) as db:
            db.execute("PRAGMA secure_delete = ON")
            db.execute("BEGIN IMMEDIATE")
            drop_orphans_of_records(db)
            db.execute("COMMIT")
        with closing(Records(self._folder)) as records:
            for collection, article in sure_stale_quotations(self._folder):
                records.forget(collection, [article] if article else None)

    def _replace(self, name: str, made: Path) -> None:
        """Put a new database in the place of a damaged one, which is kept under another name with its log."""
        kept = f"{name}.damaged-{self._stamp}"
        moves = [(name + more, kept + more) for more in ("", "-wal", "-shm", "-journal")]
        move_together(self._folder, [*moves, (str(made.relative_to(self._folder)), name)])
        self.kept.append(kept)

    def _keep(self, name: str) -> None:
        kept = f"{name}.damaged-{self._stamp}"
        move_together(self._folder, [(name, kept)])
        self.kept.append(kept)
