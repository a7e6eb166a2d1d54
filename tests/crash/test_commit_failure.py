"""A disk that fails at the very end of a change: what is reported of it is true after a kill."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from api.errors import problem_of
from index import Article, CommitUncertain, Library, Record
from tests.crash.plain_encoder import PlainEncoder
from tests.helpers import ROOT, clean_environment

HERE = Path(__file__).parent
TEXT = "The ferry crosses the sound every hour in summer and twice a day in winter. "


def child(folder: str, control: str, failures: str, then: str) -> None:
    """Change articles and records while syncs fail, print what was raised, and end as if killed."""
    with Library.open(folder, encoder=PlainEncoder()) as library:
        collection = library.collection()
        collection.add_one(Article(id="before", text=TEXT))
        library.records.put(Record("note", "before", {}))
        raised: dict[str, Any] = {}
        for name, change in (
            ("article", lambda: collection.add_one(Article(id="failed", text=TEXT * 2))),
            ("record", lambda: library.records.put(Record("note", "failed", {}))),
        ):
            Path(control).write_text(failures)
            try:
                change()
            except Exception as error:
                raised[name] = type(error).__name__
            Path(control).write_text("0")
        if then == "write":
            collection.add_one(Article(id="after", text=TEXT * 3))
            library.records.put(Record("note", "after", {}))
        raised["check"] = collection.check()
        os.write(1, json.dumps(raised).encode())
        os._exit(9)


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The preloaded library that has syncs fail."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("needs a C compiler and Linux's LD_PRELOAD")
    made = tmp_path_factory.mktemp("shim") / "failing_sync.so"
    built = subprocess.run(
        [compiler, "-shared", "-fPIC", "-o", str(made), str(HERE / "failing_sync.c"), "-ldl"], capture_output=True
    )
    if built.returncode:
        pytest.skip("the C compiler does not work here")
    return made


@pytest.mark.parametrize("then", ["end", "write"])
@pytest.mark.parametrize("failures", ["1", "2", "3", "99"])
def test_a_failed_commit_is_reported_as_what_it_is_after_a_kill(
    tmp_path: Path, shim: Path, failures: str, then: str
) -> None:
    control = tmp_path / "control"
    control.write_text("0")
    ran = subprocess.run(
        [sys.executable, "-m", "tests.crash.test_commit_failure", str(tmp_path / "l"), str(control), failures, then],
        capture_output=True,
        cwd=ROOT,
        env=clean_environment(LD_PRELOAD=str(shim), FAIL_SYNC=str(control)),
        timeout=120,
    )
    assert ran.returncode == 9, ran.stderr.decode()
    raised = json.loads(ran.stdout)
    assert raised["check"] == [], "the vectors in memory are not those of the database"
    assert raised.get("article") in ("StorageError", "CommitUncertain")
    if failures == "99":
        assert raised["article"] == "CommitUncertain"
    with Library.open(tmp_path / "l", encoder=PlainEncoder()) as library:
        collection = library.collection()
        articles = {info.id for info in collection.list().articles}
        records = {record.id for record in library.records.list("note")}
        assert collection.check() == []
        for name, kept in (("article", articles), ("record", records)):
            expected = {"before", "after"} if then == "write" else {"before"}
            if name not in raised:
                expected.add("failed")
            assert kept - {"failed"} == expected - {"failed"}
            if raised.get(name) != "CommitUncertain":
                assert kept == expected, f"{name}: {raised.get(name)} was raised, and it is {sorted(kept)}"


def test_programs_do_not_send_again_by_themselves_what_may_have_been_done() -> None:
    problem = problem_of(CommitUncertain("it may have been done: look"))
    assert (problem.status, problem.headers) == (500, {}) and "look" in problem.detail


if __name__ == "__main__":
    child(*sys.argv[1:])
