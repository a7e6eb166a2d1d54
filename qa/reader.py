"""(question, passages) → scores of every start and end, and of "no answer here".

Any extractive question-answering model of transformers.  A passage longer than the window is read
in windows that overlap; offsets always lead back to the passage.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from index import LocalModel, ModelCard, ModelError, choose_device, choose_dtype, quiet_transformers, set_threads

MANIFEST = Path(__file__).parent / "weights" / "manifest.json"
WINDOW = 384
STRIDE = 128
MAX_QUESTION_TOKENS = 128
# One forward pass holds at most so many tokens, padding included: more is no faster on a CPU and
# only costs memory.
BATCH_TOKENS = 2_048
# A window joins a batch only if it is at least this share as long as the longest in it.
LIKE_LENGTH = 0.8

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


@dataclass(frozen=True, slots=True)
class _Encoded:
    passage: int
    ids: list[int]
    types: list[int]
    first: int
    last: int
    offsets: Ints
    words: Ints


class Reader:
    """An extractive reader, loaded at first use.  Safe for use from several threads.

    Args:
        model: a local folder or a hub name; None takes the shipped one.
        device: ``auto``, ``cpu``, ``cuda`` ...
        precision: ``auto``, ``float32`` or ``bfloat16``.
        threads: for one forward pass; 0 leaves it to torch.
    """

    def __init__(
        self, model: str | None = None, *, device: str = "auto", precision: str = "auto", threads: int = 0
    ) -> None:
        self._setting = model
        self._device = device
        self._precision = precision
        self._threads = threads
        self._lock = threading.Lock()
        self._local: LocalModel | None = None
        self._network: Any = None
        self._tokenizer: Any = None

    @property
    def card(self) -> ModelCard:
        """Where the model comes from.

        Raises:
            ModelError: the model is missing, changed or unsafe.
        """
        return self._find().card

    def load(self) -> None:
        """Load network and tokenizer if that has not happened yet.

        Raises:
            ModelError: the model is missing, changed, unsafe or not an extractive reader.
        """
        with self._lock:
            if self._network is None:
                self._load()

    def read(self, question: str, passages: Sequence[str]) -> list[list[Window]]:
        """Score every start and end in some passages.

        A passage's scores do not depend on which others are read in the same call beyond rounding.

        Args:
            question: read up to MAX_QUESTION_TOKENS tokens.
            passages: their texts.

        Returns:
            Per passage its windows in order: one for most, none for a passage without a token.
        """
        self.load()
        encoded = self._encode(question, passages)
        results: list[list[Window]] = [[] for _ in passages]
        for batch in like_batches([len(item.ids) for item in encoded]):
            group = [encoded[place] for place in batch]
            for item, scores in zip(group, self._forward(group), strict=True):
                results[item.passage].append(_window(item, *scores))
        for windows in results:
            windows.sort(key=lambda window: int(window.offsets[0, 0]))
        return results

    def _find(self) -> LocalModel:
        if self._local is None:
            setting = self._setting
            self._local = LocalModel.find(setting, "reader") if setting else LocalModel.shipped(MANIFEST)
        return self._local

    def _load(self) -> None:
        folder = self._find().folder
        # Imported late: it takes seconds, which commands that read nothing need not pay.
        from transformers import AutoModelForQuestionAnswering, AutoTokenizer

        quiet_transformers()
        set_threads(self._threads)
        device = choose_device(self._device)
        try:
            tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
            network, report = AutoModelForQuestionAnswering.from_pretrained(
                str(folder),
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=True,
                dtype=choose_dtype(self._precision, device),
                output_loading_info=True,
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ModelError(f"{folder.name} cannot be loaded as an extractive reader: {error}") from error
        if report["missing_keys"]:
            # transformers would fill them with random numbers and go on.
            raise ModelError(f"{folder.name} is not an extractive reader: it lacks {sorted(report['missing_keys'])[0]}")
        if not tokenizer.is_fast:
            raise ModelError(f"{folder.name} has no tokenizer.json: offsets need a fast tokenizer")
        tokenizer.model_max_length = 10**9  # windows are cut here; no warning about length is due
        self._tokenizer = tokenizer
        self._network = network.to(device).eval()

    def _encode(self, question: str, passages: Sequence[str]) -> list[_Encoded]:
        if not passages:
            return []
        asked = self._tokenizer(question, add_special_tokens=False, truncation=True, max_length=MAX_QUESTION_TOKENS)
        question_ids = asked["input_ids"]
        # The text must be cut by characters: it is put together with each window again.
        if len(question_ids) == MAX_QUESTION_TOKENS:
            question = question[: asked.token_to_chars(len(question_ids) - 1).end]
        limit = int(getattr(self._network.config, "max_position_embeddings", 512))
        size = min(WINDOW if len(question_ids) < WINDOW // 2 else 512, limit)
        batch = self._tokenizer(
            [question] * len(passages),
            list(passages),
            truncation="only_second",
            max_length=size,
            stride=min(STRIDE, (size - len(question_ids)) // 3),
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
            return_token_type_ids=True,
        )
        encoded = []
        for row, encoding in enumerate(batch.encodings):
            inside = [place for place, sequence in enumerate(encoding.sequence_ids) if sequence == 1]
            if not inside:
                continue
            first, last = inside[0], inside[-1] + 1
            encoded.append(
                _Encoded(
                    passage=batch["overflow_to_sample_mapping"][row],
                    ids=encoding.ids,
                    types=encoding.type_ids,
                    first=first,
                    last=last,
                    offsets=np.array(encoding.offsets[first:last], np.int64),
                    words=np.array([-1 if w is None else w for w in encoding.word_ids[first:last]], np.int64),
                )
            )
        return encoded

    def _forward(self, group: Sequence[_Encoded]) -> list[tuple[Floats, Floats]]:
        import torch

        width = max(len(item.ids) for item in group)
        pad = self._tokenizer.pad_token_id or 0
        ids = np.full((len(group), width), pad, np.int64)
        mask = np.zeros((len(group), width), np.int64)
        types = np.zeros((len(group), width), np.int64)
        for row, item in enumerate(group):
            ids[row, : len(item.ids)] = item.ids
            mask[row, : len(item.ids)] = 1
            types[row, : len(item.ids)] = item.types
        device = self._network.device
        inputs: dict[str, torch.Tensor] = {
            "input_ids": torch.from_numpy(ids).to(device),
            "attention_mask": torch.from_numpy(mask).to(device),
        }
        if int(getattr(self._network.config, "type_vocab_size", 0) or 0) > 1:
            inputs["token_type_ids"] = torch.from_numpy(types).to(device)
        with torch.inference_mode():
            output = self._network(**inputs)
        starts = output.start_logits.float().cpu().numpy()
        ends = output.end_logits.float().cpu().numpy()
        return [(starts[row, : len(item.ids)], ends[row, : len(item.ids)]) for row, item in enumerate(group)]


def like_batches(lengths: Sequence[int]) -> list[list[int]]:
    """Group windows of like length into batches that waste little on padding.

    Args:
        lengths: tokens of each window.

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


def _window(item: _Encoded, starts: Floats, ends: Floats) -> Window:
    # The no-answer score stands at the first token, [CLS] or <s>, as in SQuAD 2.0 training.
    return Window(
        passage=item.passage,
        start=starts[item.first : item.last],
        end=ends[item.first : item.last],
        no_answer=float(starts[0] + ends[0]),
        offsets=item.offsets,
        words=item.words,
    )
