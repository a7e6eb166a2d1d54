"""Training windows: what is kept of the examples, one epoch's crops and batches, padded tensors.

Needs numpy and torch alone, so that a machine with a graphics card can train on what another prepared.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch

POOL = 64


@dataclass(frozen=True)
class Windows:
    """Examples as token ids, ragged: [CLS] question [SEP] passage [SEP].

    Attributes:
        ids: uint16 (total,), token ids one after another.
        bounds: int64 (n + 1,), where each example begins in ids.
        split: int32 (n,), how many tokens [CLS] question [SEP] are: token type 1 begins there.
        spans: int32 (m, 3), ascending by example: example, first token, last token; one without any has no answer.
        lists: bool (n,), whether all the spans together are the answer, rather than any of them.
        keeps: int32 (n, 2), first and last token of the stretch that every crop shows; -1 where there is none.
    """

    ids: np.ndarray
    bounds: np.ndarray
    split: np.ndarray
    spans: np.ndarray
    lists: np.ndarray
    keeps: np.ndarray

    def __len__(self) -> int:
        return len(self.split)

    def golds(self, number: int) -> list[tuple[int, int]]:
        """Return the first and last tokens of one example's answers."""
        low, high = np.searchsorted(self.spans[:, 0], [number, number + 1])
        return [(int(first), int(last)) for _, first, last in self.spans[low:high]]

    def save(self, path: Path) -> None:
        """Write to a file, whole or not at all."""
        part = path.with_suffix(".part.npz")
        np.savez_compressed(part, **{name: getattr(self, name) for name in _ARRAYS})
        part.replace(path)

    @classmethod
    def load(cls, path: Path) -> "Windows":
        """Read what save wrote."""
        with np.load(path) as file:
            return cls(**{name: file[name] for name in _ARRAYS})


_ARRAYS = [field.name for field in fields(Windows)]


def cuts(windows: Windows, window: int, crop: dict[str, Any], dice: np.random.Generator) -> np.ndarray:
    """Return which part of each passage one epoch shows: int64 (n, 2), first token and end within the example.

    Where a passage is longer than there is room for, a part that holds an answer and, where there is room, the stretch
    that is to be kept, at a chance place. A share of the passages is cut shorter than the window: more questions for
    the same number of tokens, and other parts each time.

    Args:
        windows: the examples.
        window: tokens of the longest, question and special tokens included.
        crop: ``share`` of the passages cut shorter, to ``shortest`` to ``longest`` tokens.
        dice: decides.
    """
    lengths = np.diff(windows.bounds)
    rooms = window - windows.split - 1
    shorter = dice.random(len(windows)) < crop["share"]
    drawn = dice.integers(crop["shortest"], crop["longest"] + 1, len(windows))
    kept = np.where(windows.keeps[:, 0] >= 0, windows.keeps[:, 1] - windows.keeps[:, 0] + 1, 0)
    rooms = np.where(shorter, np.minimum(rooms, np.maximum(drawn, kept)), rooms)
    found = np.stack([windows.split, lengths - 1], axis=1).astype(np.int64)
    for number in np.flatnonzero(lengths - 1 - windows.split > rooms):
        room, begin, end = int(rooms[number]), int(windows.split[number]), int(lengths[number]) - 1
        low, high = begin, end - room
        golds = windows.golds(number)
        first, last = (int(token) for token in windows.keeps[number])
        if first < 0 or last - first >= room:
            first, last = golds[dice.integers(len(golds))] if golds else (high, low)
        low, high = max(low, last - room + 1), min(first, high)
        start = int(dice.integers(low, max(low, high) + 1))
        found[number] = start, start + room
    return found


def batches(lengths: np.ndarray, tokens: int, dice: np.random.Generator) -> list[np.ndarray]:
    """Return batches of like length that hold at most so many tokens, padding included, in an order by chance."""
    order = dice.permutation(len(lengths))
    size = max(1, int(tokens / lengths.mean())) * POOL
    found = []
    for first in range(0, len(order), size):
        pool = order[first : first + size]
        pool = pool[np.argsort(lengths[pool], kind="stable")]
        begin = 0
        for place in range(len(pool)):
            if (place + 1 - begin) * lengths[pool[place]] > tokens and place > begin:
                found.append(pool[begin:place])
                begin = place
        found.append(pool[begin:])
    dice.shuffle(found)  # type: ignore[arg-type]
    return found


class Epoch:
    """One epoch: which parts are shown and in what batches, decided by seed and number alone.

    Args:
        windows: the examples.
        config: the recipe's settings.
        number: of the epoch.
    """

    def __init__(self, windows: Windows, config: dict[str, Any], number: int) -> None:
        dice = np.random.default_rng([config["seed"], number])
        self.windows = windows
        self.cuts = cuts(windows, config["window"], config["crop"], dice)
        self.batches = batches(self.cuts[:, 1] - self.cuts[:, 0] + windows.split + 1, config["batch_tokens"], dice)

    def collate(self, batch: Sequence[int]) -> dict[str, torch.Tensor]:
        """Return padded tensors (n, width), the gold starts and ends as masks; lists is (n,)."""
        windows = self.windows
        parts = self.cuts[list(batch)]
        width = int((parts[:, 1] - parts[:, 0] + windows.split[list(batch)]).max()) + 1
        ids = np.zeros((len(batch), width), np.int64)
        mask, types = np.zeros_like(ids), np.zeros_like(ids)
        starts, ends = np.zeros(ids.shape, bool), np.zeros(ids.shape, bool)
        lists = windows.lists[list(batch)].copy()
        for row, number in enumerate(batch):
            own = windows.ids[windows.bounds[number] : windows.bounds[number + 1]]
            split, (first, end) = int(windows.split[number]), parts[row]
            count = split + end - first
            ids[row, : count + 1] = np.concatenate([own[:split], own[first:end], own[-1:]])
            mask[row, : count + 1] = 1
            types[row, split : count + 1] = 1
            moved = [(low - first + split, high - first + split) for low, high in windows.golds(number)]
            kept = [(low, high) for low, high in moved if split <= low and high < count]
            lists[row] &= len(kept) > 1
            for low, high in kept or [(0, 0)]:
                starts[row, low] = ends[row, high] = True
        # Question and special tokens can be no answer; [CLS] stands for "none here".
        allowed = types.astype(bool)
        allowed[np.arange(len(batch)), mask.sum(1) - 1] = False
        allowed[:, 0] = True
        named = {"ids": ids, "mask": mask, "types": types, "starts": starts, "ends": ends}
        return {name: torch.from_numpy(array) for name, array in (named | {"allowed": allowed, "lists": lists}).items()}
