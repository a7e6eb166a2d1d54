"""A collection made equal to a folder."""

import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from index import Article, InputError, Library, sync_folder


def write(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def texts(library: Library) -> dict[str, str]:
    collection = library.collection()
    return {info.id: collection.get(info.id).text for info in collection.list(limit=1_000).articles}


def test_added_changed_removed_and_left_alone(library: Library, tmp_path: Path) -> None:
    folder = tmp_path / "articles"
    write(folder, "a.txt", "The mill of Tarn was built in 1788.")
    write(folder, "sub/b.md", "# Ostra\n\nOstra has a harbour.")
    write(
        folder,
        "c.ndjson",
        '{"id": "x", "text": "Xanten lies on the Rhine."}\n{"id": "y", "text": "Ystad is a port."}\n',
    )
    collection = library.collection()
    collection.add_one(Article("From elsewhere and to stay.", id="elsewhere"))
    done = sync_folder(collection, folder)
    assert (done.added, done.changed, done.unchanged, done.removed, done.failures) == (4, 0, 0, [], [])
    done = sync_folder(collection, folder)
    assert (done.added, done.changed, done.unchanged, done.removed) == (0, 0, 4, [])

    write(folder, "a.txt", "The mill of Tarn was built in 1790.")
    (folder / "sub/b.md").unlink()
    write(folder, "c.ndjson", '{"id": "y", "text": "Ystad is a port."}\n')
    write(folder, "d.txt", "Delft is known for its tiles.")
    seen: list[object] = []
    done = sync_folder(collection, folder, each=seen.append)
    assert (done.added, done.changed, done.unchanged) == (1, 1, 1)
    assert len(done.removed) == 2 and "x" in done.removed and len(seen) == 3
    assert sorted(texts(library).values()) == [
        "Delft is known for its tiles.",
        "From elsewhere and to stay.",
        "The mill of Tarn was built in 1790.",
        "Ystad is a port.",
    ]
    assert collection.check() == []


def test_a_file_that_cannot_be_read_now_keeps_what_it_gave(library: Library, tmp_path: Path) -> None:
    folder = tmp_path / "articles"
    write(folder, "a.txt", "The mill of Tarn was built in 1788.")
    write(folder, "b.txt", "Ostra has a harbour.")
    collection = library.collection()
    sync_folder(collection, folder)
    (folder / "a.txt").write_bytes(b"\x00\x01\x02" * 100)
    write(folder, "b.txt", "See also")
    done = sync_folder(collection, folder)
    assert len(done.failures) == 1 and done.removed == []
    assert sorted(texts(library).values()) == ["See also", "The mill of Tarn was built in 1788."]


def test_an_empty_or_missing_folder_removes_nothing_unasked(library: Library, tmp_path: Path) -> None:
    folder = tmp_path / "articles"
    write(folder, "a.txt", "The mill of Tarn was built in 1788.")
    collection = library.collection()
    sync_folder(collection, folder)
    shutil.rmtree(folder)
    with pytest.raises(InputError, match="no such folder"):
        sync_folder(collection, folder)
    folder.mkdir()
    with pytest.raises(InputError, match="1 articles came from it"):
        sync_folder(collection, folder)
    assert len(texts(library)) == 1
    assert len(sync_folder(collection, folder, allow_empty=True).removed) == 1 and texts(library) == {}


NAMES = st.sampled_from(["a.txt", "b.txt", "deep/c.txt", "deep/er/d.txt"])
STATES = st.dictionaries(
    NAMES, st.sampled_from(["Tarn has a mill.", "Ostra has a harbour.", "Xanten is old."]), min_size=1
)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(STATES, min_size=1, max_size=4))
def test_after_every_sync_it_holds_what_the_folder_holds(
    library: Library, tmp_path: Path, states: list[dict[str, str]]
) -> None:
    folder = tmp_path / "articles"
    for state in states:
        shutil.rmtree(folder, ignore_errors=True)
        for name, text in state.items():
            write(folder, name, text)
        sync_folder(library.collection(), folder)
        assert sorted(texts(library).values()) == sorted(state.values())
    assert library.collection().check() == []
