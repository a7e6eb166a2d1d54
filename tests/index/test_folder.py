"""The library's folder: whose it is, who has the lock, and a medium that is full or cannot be written."""

import json
import os
import shutil
import stat
from pathlib import Path
from typing import Any

import pytest

import index.search.live_vectors
import index.storage.connections
from index import Article, Library, LibraryFormatError, LibraryLocked, Record, StorageError
from index.search.vector_index import VectorIndex
from tests.index.test_library import RandomEncoder


def opened(folder: Path) -> Library:
    return Library.open(folder, encoder=RandomEncoder())  # type: ignore[arg-type]


def article(number: int) -> Article:
    return Article(f"The ship number {number} sailed to Oslo with tar.", id=f"n{number}")


def test_removing_the_lock_file_lets_no_second_writer_in(tmp_path: Path) -> None:
    with opened(tmp_path / "l") as library:
        (library.folder / ".lock").unlink()
        with pytest.raises(LibraryLocked, match="open for writing"):
            opened(tmp_path / "l")
        library.collection().add_one(article(1))
    with opened(tmp_path / "l") as library:
        assert library.collection().info().articles == 1


def test_all_files_are_their_owners_alone_and_older_ones_become_so(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with opened(tmp_path / "l") as library:
            library.collection("news", create=True).add_one(article(1))
            library.records.put(Record("note", "n1", {}))
            with library.collection().jobs.receive() as incoming:
                incoming.write(b'{"text": "The mill of Tarn was built in 1788."}\n')
                check_modes(tmp_path / "l")
                incoming.queue()
        assert {"vectors.json", "articles.db", "records.db", ".lock"} <= check_modes(tmp_path / "l")
        for path in [tmp_path / "l", *(tmp_path / "l").rglob("*")]:
            path.chmod(0o777 if path.is_dir() else 0o666)
        elsewhere = tmp_path / "elsewhere"
        elsewhere.write_text("not the library's")
        elsewhere.chmod(0o644)
        (tmp_path / "l" / "examples.json").symlink_to(elsewhere)
        with opened(tmp_path / "l"):
            check_modes(tmp_path / "l")
        assert stat.S_IMODE(elsewhere.stat().st_mode) == 0o644
    finally:
        os.umask(before)


def check_modes(folder: Path) -> set[str]:
    """Check what others may do, and return the names of all files."""
    paths = [path for path in [folder, *folder.rglob("*")] if not path.is_symlink()]
    assert {path.name for path in paths if stat.S_IMODE(path.stat().st_mode) & 0o077} == set()
    return {path.name for path in paths}


def test_a_snapshot_that_cannot_be_written_fails_no_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tries = []

    def full(self: VectorIndex, folder: Path, **_: Any) -> None:
        tries.append(folder)
        raise StorageError("the disk is full", disk_full=True)

    monkeypatch.setattr(index.search.live_vectors, "SNAPSHOT_EVERY", 1)
    with monkeypatch.context() as patch:
        patch.setattr(VectorIndex, "save", full)
        with opened(tmp_path / "l") as library:
            collection = library.collection()
            for number in range(5):
                assert collection.add_one(article(number)).created
            assert len(tries) == 1  # not with every write
            assert collection.remove("n0", forget=False).articles == 1
            assert collection.info().articles == 4 and collection.check() == []
    with opened(tmp_path / "l") as library:
        assert library.collection().info().articles == 4 and library.collection().check() == []
        library.collection().add_one(article(9))
        assert (tmp_path / "l" / "default" / "vectors.json").is_file()


@pytest.mark.parametrize("step", ["write", "sync", "rename", "manifest"])
def test_of_a_snapshot_that_fails_half_way_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    folder = tmp_path / "l" / "default"
    with opened(tmp_path / "l") as library:
        library.collection().add_one(article(1))
    kept = {path.name: path.read_bytes() for path in folder.glob("vectors*")}
    assert set(kept) == {"vectors.json", json.loads(kept["vectors.json"])["file"]}
    library = opened(tmp_path / "l")
    library.collection().add_one(article(2))

    def fail(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        if step == "write":
            import faiss

            def torn(_: Any, name: str) -> None:
                Path(name).write_bytes(b"half")
                raise RuntimeError("write error")

            patch.setattr(faiss, "write_index", torn)
        elif step == "rename":
            patch.setattr(Path, "replace", fail)
        else:
            patch.setattr(f"index.search.vector_index.{'sync_file' if step == 'sync' else 'write_file'}", fail)
        library.close()
    assert {path.name: path.read_bytes() for path in folder.glob("vectors*")} == kept
    with opened(tmp_path / "l") as library:
        assert library.collection().info().articles == 2 and library.collection().check() == []


def test_what_came_in_for_a_collection_that_never_was_is_swept(tmp_path: Path) -> None:
    with opened(tmp_path / "l"):
        pass
    (tmp_path / "l" / "news" / "jobs").mkdir(parents=True)
    (tmp_path / "l" / "news" / "jobs" / "job_1.ndjson.tmp").write_text("{")  # killed on its way in
    with opened(tmp_path / "l") as library:
        assert library.names() == ["default"]
    assert not (tmp_path / "l" / "news").exists()
    shutil.rmtree(tmp_path / "l")


@pytest.mark.parametrize("marks", ['"keys"', "5", "null", "[1]", "[" * 100_000])
def test_a_library_whose_marks_cannot_be_read_is_refused(tmp_path: Path, marks: str) -> None:
    opened(tmp_path / "l").close()
    (tmp_path / "l" / "library.json").write_text(f'{{"format": 1, "marks": {marks}}}')
    with pytest.raises(LibraryFormatError, match=r"library\.json"):
        opened(tmp_path / "l")


def test_of_a_collection_whose_first_write_failed_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Any) -> None:
        raise StorageError("the disk refused")

    with opened(tmp_path / "l") as library:
        with monkeypatch.context() as patch:
            patch.setattr(index.storage.connections, "commit_log", fail)
            patch.setattr(index.storage.connections, "remove_file", lambda path: None)  # the disk refuses everything
            new = library.collection("new", create=True)
            with pytest.raises(StorageError):
                new.add_one(article(1))
        assert (tmp_path / "l" / "new" / "articles.db").is_file()
        assert library.names() == ["default"] and [info.name for info in library.collections()] == ["default"]
        with library.collection("waiting", create=True).jobs.receive() as incoming:
            incoming.write(b'{"id": "a", "text": "The ferry crosses the sound."}\n')
            incoming.queue()
    with opened(tmp_path / "l") as library:
        assert library.names() == ["default", "waiting"]
        assert not (tmp_path / "l" / "new").exists()
        assert library.collection("new", create=True).add_one(article(1)).created
        assert library.names() == ["default", "new", "waiting"]
