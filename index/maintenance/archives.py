"""Backups as folders, .tar and .zip: written piece by piece with a checksum of each, read with nothing taken on trust.

Only the names that a backup can hold are read, only regular files, and of each no more than it is said to have: what an
archive may say of paths, links, devices and sizes leads nowhere.
"""

import contextlib
import hashlib
import io
import json
import os
import re
import shutil
import stat
import tarfile
import time
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

from index.errors import InputError
from index.folder.atomic_file import FOLDER_MODE, open_private, sync_folder

MANIFEST = "backup.json"
NAMES = re.compile(
    r"library\.json|examples\.json|records\.db|"
    r"[a-z0-9][a-z0-9_-]{0,63}/(?:articles\.db|jobs/job_[0-9a-f]{1,64}\.ndjson)"
)
_MAX_MANIFEST_BYTES = 64 * 2**20
_MAX_FILES = 1_000_000
_PIECE = 2**20


class Writer(ABC):
    """A backup that is being written; left before finish() it is of no use."""

    @abstractmethod
    def _write(self, name: str, size: int, file: BinaryIO) -> None:
        """Write a file of a known size."""

    def add(self, name: str, file: BinaryIO) -> dict[str, Any]:
        """Add a file as it is now; return its name, size and checksum as the manifest has them."""
        size = os.fstat(file.fileno()).st_size
        hashing = _Hashing(file, size)
        self._write(name, size, cast(BinaryIO, hashing))
        return {"path": name, "size": size, "sha256": hashing.digest.hexdigest()}

    @abstractmethod
    def finish(self, manifest: bytes) -> None:
        """Add the manifest and make everything durable."""


