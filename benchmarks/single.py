"""One question after another in this process: where the time goes, beside the least that this machine could take.

    python -m benchmarks.single --data DATA/eval --work runs/development

The floor is the floating-point operations of the tokens that were really run over this machine's rate for matrix
products as large as the networks' own, in the precision in use.  Cold start is a fresh `citespan ask`, files cached.
"""

import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.shared import ROOT, arguments, questions, rate, show
from index import Batcher
from qa import QuestionAnswering
from training.development_data import library

SEED = 20261129
QUESTIONS = 300
COLD = 5
PHASES = ("embed", "retrieve", "read", "total")


class Counted:
    """A network that adds up what it was given.

    Args:
        network: does the work.
        layers: of the network.
    """

    def __init__(self, network: Any, layers: int) -> None:
        self._network, self._layers = network, layers
        self.operations = 0.0
        self.tokens = 0
        self.padding = 0
        self.calls = 0
        self.seconds = 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._network, name)

    def __call__(self, ids: Any, mask: Any, types: Any) -> Any:
        """Run a batch; tokens count without their padding, which is nobody's need."""
        hidden = 384
        lengths = mask.sum(axis=1)
        # Four projections, two of four times the width, and the products of queries, keys and values.
        self.operations += self._layers * float((2 * 12 * hidden**2 * lengths + 4 * hidden * lengths**2).sum())
        self.tokens += int(lengths.sum())
        self.padding += int(mask.size - lengths.sum())
        self.calls += 1
        begun = time.perf_counter()
        try:
            return self._network(ids, mask, types)
        finally:
            self.seconds += time.perf_counter() - begun


def cold(work: str) -> list[float]:
    """Return the seconds of fresh `citespan --help` and `citespan ask`, each the median of a few."""
    found = []
    question = "Which river runs through Warsaw?"
    for words in (["--help"], ["ask", question, "--library", work, "--collection", "squad"]):
        seconds = []
        for _ in range(COLD):
            begun = time.perf_counter()
            done = subprocess.run([sys.executable, "-m", "api.cli", *words], cwd=ROOT, capture_output=True, check=False)
            if done.returncode not in (0, 1):
                raise SystemExit(done.stderr.decode())
            seconds.append(time.perf_counter() - begun)
        found.append(float(np.median(seconds)))
    return found


def row(name: str, values: Sequence[float]) -> dict[str, Any]:
    """Return a phase's median, 95th percentile and mean in milliseconds."""
    return {
        "phase": name,
        "median_ms": round(float(np.median(values)), 1),
        "p95_ms": round(float(np.percentile(values, 95)), 1),
        "mean_ms": round(float(np.mean(values)), 1),
    }


def main() -> None:
    """Ask, print."""
    parser = arguments(__doc__)
    parser.add_argument("--questions", type=int, default=QUESTIONS)
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    library(options.data, options.work / "library")
    asked = [example.question for example in questions(options.data, SEED)[-options.questions :]]
    with QuestionAnswering.open(options.work / "library", read_only=True) as qa:
        qa.warm_up()
        batcher: Batcher = qa.reader.load()
        for question in asked[:10]:
            qa.ask(question, collection="squad")
        counted = Counted(batcher.network, 6)
        batcher.network = counted
        timings: dict[str, list[float]] = {phase: [] for phase in PHASES}
        read = []
        for question in asked:
            before = counted.operations
            answer = qa.ask(question, collection="squad")
            read.append(counted.operations - before)
            for phase in PHASES:
                timings[phase].append(getattr(answer.timings, phase))
    rows = [row(phase, timings[phase]) for phase in PHASES]
    flops = rate()
    floors = 1000 * np.array(read) / flops
    rows.append(row("floor of what was read", floors.tolist()))
    helped, answered = cold(str(options.work / "library"))
    total = counted.tokens + counted.padding
    more = {
        "matrix products, GFLOP/s": round(flops / 1e9),
        "operations read a question, GFLOP": round(float(np.mean(read)) / 1e9, 1),
        "total over floor, means": round(float(np.mean(timings["total"]) / np.mean(floors)), 2),
        "network's share of reading": round(1000 * counted.seconds / sum(timings["read"]), 3),
        "padding": f"{100 * counted.padding / total:.1f} % of {total // len(asked)} tokens a question",
        "batches a question": round(counted.calls / len(asked), 2),
        "citespan --help, s": round(helped, 2),
        "citespan ask, fresh, s": round(answered, 2),
    }
    show(rows, more, options.json)


if __name__ == "__main__":
    main()
