"""FAISS by passage id: add, remove, search, and snapshots on disk.  Alone imports faiss.

A snapshot is a cache of what the database holds.  FAISS reads damaged files without complaint, so
each snapshot carries its SHA-256 and is written beside the old one, synced and renamed into place.
"""

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from index.errors import StorageError
from index.models import file_sha256

Ids = npt.NDArray[np.int64]
Vectors = npt.NDArray[np.float32]

_MANIFEST = "vectors.json"
_FORMAT = 1


class VectorIndex:
    """Exact nearest-neighbour search over unit vectors, by int64 id.

    Safe for use from several threads.

    Args:
        dimension: length of a vector.
    """

    def __init__(self, dimension: int) -> None:
        self.dimension = dimension
        self._lock = threading.RLock()
        self._index = _flat(dimension)

    def __len__(self) -> int:
        """Number of vectors."""
        return int(self._index.ntotal)

    def ids(self) -> Ids:
        """Return the ids, ascending: int64 (n,)."""
        import faiss

        with self._lock:
            return np.sort(faiss.vector_to_array(self._index.id_map).astype(np.int64))

    def add(self, ids: Ids, vectors: Vectors) -> None:
        """Add vectors under new ids.

        Args:
            ids: int64 (n,), none of them in the index.
            vectors: float32 (n, dimension), unit length.
        """
        if len(ids):
            with self._lock:
                self._index.add_with_ids(np.ascontiguousarray(vectors, np.float32), np.ascontiguousarray(ids, np.int64))

    def remove(self, ids: Ids) -> None:
        """Remove vectors; ids that are not there are passed over."""
        if len(ids):
            import faiss

            with self._lock:
                self._index.remove_ids(faiss.IDSelectorBatch(np.ascontiguousarray(ids, np.int64)))

    def replace_all(self, batches: Callable[[], Any]) -> None:
        """Rebuild from batches of (ids, vectors); the old index serves until the new one is whole."""
        fresh = _flat(self.dimension)
        for ids, vectors in batches():
            fresh.add_with_ids(np.ascontiguousarray(vectors, np.float32), np.ascontiguousarray(ids, np.int64))
        with self._lock:
            self._index = fresh

    def search(self, query: Vectors, limit: int, allowed: Ids | None = None) -> tuple[Ids, Vectors]:
        """Find the vectors nearest to a query.

        Args:
            query: float32 (dimension,), unit length.
            limit: at most so many.
            allowed: only these ids, None for all.

        Returns:
            ids int64 (m,) and cosines float32 (m,), best first; equal cosines by id.
        """
        import faiss

        parameters: Any = None
        if allowed is not None:
            parameters = faiss.SearchParameters(sel=faiss.IDSelectorBatch(np.ascontiguousarray(allowed, np.int64)))  # type: ignore[call-arg]
        with self._lock:
            count = min(limit, len(self))
            if count == 0 or (allowed is not None and len(allowed) == 0):
                return np.empty(0, np.int64), np.empty(0, np.float32)
            cosines, ids = self._index.search(query.reshape(1, -1), count, params=parameters)
        found = ids[0] >= 0
        order = np.lexsort((ids[0][found], -cosines[0][found]))
        return ids[0][found][order].astype(np.int64), cosines[0][found][order].astype(np.float32)

    def save(self, folder: Path, *, generation: int, encoder: str) -> None:
        """Write a snapshot that stands for one generation of the database.

        Raises:
            StorageError: the disk refused; the snapshot before stays in force.
        """
        import faiss

        name = f"vectors-{generation}.faiss"
        beside = folder / f"{name}.tmp"
        try:
            with self._lock:
                count = len(self)
                faiss.write_index(self._index, str(beside))
            digest = file_sha256(beside)
            _sync(beside)
            beside.replace(folder / name)
            manifest = {
                "format": _FORMAT,
                "file": name,
                "sha256": digest,
                "generation": generation,
                "encoder": encoder,
                "dimension": self.dimension,
                "vectors": count,
            }
            text = folder / f"{_MANIFEST}.tmp"
            text.write_text(json.dumps(manifest), encoding="utf-8")
            _sync(text)
            text.replace(folder / _MANIFEST)
            _sync(folder)
        except (OSError, RuntimeError) as error:
            beside.unlink(missing_ok=True)
            raise StorageError(f"the vector snapshot could not be written ({error}): free disk space") from error
        sweep(folder, keep=name)

    @classmethod
    def load(cls, folder: Path, *, encoder: str, dimension: int) -> "tuple[VectorIndex, int] | None":
        """Read the snapshot of a folder.

        Returns:
            The index and the generation it stands for; None where there is no snapshot, it is
            damaged, or another encoder made it: then it must be rebuilt.
        """
        import faiss

        try:
            manifest = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
            name = str(manifest["file"])
            usable = (
                manifest["format"] == _FORMAT
                and manifest["encoder"] == encoder
                and manifest["dimension"] == dimension
                and Path(name).name == name
                and file_sha256(folder / name) == manifest["sha256"]
            )
            if not usable:
                return None
            loaded = cls(dimension)
            loaded._index = faiss.read_index(str(folder / name))
            if loaded._index.d != dimension or loaded._index.ntotal != manifest["vectors"]:
                return None
            return loaded, int(manifest["generation"])
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, AttributeError):
            return None


def sweep(folder: Path, *, keep: str | None = None) -> None:
    """Remove snapshots that a crash left behind, all but the one in force."""
    if keep is None:
        try:
            keep = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))["file"]
        except (OSError, ValueError, KeyError, TypeError):
            keep = ""
    for path in [*folder.glob("vectors-*.faiss"), *folder.glob("vectors*.tmp")]:
        if path.name != keep:
            path.unlink(missing_ok=True)


def _flat(dimension: int) -> Any:
    import faiss

    return faiss.IndexIDMap(faiss.IndexFlatIP(dimension))


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
