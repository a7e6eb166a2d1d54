"""(question, passages) → scores of every start and end, and of "no answer here".

Any extractive question-answering model of transformers.  A passage longer than the window is read
in windows that overlap; offsets always lead back to the passage.
"""

import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from index import Batcher, LocalModel, Machine, ModelCard, open_spans, stage
from qa.resources import WEIGHTS

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

MANIFEST = WEIGHTS / "manifest.json"
WINDOW = 384
STRIDE = 128
MAX_QUESTION_TOKENS = 128

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Window:
    """The reader's scores for one window of one passage.

    Attributes:
        passage: place of the passage in the call, from 0.
        start: float32 (tokens,), score of each token as the first of the answer.
        end: float32 (tokens,), score of each token as the last of the answer.
        no_answer: score that this window holds no answer.
        offsets: int64 (tokens, 2), each token's place in the passage's text; only tokens of the
            passage are here, none of the question and no special ones.
        words: int64 (tokens,), the word each token belongs to: an answer does not begin or end
            inside of a word.
    """

    passage: int
    start: Floats
    end: Floats
    no_answer: float
    offsets: Ints
    words: Ints


class Reader:
    """An extractive reader, loaded at first use.  Safe for use from several threads.

    Args:
        model: a local folder or a hub name; None takes the shipped one.
        machine: how it is run.
    """

    def __init__(self, model: str | None = None, machine: Machine | None = None) -> None:
        self._setting = model
        self._machine = machine or Machine()
        self._lock = threading.Lock()
        self._local: LocalModel | None = None
        self._batcher: Batcher | None = None

    @property
    def card(self) -> ModelCard:
        """Where the model comes from.

        Raises:
            ModelError: the model is missing, changed or unsafe.
        """
        return self._find().card

    def load(self) -> Batcher:
        """Load the network if that has not happened yet, and return what runs it.

        Raises:
            ModelError: the model is missing, changed, unsafe or not an extractive reader.
        """
        with self._lock:
            if self._batcher is None:
                self._batcher = Batcher(open_spans(self._find(), self._machine))
            return self._batcher

    @stage("read")
    def read(
        self, question: str, passages: Sequence[str], check: Callable[[], None] = lambda: None
    ) -> list[list[Window]]:
        """Score every start and end in some passages.

        A passage's scores do not depend on which others are read in the same call beyond rounding.

        Args:
            question: read up to MAX_QUESTION_TOKENS tokens.
            passages: their texts.
            check: called after each few windows; what it raises ends the work.

        Returns:
            Per passage its windows in order: one for most, none for a passage without a token.
        """
        batcher = self.load()
        sequences, sources = self._encode(batcher.network.tokenizer, batcher.network.longest, question, passages)
        results: list[list[Window]] = [[] for _ in passages]
        # Closed at once when it is given up: what was not run yet must not be run for nobody.
        with closing(batcher.run(sequences)) as run:
            for place, scores in run:
                results[sources[place]].append(_window(sources[place], sequences[place], scores))
                check()
        for windows in results:
            windows.sort(key=lambda window: int(window.offsets[0, 0]))
        return results

    def _find(self) -> LocalModel:
        if self._local is None:
            setting = self._setting
            self._local = LocalModel.find(setting, "reader") if setting else LocalModel.shipped(MANIFEST)
        return self._local

    def _encode(
        self, tokenizer: "Tokenizer", longest: int, question: str, passages: Sequence[str]
    ) -> tuple[list["Encoding"], list[int]]:
        """The windows that have a token of their passage, and the place of that passage."""
        if not passages:
            return [], []
        with self._lock:  # the tokenizer keeps how it truncates
            tokenizer.no_truncation()
            asked = tokenizer.encode(question, add_special_tokens=False)
            # The text must be cut by characters: it is put together with each window again.
            if len(asked.ids) > MAX_QUESTION_TOKENS:
                question = question[: asked.offsets[MAX_QUESTION_TOKENS - 1][1]]
            length = min(len(asked.ids), MAX_QUESTION_TOKENS)
            size = min(WINDOW, longest)
            stride = min(STRIDE, (size - length) // 3)
            tokenizer.enable_truncation(max_length=size, stride=stride, strategy="only_second")
            encoded = tokenizer.encode_batch([(question, passage) for passage in passages])
        windows = [
            (window, place)
            for place, first in enumerate(encoded)
            for window in (first, *first.overflowing)
            if 1 in window.sequence_ids
        ]
        return [window for window, _ in windows], [place for _, place in windows]


def _window(passage: int, encoding: "Encoding", scores: Floats) -> Window:
    sequences = encoding.sequence_ids
    first = sequences.index(1)
    last = len(sequences) - sequences[::-1].index(1)
    # The no-answer score stands at the first token, [CLS] or <s>, as in SQuAD 2.0 training.
    return Window(
        passage=passage,
        start=scores[first:last, 0],
        end=scores[first:last, 1],
        no_answer=float(scores[0].sum()),
        offsets=np.array(encoding.offsets[first:last], np.int64),
        words=np.array([-1 if word is None else word for word in encoding.word_ids[first:last]], np.int64),
    )
