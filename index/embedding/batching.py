"""Networks on tokens: one interface, chosen by what the model and the machine allow.

A runtime is one file in ``index/embedding/*_backend.py``.  Whichever it is, the numbers are those of transformers
within rounding (tests/index/test_inference.py).
"""

import logging
import threading
from collections.abc import Generator, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from index.embedding.model_files import LocalModel, Machine
from index.errors import ModelError

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

_log = logging.getLogger(__name__)

# One forward pass holds at most so many tokens, padding included: more is no faster on a processor and only costs
# memory.
BATCH_TOKENS = 1_024
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
    found = open_bert(model, machine, head="qa_outputs")
    if found is None:
        from index.embedding.torch_backend import Spans

        found = Spans(model, machine)
    return found


def open_bert(model: LocalModel, machine: Machine, head: str | None = None) -> Network | None:
    """Return a network run by OpenVINO; None where that cannot or should not run it, and something else must.

    Args:
        model: a folder of weights.
        machine: how it is run.
        head: name of a linear layer whose output the rows are; None for the last hidden states.

    Raises:
        ModelError: the settings ask for OpenVINO and it cannot run the model.
    """
    if machine.runtime == "torch":
        return None
    asked = machine.runtime == "openvino"
    if machine.device not in ("auto", "cpu"):
        if asked:
            raise ModelError(f"OpenVINO runs on the processor and not on {machine.device}: take runtime auto or torch")
        return None
    if not asked and machine.device == "auto" and _has_graphics():
        return None
    from index.embedding.openvino_backend import Bert

    try:
        return Bert(model, machine, head)
    except (ModelError, ImportError) as error:
        if asked:
            raise ModelError(f"OpenVINO cannot run {model.folder.name}: {error}; take runtime auto or torch") from error
        _log.info("torch runs %s, since OpenVINO cannot: %s", model.folder.name, error)
        return None


def _has_graphics() -> bool:
    """Whether torch has a graphics card to use; torch, which takes seconds to import, is asked only if it may."""
    drivers = ("/proc/driver/nvidia/version", "/dev/kfd", "/dev/dxg")
    try:
        release = version("torch")
    except PackageNotFoundError:  # an image for the shipped models leaves it out
        return False
    if release.endswith("+cpu") or not any(Path(name).exists() for name in drivers):
        return False
    import torch

    return bool(torch.cuda.is_available())


class _Piece:
    """One sequence on its way: what waits, then its rows or the error that came instead."""

    def __init__(self, place: int, encoding: "Encoding", urgent: bool) -> None:
        self.place, self.ids, self.types, self.urgent = place, encoding.ids, encoding.type_ids, urgent
        self.rows: Floats | None = None
        self.error: Exception | None = None

    @property
    def done(self) -> bool:
        return self.rows is not None or self.error is not None


class Batcher:
    """A network shared by threads: what several of them want at a time is run together.

    There is no thread of its own: whoever waits for a sequence while nothing runs runs the next batch, for all. One
    batch runs at a time.

    Args:
        network: runs each batch.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self._waiting: list[_Piece] = []
        self._changed = threading.Condition()
        self._running = False
        self._was_urgent = False

    def run(self, sequences: Sequence["Encoding"], *, urgent: bool = False) -> Generator[tuple[int, Floats]]:
        """Run sequences of any length through the network.

        Whoever stops listening to the iterator takes what was not run yet out of the queue.

        Args:
            sequences: in any order.
            urgent: before all that is not, in every other batch; someone waits for it.

        Yields:
            The place of a sequence and its rows, float32 (tokens, size): each once, the longest first.
        """
        pieces = [_Piece(place, sequence, urgent) for place, sequence in enumerate(sequences)]
        pieces.sort(key=lambda piece: -len(piece.ids))
        with self._changed:
            at = sum(piece.urgent for piece in self._waiting) if urgent else len(self._waiting)
            self._waiting[at:at] = pieces
        try:
            for piece in pieces:
                while self._is_my_turn(piece):
                    self._run_next()
                if piece.rows is None:
                    raise piece.error or RuntimeError("a sequence was not run")
                yield piece.place, piece.rows
        finally:
            left = {id(piece) for piece in pieces if not piece.done}
            if left:
                with self._changed:
                    self._waiting = [piece for piece in self._waiting if id(piece) not in left]

    def _is_my_turn(self, piece: _Piece) -> bool:
        """Wait until a piece is done, or nothing runs; say whether whoever waits is to run the next batch."""
        with self._changed:
            while self._running and not piece.done:
                self._changed.wait()
            if piece.done:
                return False
            self._running = True
            return True

    def _run_next(self) -> None:
        batch: list[_Piece] = []
        try:
            with self._changed:
                # Turn and turn about with what is urgent, or one would keep the other waiting for ever.
                patient = next((place for place, piece in enumerate(self._waiting) if not piece.urgent), 0)
                first = patient if self._was_urgent else 0
                self._was_urgent = self._waiting[first].urgent
                places = next_batch([len(piece.ids) for piece in self._waiting], first)
                batch = [self._waiting[place] for place in places]
                taken = set(places)
                self._waiting = [piece for place, piece in enumerate(self._waiting) if place not in taken]
            self._run_each_way(batch)
        finally:
            with self._changed:
                for piece in batch:
                    if not piece.done:  # whoever ran it was interrupted
                        piece.error = RuntimeError("the batch was interrupted")
                self._running = False
                self._changed.notify_all()

    def _run_each_way(self, batch: Sequence[_Piece]) -> None:
        """Run a batch; if it fails, one by one, since one sequence may have spoilt it for the others."""
        try:
            self._run(batch)
        except Exception as error:
            if len(batch) == 1:
                batch[0].error = error
                return
            for piece in batch:
                try:
                    self._run([piece])
                except Exception as own:
                    piece.error = own

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


def next_batch(lengths: Sequence[int], first: int = 0) -> list[int]:
    """Return the sequences that are run next: one of them, and those of like length that pad little and fit in.

    Args:
        lengths: tokens of each, in the order in which they came; at least one.
        first: the one that must be among them.

    Returns:
        Places into lengths, the first before the others, which ascend.
    """
    shortest = longest = lengths[first]
    places = [first]
    for place in range(len(lengths)):
        low, high = min(shortest, lengths[place]), max(longest, lengths[place])
        if place != first and (len(places) + 1) * high <= BATCH_TOKENS and low >= LIKE_LENGTH * high:
            shortest, longest = low, high
            places.append(place)
    return places
