"""Libraries of every format: older ones are backed up and upgraded in place, newer ones refused and left alone."""

import hashlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tarfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from index import Article, Library, LibraryFormatError, StorageError, check_library
from index.storage.migrations import MIGRATIONS, schema_of, schema_of_format
from qa import QuestionAnswering
from tests.damage import execute
from tests.helpers import ROOT, citespan, clean_environment

LIBRARIES = ROOT / "tests" / "data" / "libraries"
ARTICLES = [json.loads(line) for line in (LIBRARIES / "articles.ndjson").read_text(encoding="utf-8").splitlines()]
ANSWERS = json.loads((LIBRARIES / "answers.json").read_text(encoding="utf-8"))
RELEASED = ["format-1", "format-2-first", "format-2"]
DATABASE = Path("default") / "articles.db"
KILLS = 12
KEPT = Path("default") / f"articles.db.before-format-{len(MIGRATIONS)}"


def unpacked(name: str, folder: Path) -> Path:
    with tarfile.open(LIBRARIES / f"{name}.tar.gz") as archive:
        archive.extractall(folder, filter="data")
    return folder


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".lock" and not path.name.endswith(("-wal", "-shm"))
    }


def texts_in(database: Path) -> dict[str, str]:
    with closing(sqlite3.connect(database)) as db:
        return dict(db.execute("SELECT id, text FROM article"))


def version_of(database: Path) -> int:
    with closing(sqlite3.connect(database)) as db:
        return int(db.execute("PRAGMA user_version").fetchone()[0])


def test_there_is_a_library_of_every_format(tmp_path: Path) -> None:
    versions = {version_of(unpacked(name, tmp_path / name) / DATABASE) for name in RELEASED}
    assert versions == set(range(1, len(MIGRATIONS) + 1))
    assert sum(path.stat().st_size for path in LIBRARIES.iterdir()) < 200_000


@pytest.mark.parametrize("name", RELEASED)
def test_an_older_library_is_upgraded_and_answers_as_before(name: str, tmp_path: Path, qa: QuestionAnswering) -> None:
    folder = unpacked(name, tmp_path / "library")
    older = version_of(folder / DATABASE) < len(MIGRATIONS)
    before = check_library(folder, encoder=qa.library.encoder)
    assert before.sound and older == ("format_older" in {defect.kind for defect in before.defects})
    with QuestionAnswering(Library.open(folder, encoder=qa.library.encoder), qa.reader) as opened:
        for golden in ANSWERS:
            answer = opened.ask(golden["question"])
            places = {(e.article.id, e.article_start, e.article_end) for e in answer.evidence}
            assert answer.text == golden["text"] and (golden["article"], golden["start"], golden["end"]) in places
        assert opened.library.collection().check() == []
    with closing(sqlite3.connect(folder / DATABASE)) as db:
        assert schema_of(db) == schema_of_format(len(MIGRATIONS))
    assert texts_in(folder / DATABASE) == {article["id"]: article["text"] for article in ARTICLES}
    assert (folder / KEPT).exists() == older
    after = check_library(folder, encoder=qa.library.encoder, sample_size=None)
    assert {defect.kind for defect in after.defects} <= {"files_open_to_others"}


def test_an_upgrade_finds_near_copies_and_counts_lines(tmp_path: Path, qa: QuestionAnswering) -> None:
    with Library.open(unpacked("format-1", tmp_path / "library"), encoder=qa.library.encoder) as library:
        assert library.collection().info().copies == 1
    with closing(sqlite3.connect(tmp_path / "library" / DATABASE)) as db:
        assert dict(db.execute("SELECT name, articles FROM site"))["harbour.example"] == 2


def test_what_is_kept_beside_the_articles_comes_along(tmp_path: Path, qa: QuestionAnswering) -> None:
    folder = unpacked("format-2", tmp_path / "library")
    with Library.open(folder, encoder=qa.library.encoder) as library:
        assert [library.records.count(kind) for kind in ("conversation", "watch", "key")] == [1, 1, 1]
        ((collection, job),) = library.open_jobs()
        assert (job.done, job.total) == (0, 2)
        assert collection.jobs.run(job.id).done == 2 and collection.info().articles == 6


def test_the_backup_is_the_library_as_it_was_and_old_citespan_can_read_it(
    tmp_path: Path, qa: QuestionAnswering
) -> None:
    folder = unpacked("format-1", tmp_path / "library")
    Library.open(folder, encoder=qa.library.encoder).close()
    kept = folder / KEPT
    assert version_of(kept) == 1 and kept.stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(kept)) as db:
        assert schema_of(db) == schema_of_format(1)
        assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    assert texts_in(kept) == texts_in(folder / DATABASE)


