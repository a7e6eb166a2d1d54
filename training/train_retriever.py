"""Train the retriever from the base encoder.  Seeded; goes on where it was stopped.

    python -m training.train_retriever --data DATA/train --dev DATA/eval --out RUN

A question's loss is the negative log of its own passage's share among the batch's passages, by the
softmax of cosine over temperature (van den Oord et al. 2018, arXiv:1807.03748); passages that hold the
question's answer without being its own are left out (Karpukhin et al. 2020, arXiv:2004.04906).
"""

import argparse
import json
import random
import shutil
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoModel, AutoTokenizer

from index.ingest import embedded_text
from qa import load_examples
from training.leaks import Known
from training.lines import read_lines
from training.retrieval_data import Asked, batches, conflicts, facts, neighbours, passages
from training.run import Trainer, base_folder, begin, blend, choose_device, groups, save_weights, weights_of

RECALL_AT = (1, 5, 20)


class Encoding:
    """Texts → unit vectors: mean over tokens, as the base encoder was made.

    Args:
        model: the network.
        tokenizer: its tokenizer.
        half: whether to multiply in bfloat16.
    """

    def __init__(self, model: Any, tokenizer: Any, half: bool) -> None:
        self.model, self.tokenizer, self.half = model, tokenizer, half
        self.device = str(next(model.parameters()).device)

    def __call__(self, texts: Sequence[str], length: int, piece: int) -> tuple[torch.Tensor, int]:
        """Return vectors (n, dimension) and how many tokens were read; pieces of like length are read together."""
        ids = self.tokenizer(list(texts), truncation=True, max_length=length)["input_ids"]
        order = sorted(range(len(ids)), key=lambda place: len(ids[place]))
        parts = []
        for first in range(0, len(order), piece):
            some = order[first : first + piece]
            width = len(ids[some[-1]])
            tokens = torch.zeros((len(some), width), dtype=torch.long)
            mask = torch.zeros((len(some), width), dtype=torch.long)
            for row, place in enumerate(some):
                tokens[row, : len(ids[place])] = torch.tensor(ids[place])
                mask[row, : len(ids[place])] = 1
            tokens, mask = tokens.to(self.device), mask.to(self.device)
            with torch.autocast(self.device.split(":")[0], torch.bfloat16, enabled=self.half):
                states = self.model(input_ids=tokens, attention_mask=mask).last_hidden_state
            kept = mask.unsqueeze(-1).float()
            mean = (states.float() * kept).sum(1) / kept.sum(1)
            parts.append(torch.nn.functional.normalize(mean, dim=-1))
        place = torch.empty(len(order), dtype=torch.long)
        place[torch.tensor(order)] = torch.arange(len(order))
        return torch.cat(parts)[place.to(self.device)], sum(map(len, ids))


