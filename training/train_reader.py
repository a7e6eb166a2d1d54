"""Train the reader from the base encoder.  Seeded; goes on where it was stopped.

    python -m training.train_reader --data DATA/train --dev DATA/eval --out RUN [--teachers RUN/model ...]
    python -m training.train_reader --out RUN --snapshot FOLDER

A window's loss is the negative log of the probability that any of its gold starts, and any of its
gold ends, gets among all its tokens (of a list, where the recipe says so, the mean over all of
them); [CLS] is the gold of a window without an answer, so that start + end − their scores at [CLS]
compares across passages (Clark & Gardner 2018, section 3.2).  With teachers, a share of the loss is the cross
entropy with the mean of their probabilities (Hinton et al. 2015, arXiv:1503.02531).
"""

import argparse
import json
import random
import shutil
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from transformers import AutoModelForQuestionAnswering, AutoTokenizer

from training.run import (
    Trainer,
    ahead,
    base_folder,
    begin,
    blend,
    choose_device,
    evenly,
    groups,
    in_bfloat16,
    recipe,
    save_weights,
    weights_of,
)
from training.windows import Epoch, Windows

# Development questions are read in one window of so many tokens, and in batches of so many.
DEV_WINDOW = 384
DEV_TOKENS = 8_192
LONGEST_SPAN = 30
ANSWERABLE, UNANSWERABLE = "squad11-dev-A.json.gz", "squad20-dev-A.json.gz"


def prepare(config: dict[str, Any], data: Path, dev: Path | None, out: Path, start: Path) -> None:
    """Write a run's examples, and those it is measured on, unless they are there.

    What reads the data sets is imported here: a machine with a graphics card needs none of it where another has
    written these files.
    """
    from qa import load_examples
    from training import near_misses
    from training.held_out import development_rows
    from training.leaks import Known
    from training.reading_data import examples, negatives, opposed, repeated, swapped, tokenize

    tokenizer = AutoTokenizer.from_pretrained(str(start))
    tokenizer.model_max_length = 10**9
    if not (out / "windows.npz").exists():
        dice = random.Random(config["data_seed"])
        known = Known(dev)
        chosen = examples(data, config["mixture"], known, dice, config["held_out"])
        rows = chosen + _of_kind("retrieved", negatives(chosen, config["negatives"], dice))
        if "near_misses" in config:
            rows += known.without(near_misses.make(chosen, config["near_misses"], dice))
            rows = [{**row, "keep": row.get("keep") or near_misses.evidence(row)} for row in rows]
        else:
            rows += _of_kind("swapped", swapped(chosen, config["swapped"], dice))
            rows += _of_kind("opposed", opposed(chosen, config["opposites"], dice))
        rows += repeated(chosen, config["lists"]["copies"])
        kinds = Counter(row.get("kind") or ("answered" if row["answers"] else "unanswerable by hand") for row in rows)
        (out / "kinds.json").write_text(json.dumps(kinds, indent=1) + "\n", encoding="utf-8")
        tokenize(rows, tokenizer, config["longest"]).save(out / "windows.npz")
    near = out / "held-out-dev.npz"
    if "near_misses" in config and dev and not near.exists():
        rows = development_rows(data, config, Known(dev), config["dev_questions"])
        tokenize([{**row, "keep": None} for row in rows], tokenizer, DEV_WINDOW).save(near)
    for name in (ANSWERABLE, UNANSWERABLE) if dev else ():
        path = out / f"{name.partition('.')[0]}.npz"
        if dev and not path.exists():
            rows = [
                {
                    "question": one.question,
                    "context": one.context,
                    "answers": [{"text": text, "start": one.context.index(text)} for text in one.answers],
                }
                for one in evenly(load_examples(dev / name), config["dev_questions"])
            ]
            tokenize(rows, tokenizer, DEV_WINDOW).save(path)


def _of_kind(kind: str, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**row, "kind": kind} for row in rows]