def test_a_backup_is_never_overwritten_and_goes_after_thirty_days(tmp_path: Path, qa: QuestionAnswering) -> None:
    folder = unpacked("format-1", tmp_path / "library")
    (folder / KEPT).write_bytes(b"of another life")
    Library.open(folder, encoder=qa.library.encoder).close()
    second = (folder / KEPT).with_name(f"{KEPT.name}-2")
    assert (folder / KEPT).read_bytes() == b"of another life" and version_of(second) == 1
    month_ago = time.time() - 31 * 86_400
    os.utime(folder / KEPT, (month_ago, month_ago))
    with Library.open(folder, encoder=qa.library.encoder) as library:
        library.collection().add_one(Article("The lamp burns.", id="lamp"))
    assert not (folder / KEPT).exists() and second.exists()


def test_without_room_for_a_backup_nothing_is_changed(
    tmp_path: Path, qa: QuestionAnswering, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = unpacked("format-1", tmp_path / "library")
    before = digests(folder)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**9, 10**9, 1_000))
    with pytest.raises(StorageError, match="must be free") as refused:
        Library.open(folder, encoder=qa.library.encoder).collection()
    assert refused.value.disk_full and digests(folder) == before


def test_an_upgrade_that_is_killed_is_done_at_the_next_opening(tmp_path: Path, qa: QuestionAnswering) -> None:
    def run(runs: dict[Path, int]) -> list[tuple[int, int]]:
        words = [f"{folder}={steps}" for folder, steps in runs.items()]
        command = [sys.executable, "-m", "tests.crash.upgrading", *words]
        done = subprocess.run(command, cwd=ROOT, env=clean_environment(), capture_output=True, text=True, check=True)
        return [(int(end), int(steps)) for end, steps in (line.split() for line in done.stdout.splitlines())]

    ((end, total),) = run({unpacked("format-1", tmp_path / "whole"): 10**9})
    assert end == 0 and total > 1_000
    killed = {unpacked("format-1", tmp_path / f"killed-{kill}"): 1 + total * kill // KILLS for kill in range(KILLS)}
    assert [end for end, _ in run(killed)] == [signal.SIGKILL] * KILLS
    texts = {article["id"]: article["text"] for article in ARTICLES}
    undone = 0
    for folder in killed:
        undone += version_of(folder / DATABASE) == 1
        assert texts_in(folder / DATABASE) == texts
        if (folder / KEPT).exists():
            assert texts_in(folder / KEPT) == texts and version_of(folder / KEPT) == 1
        with Library.open(folder, encoder=qa.library.encoder) as library:
            assert library.collection().check() == []
            assert library.collection().search("ferry of Anna Lindqvist")[0].article.id == "ferry"
        assert version_of(folder / KEPT) == 1 and not list(folder.rglob("*.tmp"))
        assert not (folder / KEPT).with_name(f"{KEPT.name}-2").exists()
    assert undone >= KILLS // 2, "hardly a kill fell into the upgrade"


def newer_articles(folder: Path) -> None:
    execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")(folder)


def newer_records(folder: Path) -> None:
    execute("PRAGMA user_version = 2", database=Path("records.db"))(folder)


def newer_library(folder: Path) -> None:
    (folder / "library.json").write_text(json.dumps({"format": 2, "more": True}))


def foreign_records(folder: Path) -> None:
    execute("PRAGMA application_id = 7", database=Path("records.db"))(folder)


@pytest.mark.parametrize("change", [newer_articles, newer_records, newer_library, foreign_records])
@pytest.mark.parametrize("read_only", [False, True])
def test_a_newer_library_is_refused_and_left_alone(
    change: Any, read_only: bool, tmp_path: Path, qa: QuestionAnswering
) -> None:
    folder = unpacked("format-2", tmp_path / "library")
    change(folder)
    before = digests(folder)
    with (
        pytest.raises(LibraryFormatError, match=r"upgrade|Citespan"),
        Library.open(folder, encoder=qa.library.encoder, read_only=read_only) as library,
    ):
        library.collection()
        library.records.count("key")
    assert digests(folder) == before


def test_a_newer_vector_snapshot_is_passed_over(tmp_path: Path, qa: QuestionAnswering) -> None:
    folder = unpacked("format-2", tmp_path / "library")
    manifest = folder / "default" / "vectors.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "format": 2}))
    with Library.open(folder, encoder=qa.library.encoder) as library:
        assert library.collection().search("ferry")[0].article.id == "ferry" and library.collection().check() == []


def test_the_command_names_the_format_that_is_too_new(tmp_path: Path) -> None:
    folder = unpacked("format-2", tmp_path / "library")
    newer_articles(folder)
    done = citespan("ask", "Who built the ferry?", "--library", str(folder))
    assert done.returncode == 2 and b"upgrade citespan" in done.stderr
