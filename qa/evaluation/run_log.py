"""What became of each question asked: plain records, kept in a file so that a run that was stopped goes on."""

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from index import InputError
from qa.evaluation.datasets import Example

Outcome = dict[str, Any]
Progress = Callable[[int], None]


def gather(
    head: dict[str, Any],
    examples: Sequence[Example],
    one: Callable[[Example], Outcome],
    kept: Path | None,
    progress: Progress | None,
) -> list[Outcome]:
    """Ask what has not been asked yet; each outcome is on the disk before the next question.

    Args:
        head: task, models and whatever else the outcomes depend on.
        examples: the questions, in the same order each time.
        one: asks one of them.
        kept: a file for the outcomes; what it holds already is not asked again.
        progress: called after each question with how many are done.

    Returns:
        One outcome a question.

    Raises:
        InputError: the file holds outcomes of another run, or cannot be used.
    """
    rows = _kept(kept, head, examples) if kept else []
    if progress and rows:
        progress(len(rows))
    for example in examples[len(rows) :]:
        rows.append(one(example))
        if kept:
            with kept.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"of": _mark(example), **rows[-1]}) + "\n")
        if progress:
            progress(len(rows))
    return rows[: len(examples)]


def _kept(path: Path, head: dict[str, Any], examples: Sequence[Example]) -> list[Outcome]:
    """Return the outcomes a file holds, and make it ready for more: a line cut short is taken away.

    A file that is not wholly ours is left as it is.
    """
    first = json.dumps(head) + "\n"
    try:
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        if first.startswith(text):  # nothing yet, or stopped while it was begun
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(first, encoding="utf-8")
            return []
        whole, newline, cut = text.rpartition("\n")
        rows: list[Outcome] = [json.loads(line) for line in whole.split("\n")] if newline else []
        same = bool(rows) and rows[0] == head
        same = same and all(row["of"] == _mark(one) for row, one in zip(rows[1:], examples, strict=False))
        if same and cut:
            path.write_text(whole + newline, encoding="utf-8")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} cannot keep outcomes: {error}: give another file") from error
    if not same:
        raise InputError(f"{path} holds outcomes of other questions, another task or other models: give another file")
    return rows[1:]


def _mark(example: Example) -> str:
    """Tells one question from another, also where both are worded the same."""
    facts = f"{example.question}\0{example.context}" + ("\0several" if example.multi else "")
    return hashlib.sha256(facts.encode()).hexdigest()[:16]
