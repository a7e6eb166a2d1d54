"""Long work of a collection, worked through in this process: what is taken in, noted, cancelled, swept."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import index.ingestion.job_batches
from index import ArticleError, Collection, CollectionNotFound, Job, JobNotFound, Library, QueryError, StorageError
from index.folder.spool_file import Spool

BAD = "{not JSON"


def line(number: int, **more: str) -> str:
    return json.dumps({"id": f"n{number}", "text": f"The ship number {number} sailed to Oslo with tar.", **more})


def queued(collection: Collection, *lines: str | bytes) -> Job:
    with collection.jobs.receive() as incoming:
        incoming.write(b"\n".join(one.encode() if isinstance(one, str) else one for one in lines))
        return incoming.queue()


def ids(collection: Collection) -> set[str]:
    return {info.id for info in collection.list(limit=1_000).articles}


def test_a_job_adds_what_it_can_and_names_the_rest(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    real = index.ingestion.prepare.split_passages

    def split(key: str, *rest: Any, **named: Any) -> Any:
        return () if key == "n3" else real(key, *rest, **named)

    monkeypatch.setattr(index.ingestion.prepare, "split_passages", split)
    collection = library.collection()
    job = queued(collection, "\ufeff" + line(1), "", BAD, " \r", line(2), '{"text": "\\ud800"}', line(3), "[]")
    assert (job.state, job.done, job.failed, job.total) == ("queued", 0, 0, 6)
    seen: list[Job] = []
    ended = collection.jobs.run(job.id, progress=seen.append)
    assert (ended.state, ended.done, ended.failed, ended.total) == ("done", 2, 4, 6) and ended.ended
    assert [one.state for one in seen] == ["running"] * len(seen) and seen[-1].done == 2
    failures, more = collection.jobs.failures(job.id)
    assert [one.source for one in failures] == ["line 3", "line 6", "line 7", "line 8"] and more is None
    assert all(one.reason for one in failures) and "furniture" in failures[2].reason
    assert ids(collection) == {"n1", "n2"} and collection.check() == []
    assert list((collection.folder / "jobs").iterdir()) == []
    assert collection.jobs.run(job.id) == ended, "a job that has ended is left alone"


def test_an_article_twice_is_done_twice_and_the_later_stays(library: Library) -> None:
    collection = library.collection()
    job = queued(collection, line(1), line(1, title="Later"), line(1, title="Later"))
    assert collection.jobs.run(job.id).done == 3
    assert collection.get("n1").info.title == "Later" and ids(collection) == {"n1"}


def test_a_job_that_was_stopped_goes_on_where_it_was(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index.ingestion.job_batches, "BATCH_ARTICLES", 3)
    collection = library.collection()
    job = queued(collection, *[BAD if number % 5 == 0 else line(number) for number in range(1, 31)])
    for _ in range(20):
        seen: list[Job] = []
        state = collection.jobs.run(job.id, progress=seen.append, stop=lambda seen=seen: len(seen) > 1)
        assert len(ids(collection)) == state.done and len(collection.jobs.failures(job.id)[0]) == state.failed
        if state.state == "done":
            break
        assert state.state == "queued" and state.attempts == 0
    assert (state.state, state.done, state.failed) == ("done", 24, 6)
    assert [one.line for one in collection.jobs.failures(job.id)[0]] == [5, 10, 15, 20, 25, 30]


def test_cancelling_undoes_the_batch_under_way_and_keeps_the_others(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index.ingestion.job_batches, "BATCH_ARTICLES", 2)
    collection = library.collection()
    job = queued(collection, *map(line, range(10)))

    def cancel(at: Job) -> None:
        if at.done == 4:
            assert collection.jobs.cancel(job.id).state == "cancelled"

    ended = collection.jobs.run(job.id, progress=cancel)
    assert (ended.state, ended.done, ended.total) == ("cancelled", 4, 10) and ended.ended
    assert ids(collection) == {"n0", "n1", "n2", "n3"} and collection.check() == []
    assert list((collection.folder / "jobs").iterdir()) == []
    assert collection.jobs.cancel(job.id) == ended, "an ended job stays as it is"


def test_what_comes_in_is_whole_or_not_there(library: Library) -> None:
    collection = library.collection()
    folder = collection.folder / "jobs"
    with pytest.raises(RuntimeError), collection.jobs.receive() as incoming:
        incoming.write(line(1).encode())
        assert [path.suffix for path in folder.iterdir()] == [".tmp"]
        raise RuntimeError("the client is gone")
    with pytest.raises(ArticleError, match="no article"):
        queued(collection, "", " \t\r", "")
    assert list(folder.iterdir()) == [] and collection.jobs.list() == []


def test_opening_sweeps_strays_and_keeps_what_is_to_be_done(library: Library, tmp_path: Path) -> None:
    folder, encoder = library.folder, library.encoder
    collection = library.collection()
    job, ended = queued(collection, line(1)), queued(collection, line(2))
    collection.jobs.run(ended.id)
    with collection._store.ledger() as ledger:
        ledger.start(job.id)  # as a process leaves it that is killed
    library.close()
    jobs = folder / "default" / "jobs"
    (jobs / f"{ended.id}.ndjson").write_text(line(2))  # killed between the end of the job and that of its file
    (jobs / "job_1.ndjson.tmp").write_text("{")
    (jobs / "job_2.ndjson").write_text(line(3))  # killed between the file and its job
    with Library.open(folder, encoder=encoder) as again:
        assert [path.name for path in jobs.iterdir()] == [f"{job.id}.ndjson"]
        assert [(one.id, found.name) for found, one in again.open_jobs()] == [
            (job.id, "default")
        ] and again.open_jobs()[0][1].state == "queued"
        assert again.job(job.id)[0].jobs.run(job.id).done == 1
        assert ids(again.collection()) == {"n1", "n2"}
        with pytest.raises(JobNotFound):
            again.job("job_2")
        assert [one.id for _, one in again.jobs()] == sorted([job.id, ended.id], reverse=True)
    with Library.open(folder, encoder=encoder, read_only=True) as looking:
        assert looking.job(job.id)[1].state == "done"


def test_a_job_without_its_file_fails_and_says_so(library: Library) -> None:
    collection = library.collection()
    job = queued(collection, line(1))
    (collection.folder / "jobs" / f"{job.id}.ndjson").unlink()
    ended = collection.jobs.run(job.id)
    assert ended.state == "failed" and ended.error and "send it again" in ended.error


def test_a_stopped_job_is_left_alone_until_it_is_resumed(library: Library) -> None:
    folder, encoder, collection = library.folder, library.encoder, library.collection()
    job = queued(collection, line(1), line(2))
    assert collection.jobs.stop(job.id, "nobody knows why").error == "nobody knows why"
    assert collection.jobs.run(job.id).state == "stopped" and library.open_jobs() == []
    library.close()
    with Library.open(folder, encoder=encoder) as again:
        collection, left = again.job(job.id)
        assert left.state == "stopped" and left.ended and not left.open
        resumed = collection.jobs.resume(job.id)
        assert (resumed.state, resumed.error, resumed.ended) == ("queued", None, None)
        assert collection.jobs.resume(job.id) == resumed
        assert collection.jobs.run(job.id).done == 2 and ids(collection) == {"n1", "n2"}
        assert collection.jobs.resume(job.id).state == "done"
        other = queued(collection, line(3))
        collection.jobs.stop(other.id, "nobody knows why")
        assert collection.jobs.cancel(other.id).state == "cancelled"
        assert list((collection.folder / "jobs").iterdir()) == []


def test_another_release_goes_on_with_what_one_stopped(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, encoder, collection = library.folder, library.encoder, library.collection()
    job = queued(collection, line(1))
    collection.jobs.stop(job.id, "nobody knows why")
    library.close()
    monkeypatch.setattr(index.storage.tables.job_table, "release", lambda: "99.0")
    with Library.open(folder, encoder=encoder) as again:
        collection, left = again.job(job.id)
        assert left.state == "queued" and collection.jobs.run(job.id).done == 1


def test_stopped_jobs_are_not_forgotten(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index.storage.tables.job_table, "KEPT", 1)
    collection = library.collection()
    job = queued(collection, line(1))
    collection.jobs.stop(job.id, "nobody knows why")
    for _ in range(3):
        collection.jobs.run(queued(collection, BAD).id)
    assert collection.jobs.get(job.id).state == "stopped"


def test_a_fault_takes_its_own_line_only(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    real = index.collection.prepare

    def faulty(articles, *rest, **named):  # type: ignore[no-untyped-def]
        if any(one.id == "n3" for one in articles):
            raise ZeroDivisionError("a bug")
        return real(articles, *rest, **named)

    monkeypatch.setattr(index.collection, "prepare", faulty)
    collection = library.collection()
    ended = collection.jobs.run(queued(collection, *map(line, range(6))).id)
    assert (ended.state, ended.done, ended.failed) == ("done", 5, 1)
    assert [one.source for one in collection.jobs.failures(ended.id)[0]] == ["line 4"]


def test_removing_a_collection_ends_its_jobs(library: Library) -> None:
    collection = library.collection("gone", create=True)
    job = queued(collection, *map(line, range(200)))
    with pytest.raises(CollectionNotFound):
        collection.jobs.run(job.id, progress=lambda at: library.remove_collection("gone") if at.done else None)
    with pytest.raises(JobNotFound):
        library.job(job.id)
    assert not (library.folder / "gone").exists() and library.open_jobs() == []
    with pytest.raises(CollectionNotFound):
        collection.jobs.receive()


def test_failures_come_in_pages_and_beyond_a_number_are_only_counted(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index.storage.tables.job_table, "MAX_FAILURES", 7)
    collection = library.collection()
    job = queued(collection, *[BAD] * 9, line(1), BAD)
    ended = collection.jobs.run(job.id)
    assert (ended.done, ended.failed) == (1, 10)
    first, cursor = collection.jobs.failures(job.id, limit=4)
    rest, end = collection.jobs.failures(job.id, limit=4, cursor=cursor)
    assert [one.line for one in first + rest] == list(range(1, 8)) and end is None
    for arguments in ({"limit": 0}, {"limit": 1_001}, {"cursor": "x"}):
        with pytest.raises(QueryError):
            collection.jobs.failures(job.id, **arguments)  # type: ignore[arg-type]


def test_a_line_over_the_limit_fails_and_the_next_is_read(library: Library) -> None:
    collection = library.collection()
    job = queued(collection, b'{"text": "' + b"a" * 17 * 1024**2 + b'"}', line(1))
    ended = collection.jobs.run(job.id)
    assert (ended.state, ended.done, ended.failed) == ("done", 1, 1)
    assert "16 MiB" in collection.jobs.failures(job.id)[0][0].reason


def test_ended_jobs_are_forgotten_in_time(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index.storage.tables.job_table, "KEPT", 2)
    collection = library.collection()
    jobs = [queued(collection, BAD) for _ in range(4)]
    for job in jobs[:3]:
        collection.jobs.run(job.id)
    assert [one.id for one in collection.jobs.list()] == [jobs[3].id, jobs[2].id, jobs[1].id]
    assert collection.jobs.failures(jobs[0].id) == ([], None)


@given(pieces=st.lists(st.sampled_from([b"\n", b"\r\n", b" ", b"\t", b"a", b"\xef\xbb\xbf", b"b c", b"\n\n"])))
def test_lines_are_counted_however_they_come(tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes]) -> None:
    whole = b"".join(pieces)
    expected = sum(bool(part.strip()) for part in whole.removeprefix(b"\xef\xbb\xbf").split(b"\n"))
    folder = tmp_path_factory.mktemp("spool")
    for name, parts in (("pieces", pieces), ("whole", [whole])):
        with Spool(folder / name) as spool:
            for part in parts:
                spool.write(part)
            assert (spool.lines, spool.size) == (expected, len(whole))
            spool.keep()
        assert (folder / name).read_bytes() == whole


def test_a_disk_that_refuses_leaves_nothing(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    collection = library.collection()
    (collection.folder / "jobs").write_text("in the way")
    with pytest.raises(StorageError):
        collection.jobs.receive()
