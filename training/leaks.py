"""Keeps what is measured on out of what is learnt from: questions and passages of the development sets."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from training.jsonl import read_lines

# So many words in a row in both are no chance.
_RUN = 15
_WORD = re.compile(r"\w+")


class Known:
    """Questions and passages that must not be learnt from.

    Args:
        folder: of the development sets, .json.gz and .jsonl.gz; None knows nothing.
    """

    def __init__(self, folder: Path | None) -> None:
        from qa import load_examples  # here, so that a machine that only trains needs nothing of it

        self._questions: set[str] = set()
        self._runs: set[int] = set()
        for path in sorted(folder.glob("*.gz")) if folder else []:
            if "corpus" in path.name:  # articles: the paragraphs of all questions, also of those kept aside
                for row in read_lines(path):
                    self._runs.update(_runs(row["text"]))
                continue
            for example in load_examples(path):
                self._questions.add(_normal(example.question))
                self._runs.update(_runs(example.context))

    def without(self, rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the rows that share neither their question nor a run of words of their passage with what is known."""
        seen: dict[str, bool] = {}
        kept = []
        for row in rows:
            context = row["context"]
            if context not in seen:
                seen[context] = any(run in self._runs for run in _runs(context))
            if not seen[context] and _normal(row["question"]) not in self._questions:
                kept.append(row)
        return kept


def _normal(question: str) -> str:
    return " ".join(_WORD.findall(question.lower()))


def _runs(text: str) -> Iterator[int]:
    words = _WORD.findall(text.lower())
    for first in range(max(0, len(words) - _RUN + 1)):
        yield hash(" ".join(words[first : first + _RUN]))