@torch.inference_mode()
def develop(model: Any, folder: Path, half: bool) -> dict[str, Any]:
    """Return the scores on the prepared development questions, in percent; by tokens, so only alike to the real ones.

    F1 over tokens where the paragraph holds an answer; the area under ROC of answerable where half do.
    """
    scores: dict[str, Any] = {}
    device = next(model.parameters()).device
    whole = {"seed": 0, "window": DEV_WINDOW, "batch_tokens": DEV_TOKENS}
    for path in sorted(folder.glob("*-dev*.npz")):
        windows = Windows.load(path)
        epoch = Epoch(windows, {**whole, "crop": {"share": 0.0, "shortest": 1, "longest": 1}}, 0)
        overlaps, values, answerable = [], [], []
        for batch in epoch.batches:
            shown = {name: tensor.to(device) for name, tensor in epoch.collate(batch).items()}
            starts, ends = read(model, shown, half)
            low = torch.finfo(torch.float32).min
            starts, ends = (one.masked_fill(~shown["allowed"], low) for one in (starts, ends))
            none = starts[:, 0] + ends[:, 0]
            table = starts[:, 1:, None] + ends[:, None, 1:]
            near = torch.ones_like(table[0], dtype=torch.bool).triu().tril(LONGEST_SPAN - 1)
            best, place = table.masked_fill(~near, low).flatten(1).max(-1)
            values += (best - none).tolist()
            width = table.shape[-1]
            for row, number in enumerate(batch):
                shift = int(windows.split[number]) - int(epoch.cuts[number][0]) - 1
                golds = [(first + shift, last + shift) for first, last in windows.golds(int(number))]
                span = divmod(int(place[row]), width)
                answerable.append(bool(golds))
                if golds:
                    overlaps.append(max(overlap(span, gold) for gold in golds))
        scores[path.stem.partition("-")[0]] = (
            {"f1": round(100 * float(np.mean(overlaps)), 2)}
            if all(answerable)
            else {"auroc": round(float(roc_auc_score(answerable, values)), 4)}
        )
    return scores


def overlap(one: tuple[int, int], two: tuple[int, int]) -> float:
    """Return the F1 of two spans' tokens."""
    common = min(one[1], two[1]) - max(one[0], two[0]) + 1
    return max(0.0, 2 * common / (one[1] - one[0] + two[1] - two[0] + 2))


