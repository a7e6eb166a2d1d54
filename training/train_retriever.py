"""Train the retriever from the base encoder.  Seeded; goes on where it was stopped.

    python -m training.train_retriever --data DATA/train --dev DATA/eval --out RUN

A question's loss is the negative log of its own passage's share among the batch's passages, by the
softmax of cosine over temperature (van den Oord et al. 2018, arXiv:1807.03748); passages that hold the
question's answer without being its own are left out (Karpukhin et al. 2020, arXiv:2004.04906).
"""

import argparse
import gzip
import json
import os
import random
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoModel, AutoTokenizer

from training.retrieval_data import Asked, batches, conflicts
from training.run import (
    Trainer,
    ahead,
    base_folder,
    begin,
    blend,
    choose_device,
    evenly,
    groups,
    recipe,
    save_weights,
    weights_of,
)

RECALL_AT = (1, 5, 20)
# Texts that are encoded together.
PIECE = {"cpu": 16, "cuda": 128}


def prepare(config: dict[str, Any], data: Path, dev: Path | None, out: Path) -> None:
    """Write a run's passages, and those it is measured on, unless they are there.

    What reads the data sets is imported here: a machine with a graphics card needs none of it where another has
    written these files.
    """
    from index.embedding.encoder import embedded_text
    from qa import load_examples
    from training.jsonl import read_lines
    from training.leaks import Known
    from training.retrieval_data import facts, neighbours, passages

    if not (out / "near.npy").exists():
        asked = passages(data, config["mixture"], Known(dev), random.Random(config["seed"]))
        print(json.dumps(facts(asked)), flush=True)
        write(out / "passages.json.gz", [[one.shown, one.text, one.questions] for one in asked])
        np.save(out / "near.npy", neighbours(asked, 4 * config["group"]))
    if dev:
        squad = evenly(load_examples(dev / "squad11-dev-A.json.gz"), config["dev_questions"])
        corpus = {row["text"]: row["title"] for row in read_lines(dev / "squad-dev-corpus.jsonl.gz")}
        natural = read_lines(dev / "nq-open-dev-gold-A.jsonl.gz")
        sets = {
            "squad11": (corpus, [(one.question, one.context) for one in squad]),
            "nq": (
                {row["context"]: row.get("title") or "" for row in natural},
                [(row["question"], row["context"]) for row in natural],
            ),
        }
        ready = {}
        for name, (titles, questions) in sets.items():
            place = {text: number for number, text in enumerate(titles)}
            shown = [embedded_text(title, text) for text, title in titles.items()]
            ready[name] = [shown, [question for question, _ in questions], [place[text] for _, text in questions]]
        write(out / "development.json.gz", ready)


def write(path: Path, value: Any) -> None:
    """Write compressed JSON."""
    with gzip.open(path, "wt", encoding="utf-8") as file:
        json.dump(value, file)


