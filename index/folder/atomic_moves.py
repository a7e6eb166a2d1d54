"""Files of a library that change places together: all of them or, after a crash, as soon as it is opened again.

A journal beside them says what goes where.  Once it is there the moves are decided, and the next process that opens the
library for writing finishes them first; before, nothing has happened.  They stay inside the library's folder, which may
be the root of a volume and cannot be renamed itself.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from index.errors import LibraryCorrupt
from index.folder.atomic_file import remove_file, sync_folder, write_file

JOURNAL = ".moves.json"
Move = tuple[str, str]


def moves_unfinished(folder: Path) -> bool:
    """Return whether moves were decided and then interrupted."""
    return (folder / JOURNAL).is_file()


def move_together(folder: Path, moves: Sequence[Move]) -> None:
    """Move files or folders, each (from, to) relative to the library's folder, in order.

    What is not there is passed over, and so is what is there already under its new name; so a name can be given to
    another file after its own has been moved away.

    Raises:
        OSError: the disk refused; unless the journal was written nothing has happened, else finish_moves() goes on.
    """
    write_file(folder / JOURNAL, json.dumps({"moves": [list(move) for move in moves]}).encode())
    finish_moves(folder)


def finish_moves(folder: Path) -> bool:
    """Finish moves that were interrupted; return whether there were any.  The caller holds the library's lock.

    Raises:
        LibraryCorrupt: the journal cannot be read.
        OSError: the disk refused; it can be tried again.
    """
    journal = folder / JOURNAL
    try:
        moves = [(_inside(source), _inside(target)) for source, target in json.loads(journal.read_bytes())["moves"]]
    except FileNotFoundError:
        return False
    except (ValueError, KeyError, TypeError) as error:
        raise LibraryCorrupt(f"{journal} cannot be read: move it away, then run citespan check") from error
    changed = {folder}
    for source, target in moves:
        old, new = folder / source, folder / target
        if os.path.lexists(old) and not os.path.lexists(new):
            if not new.parent.is_dir():
                new.parent.mkdir(mode=0o700)
                changed.add(new.parent.parent)
            old.rename(new)
            changed |= {old.parent, new.parent}
    for parent in changed:
        if parent.is_dir():
            sync_folder(parent)
    remove_file(journal)
    sync_folder(folder)
    return True


def _inside(name: str) -> str:
    """A path that stays inside a folder.

    Raises:
        ValueError: it would not.
    """
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise ValueError(f"{name!r} leads out of the library")
    return name
