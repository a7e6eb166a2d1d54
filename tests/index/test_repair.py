"""citespan repair: what can be made anew is, what cannot is named, and nothing that can be read is lost."""

import json
import shutil
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from index import Article, Library, LibraryCorrupt, LibraryFormatError, LibraryLocked, check_library, repair_library
from index.audit.defects import KINDS
from index.embedding.encoder import embedded_text
from qa import QuestionAnswering
from tests.damage import DAMAGES, DATABASE, PAGE, RECORDS, execute, overwrite, overwrite_page, root_of
from tests.helpers import citespan
from tests.index.test_backup import run_dying
from tests.index.test_check import SEEN_IN_FULL, folder  # noqa: F401
from tests.index.test_upgrading import ANSWERS, ARTICLES, digests, texts_in, unpacked

# What a repair can do nothing about.
BEYOND = {"format_newer", "text_changed", "database_missing", "records_missing"}
SALVAGED = {"database_unreadable", "database_foreign", "database_damaged", "schema_differs", "article_unreadable"}


@pytest.mark.parametrize("empty", [False, True])
def test_nothing_is_forgotten_because_a_database_is_missing(folder: Path, qa: QuestionAnswering, empty: bool) -> None:  # noqa: F811
    database, away = folder / DATABASE, folder.parent / "articles.db"
    database.rename(away)
    if empty:
        database.touch(0o600)
    repaired = repair_library(folder, encoder=qa.library.encoder)
    assert repaired.check is not None and {defect.kind for defect in repaired.check.defects} == {"database_missing"}
    with pytest.raises(LibraryCorrupt, match="gone"):
        Library.open(folder, encoder=qa.library.encoder)
    away.rename(database)
    with Library.open(folder, encoder=qa.library.encoder) as library:
        assert library.records.get("message", "msg_1").quotes == {"text": "b"}
        assert library.collection().search("Suez Canal")


def test_another_database_in_its_place_is_named_and_stays(folder: Path, qa: QuestionAnswering) -> None:  # noqa: F811
    shutil.copy(folder / RECORDS, folder / DATABASE)
    before = (folder / DATABASE).read_bytes()
    repaired = repair_library(folder, encoder=qa.library.encoder)
    assert repaired.check is not None and {defect.kind for defect in repaired.check.defects} == {"database_foreign"}
    assert any("nothing of it can be read" in lost for lost in repaired.lost)
    assert (folder / DATABASE).read_bytes() == before


def test_an_empty_database_is_a_collection_that_has_just_begun(folder: Path, qa: QuestionAnswering) -> None:  # noqa: F811
    (folder / "new").mkdir(0o700)
    (folder / "new" / "articles.db").touch(0o600)
    assert check_library(folder, encoder=qa.library.encoder).defects == ()
    repaired = repair_library(folder, encoder=qa.library.encoder)
    assert repaired.check is not None and repaired.check.sound and repaired.lost == ()
    with Library.open(folder, encoder=qa.library.encoder) as library:
        assert (
            library.collection("new", create=True)
            .add_one(Article(id="a", text="The ferry crosses the sound."))
            .passages
            == 1
        )


def test_a_snapshot_of_another_database_is_not_used(folder: Path, qa: QuestionAnswering) -> None:  # noqa: F811
    with Library.open(folder, encoder=qa.library.encoder) as library:
        other = library.collection("other", create=True)
        for number in range(3):
            other.add_one(Article(id=f"a{number}", text=f"The keeper of lighthouse {number} wrote down every ship."))
    for path in (folder / "default").glob("vectors*"):
        path.unlink()
    for path in (folder / "other").glob("vectors*"):
        shutil.copy(path, folder / "default" / path.name)
    with Library.open(folder, encoder=qa.library.encoder) as library:
        assert library.collection().search("Suez Canal")
        assert library.collection().check() == []
    assert check_library(folder, encoder=qa.library.encoder, sample_size=None).defects == ()


