"""One run's steps and checkpoints, on a network of a few weights."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from training.run import Trainer, in_bfloat16, rate

CONFIG: dict[str, Any] = {
    "warmup_steps": 1,
    "batch_tokens": 10,
    "decay_share": 0.5,
    "clip": 1.0,
    "checkpoint_every": 200,
    "save_minutes": 1_000,
}
TOKENS = 1_000


class Small(torch.nn.Module):
    """Words of a vocabulary, which stay as they are, and what is learnt of them."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.words = torch.nn.Embedding(16, 8)
        self.words.weight.requires_grad = False
        self.out = torch.nn.Linear(8, 1)

    def loss(self, ids: torch.Tensor) -> torch.Tensor:
        """How far the sum over words is from the sum of their numbers."""
        aim = ids.float().mean(-1, keepdim=True) / 16
        return ((self.out(self.words(ids)).mean(-2).float() - aim) ** 2).mean()


def batches(epoch: int, skip: int) -> Iterator[torch.Tensor]:
    """Ten of ten words each."""
    dice = torch.Generator().manual_seed(epoch)
    yield from torch.randint(0, 16, (10, 5, 2), generator=dice)[skip:]


def trainer(folder: Path, half: bool, **settings: Any) -> tuple[Trainer, Small]:
    """A run's trainer and the network that computes its loss."""
    folder.mkdir(exist_ok=True)
    model = Small()
    network = in_bfloat16(model) if half else model
    optimizer = torch.optim.AdamW([{"params": model.out.parameters(), "peak": 0.02}], lr=0.0)
    assert isinstance(network, Small)
    return Trainer(folder, model, optimizer, CONFIG | settings, TOKENS, network), network


def run(folder: Path, half: bool, stops_after: int = 10**9, **settings: Any) -> Trainer:
    """Take the run's steps to its end, or until a signal."""
    steps, network = trainer(folder, half, **settings)
    for number, (epoch, place, ids) in enumerate(steps.walk(batches)):
        if number == stops_after:
            os.kill(os.getpid(), signal.SIGTERM)
        if steps.step(network.loss(ids), 10, epoch, place):
            steps.record(epoch, place, {})
    return steps


def log(folder: Path) -> list[dict[str, Any]]:
    """What was logged."""
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("half", [False, True])
def test_loss_falls_and_weights_stay_float32_in_either_precision(half: bool, tmp_path: Path) -> None:
    before = {name: tensor.clone() for name, tensor in Small().state_dict().items()}
    steps = run(tmp_path, half)
    assert log(tmp_path)[-1]["loss"] < 0.5 * log(tmp_path)[0]["loss"]
    after = steps.model.state_dict()
    assert {tensor.dtype for tensor in after.values()} == {torch.float32}
    assert torch.equal(after["words.weight"], before["words.weight"]), "not even rounded"
    assert not torch.equal(after["out.weight"], before["out.weight"])
    assert (steps.network is steps.model) is not half


def test_bfloat16_keeps_steps_too_small_for_its_own_weights(tmp_path: Path) -> None:
    # A bfloat16 number near 1 moves by 1/256 or not at all; a thousand steps of a millionth must add up.
    steps, network = trainer(tmp_path, half=True)
    with torch.no_grad():
        steps.model.out.weight.fill_(1.0)  # type: ignore[union-attr]
        network.out.weight.fill_(1.0)
    steps.optimizer.param_groups[0]["peak"] = 1e-6
    for epoch, place, ids in steps.walk(batches):
        steps.step(network.loss(ids), 10, epoch, place)
    assert torch.equal(network.out.weight, torch.ones_like(network.out.weight))
    moved = (steps.model.out.weight.detach() - 1.0).abs()  # type: ignore[operator, union-attr]
    assert 1e-5 < float(moved.max()) < 1e-3


@pytest.mark.parametrize("half", [False, True])
def test_a_signal_ends_a_run_at_a_checkpoint_from_which_it_goes_on_alike(half: bool, tmp_path: Path) -> None:
    whole = run(tmp_path / "whole", half).model.state_dict()
    with pytest.raises(SystemExit, match="stopped at 140 tokens"):
        run(tmp_path / "parts", half, stops_after=13)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    # Not where it would have measured, and nothing was learnt after what is kept.
    assert log(tmp_path / "parts") == []
    parts = run(tmp_path / "parts", half).model.state_dict()
    for name, tensor in whole.items():
        torch.testing.assert_close(parts[name], tensor, msg=name)
    compared = ("tokens", "epoch", "loss", "rate")
    logs = [[{key: row[key] for key in compared} for row in log(tmp_path / name)] for name in ("whole", "parts")]
    assert logs[0] == logs[1] and len(logs[0]) == TOKENS // CONFIG["checkpoint_every"]


def test_a_kill_loses_no_more_than_the_minutes_between_checkpoints(tmp_path: Path) -> None:
    steps, network = trainer(tmp_path, half=True, save_minutes=0, checkpoint_every=10**9)
    for epoch, place, ids in steps.walk(batches):
        if steps.seen == 130:
            break  # stands for a kill: nothing is written any more
        steps.step(network.loss(ids), 10, epoch, place)
    again, network = trainer(tmp_path, half=True)
    assert (again.epoch, again.skip, again.seen) == (1, 3, 130)
    assert not list(tmp_path.glob("*.part"))
    torch.testing.assert_close(network.out.weight, again.model.out.weight.to(torch.bfloat16))  # type: ignore[union-attr, arg-type]


def test_rate_rises_stays_and_falls() -> None:
    shares = [rate(seen, TOKENS, CONFIG) for seen in (0, 5, 10, 499, 750, 1_000)]
    assert shares == [0.0, 0.5, 1.0, 1.0, 0.5, 0.0]