def develop(encoding: Encoding, dev: Path, config: dict[str, Any]) -> dict[str, Any]:
    """Return the dense recall of the development sets, in percent."""
    corpus = read_lines(dev / "squad-dev-corpus.jsonl.gz")
    squad = load_examples(dev / "squad11-dev-A.json.gz")
    squad = squad[:: max(1, len(squad) // config["dev_questions"])][: config["dev_questions"]]
    natural = read_lines(dev / "nq-open-dev-gold-A.jsonl.gz")
    titles = {row["context"]: row.get("title") or "" for row in natural}
    sets = {
        "squad11": (
            {row["text"]: embedded_text(row["title"], row["text"]) for row in corpus},
            [(example.question, example.context) for example in squad],
        ),
        "nq": (
            {text: embedded_text(title, text) for text, title in titles.items()},
            [(row["question"], row["context"]) for row in natural],
        ),
    }
    found = {}
    with torch.inference_mode():
        for name, (shown, asked) in sets.items():
            table, _ = encoding(list(shown.values()), config["passage_tokens"], 16)
            queries, _ = encoding([question for question, _ in asked], config["question_tokens"], 64)
            place = {text: number for number, text in enumerate(shown)}
            gold = torch.tensor([place[text] for _, text in asked], device=table.device)
            scores = queries @ table.T
            ranks = (scores > scores.gather(1, gold[:, None])).sum(1)
            found[name] = {str(k): round(100 * float((ranks < k).float().mean()), 2) for k in RECALL_AT}
    return found


def contrast(
    encoding: Encoding, chosen: Sequence[Asked], dice: np.random.Generator, config: dict[str, Any]
) -> tuple[torch.Tensor, int]:
    """Return the mean loss of one batch's questions and how many tokens were read."""
    texts = [embedded_text("" if dice.random() < config["without_title"] else one.title, one.text) for one in chosen]
    asked = [
        (own, question, answers)
        for own, one in enumerate(chosen)
        for question, answers in (
            one.questions[place] for place in dice.permutation(len(one.questions))[: config["questions"]]
        )
    ]
    table, many = encoding(texts, config["passage_tokens"], 16)
    queries, few = encoding([question for _, question, _ in asked], config["question_tokens"], 64)
    hidden = conflicts(chosen, [(own, answers) for own, _, answers in asked])
    scores = (queries @ table.T) / config["temperature"]
    scores = scores.masked_fill(torch.from_numpy(hidden).to(scores.device), -torch.inf)
    gold = torch.tensor([own for own, _, _ in asked], device=scores.device)
    return torch.nn.functional.cross_entropy(scores, gold), many + few


def save(model: Any, folder: Path) -> None:
    """Write the model in sentence-transformers' layout: the base's own files, our weights in half precision."""
    shutil.rmtree(folder, ignore_errors=True)
    skip = shutil.ignore_patterns("*.safetensors", "*.bin", "*.md", "onnx", "openvino", "train_script.py", "data_*")
    shutil.copytree(base_folder(), folder, ignore=skip)
    save_weights(model, folder)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train."""
    parser = argparse.ArgumentParser(description="Train the retriever")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--dev", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--start", type=Path, default=base_folder(), help="weights to begin from")
    parser.add_argument("--config", type=Path, default=Path(__file__).with_name("retriever.toml"))
    parser.add_argument("--tokens", type=float, help="length of the run; else the recipe's")
    options = parser.parse_args(arguments)
    config = tomllib.loads(options.config.read_text())
    tokens = config.pop("tokens")
    tokens = options.tokens or tokens
    begin(options.out, {"config": config, "start": weights_of(options.start)})
    torch.manual_seed(config["seed"])
    device, half = choose_device()

    asked = passages(options.data, config["mixture"], Known(options.dev), random.Random(config["seed"]))
    print(json.dumps(facts(asked)), flush=True)
    near = neighbours(asked, 4 * config["group"])
    tokenizer = AutoTokenizer.from_pretrained(str(base_folder()))
    model = AutoModel.from_pretrained(
        str(options.start),
        dtype=torch.float32,
        attn_implementation="sdpa",
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        add_pooling_layer=True,
    ).to(device)
    for parameter in model.pooler.parameters():
        parameter.requires_grad = False
    begun_with = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    optimizer = torch.optim.AdamW(groups(model, model.config.num_hidden_layers, config), lr=0.0, betas=(0.9, 0.98))
    trainer = Trainer(options.out, model, optimizer, config, tokens)
    encoding = Encoding(model, tokenizer, half)
    if options.dev and trainer.seen == 0:
        print(json.dumps({"tokens": 0, "dev": develop(encoding, options.dev, config)}), flush=True)
    model.train()

    def epoch_batches(epoch: int) -> list[np.ndarray]:
        return batches(near, config["batch"], config["group"], config["seed"], epoch)

    for epoch, place, batch in trainer.walk(epoch_batches):
        dice = np.random.default_rng([config["seed"], epoch, place])
        loss, tokens = contrast(encoding, [asked[number] for number in batch], dice, config)
        if trainer.step(loss, tokens, epoch, place):
            model.eval()
            trainer.record(epoch, place, develop(encoding, options.dev, config) if options.dev else {})
            model.train()
    blend(model, begun_with, config["blend"])
    save(model, options.out / "model")
    if options.dev:
        model.eval()
        dev = develop(encoding, options.dev, config)
        (options.out / "end.json").write_text(
            json.dumps({"tokens": trainer.seen, "blend": config["blend"], "dev": dev})
        )
        print(json.dumps(dev), flush=True)


if __name__ == "__main__":
    main()
