"""Train the reader from the base encoder.  Seeded; goes on where it was stopped.

    python -m training.train_reader --data DATA/train --dev DATA/eval --out RUN

A window's loss is the negative log of the probability that any of its gold starts, and any of its
gold ends, gets among all its tokens (of a list, where the recipe says so, the mean over all of
them); [CLS] is the gold of a window without an answer, so that start + end − their scores at [CLS]
compares across passages (Clark & Gardner 2018, section 3.2).
"""

import argparse
import random
import shutil
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoModelForQuestionAnswering, AutoTokenizer

from qa import Options, QuestionAnswering, evaluate_reading, load_examples
from training.leaks import Known
from training.reading_data import Windows, examples, negatives, opposed, repeated, swapped, tokenize
from training.run import Trainer, base_folder, begin, blend, choose_device, groups, save_weights, weights_of

POOL = 64


def prepare(config: dict[str, Any], data: Path, dev: Path | None, path: Path, tokenizer: Any) -> Windows:
    """Return the run's windows, made at the first call."""
    if not path.exists():
        dice = random.Random(config["seed"])
        chosen = examples(data, config["mixture"], Known(dev), dice)
        rows = chosen + negatives(chosen, config["negatives"], dice) + swapped(chosen, config["swapped"], dice)
        # Dice of its own, so that a recipe without opposites is what it was before they were there.
        rows += opposed(chosen, config["opposites"], random.Random(f"{config['seed']} opposites"))
        rows += repeated(chosen, config["lists"]["copies"])
        tokenize(rows, tokenizer, config["window"], config["crop"], dice).save(path)
    return Windows.load(path)


def batches(windows: Windows, tokens: int, seed: int, epoch: int) -> list[np.ndarray]:
    """Return one epoch's batches of like length, in an order that seed and epoch alone decide."""
    dice = np.random.default_rng([seed, epoch])
    order = dice.permutation(len(windows))
    size = max(1, int(tokens / windows.lengths.mean())) * POOL
    found = []
    for first in range(0, len(order), size):
        pool = order[first : first + size]
        pool = pool[np.argsort(windows.lengths[pool], kind="stable")]
        begin = 0
        for place in range(len(pool)):
            if (place + 1 - begin) * windows.lengths[pool[place]] > tokens and place > begin:
                found.append(pool[begin:place])
                begin = place
        found.append(pool[begin:])
    dice.shuffle(found)  # type: ignore[arg-type]
    return found


def collate(windows: Windows, batch: np.ndarray, spans: dict[int, list[tuple[int, int]]]) -> dict[str, torch.Tensor]:
    """Return padded tensors (n, width) and the gold starts and ends as masks (n, width)."""
    width = int(windows.lengths[batch].max())
    ids = np.zeros((len(batch), width), np.int64)
    mask, types = np.zeros_like(ids), np.zeros_like(ids)
    starts, ends = np.zeros(ids.shape, bool), np.zeros(ids.shape, bool)
    for row, number in enumerate(batch):
        tokens = windows.ids[windows.bounds[number] : windows.bounds[number + 1]]
        ids[row, : len(tokens)] = tokens
        mask[row, : len(tokens)] = 1
        types[row, windows.split[number] : len(tokens)] = 1
        for first, last in spans.get(int(number), [(0, 0)]):
            starts[row, first] = ends[row, last] = True
    # Question and special tokens can be no answer; [CLS] stands for "none here".
    allowed = types.astype(bool)
    for row, number in enumerate(batch):
        allowed[row, windows.lengths[number] - 1] = False
    allowed[:, 0] = True
    named = {"ids": ids, "mask": mask, "types": types, "starts": starts, "ends": ends, "allowed": allowed}
    named["lists"] = windows.lists[batch]
    return {name: torch.from_numpy(array) for name, array in named.items()}


def marginal_loss(logits: torch.Tensor, gold: torch.Tensor, allowed: torch.Tensor, lists: torch.Tensor) -> torch.Tensor:
    """Return −log of the gold tokens' share of the probability, per window.

    Args:
        logits: (n, width).
        gold: (n, width), the tokens of which any is right.
        allowed: (n, width), the tokens that could be an answer.
        lists: (n,), where every gold token is wanted: the mean of their −logs instead.

    Returns:
        (n,).
    """
    low = torch.finfo(torch.float32).min
    logits = logits.float().masked_fill(~allowed, low)
    any_of = logits.masked_fill(~gold, low).logsumexp(-1)
    each_of = logits.masked_fill(~gold, 0.0).sum(-1) / gold.sum(-1)
    return logits.logsumexp(-1) - torch.where(lists, each_of, any_of)


