"""library.json: which folder is a library, of which format, and what is noted of it for good."""

import json
from collections.abc import Iterable
from pathlib import Path

from index.errors import LibraryFormatError, StorageError
from index.folder.atomic_file import PARTIAL, write_file

MARKER = "library.json"
LOCK = ".lock"
FORMAT = 1
# Files that may lie in a folder that is not a library yet.
_HARMLESS = {LOCK, "examples.json", ".gitignore", "lost+found"}


def is_library(folder: Path) -> bool:
    """Return whether a folder says that it is a library."""
    return (folder / MARKER).is_file()


def make_or_check(folder: Path) -> None:
    """Make a library of an empty folder; one that is a library already must be of a format that is known.

    Raises:
        LibraryFormatError: something else is in the folder, or a newer version made the library.
        StorageError: the disk refused.
    """
    if is_library(folder):
        read_marks(folder)
        return
    refuse_strangers(folder)
    _write(folder, ())


def read_marks(folder: Path) -> frozenset[str]:
    """Return what is noted of a library for good; what it means is known to those who noted it.

    Raises:
        LibraryFormatError: it is not readable, or a newer version made it.
    """
    try:
        held = json.loads((folder / MARKER).read_text(encoding="utf-8"))
        version, marks = held["format"], held.get("marks", [])
        if not isinstance(marks, list) or not all(isinstance(mark, str) for mark in marks):
            raise ValueError("marks is not a list of texts")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise LibraryFormatError(
            f"{folder / MARKER} is not readable: citespan repair writes it anew, or restore it from a backup"
        ) from error
    if not isinstance(version, int) or version > FORMAT:
        raise LibraryFormatError(
            f"the library has format {version}, this version reads up to {FORMAT}: upgrade citespan"
        )
    return frozenset(marks)


def add_mark(folder: Path, mark: str) -> None:
    """Note something of a library for good, durably; what is noted already stays.

    Raises:
        LibraryFormatError: it is not readable, or a newer version made it.
        StorageError: the disk refused; nothing has changed.
    """
    marks = read_marks(folder)
    if mark not in marks:
        _write(folder, {*marks, mark})


def renew(folder: Path, marks: Iterable[str] = ()) -> None:
    """Write the file of a library anew, with other notes in the place of those that it had.

    Raises:
        StorageError: the disk refused; nothing has changed.
    """
    _write(folder, marks)


def refuse_strangers(folder: Path) -> None:
    """Leave a folder alone that is not a library and not empty.

    Raises:
        LibraryFormatError: it is one.
    """
    if is_library(folder):
        return
    strangers = sorted(p.name for p in folder.iterdir() if p.name not in _HARMLESS and not p.name.endswith(PARTIAL))
    if strangers:
        raise LibraryFormatError(
            f"{folder} is not a library and not empty (it holds {strangers[0]!r}): choose an empty or a new folder"
        )


def _write(folder: Path, marks: Iterable[str]) -> None:
    held: dict[str, object] = {"format": FORMAT}
    if marks := sorted(marks):
        held["marks"] = marks
    try:
        write_file(folder / MARKER, json.dumps(held).encode())
    except OSError as error:
        raise StorageError(f"{MARKER} cannot be written ({error.strerror}): check the disk") from error
