"""Texts → vectors: float32, unit length, query and passage sides."""

import hashlib
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from index.errors import ModelError
from index.inference import LocalModel, ModelCard, choose_device, choose_dtype, quiet_transformers, set_threads

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Vectors = npt.NDArray[np.float32]
MANIFEST = Path(__file__).parent / "weights" / "manifest.json"
# Small: texts are sorted by length, and a large batch pads its short ones to the longest.
_BATCH = 8


@runtime_checkable
class Encoder(Protocol):
    """What turns texts into vectors.

    Attributes:
        fingerprint: changes whenever the same text would get another vector.
        dimension: length of a vector.
    """

    @property
    def fingerprint(self) -> str:
        """Changes whenever the same text would get another vector."""
        ...

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        ...

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        """Return one unit vector a passage: float32 (n, dimension)."""
        ...

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """Return one unit vector a query: float32 (n, dimension)."""
        ...


class SentenceEncoder:
    """Any sentence-transformers model, loaded at first use.

    Args:
        model: a local folder or a hub name; None takes the shipped one.
        device: ``auto``, ``cpu``, ``cuda`` ...
        precision: ``auto``, ``float32`` or ``bfloat16``.
        threads: for one forward pass; 0 leaves it to torch.
    """

    def __init__(
        self, model: str | None = None, *, device: str = "auto", precision: str = "auto", threads: int = 0
    ) -> None:
        self._setting = model
        self._device = device
        self._precision = precision
        self._threads = threads
        self._lock = threading.Lock()
        self._local: LocalModel | None = None
        self._network: SentenceTransformer | None = None

    @property
    def card(self) -> ModelCard:
        """Where the model comes from.

        Raises:
            ModelError: the model is missing, changed or unsafe.
        """
        return self._find().card

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the weights' checksum: another model, another fingerprint."""
        return hashlib.sha256(f"v1:{self.card.sha256}".encode()).hexdigest()[:32]

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        size = self.load().get_embedding_dimension()
        if not size:
            raise ModelError(f"{self.card.name} does not say how long its vectors are")
        return int(size)

    def load(self) -> "SentenceTransformer":
        """Load the network if that has not happened yet, and return it.

        Raises:
            ModelError: the model is missing, changed, unsafe or not a sentence encoder.
        """
        with self._lock:
            if self._network is None:
                self._network = self._load()
            return self._network

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        """Return one unit vector a passage: float32 (n, dimension)."""
        return self._encode(texts, query=False)

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """Return one unit vector a query: float32 (n, dimension)."""
        return self._encode(texts, query=True)

    def _find(self) -> LocalModel:
        if self._local is None:
            setting = self._setting
            self._local = LocalModel.find(setting, "encoder") if setting else LocalModel.shipped(MANIFEST)
        return self._local

    def _load(self) -> "SentenceTransformer":
        folder = self._find().folder
        # Imported late: it takes seconds, which commands that embed nothing need not pay.
        from sentence_transformers import SentenceTransformer

        quiet_transformers()
        set_threads(self._threads)
        device = choose_device(self._device)
        try:
            return SentenceTransformer(
                str(folder),
                device=device,
                local_files_only=True,
                trust_remote_code=False,
                model_kwargs={"dtype": choose_dtype(self._precision, device), "use_safetensors": True},
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ModelError(f"{folder.name} cannot be loaded as a sentence encoder: {error}") from error

    def _encode(self, texts: Sequence[str], *, query: bool) -> Vectors:
        network = self.load()
        if not texts:
            return np.zeros((0, self.dimension), dtype=np.float32)
        encode = network.encode_query if query else network.encode_document
        vectors = encode(
            list(texts), batch_size=_BATCH, show_progress_bar=False, convert_to_numpy=True, normalize_embeddings=True
        )
        # bfloat16 rounds the norm too: unit length is made exact once, here.
        exact = np.asarray(vectors, dtype=np.float32)
        norms = np.linalg.norm(exact, axis=1, keepdims=True)
        return np.ascontiguousarray(exact / np.maximum(norms, 1e-12), dtype=np.float32)
