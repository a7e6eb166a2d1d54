"""FAISS by passage id: add, remove, search, and snapshots on disk.  Alone imports faiss.

Up to EXACT vectors search is exact.  Beyond it they lie in the cells of a coarse quantiser, a byte a number
(IVF with scalar quantisation: Jégou, Douze & Schmid 2011, doi:10.1109/TPAMI.2010.57), and only the cells nearest to a
query are looked through; that keeps what a graph does not, cheap removal and filters, at a quarter of the memory.

A snapshot is a cache of what the database holds.  FAISS reads damaged files without complaint, so
each snapshot carries its SHA-256 and is written beside the old one, synced and renamed into place.
"""

import contextlib
import json
import math
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from index.embedding.model_files import file_sha256
from index.errors import StorageError
from index.folder.atomic_file import PARTIAL, make_private_file, remove_file, sync_file, write_file

Ids = npt.NDArray[np.int64]
Vectors = npt.NDArray[np.float32]

_MANIFEST = "vectors.json"
_FORMAT = 1

# benchmarks/scale.py measures what these three are chosen by.
EXACT = 50_000
# A quantiser serves until there are so many times the vectors that it was made for.
GROWTH = 4
# Of so many cells one is looked through.
PROBED = 24
_LEAST_PROBED = 8
# So many cells for each vector's square root.
_CELLS = 4
# Numbers may lie beyond those that a quantiser was made for by so much of their range; what is further off is cut.
_BEYOND = 0.25
# Vectors that a cell's centre is learnt from.
_SAMPLES = 40


