"""Training data → passages with the questions asked of them, in groups of passages that look alike.

A batch's passages are the negatives of each other's questions.  Drawn by chance they are too easy:
so a batch is made of groups, each a passage with its nearest neighbours by shared words, mostly of the
same article, as retrieval would bring them up (topic-aware sampling: Hofstätter et al. 2021,
arXiv:2104.06967).  Each of them is also the right passage of its own questions, so no negative has to
be encoded that teaches only by being wrong.
"""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from training.jsonl import read_lines
from training.leaks import Known


@dataclass(frozen=True)
class Asked:
    """A passage and what was asked of it.

    Attributes:
        shown: the passage under its article's title, as it is indexed.
        text: the passage alone.
        questions: (question, answers in lower case).
    """

    shown: str
    text: str
    questions: tuple[tuple[str, tuple[str, ...]], ...]


def passages(folder: Path, mixture: dict[str, int], known: Known, dice: random.Random) -> list[Asked]:
    """Return the mixture's passages, each file cut to its cap of passages by chance."""
    # Here, so that a machine that is given the passages needs nothing of the index.
    from index.embedding.encoder import embedded_text

    found: list[Asked] = []
    taken: set[str] = set()
    for name, cap in mixture.items():
        asked: dict[str, tuple[str, list[tuple[str, tuple[str, ...]]]]] = {}
        for row in known.without(read_lines(folder / f"{name}.jsonl.gz")):
            text = " ".join(row["context"].split())
            # A question without content words asks for any passage.
            if not row["answers"] or text in taken or len(re.findall(r"\w{4,}", row["question"])) < 2:
                continue
            title = (row.get("title") or "").replace("_", " ")
            title = "" if re.fullmatch(r"[a-z]+ \d+", title) else title
            answers = tuple(answer["text"].lower() for answer in row["answers"])
            asked.setdefault(text, (title, []))[1].append((row["question"].strip(), answers))
        texts = sorted(asked)
        dice.shuffle(texts)
        taken.update(texts)
        found += [Asked(embedded_text(asked[text][0], text), text, tuple(asked[text][1])) for text in texts[:cap]]
    return found


def neighbours(asked: Sequence[Asked], count: int) -> np.ndarray:
    """Return each passage's nearest others by shared words: int32 (n, count), nearest first."""
    words = TfidfVectorizer(sublinear_tf=True, stop_words="english", max_df=0.1, min_df=2)
    table = words.fit_transform([one.shown for one in asked])
    turned = table.T.tocsc()
    found = np.zeros((len(asked), count), np.int32)
    for first in range(0, len(asked), 500):
        scores = (table[first : first + 500] @ turned).toarray()
        scores[np.arange(len(scores)), np.arange(first, first + len(scores))] = -1.0
        best = np.argpartition(-scores, count, axis=1)[:, :count]
        order = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1)
        found[first : first + 500] = np.take_along_axis(best, order, axis=1)
    return found


def batches(near: np.ndarray, batch: int, group: int, seed: int, epoch: int) -> list[np.ndarray]:
    """Return one epoch's batches of passage numbers; each passage comes once, beside neighbours still free."""
    dice = np.random.default_rng([seed, epoch])
    free = np.ones(len(near), bool)
    groups: list[np.ndarray] = []
    for one in dice.permutation(len(near)):
        if not free[one]:
            continue
        free[one] = False
        beside = near[one][free[near[one]]][: group - 1]
        free[beside] = False
        groups.append(np.r_[one, beside])
    dice.shuffle(groups)  # type: ignore[arg-type]
    found: list[np.ndarray] = []
    full: list[np.ndarray] = []
    for members in groups:
        if full and sum(map(len, full)) + len(members) > batch:
            found.append(np.concatenate(full))
            full = []
        full.append(members)
    return [*found, np.concatenate(full)] if full else found


def conflicts(asked: Sequence[Asked], questions: Sequence[tuple[int, tuple[str, ...]]]) -> np.ndarray:
    """Return which passages hold a question's answer without being its own: bool (questions, passages)."""
    texts = [one.text.lower() for one in asked]
    table = np.zeros((len(questions), len(asked)), bool)
    for row, (own, answers) in enumerate(questions):
        for column, text in enumerate(texts):
            table[row, column] = column != own and any(answer in text for answer in answers)
    return table


def facts(asked: Sequence[Asked]) -> dict[str, Any]:
    """Return what a run says of its data at its start."""
    return {
        "passages": len(asked),
        "questions": sum(len(one.questions) for one in asked),
        "titled": sum(one.shown != one.text for one in asked),
    }
