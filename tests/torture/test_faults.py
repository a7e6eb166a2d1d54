"""A seeded sample of faults at file operations; `make torture` injects thousands."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from qa import QuestionAnswering
from tests.torture.control import COMPILER, MODES
from tests.torture.harness import Fault, Harness, Tally
from tests.torture.operations import OPERATIONS

COUNT = int(os.environ.get("FAULTS", "400"))
SEED = int(os.environ.get("FAULTS_SEED", "20260101"))

pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C compiler here")


@pytest.fixture(scope="module")
def harness(tmp_path_factory: pytest.TempPathFactory, qa: QuestionAnswering) -> Iterator[Harness]:
    with Harness(tmp_path_factory.mktemp("torture"), qa.library.encoder) as ready:
        yield ready


def test_the_layer_counts_what_sqlite_faiss_and_python_write(harness: Harness) -> None:
    for name, (changes, _) in harness.counts.items():
        assert changes >= 5, name
    tally = Tally()
    # The database's log and the snapshot of the vectors, which is written through the C library's streams.
    for operation in ("add", "snapshot at closing", "receive a batch"):
        changes = harness.counts[operation][0]
        for number in (1, changes // 2, changes):
            harness.inject(Fault(operation, "kill before", number), tally)
    assert tally.injected.total() == 9


def test_a_fault_that_loses_something_is_noticed(harness: Harness, tmp_path: Path) -> None:
    fault = Fault("add", "kill after", harness.counts["add"][0])
    tally = Tally()
    states = harness.states["add"]
    harness.states["add"] = [states[0]] * len(states)  # as if it were right that nothing is added
    try:
        harness.inject(fault, tally)
    finally:
        harness.states["add"] = states
    assert any("articles" in problem for _, problem in tally.violations)


def test_records_take_writes_again_after_they_could_not_be_opened(harness: Harness) -> None:
    tally = Tally()
    operation, mode = "open the records and converse", "too many files"
    for number in range(1, harness.counts[operation][1] + 1):
        harness.inject(Fault(operation, mode, number), tally)
    assert tally.violations == [] and tally.injected.total() >= 2


@pytest.mark.timeout(900)
def test_a_fault_at_any_file_operation_leaves_the_library_whole(harness: Harness) -> None:
    tally = Tally()
    for fault in harness.sample(COUNT, SEED):
        harness.inject(fault, tally)
    report = "\n".join(f"{fault}: {problem}" for fault, problem in tally.violations)
    assert not tally.violations, f"seed {SEED}:\n{report}"
    assert tally.injected.total() >= 0.95 * COUNT
    assert {operation for operation, _ in tally.injected} == set(OPERATIONS)
    assert {mode for _, mode in tally.injected} == set(MODES)
