"""BERT networks by OpenVINO, which is several times as fast as torch on a processor.

The graph is built here from the weights as they lie in the model's folder: nothing is converted beforehand or kept,
and neither torch nor transformers is imported.  Tokens are turned into embeddings outside of the graph, by numpy: a
graph would hold the word embeddings, half of all parameters, once more and in twice the size.
"""

import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from index.embedding.model_files import LocalModel, Machine
from index.errors import ModelError

_KINDS: dict[str, np.dtype[Any]] = {"F32": np.dtype("<f4"), "F16": np.dtype("<f2")}
_PRECISIONS = {"float32": "f32", "bfloat16": "bf16"}
# One batch at a time, of whichever network: each takes all threads there are.
_TURN = threading.Lock()
_IMPORT = threading.Lock()
# Batches are made as wide as the next multiple of this: for each shape the library compiles anew, 2.5 ms and 1.2 MiB,
# which it keeps.  With 1 instead of 16 a fifth more time went into new shapes than into padding, and 300 MiB.
_STEP = 16
# Added to the score of what is padding.
_NEVER = -1e9


class Bert:
    """A Network whose rows are the last hidden states, or what a linear head makes of them.

    Args:
        model: a BERT network with absolute positions.
        machine: how it is run.
        head: name of a linear layer put on top, None for the hidden states.

    Raises:
        ModelError: the model is another one, or its weights are not as its configuration says.
    """

    def __init__(self, model: LocalModel, machine: Machine, head: str | None = None) -> None:
        facts = model.facts("config.json")
        _check(facts)
        weights = _weights(model)
        self.longest = int(facts.get("max_position_embeddings", 512))
        self.tokenizer = _tokenizer(model)
        try:
            self.size = len(weights[f"{head}.bias"]) if head else int(facts["hidden_size"])
            graph = _graph(weights, facts, head)
            self._words, positions, types = (
                weights[f"embeddings.{name}_embeddings.weight"] for name in ("word", "position", "token_type")
            )
        except KeyError as error:
            kind = "an extractive reader" if head else "a BERT encoder"
            raise ModelError(f"it is not {kind}: it lacks {error.args[0]}") from error
        except RuntimeError as error:
            raise ModelError(f"it does not have the shape that its config.json says: {error}") from error
        # Small, and wanted by every batch; the words stay as they lie.
        self._positions, self._types = positions.astype(np.float32), types.astype(np.float32)
        settings: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY"}
        if machine.threads:
            settings["INFERENCE_NUM_THREADS"] = machine.threads
        if machine.precision != "auto":
            settings["INFERENCE_PRECISION_HINT"] = _PRECISIONS[machine.precision]
        self._request = _library().Core().compile_model(graph, "CPU", settings).create_infer_request()

    def __call__(
        self, ids: npt.NDArray[np.int64], mask: npt.NDArray[np.int64], types: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float32]:
        """Run one batch: see index.embedding.batching.Network."""
        count, width = ids.shape
        wide = max(width, min(-(-width // _STEP) * _STEP, self.longest))
        embeddings = np.zeros((count, wide, self._positions.shape[1]), np.float32)
        embeddings[:, :width] = self._words[ids]
        embeddings[:, :width] += self._positions[:width]
        # Some models have one type for both; transformers gives them none then.
        embeddings[:, :width] += self._types[np.minimum(types, len(self._types) - 1)]
        hidden = np.full((count, 1, 1, wide), _NEVER, np.float32)
        hidden[:, 0, 0, :width][mask > 0] = 0.0
        with _TURN:
            # What comes back is the request's own memory: the next call overwrites it.
            found = self._request.infer([embeddings, hidden], share_inputs=True, share_outputs=True)[0]
            return np.array(found[:, :width], dtype=np.float32)


def _check(facts: dict[str, Any]) -> None:
    # Those with a default are what BERT is where its configuration does not say.
    for name, value, default in (
        ("model_type", "bert", None),
        ("hidden_act", "gelu", "gelu"),
        ("position_embedding_type", "absolute", "absolute"),
    ):
        found = facts.get(name, default)
        if found != value:
            raise ModelError(f"its {name} is {found!r} and not {value!r}")
    if facts.get("is_decoder") or facts.get("add_cross_attention"):
        raise ModelError("it is a decoder")


def _library() -> Any:
    """The package openvino, imported without what reports each import to its maker, which nobody here agreed to.

    It does without that package where it is missing, and None in sys.modules makes it so.
    """
    with _IMPORT:
        hidden = "openvino_telemetry" not in sys.modules
        if hidden:
            sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
        try:
            import openvino
        finally:
            if hidden:
                sys.modules.pop("openvino_telemetry", None)
    return openvino


def _tokenizer(model: LocalModel) -> Tokenizer:
    path = model.folder / "tokenizer.json"
    if not path.is_file():
        raise ModelError("it has no tokenizer.json")
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing narrower
        raise ModelError(f"its tokenizer.json cannot be read: {error}") from error
    lower = model.facts("tokenizer_config.json").get("do_lower_case")
    if lower is not None and lower != getattr(tokenizer.normalizer, "lowercase", lower):
        # transformers goes by the one, this by the other.
        raise ModelError("its tokenizer.json and tokenizer_config.json do not agree on lower case")
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def _weights(model: LocalModel) -> dict[str, npt.NDArray[Any]]:
    """All floating-point tensors of a folder, by the names that BERT's have today.

    They stay in their files, mapped: of the word embeddings only the pages of words that came up are in memory.
    """
    found = {}
    for path in sorted(model.folder.glob("*.safetensors")):
        try:
            for name, kind, tensor in _tensors(path):
                if tensor is not None:
                    short = name.removeprefix("bert.").replace(".gamma", ".weight").replace(".beta", ".bias")
                    found[short] = tensor
                elif not kind.startswith(("I", "U")):  # counters, such as position_ids
                    raise ModelError(f"its weights are {kind}")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ModelError(f"{path.name} cannot be read: {error}") from error
    return found


def _tensors(path: Path) -> Iterator[tuple[str, str, npt.NDArray[Any] | None]]:
    """Name, type and numbers of each tensor of a safetensors file; numbers only of the types in _KINDS.

    The format: 8 bytes that say how long the header is, the header as JSON, then the numbers.
    """
    whole = np.memmap(path, np.uint8, "r")
    begin = 8 + int.from_bytes(whole[:8].tobytes(), "little")
    for name, facts in json.loads(whole[8:begin].tobytes()).items():
        if name != "__metadata__":
            kind, (low, high) = facts["dtype"], facts["data_offsets"]
            numbers = whole[begin + low : begin + high]
            yield name, kind, numbers.view(_KINDS[kind]).reshape(facts["shape"]) if kind in _KINDS else None


def _graph(weights: dict[str, npt.NDArray[Any]], facts: dict[str, Any], head: str | None) -> Any:
    """The network from its embeddings on: (n, width, hidden), (n, 1, 1, width) → (n, width, size)."""
    openvino = _library()
    op = openvino.opset13
    hidden, heads = int(facts["hidden_size"]), int(facts["num_attention_heads"])
    epsilon = float(facts.get("layer_norm_eps", 1e-12))

    def constant(array: npt.NDArray[Any]) -> Any:
        # What lies in half precision would be made float32 by the library too, but kept once more.
        return op.constant(np.ascontiguousarray(array, np.float32))

    def linear(x: Any, name: str) -> Any:
        product = op.matmul(x, constant(weights[f"{name}.weight"]), False, True)
        return op.add(product, constant(weights[f"{name}.bias"].reshape(1, 1, -1)))

    def norm(x: Any, name: str) -> Any:
        last = op.constant(np.array([-1], np.int64))
        even = op.mvn(x, last, True, epsilon, "inside_sqrt")
        scaled = op.multiply(even, constant(weights[f"{name}.weight"].reshape(1, 1, -1)))
        return op.add(scaled, constant(weights[f"{name}.bias"].reshape(1, 1, -1)))

    apart = op.constant(np.array([0, 0, heads, hidden // heads], np.int64))
    together = op.constant(np.array([0, 0, hidden], np.int64))
    turned = op.constant(np.array([0, 2, 1, 3], np.int64))

    embeddings = op.parameter([-1, -1, hidden], np.float32, name="embeddings")
    padding = op.parameter([-1, 1, 1, -1], np.float32, name="padding")
    x = norm(embeddings, "embeddings.LayerNorm")
    for number in range(int(facts["num_hidden_layers"])):
        layer = f"encoder.layer.{number}"
        query, key, value = (
            op.transpose(op.reshape(linear(x, f"{layer}.attention.self.{name}"), apart, True), turned)
            for name in ("query", "key", "value")
        )
        seen = op.scaled_dot_product_attention(query, key, value, padding)
        seen = op.reshape(op.transpose(seen, turned), together, True)
        x = norm(op.add(linear(seen, f"{layer}.attention.output.dense"), x), f"{layer}.attention.output.LayerNorm")
        wide = op.gelu(linear(x, f"{layer}.intermediate.dense"), "erf")
        x = norm(op.add(linear(wide, f"{layer}.output.dense"), x), f"{layer}.output.LayerNorm")
    if head is not None:
        x = linear(x, head)
    return openvino.Model([op.result(x)], [embeddings, padding], "bert")
