"""Runs operations with faults, and judges what is left by what may be left."""

import json
import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from unittest import mock

import numpy as np
import numpy.typing as npt

from index import Encoder
from index.search import live_vectors, vector_index
from tests.helpers import ROOT, clean_environment
from tests.torture.control import COUNT, MODES, OPENS, Control, Mode, build
from tests.torture.operations import BASES, LATER, OPERATIONS, Scene, Step
from tests.torture.state import FORGOTTEN_FIRST, State, problems_of, state_of

_COUNTING = Mode(COUNT)


class RecordingEncoder:
    """Another encoder, of whose vectors a copy is kept for processes that cannot load it."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self.fingerprint, self.dimension = encoder.fingerprint, encoder.dimension
        self._known: dict[str, npt.NDArray[np.float32]] = {}

    def encode_passages(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        if new:
            self._known |= zip(new, self._encoder.encode_passages(new), strict=True)
        return np.stack([self._known[text] for text in texts])

    def encode_queries(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        return self.encode_passages(texts)

    def save(self, path: Path) -> None:
        np.savez(
            path,
            texts=np.array(list(self._known)),
            vectors=np.stack(list(self._known.values())),
            fingerprint=np.array(self.fingerprint),
        )


@dataclass(frozen=True, slots=True)
class Fault:
    """One run.

    Attributes:
        operation: what is run, a name in OPERATIONS.
        mode: what happens to it, a name in MODES.
        number: at which of its file operations, from 1.
    """

    operation: str
    mode: str
    number: int


@dataclass
class Tally:
    """What has been run so far.

    Attributes:
        injected: faults that took place, by operation and mode.
        outcomes: how the operation ended, by mode and outcome.
        violations: each fault after which something was wrong, and what.
    """

    injected: Counter[tuple[str, str]] = field(default_factory=Counter)
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    violations: list[tuple[Fault, str]] = field(default_factory=list)


class Harness:
    """Libraries to begin with, a process that forks for each run, and the judgement of what is left.

    Args:
        folder: for everything; exists.
        encoder: the real one.
    """

    def __init__(self, folder: Path, encoder: Encoder) -> None:
        self._folder = folder
        self._bases, self._work = folder / "bases", folder / "work"
        self._bases.mkdir()
        self._work.mkdir()
        recording = RecordingEncoder(encoder)
        recording.encode_queries([LATER.title, "warm up"])
        for name, make in BASES.items():
            make(self._bases / name, recording)  # type: ignore[arg-type]
        self.states = {name: self._rehearse(name, operation.act, recording) for name, operation in OPERATIONS.items()}
        self.between = {
            name: self._rehearse(name, operation.between, recording)[-1]
            for name, operation in OPERATIONS.items()
            if operation.between is not None
        }
        recording.save(folder / "vectors.npz")
        self._control_path = folder / "control"
        self.control = Control(self._control_path)
        self._layer = build(folder)
        self._server: subprocess.Popen[str] | None = None
        self.counts: dict[str, tuple[int, int]] = {}

    def __enter__(self) -> Self:
        environment = clean_environment(
            LD_PRELOAD=str(self._layer), FAULT_ROOT=str(self._work), FAULT_CONTROL=str(self._control_path)
        )
        command = [sys.executable, "-m", "tests.torture.server", str(self._folder / "vectors.npz")]
        with (self._folder / "stderr").open("w") as stderr:
            self._server = subprocess.Popen(
                [*command, str(self._control_path)],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )
        for name in OPERATIONS:
            report = self._run(Fault(name, "", 0), _COUNTING)
            if report.get("outcome") != "done":
                raise AssertionError(f"{name} does not work without a fault: {report}")
            self.counts[name] = (self.control.changes, self.control.opens)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._server is not None and self._server.stdin is not None and self._server.stdout is not None
        self._server.stdin.close()
        self._server.wait(30)
        self._server.stdout.close()

    def all_faults(self) -> Iterator[Fault]:
        """Give every operation with every mode at every one of its file operations."""
        for operation, (changes, opens) in self.counts.items():
            for name, mode in MODES.items():
                for number in range(1, (opens if mode.scope == OPENS else changes) + 1):
                    yield Fault(operation, name, number)

    def sample(self, count: int, seed: int, among: Iterable[Fault] | None = None) -> list[Fault]:
        """Return at most a number of faults (None: all of them), of each operation and mode about as many."""
        chance = random.Random(seed)
        groups: dict[tuple[str, str], list[Fault]] = {}
        for fault in self.all_faults() if among is None else among:
            groups.setdefault((fault.operation, fault.mode), []).append(fault)
        chosen: list[Fault] = []
        for group in groups.values():
            chance.shuffle(group)
        while len(chosen) < count and any(groups.values()):
            for group in groups.values():
                if group:
                    chosen.append(group.pop())
        chance.shuffle(chosen)
        return chosen[:count]

    def inject(self, fault: Fault, tally: Tally) -> None:
        """Run an operation with a fault, and note what came of it."""
        mode = MODES[fault.mode]
        report = self._run(fault, mode)
        if not self.control.injected:
            return  # it came to an end before: background work does not always fall alike
        tally.injected[fault.operation, fault.mode] += 1
        tally.outcomes[fault.mode, str(report.get("outcome", "killed"))] += 1
        hit = self.control.hit
        left = self._ask("look", fault)
        for problem in self._judge(fault, mode, report, left):
            tally.violations.append((fault, f"at {hit}: {problem}"))

    def _judge(self, fault: Fault, mode: Mode, report: dict[str, Any], left: dict[str, Any]) -> Iterator[str]:
        if report["hung"] or left["hung"]:
            yield "it hangs"
            return
        if "fault" in left:
            yield f"the next opening fails: {left['fault']}"
            return
        killed = report["status"] == -9
        if killed != mode.kills or (report["status"] and not killed and "fault" not in report):
            yield f"it ended with {report['status']}"
        outcome = "killed" if killed else report.get("outcome", "none")
        if outcome == "raised":
            yield f"an error that is none of ours: {report['error']}"
        yield from (f"after the next opening: {problem}" for problem in left["problems"])
        yield from (f"a stray file: {stray}" for stray in left["strays"])
        yield from self._compare(fault, report["acknowledged"], outcome, report.get("error", ""), left["state"])
        if killed:
            return
        if "fault" in report:
            yield f"afterwards in the same process: {report['fault']}"
            return
        yield from (f"in the same process: {problem}" for problem in report["problems"])
        changed = [layer for layer, value in report["state"].items() if left["state"][layer] != value]
        if changed:
            yield f"the next opening sees other {', '.join(changed)} than the process did ({report.get('error')})"
        if not (report["later"] and left["later"]):
            yield "a later write is lost"

    def _compare(self, fault: Fault, steps: int, outcome: str, error: str, left: State) -> Iterator[str]:
        states = self.states[fault.operation]
        now = min(steps, len(states) - 1)
        allowed = {"done": states[-1:], "refused": states[now : now + 1]}.get(outcome, states[now : now + 2])
        if outcome != "refused" and fault.operation in self.between:
            allowed = [*allowed, self.between[fault.operation]]
        for layer, value in left.items():
            if value not in [
                state[layer] for state in (states[now : now + 2] if layer == FORGOTTEN_FIRST else allowed)
            ]:
                steps_like_it = [step for step, at in enumerate(states) if at[layer] == value]
                alike = f"as after {steps_like_it} steps" if steps_like_it else "as after no step"
                yield f"{outcome} after {steps} of {len(states) - 1} steps: {layer} {alike} ({error})"

    def _rehearse(self, name: str, act: Step, encoder: RecordingEncoder) -> list[State]:
        """Run an operation or a part of it without the layer; return what there is before and after each step."""
        states: list[State] = []

        def look() -> None:
            states.append(state_of(scene.opened))

        # An operation may change these limits, which is meant for a process of its own.
        with (
            mock.patch.object(live_vectors, "SNAPSHOT_EVERY", live_vectors.SNAPSHOT_EVERY),
            mock.patch.object(vector_index, "EXACT", vector_index.EXACT),
        ):
            scene = Scene(self._copy(OPERATIONS[name].base), encoder, look)  # type: ignore[arg-type]
            OPERATIONS[name].arrange(scene)
            has_before = scene.library is not None or OPERATIONS[name].replaces
            if has_before:
                look()
            if OPERATIONS[name].replaces:
                library, scene.library = scene.opened, None
                library.close()
            act(scene)
            problems_of(scene.opened)
            if act is not OPERATIONS[name].act:
                look()
            scene.opened.collection().add_one(LATER)
            scene.opened.close()
        return states if has_before else [states[-1], *states]

    def _copy(self, base: str) -> Path:
        folder = self._work / "library"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self._bases / base, folder)
        return folder

    def _run(self, fault: Fault, mode: Mode) -> dict[str, Any]:
        self._copy(OPERATIONS[fault.operation].base)
        self.control.set(mode, fault.number)
        return self._ask("run", fault)

    def _ask(self, what: str, fault: Fault) -> dict[str, Any]:
        assert self._server is not None and self._server.stdin is not None and self._server.stdout is not None
        command = {"do": what, "operation": fault.operation, "folder": os.path.join(self._work, "library")}
        self._server.stdin.write(json.dumps(command) + "\n")
        self._server.stdin.flush()
        line = self._server.stdout.readline()
        if not line:
            raise AssertionError(f"the process that forks has ended: {(self._folder / 'stderr').read_text()[-2000:]}")
        return dict(json.loads(line))