def develop(folder: Path, dev: Path, limit: int) -> dict[str, Any]:
    """Return development scores of a saved model."""
    scores: dict[str, Any] = {}
    with QuestionAnswering.open(folder.with_name("empty"), options=Options(reader=str(folder))) as qa:
        for name in ("squad11-dev-A.json.gz", "squad20-dev-A.json.gz"):
            chosen = load_examples(dev / name)
            step = max(1, len(chosen) // limit)
            report = evaluate_reading(qa, chosen[::step][:limit])
            key = name.split("-")[0]
            # With unanswerable questions F1 depends on a threshold that is fitted later; the order of scores does not.
            scores[key] = {"auroc": report.auroc} if report.no_answer else {"f1": report.f1}
    return scores


def save(model: Any, tokenizer: Any, folder: Path) -> None:
    """Write weights in half precision and the tokenizer, in transformers' layout."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    model.config.architectures = [type(model).__name__]
    model.config.save_pretrained(folder)
    save_weights(model, folder)
    # Or it would ship with how the base cut and padded.
    tokenizer.backend_tokenizer.no_truncation()
    tokenizer.backend_tokenizer.no_padding()
    tokenizer.save_pretrained(folder)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train."""
    parser = argparse.ArgumentParser(description="Train the reader")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--dev", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--start", type=Path, default=base_folder(), help="weights to begin from")
    parser.add_argument("--config", type=Path, default=Path(__file__).with_name("reader.toml"))
    parser.add_argument("--tokens", type=float, help="length of the run; else the recipe's")
    options = parser.parse_args(arguments)
    config = tomllib.loads(options.config.read_text())
    tokens = config.pop("tokens")
    tokens = options.tokens or tokens
    begin(options.out, {"config": config, "start": weights_of(options.start)})
    torch.manual_seed(config["seed"])
    device, half = choose_device()

    tokenizer = AutoTokenizer.from_pretrained(str(base_folder()))
    tokenizer.model_max_length = 10**9
    windows = prepare(config, options.data, options.dev, options.out / "windows.npz", tokenizer)
    spans: dict[int, list[tuple[int, int]]] = {}
    for number, first, last in windows.spans.tolist():
        spans.setdefault(number, []).append((first, last))
    print(f"{len(windows):,} windows, {len(windows.ids):,} tokens an epoch, {len(spans):,} with an answer", flush=True)

    model = AutoModelForQuestionAnswering.from_pretrained(
        str(options.start),
        dtype=torch.float32,
        attn_implementation="sdpa",
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    ).to(device)
    begun_with = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    optimizer = torch.optim.AdamW(groups(model, model.config.num_hidden_layers, config), lr=0.0, betas=(0.9, 0.98))
    trainer = Trainer(options.out, model, optimizer, config, tokens)
    model.train()

    def epoch_batches(epoch: int) -> list[np.ndarray]:
        return batches(windows, config["batch_tokens"], config["seed"], epoch)

    for epoch, place, batch in trainer.walk(epoch_batches):
        tensors = {name: tensor.to(device) for name, tensor in collate(windows, batch, spans).items()}
        with torch.autocast(device, torch.bfloat16, enabled=half):
            output = model(input_ids=tensors["ids"], attention_mask=tensors["mask"], token_type_ids=tensors["types"])
        lists = tensors["lists"] & config["lists"]["every"]
        loss = (
            marginal_loss(output.start_logits, tensors["starts"], tensors["allowed"], lists)
            + marginal_loss(output.end_logits, tensors["ends"], tensors["allowed"], lists)
        ).mean() / 2
        if trainer.step(loss, int(tensors["mask"].sum()), epoch, place):
            model.eval()
            save(model, tokenizer, options.out / "now")
            scores = develop(options.out / "now", options.dev, config["dev_questions"]) if options.dev else {}
            trainer.record(epoch, place, scores)
            model.train()
    blend(model, begun_with, config["blend"])
    save(model, tokenizer, options.out / "model")


if __name__ == "__main__":
    main()