@pytest.mark.parametrize("kind", sorted(set(DAMAGES) - BEYOND))
def test_damage_is_repaired(kind: str, folder: Path, qa: QuestionAnswering) -> None:  # noqa: F811
    texts = texts_in(folder / DATABASE)
    DAMAGES[kind](folder)
    repaired = repair_library(folder, encoder=qa.library.encoder, sample_size=None if kind in SEEN_IN_FULL else 2)
    assert kind in {defect.kind for defect in repaired.defects}
    assert repaired.check is not None and [str(defect) for defect in repaired.check.defects] == [], repaired
    if kind != "article_unreadable":
        assert texts_in(folder / DATABASE) == texts
    assert bool(repaired.kept) == (kind in SALVAGED | {"library_file_unreadable"} or kind.startswith("records_")
                                   or kind == "record_invalid")  # fmt: skip
    assert all((folder / name).exists() for name in repaired.kept)
    with Library.open(folder, encoder=qa.library.encoder) as library:
        assert library.collection().check() == []
        if texts_in(folder / DATABASE):
            assert library.collection().search("Suez Canal")


def test_every_remedy_that_is_repair_is_tried() -> None:
    assert {kind for kind in DAMAGES if KINDS[kind].remedy == "repair"} <= set(DAMAGES) - BEYOND


def test_what_cannot_be_made_anew_is_named_and_stays(folder: Path, qa: QuestionAnswering) -> None:  # noqa: F811
    DAMAGES["text_changed"](folder)
    before = texts_in(folder / DATABASE)
    repaired = repair_library(folder, encoder=qa.library.encoder)
    assert repaired.check is not None and not repaired.check.sound
    assert {defect.kind for defect in repaired.check.defects} == {"text_changed"}
    assert texts_in(folder / DATABASE) == before
    DAMAGES["format_newer"](folder)
    newer = digests(folder)
    with pytest.raises(LibraryFormatError):
        repair_library(folder, encoder=qa.library.encoder)
    assert digests(folder) == newer


def test_a_dry_run_changes_nothing_and_the_command_says_what_would_be_done(folder: Path) -> None:  # noqa: F811
    DAMAGES["vector_missing"](folder)
    DAMAGES["files_left_over"](folder)
    DAMAGES["library_file_unreadable"](folder)
    before = digests(folder)
    planned = citespan("repair", "--library", str(folder), "--dry-run")
    assert planned.returncode == 3 and planned.stdout.count(b"would repair\t") >= 2, planned.stdout
    assert b"damage was found; nothing was changed" in planned.stderr and b"nothing is wrong" not in planned.stderr
    assert digests(folder) == before
    done = citespan("repair", "--library", str(folder), "--json")
    report = json.loads(done.stdout)
    assert done.returncode == 0 and report["check"]["sound"] and not report["dry_run"]
    assert set(report) == {"library", "dry_run", "defects", "lost", "kept", "check"}
    assert json.loads((folder / "library.json").read_text()) == {"format": 1, "marks": ["keys"]}
    assert citespan("repair", "--library", str(folder), "--dry-run").returncode == 0


def test_a_library_that_is_written_to_is_left_alone(folder: Path, qa: QuestionAnswering) -> None:  # noqa: F811
    with Library.open(folder, encoder=qa.library.encoder), pytest.raises(LibraryLocked):
        repair_library(folder, encoder=qa.library.encoder)


