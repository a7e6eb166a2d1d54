"""Records beside the articles: kept, forgotten with what they quote, and safe from several processes."""

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index import Article, Library, LibraryError, Record, RecordNotFound, Records
from tests.helpers import clean_environment

SECRET = "zirconquotation"
JSON = st.dictionaries(st.text(max_size=5), st.none() | st.integers(-5, 5) | st.text(max_size=20), max_size=4)


def test_a_record_comes_back_as_it_was_put(tmp_path: Path) -> None:
    records = Records(tmp_path)

    @given(body=JSON, quotes=st.none() | JSON)
    def comes_back(body: dict, quotes: dict | None) -> None:
        put = records.put(Record("note", "n1", body, quotes=quotes))
        assert records.get("note", "n1") == put
        assert (put.body, put.quotes, put.forgotten) == (body, quotes, False)

    comes_back()
    assert records.count("note") == 1


def test_replacing_keeps_place_time_and_children(tmp_path: Path) -> None:
    records = Records(tmp_path)
    first = records.put(Record("talk", "t1", {"a": 1}))
    records.put(Record("talk", "t2", {}))
    records.put(Record("message", "m1", {}, parent="t1"))
    again = records.put(Record("talk", "t1", {"a": 2}))
    assert (again.number, again.created) == (first.number, first.created)
    assert [one.id for one in records.list("talk")] == ["t1", "t2"]
    assert [one.id for one in records.list("talk", newest_first=True, limit=1)] == ["t2"]
    assert [one.id for one in records.list("message", parent="t1")] == ["m1"]


def test_what_belongs_to_a_record_goes_with_it_and_cannot_come_after_it(tmp_path: Path) -> None:
    records = Records(tmp_path)
    records.put(Record("talk", "t1", {}))
    records.put(Record("message", "m1", {}, parent="t1"))
    records.remove("talk", "t1")
    with pytest.raises(RecordNotFound):
        records.get("message", "m1")
    with pytest.raises(RecordNotFound):
        records.put(Record("message", "m2", {}, parent="t1"))
    with pytest.raises(RecordNotFound):
        records.remove("talk", "t1")


def test_only_the_newest_are_kept_of_each_parent(tmp_path: Path) -> None:
    records = Records(tmp_path)
    for parent in ("t1", "t2"):
        records.put(Record("talk", parent, {}))
        for number in range(5):
            records.put(Record("message", f"{parent}-{number}", {}, parent=parent))
    with records.change() as changes:
        assert changes.keep_newest("message", 2, parent="t1") == 3
    assert [one.id for one in records.list("message", parent="t1")] == ["t1-3", "t1-4"]
    assert records.count("message", parent="t2") == 5


def test_a_change_that_fails_changes_nothing(tmp_path: Path) -> None:
    records = Records(tmp_path)
    records.put(Record("note", "n1", {"a": 1}))
    with pytest.raises(ZeroDivisionError), records.change() as changes:
        changes.put(Record("note", "n1", {"a": 2}))
        changes.put(Record("note", "n2", {}))
        raise ZeroDivisionError
    assert [one.body for one in records.list("note")] == [{"a": 1}]


def test_the_file_is_its_owners_and_made_only_when_needed(tmp_path: Path) -> None:
    records = Records(tmp_path)
    assert not records.list("note") and not records.count("note") and not list(tmp_path.iterdir())
    records.put(Record("note", "n1", {}))
    assert stat.S_IMODE((tmp_path / "records.db").stat().st_mode) == 0o600
    reader = Records(tmp_path, read_only=True)
    assert reader.get("note", "n1").body == {}
    with pytest.raises(LibraryError, match="reading only"):
        reader.put(Record("note", "n2", {}))


@pytest.mark.parametrize("how", ["removed", "rewritten", "collection"])
def test_what_is_quoted_goes_with_the_article(library: Library, how: str) -> None:
    collection = library.collection("news", create=True)
    text = f"The {SECRET} was found in the harbour on Monday."
    collection.add_one(Article(id="a1", title="Harbour", text=text))
    collection.add_one(Article(id="a2", title="Other", text="The mayor opened the bridge."))
    for number, article in (("n1", "a1"), ("n2", "a2")):
        quotes = {"text": SECRET if article == "a1" else "bridge"}
        library.records.put(Record("note", number, {"q": "?"}, quotes=quotes, articles=(("news", article),)))
    # The same article once more changes nothing; another title leaves its text.
    collection.add_one(Article(id="a1", title="The harbour", text=text))
    assert library.records.get("note", "n1").quotes == {"text": SECRET}

    if how == "removed":
        collection.remove("a1")
    elif how == "rewritten":
        collection.add_one(Article(id="a1", title="Harbour", text="Nothing was found in the harbour."))
    else:
        library.remove_collection("news")
    gone = library.records.get("note", "n1")
    assert gone.quotes is None and gone.forgotten and gone.body == {"q": "?"}
    kept = library.records.get("note", "n2")
    assert kept.forgotten is (how == "collection")
    library.close()
    files = [path for path in library.folder.rglob("*") if path.is_file()]
    assert files and not any(SECRET.encode() in path.read_bytes() for path in files)


WRITER = """
import sys
from pathlib import Path
from index import Record, Records
records = Records(Path(sys.argv[1]))
for number in range(int(sys.argv[3])):
    with records.change() as changes:
        changes.put(Record("half", f"{sys.argv[2]}-{number}-a", {}))
        changes.put(Record("half", f"{sys.argv[2]}-{number}-b", {}))
    print(number, flush=True)
"""


def _writer(folder: Path, name: str, count: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", WRITER, str(folder), name, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, env=clean_environment())


def test_several_processes_write_at_once(tmp_path: Path) -> None:
    writers = [_writer(tmp_path, name, 40) for name in "xyz"]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    for writer in writers:
        assert writer.stdout is not None
        writer.stdout.close()
    assert Records(tmp_path).count("half") == 3 * 40 * 2


def test_nothing_acknowledged_is_lost_and_nothing_is_half_done_when_killed(tmp_path: Path) -> None:
    for turn in range(6):
        writer = _writer(tmp_path, f"w{turn}", 100_000)
        assert writer.stdout is not None
        for _ in range(5 + 7 * turn):
            acknowledged = int(writer.stdout.readline())
        time.sleep(0.003 * turn)
        os.kill(writer.pid, signal.SIGKILL)
        acknowledged = max([acknowledged, *(int(line) for line in writer.stdout.read().split())])
        writer.stdout.close()
        writer.wait()
        ids = {one.id for one in Records(tmp_path).list("half", limit=1_000_000)}
        ours = [name for name in ids if name.startswith(f"w{turn}-")]
        assert {f"w{turn}-{number}-{side}" for number in range(acknowledged + 1) for side in "ab"} <= ids
        assert len(ours) % 2 == 0 and all(name[:-1] + other in ids for name in ours for other in "ab")
