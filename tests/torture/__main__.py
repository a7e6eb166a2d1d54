"""Faults by the thousand, kills by the hundred, a soak of half an hour; the figures are printed.

    python -m tests.torture [faults] [kills] [soak] [--faults N] [--kills N] [--minutes M] [--seed N]
    python -m tests.torture faults --operation NAME [--mode NAME] [--number N]

Ends with 1 where anything was wrong.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from index import SentenceEncoder
from qa import QuestionAnswering
from tests.crash.killing import kill_often, save_vectors
from tests.helpers import SAMPLES
from tests.torture.control import COMPILER, MODES
from tests.torture.harness import Harness, Tally
from tests.torture.operations import OPERATIONS
from tests.torture.soak import soak

_PARTS = ("faults", "kills", "soak")


def say(text: str) -> None:
    print(text, flush=True)


def inject(folder: Path, options: argparse.Namespace) -> bool:
    """Inject faults, print how many of each kind and what was wrong; return whether nothing was."""
    if COMPILER is None:
        say("faults: no C compiler here, so none can be injected")
        return True
    tally, begun = Tally(), time.monotonic()
    with Harness(folder, SentenceEncoder()) as harness:
        chosen = [
            fault
            for fault in harness.all_faults()
            if options.operation in (None, fault.operation)
            and options.mode in (None, fault.mode)
            and options.number in (None, fault.number)
        ]
        if len(chosen) > options.faults:
            chosen = harness.sample(options.faults, options.seed, among=chosen)
        say(
            f"faults: {len(chosen):,} of seed {options.seed}, at up to {sum(c for c, _ in harness.counts.values()):,} "
            f"file operations of {len(harness.counts)} operations"
        )
        for count, fault in enumerate(chosen, 1):
            harness.inject(fault, tally)
            if count % 500 == 0:
                say(f"faults: {count:,} after {time.monotonic() - begun:.0f} s, {len(tally.violations)} violations")
    say(f"{'faults injected':30}" + "".join(f"{mode:>20}" for mode in MODES))
    for operation in OPERATIONS:
        row = [tally.injected[operation, mode] for mode in MODES]
        if any(row):
            say(f"{operation:30}" + "".join(f"{count:20,}" for count in row))
    for mode in MODES:
        outcomes = {outcome: count for (name, outcome), count in sorted(tally.outcomes.items()) if name == mode}
        if outcomes:
            say(f"outcomes of {mode:20} {outcomes}")
    kinds: Counter[str] = Counter()
    for fault, problem in tally.violations:
        kinds[f"{fault.operation}: {problem.split(': ', 1)[1][:60]}"] += 1
        if kinds[f"{fault.operation}: {problem.split(': ', 1)[1][:60]}"] <= 2:
            say(f"VIOLATION --operation {fault.operation!r} --mode {fault.mode!r} --number {fault.number}: {problem}")
    for kind, count in kinds.most_common():
        say(f"{count:6,} times {kind}")
    say(
        f"faults: {tally.injected.total():,} injected in {time.monotonic() - begun:.0f} s, "
        f"{len(tally.violations)} violations"
    )
    return not tally.violations


def kill(folder: Path, options: argparse.Namespace) -> bool:
    """Kill a process that writes, print what fell to it; return whether nothing was lost."""
    begun = time.monotonic()
    vectors = save_vectors(SentenceEncoder(), folder / "vectors.npz")

    def killed(count: int) -> None:
        if count % 50 == 0:
            say(f"kills: {count} after {time.monotonic() - begun:.0f} s")

    try:
        kills = kill_often(folder, vectors, options.kills, options.seed, killed)
    except AssertionError as error:
        say(f"VIOLATION after a kill: {error}")
        return False
    say(
        f"kills: {options.kills}, of which {kills.interrupted} during a change ({kills.wholly_done} of these were done "
        f"all the same, the others undone); {kills.changes:,} changes acknowledged, none lost"
    )
    return True


def last(folder: Path, options: argparse.Namespace) -> bool:
    """Use a service for long, print what it held; return whether all went well."""
    with QuestionAnswering.open(folder / "library") as qa:
        qa.add(SAMPLES)
    result = soak(folder, folder / "library", options.minutes, options.seed, say=say)
    say(
        f"soak: {options.minutes:g} minutes, {result.requests.total():,} requests, {result.hang_ups:,} hang-ups, "
        f"errors: {dict(result.errors) or 'none'}; the same process: {'yes' if result.is_same else 'NO'}"
    )
    say(f"soak: requests {dict(result.requests.most_common())}")
    for name, slope in result.slopes().items():
        say(f"soak: {name} {slope:+.2f} in 10 minutes")
    return result.is_same and not result.errors


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.torture", description=__doc__.splitlines()[0] if __doc__ else ""
    )
    parser.add_argument("parts", nargs="*", metavar="faults|kills|soak", help="default: all three")
    parser.add_argument("--faults", type=int, default=5_000, help="at most this many (default 5,000)")
    parser.add_argument("--kills", type=int, default=500, help="default 500")
    parser.add_argument("--minutes", type=float, default=30, help="of the soak (default 30)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--operation", choices=OPERATIONS, help="faults in this operation only")
    parser.add_argument("--mode", choices=MODES, help="faults of this mode only")
    parser.add_argument("--number", type=int, help="faults at this file operation only")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(_PARTS):
        parser.error(f"there is no part {sorted(unknown)[0]!r}: choose from {', '.join(_PARTS)}")
    went_well = True
    for part, work in zip(_PARTS, (inject, kill, last), strict=True):
        if part in (options.parts or _PARTS):
            folder = Path(tempfile.mkdtemp(prefix="citespan-torture-"))
            try:
                went_well = work(folder, options) and went_well
            finally:
                shutil.rmtree(folder, ignore_errors=True)
    return 0 if went_well else 1


if __name__ == "__main__":
    sys.exit(main())