class VectorIndex:
    """Nearest-neighbour search over unit vectors, by int64 id.

    Safe for use from several threads.

    Args:
        dimension: length of a vector.
    """

    def __init__(self, dimension: int) -> None:
        self.dimension = dimension
        self._lock = threading.RLock()
        self._index = _flat(dimension)

    @classmethod
    def grown(cls, dimension: int, count: int, batches: Callable[[], Iterable[tuple[Ids, Vectors]]]) -> "VectorIndex":
        """Build an index for so many vectors that exact search is slow.

        Args:
            dimension: length of a vector.
            count: about how many there are.
            batches: gives all of them, (ids, vectors) at a time; called twice.
        """
        import faiss

        cells = max(1, int(_CELLS * math.sqrt(count)))
        share = min(1.0, _SAMPLES * cells / max(1, count))
        dice = np.random.default_rng(count)
        sample = np.concatenate([vectors[dice.random(len(vectors)) < share] for _, vectors in batches()])
        made: Any = faiss.IndexIVFScalarQuantizer(
            faiss.IndexFlatIP(dimension),
            dimension,
            min(cells, len(sample)),
            faiss.ScalarQuantizer.QT_8bit,
            faiss.METRIC_INNER_PRODUCT,
            False,  # the numbers themselves, not their distance from a centre: those of later vectors go further
        )
        made.sq.rangestat = faiss.ScalarQuantizer.RS_minmax
        made.sq.rangestat_arg = _BEYOND
        made.cp.niter = 10
        made.cp.max_points_per_centroid = _SAMPLES
        made.cp.min_points_per_centroid = 1
        made.train(np.ascontiguousarray(sample, np.float32))
        found = cls(dimension)
        found._index = made
        for ids, vectors in batches():
            found.add(ids, vectors)
        return found

    @property
    def outgrown(self) -> bool:
        """Whether there are so many vectors that grown() should build another index."""
        with self._lock:
            made_for = (self._index.nlist / _CELLS) ** 2 if self._in_cells else 0.0
            return len(self) > max(EXACT, GROWTH * made_for)

    @property
    def _in_cells(self) -> bool:
        return hasattr(self._index, "nlist")

    def __len__(self) -> int:
        """Number of vectors."""
        return int(self._index.ntotal)

    def ids(self) -> Ids:
        """Return the ids, ascending: int64 (n,)."""
        import faiss

        with self._lock:
            if not self._in_cells:
                return np.sort(faiss.vector_to_array(self._index.id_map).astype(np.int64))
            lists = self._index.invlists
            sizes = [lists.list_size(cell) for cell in range(self._index.nlist)]
            parts = [faiss.rev_swig_ptr(lists.get_ids(cell), size).copy() for cell, size in enumerate(sizes) if size]
            return np.sort(np.concatenate([np.empty(0, np.int64), *parts]))

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

    def search(self, query: Vectors, limit: int, allowed: Ids | None = None) -> tuple[Ids, Vectors]:
        """Find the vectors nearest to a query.

        Args:
            query: float32 (dimension,), unit length.
            limit: at most so many.
            allowed: only these ids, None for all.

        Returns:
            ids int64 (m,) and cosines float32 (m,), best first; equal cosines by id. Beyond EXACT vectors
            neighbours may be missing, and cosines are those of vectors of a byte a number.
        """
        import faiss

        chosen: dict[str, Any] = {}
        if allowed is not None:
            chosen["sel"] = faiss.IDSelectorBatch(np.ascontiguousarray(allowed, np.int64))
        with self._lock:
            count = min(limit, len(self))
            if count == 0 or (allowed is not None and len(allowed) == 0):
                return np.empty(0, np.int64), np.empty(0, np.float32)
            parameters: Any = faiss.SearchParameters(**chosen) if chosen else None
            if self._in_cells:
                # Of few allowed ids, those near a query lie in cells further off.
                thinned = len(self) / len(allowed) if allowed is not None else 1.0
                cells = self._index.nlist
                probed = min(cells, math.ceil(max(cells / PROBED, _LEAST_PROBED) * thinned))
                parameters = faiss.SearchParametersIVF(nprobe=probed, **chosen)  # type: ignore[call-arg]
            with _one_thread():
                cosines, ids = self._index.search(query.reshape(1, -1), count, params=parameters)
        found = ids[0] >= 0
        order = np.lexsort((ids[0][found], -cosines[0][found]))
        return ids[0][found][order].astype(np.int64), cosines[0][found][order].astype(np.float32)

    def save(self, folder: Path, *, generation: int, encoder: str, database: str = "") -> None:
        """Write a snapshot that stands for one generation of the database.

        Args:
            folder: the collection's.
            generation: of the database.
            encoder: fingerprint of the encoder that made the vectors.
            database: the database's own id, so that its snapshot is taken for no other's.

        Raises:
            StorageError: the disk refused; the snapshot before stays in force.
        """
        import faiss

        name = f"vectors-{generation}.faiss"
        beside = folder / f"{name}{PARTIAL}"
        try:
            make_private_file(beside)
            with self._lock:
                count = len(self)
                faiss.write_index(self._index, str(beside))
            digest = file_sha256(beside)
            sync_file(beside)
            beside.replace(folder / name)
            manifest = {
                "format": _FORMAT,
                "file": name,
                "sha256": digest,
                "generation": generation,
                "encoder": encoder,
                "database": database,
                "dimension": self.dimension,
                "vectors": count,
            }
            write_file(folder / _MANIFEST, json.dumps(manifest).encode())
        except (OSError, RuntimeError, MemoryError) as error:
            remove_file(beside)
            sweep(folder)  # also what no manifest names
            raise StorageError(f"the vector snapshot could not be written ({error}): free disk space") from error
        sweep(folder, keep=name)

    @classmethod
    def load(
        cls, folder: Path, *, encoder: str, dimension: int, database: str = "", mapped: bool = False
    ) -> "tuple[VectorIndex, int] | None":
        """Read the snapshot of a folder.

        Args:
            folder: the collection's.
            encoder: fingerprint of the encoder whose vectors are wanted.
            dimension: length of a vector.
            database: id of the database whose vectors are wanted.
            mapped: leave the vectors in the file, for an index that is only searched.

        Returns:
            The index and the generation it stands for; None where there is no snapshot, it is
            damaged, another database's, or another encoder made it: then it must be rebuilt.
        """
        import faiss

        try:
            manifest = read_manifest(folder)
            if manifest is None:
                return None
            name = str(manifest["file"])
            usable = (
                manifest["format"] == _FORMAT
                and manifest["encoder"] == encoder
                and manifest.get("database", "") == database
                and manifest["dimension"] == dimension
                and Path(name).name == name
                and file_sha256(folder / name) == manifest["sha256"]
            )
            if not usable:
                return None
            loaded = cls(dimension)
            loaded._index = faiss.read_index(str(folder / name), faiss.IO_FLAG_MMAP_IFC if mapped else 0)
            if loaded._index.d != dimension or loaded._index.ntotal != manifest["vectors"]:
                return None
            return loaded, int(manifest["generation"])
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, AttributeError):
            return None


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """Return what is written about the snapshot of a folder; None where there is none, or it cannot be read."""
    try:
        manifest = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    keys = {"format", "file", "sha256", "generation", "encoder", "dimension", "vectors"}
    return manifest if isinstance(manifest, dict) and keys <= manifest.keys() else None


def sweep(folder: Path, *, keep: str | None = None) -> None:
    """Remove snapshots that a crash left behind, all but the one in force."""
    if keep is None:
        keep = (read_manifest(folder) or {"file": ""})["file"]
    for path in [*folder.glob("vectors-*.faiss"), *folder.glob(f"vectors*{PARTIAL}")]:
        if path.name != keep:
            remove_file(path)


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Keep FAISS from waking threads, for this thread of ours: one query gives them nothing to share.

    They would stay awake for some milliseconds, on cores that the networks need.
    """
    import faiss

    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def _flat(dimension: int) -> Any:
    import faiss

    return faiss.IndexIDMap(faiss.IndexFlatIP(dimension))
