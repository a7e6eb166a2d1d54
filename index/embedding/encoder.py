"""Texts → vectors: float32, unit length, query and passage sides."""

import copy
import hashlib
import threading
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from index.embedding.batching import Batcher, Network, open_bert
from index.embedding.model_files import LocalModel, Machine, ModelCard
from index.errors import ModelError
from index.resources import WEIGHTS

Vectors = npt.NDArray[np.float32]
MANIFEST = WEIGHTS / "manifest.json"
# Small: texts are sorted by length, and a large batch pads its short ones to the longest.
_BATCH = 8
# Texts that are queued together, of like length: another writer's come after them, and not after all of a book.
_TURN = 32


def embedded_text(title: str, text: str) -> str:
    """Return what is embedded for a passage: the article's title says what a passage is about."""
    return f"{title}\n{text}" if title else text


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
    """Any sentence-transformers model, loaded at first use.  Safe for use from several threads.

    Args:
        model: a local folder or a hub name; None takes the shipped one.
        machine: how it is run.
    """

    def __init__(self, model: str | None = None, machine: Machine | None = None) -> None:
        self._setting = model
        self._machine = machine or Machine()
        self._lock = threading.Lock()
        self._local: LocalModel | None = None
        self._embedder: _Pooled | _Reference | None = None

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
        return self._load().dimension

    def load(self) -> None:
        """Load the network if that has not happened yet.

        Raises:
            ModelError: the model is missing, changed, unsafe or not a sentence encoder.
        """
        self._load()

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        """Return one unit vector a passage: float32 (n, dimension)."""
        return self._encode(texts, query=False)

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """Return one unit vector a query: float32 (n, dimension)."""
        return self._encode(texts, query=True)

    @property
    def longest(self) -> int:
        """Tokens of a text that are read, its special ones included; what is beyond them changes no vector."""
        return self._load().longest

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return how many tokens each text has, special ones included, also beyond ``longest``."""
        return self._load().count(texts) if texts else []

    def _find(self) -> LocalModel:
        with self._lock:
            if self._local is None:
                setting = self._setting
                self._local = LocalModel.find(setting, "encoder") if setting else LocalModel.shipped(MANIFEST)
            return self._local

    def _load(self) -> "_Pooled | _Reference":
        local = self._find()
        with self._lock:
            if self._embedder is None:
                self._embedder = _pooled(local, self._machine) or _Reference(local, self._machine)
            return self._embedder

    def _encode(self, texts: Sequence[str], *, query: bool) -> Vectors:
        embedder = self._load()
        if not texts:
            return np.zeros((0, embedder.dimension), dtype=np.float32)
        vectors = embedder.embed(texts, query=query)
        # bfloat16 rounds the norm too: unit length is made exact once, here.
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        return np.ascontiguousarray(vectors / np.maximum(norms, 1e-12), dtype=np.float32)


class _Pooled:
    """The mean of the last hidden states, as sentence-transformers' mean pooling."""

    def __init__(self, network: Network, longest: int) -> None:
        self._batcher = Batcher(network)
        self._tokenizer = network.tokenizer
        self.longest = min(longest, network.longest)
        self._tokenizer.enable_truncation(max_length=self.longest)
        self.dimension = network.size

    def embed(self, texts: Sequence[str], *, query: bool) -> Vectors:
        vectors = np.empty((len(texts), self.dimension), dtype=np.float32)
        order = sorted(range(len(texts)), key=lambda place: -len(texts[place]))
        for at in range(0, len(texts), _TURN):
            turn = order[at : at + _TURN]
            sequences = self._tokenizer.encode_batch([texts[place] for place in turn])
            for place, rows in self._batcher.run(sequences, urgent=query):
                vectors[turn[place]] = rows.mean(axis=0)
        return vectors

    def count(self, texts: Sequence[str]) -> list[int]:
        # What truncation cuts off follows in pieces, each with special tokens of its own.
        return [
            len(first.ids) + sum(len(more.ids) - sum(more.special_tokens_mask) for more in first.overflowing)
            for first in self._tokenizer.encode_batch(list(texts))
        ]


class _Reference:
    """Any model of sentence-transformers, with its prompts and whatever it does after pooling."""

    def __init__(self, local: LocalModel, machine: Machine) -> None:
        from index.embedding import torch_backend

        torch_backend.require_installed()
        # Imported late: it takes seconds, which commands that embed nothing need not pay.
        from sentence_transformers import SentenceTransformer

        torch_backend.prepare(machine)
        device = torch_backend.choose_device(machine.device)
        kind = torch_backend.choose_dtype(machine.precision, device)
        try:
            self._network = SentenceTransformer(
                str(local.folder),
                device=device,
                local_files_only=True,
                trust_remote_code=False,
                model_kwargs={"dtype": kind, "use_safetensors": True},
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ModelError(f"{local.folder.name} cannot be loaded as a sentence encoder: {error}") from error
        size = self._network.get_embedding_dimension()
        if not size:
            raise ModelError(f"{local.folder.name} does not say how long its vectors are")
        self.dimension = int(size)
        self.longest = int(self._network.get_max_seq_length() or 512)
        # One of its own: the network's is changed by each call.
        self._counter = copy.deepcopy(self._network.tokenizer)

    def embed(self, texts: Sequence[str], *, query: bool) -> Vectors:
        encode = self._network.encode_query if query else self._network.encode_document
        vectors = encode(
            list(texts), batch_size=_BATCH, show_progress_bar=False, convert_to_numpy=True, normalize_embeddings=True
        )
        return np.asarray(vectors, dtype=np.float32)

    def count(self, texts: Sequence[str]) -> list[int]:
        return [len(ids) for ids in self._counter(list(texts), truncation=False, verbose=False)["input_ids"]]


def _pooled(local: LocalModel, machine: Machine) -> _Pooled | None:
    """A model whose vectors are the plain mean of its last hidden states, run by OpenVINO; None where that cannot be.

    Raises:
        ModelError: the settings ask for OpenVINO and it cannot run the model.
    """
    kinds = [str(module["type"]).rpartition(".")[2] for module in local.facts("modules.json")]
    pooling = local.facts("1_Pooling/config.json")
    modes = {name.removeprefix("pooling_mode_") for name, on in pooling.items() if on is True}
    modes -= {"include_prompt"}
    new = pooling.get("pooling_mode")  # since sentence-transformers 6
    modes |= {new} if isinstance(new, str) else set(new or ())
    own = local.facts("sentence_bert_config.json")
    plain = (
        kinds in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"])
        and modes in ({"mean_tokens"}, {"mean"})
        and not any((local.facts("config_sentence_transformers.json").get("prompts") or {}).values())
        and not own.get("do_lower_case")
    )
    if not plain:
        if machine.runtime == "openvino":
            raise ModelError(
                f"OpenVINO cannot run {local.folder.name}: its vectors are not the plain mean over its tokens; "
                "take runtime auto or torch"
            )
        return None
    network = open_bert(local, machine)
    if network is None:
        return None
    said = own.get("max_seq_length") or local.facts("tokenizer_config.json").get("model_max_length")
    return _Pooled(network, int(said or network.longest))
