"""Networks on tokens: one interface, chosen by what the model and the machine allow.

A runtime is one file in ``index/runtimes``.  Whichever it is, the numbers are those of transformers
within rounding (tests/index/test_inference.py).
"""

import threading
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


class _Piece:
    """One sequence on its way: what waits, then its rows or the error that came instead."""

    def __init__(self, place: int, encoding: "Encoding") -> None:
        self.place, self.ids, self.types = place, encoding.ids, encoding.type_ids
        self.rows: Floats | None = None
        self.error: Exception | None = None

    @property
    def done(self) -> bool:
        return self.rows is not None or self.error is not None


class Batcher:
    """A network shared by threads: what several of them want at a time is run together.

    There is no thread of its own: whoever waits for a sequence and gets the turn runs the next batch for all, which
    always holds the sequence that has waited longest.  One batch runs at a time.

    Args:
        network: runs each batch.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self._waiting: list[_Piece] = []
        self._lock = threading.Lock()
        self._turn = threading.Lock()

    def run(self, sequences: Sequence["Encoding"]) -> Iterator[tuple[int, Floats]]:
        """Run sequences of any length through the network.

        Whoever stops listening to the iterator takes what was not run yet out of the queue.

        Args:
            sequences: in any order.

        Yields:
            The place of a sequence and its rows, float32 (tokens, size): each once, the longest first.
        """
        pieces = [_Piece(place, sequence) for place, sequence in enumerate(sequences)]
        pieces.sort(key=lambda piece: -len(piece.ids))
        with self._lock:
            self._waiting += pieces
        try:
            for piece in pieces:
                while not piece.done:
                    with self._turn:
                        if not piece.done:
                            self._run_next()
                if piece.rows is None:
                    raise piece.error or RuntimeError("a sequence was not run")
                yield piece.place, piece.rows
        finally:
            left = {id(piece) for piece in pieces if not piece.done}
            if left:
                with self._lock:
                    self._waiting = [piece for piece in self._waiting if id(piece) not in left]

    def _run_next(self) -> None:
        with self._lock:
            lengths = [len(piece.ids) for piece in self._waiting]
            places = next_batch(lengths)
            batch = [self._waiting[place] for place in places]
            taken = set(places)
            self._waiting = [piece for place, piece in enumerate(self._waiting) if place not in taken]
        try:
            self._run(batch)
        except Exception as error:
            if len(batch) == 1:
                batch[0].error = error
                return
            # One sequence may have spoilt it for the others.
            for piece in batch:
                try:
                    self._run([piece])
                except Exception as own:
                    piece.error = own
        finally:
            for piece in batch:
                if not piece.done:  # whoever ran it was interrupted
                    piece.error = RuntimeError("the batch was interrupted")

    def _run(self, batch: Sequence[_Piece]) -> None:
        shape = len(batch), max(len(piece.ids) for piece in batch)
        # What fills up is masked, so any token will do.
        ids, mask, types = (np.zeros(shape, np.int64) for _ in range(3))
        for row, piece in enumerate(batch):
            ids[row, : len(piece.ids)] = piece.ids
            mask[row, : len(piece.ids)] = 1
            types[row, : len(piece.ids)] = piece.types
        output = self.network(ids, mask, types)
        for row, piece in enumerate(batch):
            piece.rows = output[row, : len(piece.ids)]


def next_batch(lengths: Sequence[int]) -> list[int]:
    """Return the sequences that are run next: the first, and those of like length that pad little and fit in.

    Args:
        lengths: tokens of each, in the order in which they came; at least one.

    Returns:
        Places into lengths, ascending.
    """
    shortest = longest = lengths[0]
    places = [0]
    for place in range(1, len(lengths)):
        low, high = min(shortest, lengths[place]), max(longest, lengths[place])
        if (len(places) + 1) * high <= BATCH_TOKENS and low >= LIKE_LENGTH * high:
            shortest, longest = low, high
            places.append(place)
    return places