def test_of_a_damaged_database_every_article_that_can_be_read_is_kept(
    folder: Path, qa: QuestionAnswering  # noqa: F811
) -> None:  # fmt: skip
    texts = texts_in(folder / DATABASE)
    size = (folder / DATABASE).stat().st_size
    saved = []
    for page in range(2, size // PAGE, 9):
        damaged = folder.parent / f"damaged-{page}"
        shutil.copytree(folder, damaged)
        overwrite(damaged / DATABASE, (page - 1) * PAGE, PAGE)
        with closing(sqlite3.connect(f"file:{damaged / DATABASE}?mode=ro", uri=True)) as db:
            readable = set()
            for article_id, text in texts.items():
                try:
                    row = db.execute("SELECT text FROM article NOT INDEXED WHERE key = (SELECT key FROM article"
                                     " WHERE id = ?)", (article_id,)).fetchone()  # fmt: skip
                except sqlite3.DatabaseError:
                    continue
                if row is not None and row[0] == text:
                    readable.add(article_id)
        repaired = repair_library(damaged, encoder=qa.library.encoder, sample_size=3)
        assert repaired.check is not None and repaired.check.sound, (page, repaired)
        after = texts_in(damaged / DATABASE)
        assert readable <= set(after) and all(texts[name] == text for name, text in after.items()), page
        saved.append(len(after))
    assert len(saved) > 5 and max(saved) == len(texts)


def test_a_draft_of_the_second_format_is_brought_up_to_date(tmp_path: Path, qa: QuestionAnswering) -> None:
    draft = unpacked("format-2-draft", tmp_path / "library")
    repaired = repair_library(draft, encoder=qa.library.encoder)
    assert repaired.check is not None and repaired.check.sound and repaired.lost == ()
    assert texts_in(draft / DATABASE) == {article["id"]: article["text"] for article in ARTICLES}
    with QuestionAnswering(Library.open(draft, encoder=qa.library.encoder), qa.reader) as opened:
        assert opened.ask(ANSWERS[0]["question"]).text == ANSWERS[0]["text"]


def test_a_repair_that_is_killed_loses_nothing_and_can_be_run_again(tmp_path: Path, qa: QuestionAnswering) -> None:
    encoder = qa.library.encoder
    whole = unpacked("format-2", tmp_path / "library")
    with Library.open(whole, encoder=encoder) as library:
        collection = library.collection()
        stored = [collection.get(article["id"]) for article in ARTICLES]
    texts = [embedded_text(one.info.title, passage.text) for one in stored for passage in one.passages]
    vectors = tmp_path / "vectors.npz"
    texts += ["warm up"]
    np.savez(
        vectors,
        texts=np.array(texts),
        vectors=encoder.encode_passages(texts),
        fingerprint=np.array(encoder.fingerprint),
    )
    DAMAGES["quotation_kept"](whole)
    DAMAGES["vector_missing"](whole)
    overwrite(whole / DATABASE, (root_of(whole / DATABASE, "article_published") - 1) * PAGE)
    overwrite_page("record_kind", RECORDS)(whole)

    def copy(number: int) -> Path:
        shutil.copytree(whole, tmp_path / f"copy-{number}")
        return tmp_path / f"copy-{number}"

    ((end, total),) = run_dying("repair", [f"0={copy(0)}"], vectors)
    assert end == 0 and total > 40
    numbers = range(1, total + 1, max(1, total // 20))
    copies = {number: copy(number) for number in numbers}
    assert {end for end, _ in run_dying("repair", [f"{n}={path}" for n, path in copies.items()], vectors)} == {
        signal.SIGKILL
    }
    for path in copies.values():
        repaired = repair_library(path, encoder=encoder, sample_size=1)
        assert repaired.check is not None and repaired.check.sound, repaired
        assert texts_in(path / DATABASE) == {article["id"]: article["text"] for article in ARTICLES}
        with Library.open(path, encoder=encoder) as library:
            assert [library.records.count(kind) for kind in ("conversation", "watch", "key")] == [1, 1, 1]
        assert list(path.glob("default/articles.db.damaged-*")) and not list(path.rglob("*.tmp"))


@pytest.mark.parametrize("column", ["published", "tags", "masked", "text"])
def test_columns_that_hold_anything_stop_neither_check_nor_repair(
    column: str, tmp_path: Path, qa: QuestionAnswering
) -> None:
    damaged = unpacked("format-2", tmp_path / "library")
    execute(f"UPDATE article SET {column} = x'ff7b' WHERE id = 'ferry'")(damaged)
    repaired = repair_library(damaged, encoder=qa.library.encoder)
    assert {defect.kind for defect in repaired.defects} & {"article_unreadable", "text_changed", "masked_range_invalid"}
    assert repaired.check is not None and {"bridge", "leuchtturm"} <= set(texts_in(damaged / DATABASE))
    with Library.open(damaged, encoder=qa.library.encoder) as library:
        assert library.collection().search("bridge")[0].article.id.startswith("bridge")


def test_feeds_and_jobs_come_along(tmp_path: Path, qa: QuestionAnswering) -> None:
    damaged = unpacked("format-2", tmp_path / "library")
    execute(
        "INSERT INTO subscription (url, every, created, due) VALUES ('https://a.example/feed', 60, '', '2030-01-01')"
    )(damaged)
    overwrite_page("article_published")(damaged)
    repaired = repair_library(damaged, encoder=qa.library.encoder)
    assert repaired.check is not None and repaired.check.sound
    with Library.open(damaged, encoder=qa.library.encoder) as library:
        ((collection, job),) = library.open_jobs()
        assert collection.jobs.run(job.id).done == 2
        with collection.store.read() as view:
            assert [one.url for one in view.subscriptions.all()] == ["https://a.example/feed"]
