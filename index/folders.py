"""Which collections a library's folder holds."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

DATABASE = "articles.db"


def collection_names(folder: Path) -> Iterator[str]:
    """Yield the names of the folders in a library that hold a collection's database."""
    for path in folder.iterdir():
        if not path.name.startswith(".") and (path / DATABASE).is_file():
            yield path.name


def latest_collections(folder: Path) -> list[str]:
    """Return the names of a library's collections, those first that were written last."""
    written: dict[str, float] = {}
    for name in collection_names(folder):
        with contextlib.suppress(OSError):  # removed meanwhile
            written[name] = (folder / name / DATABASE).stat().st_mtime
    return sorted(written, key=lambda name: written[name], reverse=True)
