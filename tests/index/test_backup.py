"""citespan backup and restore: what was there at one moment comes back, or nothing is touched."""

import io
import json
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest

from index import (
    Article,
    InputError,
    Library,
    LibraryCorrupt,
    LibraryFormatError,
    LibraryLocked,
    Record,
    StorageError,
    back_up_library,
    check_library,
    restore_library,
)
from index.maintenance.archives import MANIFEST
from qa import QuestionAnswering
from tests.damage import DATABASE, execute, overwrite
from tests.helpers import ROOT, Server, citespan, clean_environment
from tests.index.test_upgrading import digests, texts_in, unpacked

FORMS = ["folder", "file.tar", "file.zip"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A closed library of four articles, with records and an open job."""
    return unpacked("format-2", tmp_path / "library")


def entries(backup: Path) -> dict[str, bytes]:
    if backup.is_dir():
        return {str(p.relative_to(backup)): p.read_bytes() for p in backup.rglob("*") if p.is_file()}
    if backup.suffix == ".zip":
        with zipfile.ZipFile(backup) as zipped:
            return {name: zipped.read(name) for name in zipped.namelist()}
    with tarfile.open(backup) as packed:
        return {member.name: packed.extractfile(member).read() for member in packed}  # type: ignore[union-attr]


@pytest.mark.parametrize("form", FORMS)
def test_what_was_backed_up_comes_back(form: str, folder: Path, tmp_path: Path, qa: QuestionAnswering) -> None:
    made = back_up_library(folder, tmp_path / "backups" / form)
    backup = Path(made.path)
    (saved,) = made.collections
    assert (saved.name, saved.articles, saved.generation) == ("default", 4, 4)
    manifest = json.loads(entries(backup)[MANIFEST])
    assert {file["path"] for file in manifest["files"]} == set(entries(backup)) - {MANIFEST}
    assert not any(path.stat().st_mode & 0o077 for path in [backup, *backup.rglob("*")])
    assert [path.name for path in backup.parent.iterdir()] == [form], "something is left beside it"

    restored = restore_library(backup, tmp_path / "again", encoder=qa.library.encoder)
    assert restored.kept is None and restored.check is not None and not restored.check.defects
    assert texts_in(tmp_path / "again" / DATABASE) == texts_in(folder / DATABASE)
    with Library.open(tmp_path / "again", encoder=qa.library.encoder) as library:
        assert [library.records.count(kind) for kind in ("conversation", "watch", "key")] == [1, 1, 1]
        ((collection, job),) = library.open_jobs()
        assert collection.jobs.run(job.id).done == 2


def test_backups_while_articles_are_written_hold_all_up_to_one_of_them(tmp_path: Path, qa: QuestionAnswering) -> None:
    stop = threading.Event()
    vector = np.zeros(8, np.float32)
    vector[0] = 1

    class Fixed:
        fingerprint, dimension = "fixed", 8

        def encode_passages(self, texts: Any) -> Any:
            return np.tile(vector, (len(texts), 1))

        encode_queries = encode_passages

    with Library.open(tmp_path / "library", encoder=Fixed()) as library:
        collection = library.collection()
        collection.add_one(Article("The first of many lamps.", id="a0"))

        def write() -> None:
            number = 0
            while not stop.is_set():
                number += 1
                collection.add_one(Article(f"The lamp of number {number} burns. " * 40, id=f"a{number}"))
                library.records.put(Record("note", f"n{number}", {}, None, {"text": "x"}, (("default", f"a{number}"),)))

        writer = threading.Thread(target=write)
        writer.start()
        try:
            made = [back_up_library(tmp_path / "library", tmp_path / f"backup-{n}{FORMS[n % 3][4:]}") for n in range(6)]
        finally:
            stop.set()
            writer.join()
    assert made[-1].collections[0].generation > made[0].collections[0].generation
    for backup in made:
        again = tmp_path / f"restored-{Path(backup.path).name}"
        restored = restore_library(backup.path, again, encoder=Fixed())
        assert restored.check is not None and restored.check.sound, restored.check.defects
        (saved,) = backup.collections
        assert set(texts_in(again / DATABASE)) == {f"a{number}" for number in range(saved.articles)}


@pytest.mark.timeout(120)
def test_a_served_library_is_backed_up_by_the_command(sample_library: Path, tmp_path: Path) -> None:
    folder = tmp_path / "library"
    shutil.copytree(sample_library, folder)
    with Server(folder, tmp_path / "log") as server:
        article = {"id": "late", "text": "The lamp of the late ferry burns all night."}
        assert httpx2.post(server.url + "/v1/articles", json=article, timeout=60).status_code == 201
        done = citespan("backup", str(tmp_path / "b.tar"), "--library", str(folder), "--json")
        assert done.returncode == 0 and json.loads(done.stdout)["collections"][0]["name"] == "default"
        refused = citespan("restore", str(tmp_path / "b.tar"), "--library", str(folder), "--replace")
        assert refused.returncode == 3 and b"open for writing" in refused.stderr
    again = str(tmp_path / "again")
    restored = citespan("restore", str(tmp_path / "b.tar"), "--library", again, "--json")
    facts = json.loads(restored.stdout)
    assert restored.returncode == 0 and facts["check"]["sound"] and facts["kept"] is None
    assert b"lamp" in citespan("show", "late", "--library", again).stdout
    twice = citespan("backup", str(tmp_path / "b.tar"), "--library", again)
    assert twice.returncode == 2 and b"is there already" in twice.stderr


def test_a_library_of_an_older_format_is_backed_up_and_restored_as_it_is(tmp_path: Path, qa: QuestionAnswering) -> None:
    older = unpacked("format-1", tmp_path / "library")
    made = back_up_library(older, tmp_path / "b.tar")
    assert (made.collections[0].format, made.collections[0].articles) == (1, 4)
    restored = restore_library(tmp_path / "b.tar", tmp_path / "again", encoder=qa.library.encoder)
    assert restored.check is not None and [d.kind for d in restored.check.defects] == ["format_older"]
    assert texts_in(tmp_path / "again" / DATABASE) == texts_in(older / DATABASE)
    with pytest.raises(InputError, match="4 articles"):
        restore_library(tmp_path / "b.tar", tmp_path / "again")


def test_a_backup_has_a_place_of_its_own(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="lies in the library"):
        back_up_library(folder, folder / "backup")
    with pytest.raises(LibraryFormatError):
        back_up_library(tmp_path / "nothing", tmp_path / "backup")
    (tmp_path / "backup").mkdir()
    with pytest.raises(InputError, match="is there already"):
        back_up_library(folder, tmp_path / "backup")


def test_a_collection_whose_database_is_lost_is_not_left_out(folder: Path, tmp_path: Path) -> None:
    (folder / DATABASE).unlink()
    with pytest.raises(LibraryCorrupt, match="'default' is gone"):
        back_up_library(folder, tmp_path / "backup.tar")
    assert not list(tmp_path.glob("*backup*"))


@pytest.mark.parametrize("form", FORMS)
def test_a_backup_that_may_not_outlast_a_power_cut_is_refused_and_gone(
    form: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Path) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("index.maintenance.backup.sync_folder", fail)
    with pytest.raises(StorageError, match="cannot be written"):
        back_up_library(folder, tmp_path / "backup" / form)
    assert list((tmp_path / "backup").iterdir()) == []


def test_a_library_that_is_not_empty_is_replaced_only_when_asked_and_kept(
    folder: Path, tmp_path: Path, qa: QuestionAnswering
) -> None:
    back_up_library(folder, tmp_path / "b.tar")
    with Library.open(folder, encoder=qa.library.encoder) as library:
        library.collection().add_one(Article("The newest of all lamps.", id="newest"))
        with pytest.raises(LibraryLocked):
            restore_library(tmp_path / "b.tar", folder, replace=True)
    before = digests(folder)
    with pytest.raises(InputError, match=r"5 articles.*default has changed since"):
        restore_library(tmp_path / "b.tar", folder)
    assert digests(folder) == before
    restored = restore_library(tmp_path / "b.tar", folder, replace=True, encoder=qa.library.encoder)
    assert restored.kept is not None and "newest" in texts_in(folder / restored.kept / DATABASE)
    assert "newest" not in texts_in(folder / DATABASE)
    with Library.open(folder, encoder=qa.library.encoder) as library:
        assert library.collection().info().articles == 4 and library.collection().check() == []


def test_an_empty_library_is_filled_without_asking(folder: Path, tmp_path: Path, qa: QuestionAnswering) -> None:
    back_up_library(folder, tmp_path / "b.tar")
    Library.open(tmp_path / "empty", encoder=qa.library.encoder).close()
    restore_library(tmp_path / "b.tar", tmp_path / "empty", encoder=qa.library.encoder)
    assert len(texts_in(tmp_path / "empty" / DATABASE)) == 4
    (tmp_path / "strange").mkdir()
    (tmp_path / "strange" / "thesis.txt").write_text("mine")
    with pytest.raises(LibraryFormatError, match="not empty"):
        restore_library(tmp_path / "b.tar", tmp_path / "strange", replace=True)


def test_quotations_of_articles_that_a_backup_does_not_have_are_forgotten(
    folder: Path, tmp_path: Path, qa: QuestionAnswering
) -> None:
    execute("UPDATE quoted SET article = 'later' WHERE article = 'ferry'", database=Path("records.db"))(folder)
    back_up_library(folder, tmp_path / "b.tar")
    restored = restore_library(tmp_path / "b.tar", tmp_path / "again", encoder=qa.library.encoder)
    assert restored.check is not None and restored.check.sound


def packed(path: Path, files: dict[str, bytes], *more: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w") as archive:
        for info in more:
            archive.addfile(info)
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def zipped(path: Path, files: dict[str, bytes], attributes: int = 0) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = attributes << 16
            archive.writestr(info, data)
    return path


def linked(kind: bytes, name: str = "default/articles.db") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, "/etc/passwd"
    return info


def with_manifest(files: dict[str, bytes], change: Callable[[dict[str, Any]], None]) -> dict[str, bytes]:
    facts = json.loads(files[MANIFEST])
    change(facts)
    return {**files, MANIFEST: json.dumps(facts).encode()}


def lie_about_size(facts: dict[str, Any]) -> None:
    facts["files"][0]["size"] = 10


HOSTILE: dict[str, Callable[[Path, dict[str, bytes]], Path]] = {
    "absolute path": lambda to, files: packed(to, {**files, "/etc/cron.d/x": b"x"}),
    "path that leads out": lambda to, files: packed(to, {**files, "../x/articles.db": b"x"}),
    "zip path that leads out": lambda to, files: zipped(to, {**files, "../x/articles.db": b"x"}),
    "backslashes": lambda to, files: zipped(to, {**files, "..\\articles.db": b"x"}),
    "hidden folder": lambda to, files: packed(to, {**files, ".ssh/articles.db": b"x"}),
    "symbolic link": lambda to, files: packed(to, files, linked(tarfile.SYMTYPE)),
    "hard link": lambda to, files: packed(to, files, linked(tarfile.LNKTYPE)),
    "device": lambda to, files: packed(to, files, linked(tarfile.CHRTYPE)),
    "pipe": lambda to, files: packed(to, files, linked(tarfile.FIFOTYPE)),
    "folder for a file": lambda to, files: packed(to, files, linked(tarfile.DIRTYPE)),
    "zip of links": lambda to, files: zipped(to, files, 0o120777),
    "file twice": lambda to, files: packed(to, files, tarfile.TarInfo("library.json")),
    "file that is not listed": lambda to, files: packed(to, {**files, "other/articles.db": b"x"}),
    "listed file is missing": lambda to, files: packed(to, {k: v for k, v in files.items() if k != "library.json"}),
    "size that is a lie": lambda to, files: zipped(to, with_manifest(files, lie_about_size)),
    "no manifest": lambda to, files: packed(to, {k: v for k, v in files.items() if k != MANIFEST}),
    "manifest is no JSON": lambda to, files: packed(to, {**files, MANIFEST: b"{"}),
    "manifest is a list": lambda to, files: packed(to, {**files, MANIFEST: b"[]"}),
    "another file": lambda to, files: (to.write_bytes(b"x" * 2_000) and to) or to,
    "changed article": lambda to, files: packed(
        to, {**files, "default/articles.db": files["default/articles.db"].replace(b"Lindqvist", b"Lindqvisy")}
    ),
    "changed file in a zip": lambda to, files: zipped(to, {**files, "records.db": files["records.db"][:-1] + b"x"}),
}


@pytest.mark.parametrize("trick", HOSTILE)
def test_a_backup_that_is_not_as_it_was_made_is_refused(
    trick: str, folder: Path, tmp_path: Path, qa: QuestionAnswering
) -> None:
    back_up_library(folder, tmp_path / "backup")
    hostile = HOSTILE[trick](tmp_path / "hostile", entries(tmp_path / "backup"))
    before, outside = digests(folder), {path.name for path in tmp_path.iterdir()}
    with pytest.raises(InputError):
        restore_library(hostile, folder, replace=True)
    assert digests(folder) == before and {path.name for path in tmp_path.iterdir()} == outside
    assert not list(folder.glob(".restore-*"))


@pytest.mark.parametrize("form", FORMS)
def test_a_backup_that_was_cut_off_is_refused(form: str, folder: Path, tmp_path: Path) -> None:
    back_up_library(folder, tmp_path / form)
    if form == "folder":
        (tmp_path / form / "records.db").unlink()
    else:
        data = (tmp_path / form).read_bytes()
        (tmp_path / form).write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError):
        restore_library(tmp_path / form, tmp_path / "again")
    with pytest.raises(InputError, match="no backup at"):
        restore_library(tmp_path / "none", tmp_path / "again")


def test_a_folder_with_a_link_in_it_is_refused(folder: Path, tmp_path: Path) -> None:
    back_up_library(folder, tmp_path / "backup")
    (tmp_path / "backup" / "records.db").unlink()
    (tmp_path / "backup" / "records.db").symlink_to("/etc/passwd")
    with pytest.raises(InputError, match="no backup of Citespan"):
        restore_library(tmp_path / "backup", tmp_path / "again")


def test_a_damaged_library_in_a_sound_archive_is_restored_with_a_report(
    folder: Path, tmp_path: Path, qa: QuestionAnswering
) -> None:
    execute("UPDATE article SET characters = 7")(folder)
    back_up_library(folder, tmp_path / "b.tar")
    restored = restore_library(tmp_path / "b.tar", tmp_path / "again", encoder=qa.library.encoder)
    assert restored.check is not None and not restored.check.sound
    assert citespan("restore", str(tmp_path / "b.tar"), "--library", str(tmp_path / "more")).returncode == 3
    assert citespan("restore", str(tmp_path / "b.tar"), "--library", str(tmp_path / "m"), "--no-check").returncode == 0


def test_newer_formats_are_refused(folder: Path, tmp_path: Path) -> None:
    back_up_library(folder, tmp_path / "backup")
    files = with_manifest(entries(tmp_path / "backup"), lambda facts: facts.update(format=2))
    newer = packed(tmp_path / "n.tar", files)
    with pytest.raises(LibraryFormatError, match="upgrade citespan"):
        restore_library(newer, tmp_path / "again")
    execute("PRAGMA user_version = 99")(folder)
    with pytest.raises(LibraryFormatError, match="upgrade"):
        back_up_library(folder, tmp_path / "second")


def run_dying(task: str, runs: list[str], vectors: Path) -> list[tuple[int, int]]:
    command = [sys.executable, "-m", "tests.crash.dying", task, str(vectors), *runs]
    done = subprocess.run(command, cwd=ROOT, env=clean_environment(), capture_output=True, text=True, check=True)
    return [(int(end), int(number)) for end, number in (line.split() for line in done.stdout.splitlines())]


@pytest.fixture
def vectors(tmp_path: Path, qa: QuestionAnswering) -> Path:
    path = tmp_path / "vectors.npz"
    np.savez(path, texts=np.array(["x"]), vectors=np.zeros((1, 8)), fingerprint=np.array("none"))
    return path


def test_a_restore_that_is_killed_leaves_the_old_or_the_new_library(
    folder: Path, tmp_path: Path, vectors: Path, qa: QuestionAnswering
) -> None:
    back_up_library(folder, tmp_path / "b.tar")
    with Library.open(folder, encoder=qa.library.encoder) as library:
        library.collection().add_one(Article("The newest of all lamps.", id="newest"))
    old, new = texts_in(folder / DATABASE), {k: v for k, v in texts_in(folder / DATABASE).items() if k != "newest"}

    def copy(number: int) -> Path:
        shutil.copytree(folder, tmp_path / f"copy-{number}")
        return tmp_path / f"copy-{number}"

    ((end, total),) = run_dying("restore", [f"0={tmp_path / 'b.tar'},{copy(0)}"], vectors)
    assert end == 0 and total > 20
    copies = {number: copy(number) for number in range(1, total + 1)}
    runs = [f"{number}={tmp_path / 'b.tar'},{path}" for number, path in copies.items()]
    ends = run_dying("restore", runs, vectors)
    assert {end for end, _ in ends} == {signal.SIGKILL}
    seen = []
    for path in copies.values():
        with Library.open(path, encoder=qa.library.encoder) as library:
            assert library.records.count("conversation") == 1
            assert library.collection().search("ferry")[0].article.id == "ferry"
        texts = texts_in(path / DATABASE)
        assert texts in (old, new)
        seen.append(texts == new)
        assert not (path / ".moves.json").exists() and not list(path.glob(".restore-*"))
        assert texts == old or "newest" in texts_in(next(path.glob(".before-restore-*")) / DATABASE)
    assert seen == sorted(seen) and True in seen and False in seen


def test_a_backup_that_is_killed_is_not_there(folder: Path, tmp_path: Path, vectors: Path) -> None:
    ((end, total),) = run_dying("backup", [f"0={folder},{tmp_path / 'whole.tar'}"], vectors)
    assert end == 0 and total > 10
    (tmp_path / "backups").mkdir()
    runs = [f"{number}={folder},{tmp_path / 'backups' / f'{number}.tar'}" for number in range(1, total + 1)]
    assert {end for end, _ in run_dying("backup", runs, vectors)} == {signal.SIGKILL}
    whole = [path for path in (tmp_path / "backups").glob("*.tar") if not path.name.startswith(".")]
    assert len(whole) < total / 3
    for path in whole:
        restore_library(path, tmp_path / path.stem, check=False)
    assert check_library(folder, sample_size=0).sound


def test_overwriting_a_page_of_a_backup_is_noticed(folder: Path, tmp_path: Path) -> None:
    back_up_library(folder, tmp_path / "b.tar")
    size = (tmp_path / "b.tar").stat().st_size
    for place in range(1_000, size - 11_000, size // 20):
        shutil.copy(tmp_path / "b.tar", tmp_path / "damaged.tar")
        overwrite(tmp_path / "damaged.tar", place, 64)
        with pytest.raises(InputError):
            restore_library(tmp_path / "damaged.tar", tmp_path / f"again-{place}")
