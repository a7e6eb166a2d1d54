"""A comparison goes on without the systems that fail."""

import pytest

from benchmarks.peers import Contestant, figures, run
from qa import Example


def _fail(question: str) -> str:
    raise RuntimeError("no such model")


def _echo(question: str) -> str:
    return question


@pytest.fixture
def examples() -> list[Example]:
    return [Example(f"word {number}", "", (f"word {number}",), False) for number in range(12)]


def test_comparison_reports_a_peer_that_fails_in_its_warm_up_and_goes_on(examples: list[Example]) -> None:
    base, broken, last = Contestant("base", _echo), Contestant("broken", _fail), Contestant("last", _echo)
    run([base, broken, last], examples)
    rows = {row["system"]: row for row in figures([base, broken, last], base)}
    assert rows["base"]["questions"] == rows["last"]["questions"] == len(examples)
    assert rows["base"]["f1"] == rows["last"]["f1"] == 100
    assert rows["broken"]["questions"] == 0
    assert rows["broken"]["failed"] == "in its warm-up: RuntimeError: no such model"


def test_comparison_counts_questions_at_which_a_peer_breaks(examples: list[Example]) -> None:
    asked = 0

    def breaks_later(question: str) -> str:
        nonlocal asked
        asked += 1
        return _fail(question) if asked == 5 else question

    base, brittle = Contestant("base", _echo), Contestant("brittle", breaks_later)
    run([base, brittle], examples)
    assert brittle.failed == 1 and len(brittle.seconds) == len(examples)
