"""Lines of a job that end the process: each takes itself only, and no acknowledged line is thrown away."""

import subprocess
import sys
from pathlib import Path

import pytest

from index import Job, JobFailure, Library
from index.ingestion.job_batches import ENDS_UNTIL_ALONE
from index.ingestion.jobs import ENDS_OF_A_LINE, LINES_IN_A_ROW
from tests.crash.plain_encoder import PlainEncoder
from tests.helpers import ROOT, clean_environment
from tests.index.test_jobs import ids, line, queued

LINES = 150
MOST_ENDS = ENDS_UNTIL_ALONE + ENDS_OF_A_LINE


def taken_in(folder: Path) -> str:
    with Library.open(folder, encoder=PlainEncoder()) as library:
        return queued(library.collection(), *map(line, range(1, LINES + 1))).id


def worked(folder: Path, *killers: int, lives: int = 60, killed_lives: int = 0, where: str = "preparing") -> int:
    """Have it worked through in as many lives as it takes; return how many of them were ended."""
    names = [f"n{number}" for number in killers]
    arguments = [str(folder), str(lives), str(killed_lives), where, *names]
    ran = subprocess.run(
        [sys.executable, "-m", "tests.crash.job_child", *arguments],
        capture_output=True,
        cwd=ROOT,
        env=clean_environment(),
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr.decode()
    return int(ran.stdout)


def looked_at(folder: Path, job: str) -> tuple[Job, list[JobFailure], set[str]]:
    with Library.open(folder, encoder=PlainEncoder()) as library:
        collection, found = library.job(job)
        assert collection.check() == []
        return found, collection.jobs.failures(job)[0], ids(collection)


def resumed(folder: Path, job: str) -> None:
    with Library.open(folder, encoder=PlainEncoder()) as library:
        assert library.job(job)[0].jobs.resume(job).state == "queued"


@pytest.mark.parametrize("where", ["preparing", "parsing"])
@pytest.mark.parametrize("killer", [1, 40, 64, 65, LINES])
def test_a_line_that_ends_the_process_takes_itself_only(tmp_path: Path, killer: int, where: str) -> None:
    job = taken_in(tmp_path)
    assert worked(tmp_path, killer, where=where) <= MOST_ENDS + 1
    ended, failures, there = looked_at(tmp_path, job)
    assert (ended.state, ended.done, ended.failed) == ("done", LINES - 1, 1)
    assert [failure.line for failure in failures] == [killer] and "service ended" in failures[0].reason
    assert there == {f"n{number}" for number in range(1, LINES + 1) if number != killer}


@pytest.mark.parametrize("kills", [3, 10])
def test_kills_in_a_row_throw_no_batch_away(tmp_path: Path, kills: int) -> None:
    job = taken_in(tmp_path)
    worked(tmp_path, killed_lives=kills)
    ended, failures, there = looked_at(tmp_path, job)
    assert ended.state == "done" and ended.done + ended.failed == LINES and len(there) == ended.done
    # By then it looks as if these lines had ended the process, so that is what is reported of them, by number.
    assert len(failures) == ended.failed <= max(0, 1 + (kills - MOST_ENDS) // ENDS_OF_A_LINE)


def test_kills_without_end_stop_the_job_which_is_resumed(tmp_path: Path) -> None:
    job = taken_in(tmp_path)
    worked(tmp_path, killed_lives=60)
    stopped, failures, there = looked_at(tmp_path, job)
    assert (stopped.state, stopped.failed, there) == ("stopped", LINES_IN_A_ROW, set())
    assert stopped.error and "lines 1 to 3" in stopped.error and (tmp_path / "default/jobs" / f"{job}.ndjson").is_file()
    resumed(tmp_path, job)
    assert worked(tmp_path) == 0
    ended, failures, there = looked_at(tmp_path, job)
    assert (ended.state, ended.done, len(failures)) == ("done", LINES - LINES_IN_A_ROW, LINES_IN_A_ROW)
    assert len(there) == ended.done


def test_deadly_lines_side_by_side_are_passed_a_resumption_at_a_time(tmp_path: Path) -> None:
    job = taken_in(tmp_path)
    killers = range(70, 75)
    for _ in killers:
        worked(tmp_path, *killers)
        if looked_at(tmp_path, job)[0].state != "stopped":
            break
        resumed(tmp_path, job)
    ended, failures, there = looked_at(tmp_path, job)
    assert (ended.state, ended.done, ended.failed) == ("done", LINES - len(killers), len(killers))
    assert [failure.line for failure in failures] == list(killers)
    assert there == {f"n{number}" for number in range(1, LINES + 1) if number not in killers}
