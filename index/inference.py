"""Networks on tokens: one interface, chosen by what the model and the machine allow.

A runtime is one file in ``index/runtimes``.  Whichever it is, the numbers are those of transformers
within rounding (tests/index/test_inference.py).
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from index.errors import ModelError
from index.models import LocalModel, Machine

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

# One forward pass holds at most so many tokens, padding included: more is no faster on a processor and only costs
# memory.
BATCH_TOKENS = 2_048
# A sequence joins a batch only if it is at least this share as long as the longest in it.
LIKE_LENGTH = 0.8


class Network(Protocol):
    """A transformer: tokens → a row of numbers for each of them.  Safe for use from several threads.

    Attributes:
        tokenizer: of the model, with neither padding nor truncation set.
        longest: tokens that one sequence may have.
        size: numbers of a row.
    """

    @property
    def tokenizer(self) -> "Tokenizer":
        """Of the model, with neither padding nor truncation set."""
        ...

    @property
    def longest(self) -> int:
        """Tokens that one sequence may have."""
        ...

    @property
    def size(self) -> int:
        """Numbers of a row."""
        ...

    def __call__(self, ids: Ints, mask: Ints, types: Ints) -> Floats:
        """Run one batch.

        Args:
            ids: int64 (n, width), tokens.
            mask: int64 (n, width), 1 for a token, 0 for padding.
            types: int64 (n, width), token types.

        Returns:
            float32 (n, width, size); rows of padding mean nothing.
        """
        ...


def open_spans(model: LocalModel, machine: Machine) -> Network:
    """Return an extractive reader's network: its rows are (score as first token, score as last token) of an answer.

    Raises:
        ModelError: it cannot be run so, or is no extractive reader.
    """
    if uses_openvino(model, machine):
        from index.runtimes.openvino import Bert

        return Bert(model, machine, head="qa_outputs")
    from index.runtimes.torch import Spans

    return Spans(model, machine)


def open_states(model: LocalModel, machine: Machine) -> Network:
    """Return an encoder's network: its rows are the last hidden states.  For models that uses_openvino() accepts.

    Raises:
        ModelError: it cannot be run so.
    """
    from index.runtimes.openvino import Bert

    return Bert(model, machine)


def uses_openvino(model: LocalModel, machine: Machine) -> bool:
    """Return whether a model is run by OpenVINO here.

    Raises:
        ModelError: the settings ask for it and it cannot run the model.
    """
    if machine.runtime == "torch":
        return False
    from index.runtimes import openvino

    obstacle = openvino.obstacle(model)
    if machine.device not in ("auto", "cpu"):
        obstacle = f"it runs on the processor and not on {machine.device}"
    if machine.runtime == "openvino":
        if obstacle:
            raise ModelError(f"{model.folder.name} cannot be run by OpenVINO: {obstacle}; take runtime auto or torch")
        return True
    # Looked for without torch, which takes seconds to import.
    graphics = machine.device == "auto" and Path("/proc/driver/nvidia/version").exists()
    return not obstacle and not graphics


def run(network: Network, sequences: Sequence["Encoding"]) -> Iterator[tuple[int, Floats]]:
    """Run sequences of any length through a network in batches of like length.

    Args:
        network: runs each batch.
        sequences: in any order.

    Yields:
        The place of a sequence and its rows, float32 (tokens, size): each once, the longest first.
    """
    for places in like_batches([len(sequence.ids) for sequence in sequences]):
        shape = len(places), len(sequences[places[0]].ids)
        # What fills up is masked, so any token will do.
        ids, mask, types = (np.zeros(shape, np.int64) for _ in range(3))
        for row, place in enumerate(places):
            sequence = sequences[place]
            ids[row, : len(sequence.ids)] = sequence.ids
            mask[row, : len(sequence.ids)] = 1
            types[row, : len(sequence.ids)] = sequence.type_ids
        output = network(ids, mask, types)
        for row, place in enumerate(places):
            yield place, output[row, : len(sequences[place].ids)]


def like_batches(lengths: Sequence[int]) -> list[list[int]]:
    """Group sequences of like length into batches that waste little on padding.

    Args:
        lengths: tokens of each.

    Returns:
        Places into lengths, each once; longest first.
    """
    batches: list[list[int]] = []
    longest = 0
    for place in sorted(range(len(lengths)), key=lambda place: (-lengths[place], place)):
        full = bool(batches) and (
            (len(batches[-1]) + 1) * longest > BATCH_TOKENS or lengths[place] < LIKE_LENGTH * longest
        )
        if not batches or full:
            batches.append([])
            longest = lengths[place]
        batches[-1].append(place)
    return batches