def written(path: Path) -> Any:
    """Return what write wrote."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return json.load(file)


@dataclass(frozen=True)
class Tokens:
    """Tokenized texts, in pieces of like length.

    Attributes:
        pieces: (ids, mask) of each piece, int64 (n, width).
        order: int64 (total,), the text that each row of the pieces is.
        count: tokens, padding aside.
    """

    pieces: list[tuple[torch.Tensor, torch.Tensor]]
    order: torch.Tensor
    count: int


def tokens_of(tokenizer: Any, texts: Sequence[str], length: int, piece: int) -> Tokens:
    """Tokenize texts, cut to so many tokens; so many texts of like length to a piece."""
    ids = tokenizer(list(texts), truncation=True, max_length=length)["input_ids"]
    order = sorted(range(len(ids)), key=lambda place: len(ids[place]))
    pieces = []
    for first in range(0, len(order), piece):
        some = order[first : first + piece]
        tokens = torch.zeros((len(some), len(ids[some[-1]])), dtype=torch.long)
        mask = torch.zeros_like(tokens)
        for row, place in enumerate(some):
            tokens[row, : len(ids[place])] = torch.tensor(ids[place])
            mask[row, : len(ids[place])] = 1
        pieces.append((tokens, mask))
    return Tokens(pieces, torch.tensor(order), sum(map(len, ids)))


class Encoding:
    """Tokens → unit vectors: mean over tokens, as the base encoder was made.

    Args:
        model: the network.
        half: whether to multiply in bfloat16.
    """

    def __init__(self, model: Any, half: bool) -> None:
        self.model, self.half = model, half
        self.device = next(model.parameters()).device

    def __call__(self, texts: Tokens) -> torch.Tensor:
        """Return vectors (n, dimension)."""
        parts = []
        for ids, mask in texts.pieces:
            ids, mask = ids.to(self.device, non_blocking=True), mask.to(self.device, non_blocking=True)
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
                states = self.model(input_ids=ids, attention_mask=mask).last_hidden_state
            kept = mask.unsqueeze(-1).float()
            parts.append(torch.nn.functional.normalize((states.float() * kept).sum(1) / kept.sum(1), dim=-1))
        place = torch.empty_like(texts.order)
        place[texts.order] = torch.arange(len(texts.order))
        return torch.cat(parts)[place.to(self.device)]


@torch.inference_mode()
def develop(encoding: Encoding, tokenizer: Any, folder: Path, config: dict[str, Any]) -> dict[str, Any]:
    """Return the dense recall on the prepared development sets, in percent."""
    found = {}
    path = folder / "development.json.gz"
    for name, (shown, questions, places) in (written(path) if path.exists() else {}).items():
        table = encoding(tokens_of(tokenizer, shown, config["passage_tokens"], 16))
        queries = encoding(tokens_of(tokenizer, questions, config["question_tokens"], 64))
        gold = torch.tensor(places, device=table.device)
        scores = queries @ table.T
        ranks = (scores > scores.gather(1, gold[:, None])).sum(1)
        found[name] = {str(k): round(100 * float((ranks < k).float().mean()), 2) for k in RECALL_AT}
    return found


@dataclass(frozen=True)
class Batch:
    """Passages and questions asked of them.

    Attributes:
        passages: the passages.
        questions: the questions.
        gold: int64 (questions,), each one's own passage.
        hidden: bool (questions, passages), which hold its answer without being its own.
    """

    passages: Tokens
    questions: Tokens
    gold: torch.Tensor
    hidden: torch.Tensor


class Batches:
    """Makes the batches of one epoch.

    Args:
        asked: all passages.
        tokenizer: of the base encoder.
        config: the recipe's settings.
        epoch: the epoch's number.
        piece: texts that are encoded together.
    """

    def __init__(self, asked: Sequence[Asked], tokenizer: Any, config: dict[str, Any], epoch: int, piece: int) -> None:
        self.asked, self.tokenizer, self.config, self.epoch, self.piece = asked, tokenizer, config, epoch, piece

    def __call__(self, numbered: tuple[int, np.ndarray]) -> Batch:
        """Return the batch of these passages; the first number is its place in the epoch, which decides by chance."""
        place, numbers = numbered
        config = self.config
        dice = np.random.default_rng([config["seed"], self.epoch, place])
        chosen = [self.asked[number] for number in numbers]
        bare = dice.random(len(chosen)) < config["without_title"]
        texts = [one.text if alone else one.shown for one, alone in zip(chosen, bare, strict=True)]
        asked = [
            (own, question, answers)
            for own, one in enumerate(chosen)
            for question, answers in (
                one.questions[place] for place in dice.permutation(len(one.questions))[: config["questions"]]
            )
        ]
        hidden = conflicts(chosen, [(own, answers) for own, _, answers in asked])
        return Batch(
            tokens_of(self.tokenizer, texts, config["passage_tokens"], self.piece),
            tokens_of(self.tokenizer, [one for _, one, _ in asked], config["question_tokens"], 4 * self.piece),
            torch.tensor([own for own, _, _ in asked]),
            torch.from_numpy(hidden),
        )


def contrast(encoding: Encoding, batch: Batch, temperature: float) -> torch.Tensor:
    """Return the mean loss of one batch's questions."""
    scores = (encoding(batch.questions) @ encoding(batch.passages).T) / temperature
    scores = scores.masked_fill(batch.hidden.to(scores.device), -torch.inf)
    return torch.nn.functional.cross_entropy(scores, batch.gold.to(scores.device))


