"""A backup put in the place of a library: verified before anything is touched, and then at once.

The backup is unpacked beside the collections, in a folder of its own, checked, and moved into place together with what
it replaces moving out (index.folder.atomic_moves): whenever that is interrupted there is the old library or the new
one.
"""

import errno
import json
import secrets
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from index.embedding.encoder import Encoder
from index.errors import CommitUncertain, InputError, LibraryCorrupt, LibraryError, LibraryFormatError, StorageError
from index.folder.atomic_file import FOLDER_MODE, make_private_folder, sync_folder
from index.folder.atomic_moves import Move, move_together, moves_unfinished
from index.folder.collection_folders import DATABASE, collection_names
from index.folder.library_file import FORMAT, MARKER, refuse_strangers
from index.folder.lock import FolderLock, finish_moves_of
from index.maintenance.archives import Source, open_backup
from index.maintenance.backup import BACKUP_FORMAT
from index.maintenance.check import check_library, sure_stale_quotations
from index.maintenance.report import CheckReport, OnProgress, ignore_progress
from index.storage.damaged_rows import open_to_read
from index.storage.migrations import check_version
from index.storage.read_view import View
from index.storage.records import DATABASE as RECORDS
from index.storage.records import Records

# Files of a library's folder that are not the library's.
_STAYING = {".lock", ".gitignore", "lost+found"}


@dataclass(frozen=True, slots=True)
class Restored:
    """A library that was restored.

    Attributes:
        library: its folder.
        created: ISO 8601 instant (UTC) of the backup.
        collections: names of what it holds.
        kept: folder, within the library, with what was there before; None where nothing was.
        check: what checking it found, None where it was not checked.
    """

    library: str
    created: str
    collections: tuple[str, ...]
    kept: str | None
    check: CheckReport | None

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "library": self.library,
            "created": self.created,
            "collections": list(self.collections),
            "kept": self.kept,
            "check": None if self.check is None else self.check.as_json(),
        }


def restore_library(
    backup: str | Path,
    folder: str | Path,
    *,
    replace: bool = False,
    check: bool = True,
    encoder: Encoder | None = None,
    models: Sequence[Callable[[], object]] = (),
    progress: OnProgress = ignore_progress,
) -> Restored:
    """Put a backup in the place of a library, which nobody may have open for writing.

    Args:
        backup: a folder, .tar or .zip that back_up_library() made.
        folder: the library's folder, made where there is none.
        replace: whether a library that is not empty may be replaced; it is kept in a folder within.
        check: look at every layer of it afterwards.
        encoder: for the check.
        models: for the check.
        progress: called as it goes.

    Raises:
        InputError: no backup, a damaged one, or the library is not empty and replace is False; nothing was changed.
        LibraryFormatError: a newer citespan made the backup, or the folder is something else; nothing was changed.
        LibraryLocked: another process has the library open for writing; nothing was changed.
        StorageError: the disk refused; nothing was changed, unless it is CommitUncertain.
    """
    source, target = Path(backup).expanduser(), Path(folder).expanduser()
    try:
        with open_backup(source) as opened:
            manifest = opened.manifest()
            if manifest["format"] > BACKUP_FORMAT:
                raise LibraryFormatError(
                    f"the backup has format {manifest['format']}, this version reads up to {BACKUP_FORMAT}: "
                    "upgrade citespan"
                )
            make_private_folder(target)
            finish_moves_of(target, read_only=False)
            refuse_strangers(target)
            lock = FolderLock.take(target)
            try:
                if not replace:
                    _refuse_to_replace(target, manifest)
                kept = _restore(opened, manifest, target, progress)
            finally:
                lock.release()
    except OSError as error:
        raise StorageError(
            f"the backup cannot be restored: {error.strerror or error}",
            disk_full=error.errno in (errno.ENOSPC, errno.EDQUOT),
        ) from error
    report = check_library(target, encoder=encoder, models=models, progress=progress) if check else None
    names = tuple(sorted(collection_names(target)))
    return Restored(str(target), str(manifest.get("created", "")), names, kept, report)


