"""Training passages that no run learns from, and development questions about them, half of them near-misses.

The development sets hold hardly any near-misses; these are made by the rules that the training ones are made by, of
passages that were kept out.
"""

import hashlib
import random
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from training import near_misses
from training.jsonl import read_lines
from training.leaks import Known


def is_held_out(context: str, share: float) -> bool:
    """Whether a passage belongs to the share (0..1) that is kept out; the same in every run."""
    digest = hashlib.sha256(context.encode()).digest()
    return int.from_bytes(digest[:4], "big") < share * 2**32


def development_rows(folder: Path, config: dict[str, Any], known: Known, count: int) -> list[dict[str, Any]]:
    """Return questions about the passages kept out: half with their answer, half near-misses, of each kind alike many.

    Args:
        folder: of the training data.
        config: the recipe, whose ``near_misses`` say which files and which ``held_out`` share.
        known: what is measured on elsewhere.
        count: how many at most.

    Returns:
        Examples; a near-miss has its ``kind``.
    """
    dice = random.Random(config["data_seed"])
    sources = config["near_misses"]["from"]
    rows = [row | {"src": name} for name in sources for row in read_lines(folder / f"{name}.jsonl.gz")]
    held = [row for row in known.without(rows) if is_held_out(row["context"], config["held_out"]) and row["answers"]]
    by_kind = defaultdict(list)
    for row in near_misses.make(held, config["near_misses"] | dict.fromkeys(near_misses.KINDS, count), dice):
        by_kind[row["kind"]].append(row)
    each = count // 2 // len(near_misses.KINDS)
    misses = [row for kind in near_misses.KINDS for row in dice.sample(by_kind[kind], min(each, len(by_kind[kind])))]
    answered = _distinct(row for row in dice.sample(held, len(held)) if not row.get("multi"))
    return answered[: len(misses)] + misses


def _distinct(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """One question a passage."""
    return list({row["context"]: row for row in rows}.values())