class _Hashing:
    """A number of bytes of a file, and their digest once they were read."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self._left = file, size
        self.digest = hashlib.sha256()

    def read(self, count: int = _PIECE) -> bytes:
        piece = self._file.read(min(count if count >= 0 else self._left, self._left))
        self._left -= len(piece)
        self.digest.update(piece)
        return piece


class _FolderWriter(Writer):
    def __init__(self, path: Path) -> None:
        self._path = path
        path.mkdir(mode=FOLDER_MODE)

    def _write(self, name: str, size: int, file: BinaryIO) -> None:
        target = self._path / name
        for folder in reversed(target.relative_to(self._path).parents[:-1]):
            (self._path / folder).mkdir(mode=FOLDER_MODE, exist_ok=True)
        with open_private(target, "xb") as out:
            shutil.copyfileobj(file, out, _PIECE)
            out.flush()
            os.fsync(out.fileno())

    def finish(self, manifest: bytes) -> None:
        self._write(MANIFEST, len(manifest), io.BytesIO(manifest))
        for folder in [*(path for path in self._path.rglob("*") if path.is_dir()), self._path]:
            sync_folder(folder)


class _TarWriter(Writer):
    def __init__(self, out: BinaryIO) -> None:
        self._archive = tarfile.TarFile(fileobj=out, mode="w", format=tarfile.PAX_FORMAT)

    def _write(self, name: str, size: int, file: BinaryIO) -> None:
        info = tarfile.TarInfo(name)
        info.size, info.mode, info.mtime = size, 0o600, int(time.time())
        self._archive.addfile(info, file)

    def finish(self, manifest: bytes) -> None:
        self._write(MANIFEST, len(manifest), io.BytesIO(manifest))
        self._archive.close()


class _ZipWriter(Writer):
    def __init__(self, out: BinaryIO) -> None:
        self._archive = zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=3)

    def _write(self, name: str, size: int, file: BinaryIO) -> None:
        info = zipfile.ZipInfo(name, time.localtime()[:6])
        info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, (stat.S_IFREG | 0o600) << 16
        with self._archive.open(info, "w", force_zip64=True) as out:
            shutil.copyfileobj(file, out, _PIECE)

    def finish(self, manifest: bytes) -> None:
        self._write(MANIFEST, len(manifest), io.BytesIO(manifest))
        self._archive.close()


@contextlib.contextmanager
def open_writer(suffix: str, path: Path) -> Iterator[Writer]:
    """Begin a backup.

    Args:
        suffix: ``.tar`` or ``.zip``; anything else makes a folder.
        path: of the folder or file, which is not there yet.
    """
    if suffix.lower() not in (".tar", ".zip"):
        yield _FolderWriter(path)
        return
    with open_private(path, "xb") as out:
        yield (_TarWriter if suffix.lower() == ".tar" else _ZipWriter)(out)
        out.flush()
        os.fsync(out.fileno())


class Source:
    """A backup that is read.

    Args:
        sizes: of each file, by its name.
        opener: gives a file of it.
    """

    def __init__(self, sizes: dict[str, int], opener: Any) -> None:
        self._sizes = sizes
        self._opener = opener

    def manifest(self) -> dict[str, Any]:
        """Return the manifest, once its list of files is the very one of the backup.

        Raises:
            InputError: it is missing or not one, or files are missing, too many or of another size.
        """
        if self._sizes.get(MANIFEST, _MAX_MANIFEST_BYTES + 1) > _MAX_MANIFEST_BYTES:
            raise InputError(f"it has no {MANIFEST}: it is no backup, or was cut off")
        try:
            with self._opener(MANIFEST) as file:
                facts = json.loads(file.read(_MAX_MANIFEST_BYTES))
            listed = {str(file["path"]): int(file["size"]) for file in facts["files"]}
            usable = isinstance(facts["format"], int) and all(isinstance(f["sha256"], str) for f in facts["files"])
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise InputError(f"{MANIFEST} cannot be read: the backup is damaged") from error
        held = {name: size for name, size in self._sizes.items() if name != MANIFEST}
        if not usable or listed != held or len(listed) != len(facts["files"]):
            differing = sorted(set(listed.items()) ^ set(held.items()))
            raise InputError(f"the backup does not hold what {MANIFEST} lists ({differing[0][0] if differing else ''})")
        return dict(facts)

    def extract(self, name: str, size: int, target: Path) -> str:
        """Write a file of the backup to the disk; return its SHA-256.

        Args:
            name: which.
            size: bytes that it has; no more are read.
            target: what is written, which is not there yet.

        Raises:
            InputError: the archive is damaged there.
        """
        with (
            self._opener(name) as file,
            open_private(target, "xb") as out,
        ):
            hashing = _Hashing(file, size)
            try:
                shutil.copyfileobj(cast(BinaryIO, hashing), out, _PIECE)
            except (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error) as error:
                raise InputError(f"{name} is damaged in the backup ({error})") from error
            out.flush()
            os.fsync(out.fileno())
        return hashing.digest.hexdigest()


@contextlib.contextmanager
def open_backup(path: Path) -> Iterator[Source]:
    """Open a backup: a folder, or a .tar or .zip file, whatever its name.

    Raises:
        InputError: it is none, or holds what no backup holds.
    """
    with contextlib.ExitStack() as stack:
        try:
            if path.is_dir():
                yield Source(_checked(_in_folder(path)), lambda name: (path / name).open("rb"))
            elif zipfile.is_zipfile(path):
                zipped = stack.enter_context(zipfile.ZipFile(path))
                yield Source(_checked(_in_zip(zipped)), zipped.open)
            else:
                packed = stack.enter_context(tarfile.open(path, "r:"))
                yield Source(_checked(_in_tar(packed)), packed.extractfile)
        except (tarfile.TarError, zipfile.BadZipFile) as error:
            raise InputError(f"{path} is no backup, or was cut off ({error})") from error
        except FileNotFoundError as error:
            raise InputError(f"there is no backup at {path}") from error


def _checked(entries: Iterator[tuple[str, bool, int]]) -> dict[str, int]:
    """Sizes by name, of entries (name, whether it is a regular file, size).

    Raises:
        InputError: a name that no backup has, something other than a file, or a name twice.
    """
    sizes: dict[str, int] = {}
    for name, regular, size in entries:
        if not regular or not (name == MANIFEST or NAMES.fullmatch(name)):
            raise InputError(f"the backup holds {name[:200]!r}, which no backup of Citespan does: it is not used")
        if name in sizes or len(sizes) > _MAX_FILES:
            raise InputError(f"the backup holds {name!r} twice, or too many files: it is not used")
        sizes[name] = size
    return sizes


def _in_folder(path: Path) -> Iterator[tuple[str, bool, int]]:
    for folder, folders, files in os.walk(path):
        for name in [*files, *(name for name in folders if (Path(folder) / name).is_symlink())]:
            entry = Path(folder) / name
            status = entry.lstat()
            yield entry.relative_to(path).as_posix(), stat.S_ISREG(status.st_mode), status.st_size


def _in_zip(archive: zipfile.ZipFile) -> Iterator[tuple[str, bool, int]]:
    for info in archive.infolist():
        mode = info.external_attr >> 16
        regular = not info.is_dir() and not info.flag_bits & 1 and (mode == 0 or stat.S_ISREG(mode))
        yield info.orig_filename, regular, info.file_size


def _in_tar(archive: tarfile.TarFile) -> Iterator[tuple[str, bool, int]]:
    for info in archive:
        yield info.name, info.isreg() and not info.issparse(), info.size
