"""Files of questions with their reference answers → Examples."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from index import InputError, UnsupportedFormat


@dataclass(frozen=True, slots=True)
class Example:
    """One question with its reference answers.

    Attributes:
        question: the question.
        context: the paragraph that holds the answer, or seems to.
        answers: references: any of them is right; where ``multi``, all of them together are.
        impossible: whether the paragraph holds no answer.
        multi: whether the answer has several spans.
        title: of the paragraph's article; empty where the file does not say.
    """

    question: str
    context: str
    answers: tuple[str, ...]
    impossible: bool
    multi: bool = False
    title: str = ""

    @property
    def references(self) -> tuple[str, ...]:
        """What one text is compared with: any of them is right; of several spans, one text that joins them."""
        if self.impossible:
            return ()
        return (", ".join(self.answers),) if self.multi and self.answers else self.answers


def load_examples(path: str | Path) -> list[Example]:
    """Read questions in SQuAD's format (.json) or one example a line (.jsonl), either one gzipped.

    Raises:
        InputError: no such file, or a line or field is not as it should be.
        UnsupportedFormat: another suffix.
    """
    file = Path(path)
    name = file.name.removesuffix(".gz")
    try:
        raw = file.read_bytes()
        text = (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).decode("utf-8")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}") from error
    try:
        if name.endswith(".jsonl"):
            examples = [_from_line(json.loads(line)) for line in text.splitlines() if line.strip()]
        elif name.endswith(".json"):
            examples = list(_from_squad(json.loads(text)))
        else:
            raise UnsupportedFormat(f"{path}: give a .json file in SQuAD's format or .jsonl, either may end in .gz")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is not a file of questions: {type(error).__name__}: {error}") from error
    if not examples:
        raise InputError(f"{path} holds no questions")
    return examples


def _from_line(facts: dict[str, Any]) -> Example:
    texts = tuple(str(answer["text"]) for answer in facts["answers"])
    return Example(
        question=str(facts["question"]),
        context=str(facts["context"]),
        answers=texts,
        impossible=bool(facts.get("impossible", not texts)),
        multi=bool(facts.get("multi", False)),
        title=str(facts.get("title") or ""),
    )


def _from_squad(facts: dict[str, Any]) -> Iterator[Example]:
    for article in facts["data"]:
        title = str(article.get("title") or "").replace("_", " ")
        for paragraph in article["paragraphs"]:
            for question in paragraph["qas"]:
                texts = tuple(dict.fromkeys(str(answer["text"]) for answer in question["answers"]))
                impossible = bool(question.get("is_impossible", False))
                yield Example(str(question["question"]), str(paragraph["context"]), texts, impossible, title=title)
