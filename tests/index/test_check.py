"""citespan check: every kind of damage is found, beside a service and all at once; a sound library is sound."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from index import Article, Library, LibraryFormatError, ModelError, Record, check_library
from index.audit.defects import KINDS
from index.embedding.model_files import LocalModel
from qa import QuestionAnswering
from tests.damage import DAMAGES, execute
from tests.helpers import Server, citespan

# Seen only with another encoder, in memory, of an older format, or in weights: tests of their own.
ELSEWHERE = {"encoder_differs", "index_differs", "format_older", "words_outdated", "model_changed"}
# Of one passage among many, or computed only when everything is.
SEEN_IN_FULL = {"vector_differs", "copies_differ", "snapshot_misses"}


@pytest.fixture
def folder(tmp_path: Path, sample_library: Path, qa: QuestionAnswering) -> Path:
    """A closed library of the samples, with a conversation that quotes one of them; nobody else's to read."""
    folder = tmp_path / "library"
    shutil.copytree(sample_library, folder)
    with Library.open(folder, encoder=qa.library.encoder) as library:
        first = library.collection().list(limit=1).articles[0].id
        library.records.put(Record("conversation", "conv_1", {"title": "a"}))
        library.records.put(Record("message", "msg_1", {}, "conv_1", {"text": "b"}, (("default", first),)))
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o700 if path.is_dir() else 0o600)
    return folder


def kinds(folder: Path, qa: QuestionAnswering, sample: int | None = 4) -> set[str]:
    report = check_library(folder, encoder=qa.library.encoder, sample_size=sample)
    assert report.sound == all(defect.severity == "warning" for defect in report.defects)
    return {defect.kind for defect in report.defects}


def files(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith(("-shm", "-wal"))
    }


def test_a_sound_library_has_no_defects_and_every_passage_finds_itself(folder: Path, qa: QuestionAnswering) -> None:
    before = files(folder)
    report = check_library(folder, encoder=qa.library.encoder, sample_size=None)
    assert [str(defect) for defect in report.defects] == [] and report.sound and report.records == 2
    (collection,) = report.collections
    assert collection.searched == collection.passages > 20 and collection.articles == 14
    assert files(folder) == before


def test_every_kind_of_defect_is_tried() -> None:
    assert set(DAMAGES) | ELSEWHERE == set(KINDS)


@pytest.mark.parametrize("kind", DAMAGES)
def test_damage_is_found(kind: str, folder: Path, qa: QuestionAnswering) -> None:
    DAMAGES[kind](folder)
    assert kind in kinds(folder, qa, None if kind in SEEN_IN_FULL else 2)


def test_several_kinds_of_damage_are_found_at_once(folder: Path, qa: QuestionAnswering) -> None:
    several = {"library_file_unreadable", "text_changed", "vector_missing", "words_orphaned", "quotation_kept"}
    for kind in several:
        DAMAGES[kind](folder)
    assert several <= kinds(folder, qa)


def test_another_encoder_and_changed_weights_are_found(folder: Path, tmp_path: Path, qa: QuestionAnswering) -> None:
    execute("UPDATE meta SET value = 'another' WHERE name = 'encoder'")(folder)
    assert "encoder_differs" in kinds(folder, qa)
    shutil.copytree(Path(qa.models()[1].path).parent, tmp_path / "weights")
    manifest = next((tmp_path / "weights").glob("manifest.json"))
    listed = json.loads(manifest.read_text())["files"]
    (tmp_path / "weights" / json.loads(manifest.read_text())["folder"] / next(iter(listed))).write_bytes(b"{}")
    with pytest.raises(ModelError):
        LocalModel.shipped(manifest)
    report = check_library(folder, encoder=qa.library.encoder, models=[lambda: LocalModel.shipped(manifest)])
    assert "model_changed" in {defect.kind for defect in report.defects}


def test_where_there_is_no_library_it_is_said(tmp_path: Path) -> None:
    with pytest.raises(LibraryFormatError):
        check_library(tmp_path)
    assert not list(tmp_path.iterdir())
    done = citespan("check", "--library", str(tmp_path / "none"))
    assert done.returncode == 2 and b"no library" in done.stderr


def test_the_command_says_what_is_wrong_and_exits_with_3(folder: Path) -> None:
    sound = citespan("check", "--library", str(folder), "--sample", "3")
    assert (sound.returncode, sound.stderr) == (0, b"citespan: nothing is wrong\n")
    assert sound.stdout.decode().startswith("default\t14 articles\t")
    DAMAGES["fields_disagree"](folder)
    damaged = citespan("check", "--library", str(folder), "--sample", "3", "--json")
    assert damaged.returncode == 3 and damaged.stderr.count(b"\n") == 1
    report = json.loads(damaged.stdout)
    assert report["sound"] is False and report["collections"][0]["searched"] == 3
    (defect,) = report["defects"]
    assert (defect["kind"], defect["severity"], defect["remedy"]) == ("fields_disagree", "error", "repair")
    assert set(defect) == {
        "severity", "layer", "kind", "count", "examples", "collection", "remedy", "message",
    }  # fmt: skip
    assert citespan("check", "--library", str(folder), "--collection", "other").returncode == 2


def test_a_served_library_is_checked_while_it_is_written_to(tmp_path: Path, folder: Path) -> None:
    import httpx2

    with Server(folder, tmp_path / "log") as server:
        for number in range(5):
            article = {"id": f"n{number}", "text": f"The pilot of number {number} saw the old harbour wall."}
            assert httpx2.post(server.url + "/v1/articles", json=article, timeout=60).status_code == 201
        done = citespan("check", "--library", str(folder), "--full", "--json")
        report = json.loads(done.stdout)
        errors = [defect for defect in report["defects"] if defect["severity"] == "error"]
        assert done.returncode == 0 and errors == [], done.stdout
        assert report["collections"][0]["articles"] == 19
        assert httpx2.delete(server.url + "/v1/articles/n1", timeout=60).status_code == 204


def test_vectors_in_memory_that_differ_are_found(folder: Path, qa: QuestionAnswering) -> None:
    with Library.open(folder, encoder=qa.library.encoder) as library:
        collection = library.collection()
        collection.add_one(Article("The lamp of the old light burns oil.", id="lamp"))
        assert collection.check() == []
        execute("DELETE FROM vector WHERE id = (SELECT max(id) FROM passage)")(folder)
        assert "without a vector" in collection.check()[0]
        execute("DELETE FROM passage WHERE id = (SELECT max(id) FROM passage)")(folder)
        assert any("vectors in memory" in problem for problem in collection.check())