def _restore(source: Source, manifest: dict[str, Any], target: Path, progress: OnProgress) -> str | None:
    for stray in target.glob(".restore-*"):
        shutil.rmtree(stray, ignore_errors=True)
    staging = target / f".restore-{secrets.token_hex(4)}"
    staging.mkdir(mode=FOLDER_MODE)
    try:
        _unpack(source, manifest, staging, progress)
        _verify(staging)
        old = sorted(path.name for path in target.iterdir() if path.name not in _STAYING and path.name[0] != ".")
        stamp = "".join(letter for letter in str(manifest.get("created", "")) if letter.isalnum())[:15]
        kept = f".before-restore-{stamp}-{secrets.token_hex(4)}" if old else None
        moves: list[Move] = [(name, f"{kept}/{name}") for name in old]
        moves += [(f"{staging.name}/{path.name}", path.name) for path in sorted(staging.iterdir())]
        try:
            move_together(target, moves)
        except OSError as error:
            raise CommitUncertain(
                f"the disk refused while the libraries changed places ({error.strerror or error}): the restore may "
                "have been done, or is finished when the library is next opened; look with citespan check"
            ) from error
    finally:
        if not moves_unfinished(target):  # else it is needed to finish them
            shutil.rmtree(staging, ignore_errors=True)
    return kept


def _unpack(source: Source, manifest: dict[str, Any], staging: Path, progress: OnProgress) -> None:
    size = sum(file["size"] for file in manifest["files"])
    free = shutil.disk_usage(staging).free
    if size > free:
        raise StorageError(
            f"the backup needs {size // 2**20 + 1} MiB, {free // 2**20} MiB are free: free space there", disk_full=True
        )
    done = 0
    for file in manifest["files"]:
        path = staging / file["path"]
        for folder in reversed(path.relative_to(staging).parents[:-1]):
            (staging / folder).mkdir(mode=FOLDER_MODE, exist_ok=True)
        if source.extract(file["path"], file["size"], path) != file["sha256"]:
            raise InputError(f"{file['path']} is not the file that was backed up: its checksum differs")
        done += file["size"]
        progress("unpacking: bytes", done, size)
    for folder in [*(path for path in staging.rglob("*") if path.is_dir()), staging]:
        sync_folder(folder)


def _verify(staging: Path) -> None:
    """Refuse what this version cannot open, and let go of what is quoted of articles that the backup does not have."""
    try:
        version = json.loads((staging / MARKER).read_text(encoding="utf-8"))["format"]
        if version > FORMAT:
            raise LibraryFormatError(
                f"the library in it has format {version}, this version reads up to {FORMAT}: upgrade citespan"
            )
        for name in collection_names(staging):
            with closing(open_to_read(staging / name / DATABASE)) as db:
                check_version(db)
        if (staging / RECORDS).exists():
            with closing(Records(staging)) as records:
                for collection, article in sure_stale_quotations(staging):
                    records.forget(collection, [article] if article else None)
    except (OSError, ValueError, KeyError, TypeError, sqlite3.Error) as error:
        raise InputError(f"the library in the backup cannot be opened ({error}): take another backup") from error
    except LibraryCorrupt as error:
        raise InputError(f"the library in the backup is damaged ({error}): take another backup") from error


def _refuse_to_replace(target: Path, manifest: dict[str, Any]) -> None:
    """Raise InputError where the library holds anything; say whether it is newer than the backup."""
    saved = {one["name"]: int(one["generation"]) for one in manifest["collections"]}
    articles, newer = 0, []
    for name in collection_names(target):
        try:
            with closing(open_to_read(target / name / DATABASE)) as db:
                view = View(db)
                articles += int(db.execute("SELECT count(*) FROM article").fetchone()[0])
                if view.generation() > saved.get(name, 0):
                    newer.append(name)
        except (sqlite3.Error, LibraryError):
            newer.append(name)  # damaged: who knows what is in it
    if (target / RECORDS).exists() or articles or newer:
        than = f", and {', '.join(sorted(newer))} has changed since the backup" if newer else ""
        raise InputError(
            f"the library {target} is not empty ({articles} articles){than}: with --replace it is kept in a folder "
            ".before-restore-... in it, and the backup takes its place"
        )