def save(model: Any, start: Path, folder: Path) -> None:
    """Write the model in sentence-transformers' layout: the files it began with, our weights in half precision."""
    shutil.rmtree(folder, ignore_errors=True)
    skip = shutil.ignore_patterns("*.safetensors", "*.bin", "*.md", "onnx", "openvino", "train_script.py", "data_*")
    shutil.copytree(start, folder, ignore=skip)
    save_weights(model, folder)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train."""
    parser = argparse.ArgumentParser(description="Train the retriever")
    parser.add_argument("--data", type=Path, help="not needed where the run's folder has been prepared")
    parser.add_argument("--dev", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--start", type=Path, help="weights to begin from; else the base encoder's")
    parser.add_argument("--config", type=Path, default=Path(__file__).with_name("retriever.toml"))
    parser.add_argument("--tokens", type=float, help="length of the run; else the recipe's")
    parser.add_argument("--only-prepare", action="store_true", help="write the run's passages and stop")
    options = parser.parse_args(arguments)
    config = recipe(options.config)
    tokens = config.pop("tokens")
    tokens = options.tokens or tokens
    start = options.start or base_folder()
    begin(options.out, {"config": config, "start": weights_of(start)})
    if options.data:
        prepare(config, options.data, options.dev, options.out)
    if options.only_prepare:
        return
    torch.manual_seed(config["seed"])
    device, half = choose_device()
    asked = [
        Asked(shown, text, tuple((question, tuple(answers)) for question, answers in questions))
        for shown, text, questions in written(options.out / "passages.json.gz")
    ]
    near = np.load(options.out / "near.npy")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    tokenizer = AutoTokenizer.from_pretrained(str(start))
    model = AutoModel.from_pretrained(
        str(start),
        dtype=torch.float32,
        attn_implementation="sdpa",
        hidden_dropout_prob=config["dropout"],
        attention_probs_dropout_prob=config["dropout"],
        add_pooling_layer=True,
    ).to(device)
    for parameter in model.pooler.parameters():
        parameter.requires_grad = False
    begun_with = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    optimizer = torch.optim.AdamW(groups(model, model.config.num_hidden_layers, config), lr=0.0, betas=(0.9, 0.98))
    trainer = Trainer(options.out, model, optimizer, config, tokens)
    encoding = Encoding(model, half)
    if trainer.seen == 0:
        print(json.dumps({"tokens": 0, "dev": develop(encoding, tokenizer, options.out, config)}), flush=True)
    model.train()

    def epoch_batches(epoch: int, skip: int) -> Iterable[Batch]:
        plan = list(enumerate(batches(near, config["batch"], config["group"], config["seed"], epoch)))
        return ahead(Batches(asked, tokenizer, config, epoch, PIECE[device]), plan[skip:], device)

    for epoch, place, batch in trainer.walk(epoch_batches):
        loss = contrast(encoding, batch, config["temperature"])
        if trainer.step(loss, batch.passages.count + batch.questions.count, epoch, place):
            model.eval()
            trainer.record(epoch, place, develop(encoding, tokenizer, options.out, config))
            model.train()
    blend(model, begun_with, config["blend"])
    save(model, start, options.out / "model")
    model.eval()
    dev = develop(encoding, tokenizer, options.out, config)
    (options.out / "end.json").write_text(json.dumps({"tokens": trainer.seen, "blend": config["blend"], "dev": dev}))
    print(json.dumps(dev), flush=True)


if __name__ == "__main__":
    main()