def read(model: Any, shown: dict[str, torch.Tensor], half: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the scores of starts and ends: float32 (n, width) each."""
    with torch.autocast(shown["ids"].device.type, torch.bfloat16, enabled=half):
        output = model(input_ids=shown["ids"], attention_mask=shown["mask"], token_type_ids=shown["types"])
    return output.start_logits.float(), output.end_logits.float()


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


def taught_loss(logits: torch.Tensor, taught: Sequence[torch.Tensor], allowed: torch.Tensor) -> torch.Tensor:
    """Return the cross entropy with the mean of the teachers' probabilities, per window.

    Args:
        logits: (n, width).
        taught: of each teacher, (n, width).
        allowed: (n, width), the tokens that could be an answer.

    Returns:
        (n,).
    """
    low = torch.finfo(torch.float32).min
    aim = torch.stack([one.masked_fill(~allowed, low).softmax(-1) for one in taught]).mean(0)
    logs = logits.masked_fill(~allowed, low).log_softmax(-1)
    return -(aim * logs.masked_fill(~allowed, 0.0)).sum(-1)


def save(model: Any, tokenizer: Any, folder: Path) -> None:
    """Write weights in half precision and the tokenizer, in transformers' layout."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    model.config.architectures = [type(model).__name__]
    model.config.save_pretrained(folder)
    save_weights(model, folder)
    # Or it would ship with how the base cut and padded, and other programs would cut nothing or too early.
    tokenizer.model_max_length = model.config.max_position_embeddings
    tokenizer.backend_tokenizer.no_truncation()
    tokenizer.backend_tokenizer.no_padding()
    tokenizer.save_pretrained(folder)


def snapshot(run: Path, start: Path, folder: Path) -> None:
    """Write the model of a run's last checkpoint; the run may go on meanwhile.

    Args:
        run: its folder.
        start: the weights it began from, for all that a checkpoint does not hold.
        folder: the model's.

    Raises:
        SystemExit: the run has no checkpoint yet.
    """
    path = run / "state.pt"
    if not path.exists():
        raise SystemExit(f"{run} has no checkpoint yet")
    state = torch.load(path, map_location="cpu", weights_only=True)
    model = load(start, 0.0, "eager")
    model.load_state_dict(state["model"])
    save(model, AutoTokenizer.from_pretrained(str(start)), folder)
    print(f"{folder} is the run at {state['seen']:,} tokens", flush=True)


def load(folder: Path, dropout: float, attention: str) -> Any:
    """Return the network of a folder, in float32; attention is computed ``eager`` or by ``sdpa``."""
    return AutoModelForQuestionAnswering.from_pretrained(
        str(folder),
        dtype=torch.float32,
        attn_implementation=attention,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Train."""
    parser = argparse.ArgumentParser(description="Train the reader")
    parser.add_argument("--data", type=Path, help="not needed where the run's folder has been prepared")
    parser.add_argument("--dev", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--start", type=Path, help="weights to begin from; else the base encoder's")
    parser.add_argument("--config", type=Path, default=Path(__file__).with_name("reader.toml"))
    parser.add_argument("--tokens", type=float, help="length of the run; else the recipe's")
    parser.add_argument("--seed", type=int, help="else the recipe's: an ensemble has one for each")
    parser.add_argument("--teachers", type=Path, nargs="*", default=[], help="models to learn from as well")
    parser.add_argument("--only-prepare", action="store_true", help="write the run's examples and stop")
    parser.add_argument("--snapshot", type=Path, help="write the last checkpoint's model there and stop")
    options = parser.parse_args(arguments)
    config = recipe(options.config)
    tokens = config.pop("tokens")
    tokens = options.tokens or tokens
    config["seed"] = config["seed"] if options.seed is None else options.seed
    start = options.start or base_folder()
    if options.snapshot:
        snapshot(options.out, start, options.snapshot)
        return
    teachers = [weights_of(folder) for folder in options.teachers]
    begin(options.out, {"config": config, "start": weights_of(start), "teachers": teachers})
    if options.data:
        prepare(config, options.data, options.dev, options.out, start)
    if options.only_prepare:
        return
    torch.manual_seed(config["seed"])
    device, half = choose_device()
    windows = Windows.load(options.out / "windows.npz")
    answered = len(np.unique(windows.spans[:, 0]))
    print(f"{len(windows):,} examples of {len(windows.ids):,} tokens, {answered:,} with an answer", flush=True)

    tokenizer = AutoTokenizer.from_pretrained(str(start))
    model = load(start, config["dropout"], config["attention"]).to(device)
    ensemble = [load(folder, 0.0, config["attention"]).to(device).eval() for folder in options.teachers]
    begun_with = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    optimizer = torch.optim.AdamW(groups(model, model.config.num_hidden_layers, config), lr=0.0, betas=(0.9, 0.98))
    # The network that reads: where the machine computes in bfloat16 and the recipe says so, a copy in bfloat16 alone.
    network = in_bfloat16(model) if half and config["precision"] == "bfloat16" else model
    half = half and network is model
    trainer = Trainer(options.out, model, optimizer, config, tokens, network)
    network.train()

    def epoch_batches(number: int, skip: int) -> Iterable[dict[str, torch.Tensor]]:
        epoch = Epoch(windows, config, number)
        return ahead(epoch.collate, epoch.batches[skip:], device)

    for epoch, place, batch in trainer.walk(epoch_batches):
        count = int(batch["mask"].sum())
        shown = {name: tensor.to(device, non_blocking=True) for name, tensor in batch.items()}
        lists = shown["lists"] & config["lists"]["every"]
        logits = read(network, shown, half)
        golds = (shown["starts"], shown["ends"])
        losses = [marginal_loss(one, gold, shown["allowed"], lists) for one, gold in zip(logits, golds, strict=True)]
        if ensemble:
            with torch.no_grad():
                taught = list(zip(*[read(teacher, shown, half) for teacher in ensemble], strict=True))
            share = config["taught"]
            losses = [
                (1 - share) * loss + share * taught_loss(one, several, shown["allowed"])
                for loss, one, several in zip(losses, logits, taught, strict=True)
            ]
        if trainer.step(torch.stack(losses).mean(), count, epoch, place):
            network.eval()
            trainer.record(epoch, place, develop(network, options.out, half))
            network.train()
    blend(model, begun_with, config["blend"])
    save(model, tokenizer, options.out / "model")


if __name__ == "__main__":
    main()
