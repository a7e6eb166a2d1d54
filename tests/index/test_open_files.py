"""However many collections there are, few of them are open, and none that is in use is closed."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from index import Article, ArticleError, CollectionNotFound, Library, Limits, StorageError, TooManyCollections
from tests.index.test_library import RandomEncoder

FEW = Limits(open_collections=3, readers=8, descriptors=30, idle_seconds=60)
Open = Callable[..., Library]


def article(number: int) -> Article:
    return Article(f"The harbour of Town{number} was built in {1000 + number} by bishop Number{number}.", id="a")


def database_files(folder: Path) -> int:
    """How many databases and logs of a library this process has open."""
    found = 0
    for name in os.listdir("/proc/self/fd"):
        try:
            found += os.readlink(f"/proc/self/fd/{name}").startswith(f"{folder}/")
        except FileNotFoundError:
            continue
    return found


@pytest.fixture
def open_library(tmp_path: Path) -> Iterator[Open]:
    opened: list[Library] = []

    def open_it(limits: Limits = FEW) -> Library:
        opened.append(Library.open(tmp_path / "library", encoder=RandomEncoder(), limits=limits))  # type: ignore[arg-type]
        return opened[-1]

    yield open_it
    for library in opened:
        library.close()


def test_of_many_collections_few_are_open_and_all_of_them_answer(open_library: Open) -> None:
    library = open_library()
    for number in range(12):
        library.collection(f"c{number}", create=True).add_one(article(number))
        assert library.open_collections <= 3 and database_files(library.folder) <= 32
    for _ in range(2):
        for number in range(12):
            collection = library.collection(f"c{number}")
            assert f"Town{number} " in collection.search("harbour")[0].passage.text
            assert library.open_collections <= 3 and database_files(library.folder) <= 32
    assert [info.articles for info in library.collections()] == [1] * 12 + [0]
    library.close()
    again = open_library()
    assert again.open_collections <= 1
    assert all(again.collection(f"c{number}").check() == [] for number in range(12))


def test_looking_at_all_collections_opens_none(open_library: Open) -> None:
    library = open_library()
    for number in range(8):
        library.collection(f"c{number}", create=True).add_one(article(number))
    library.close()
    library = open_library()
    before = database_files(library.folder)
    assert len(library.collections()) == len(library.names()) == 9
    assert library.jobs() == library.open_jobs() == list(library.following()) == []
    assert database_files(library.folder) == before and library.open_collections <= 1


def test_closing_one_collection_for_another_waits_for_no_write(
    open_library: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    collection = open_library(Limits()).collection()
    collection.add_one(article(1))
    with monkeypatch.context() as patch:
        patch.setattr(type(collection.store), "forget", mock.Mock(side_effect=StorageError("the disk refused")))
        collection.forget()  # which is still to be done
    holds, may_end = threading.Event(), threading.Event()

    def write() -> None:
        with collection._write_lock:
            holds.set()
            may_end.wait(60)

    writer = threading.Thread(target=write)
    writer.start()
    assert holds.wait(60)
    assert not collection.release() and writer.is_alive()
    may_end.set()
    writer.join()
    assert collection.release()


def test_a_collection_in_use_is_not_closed_under_its_user(open_library: Open) -> None:
    library = open_library(Limits(open_collections=2, readers=2, descriptors=12, idle_seconds=0.05))
    names = [f"c{number}" for number in range(5)]
    for number, name in enumerate(names):
        library.collection(name, create=True).add_one(article(number))
    wrong: list[object] = []

    def work(turn: int) -> None:
        try:
            for step in range(25):
                number = (turn * 7 + step) % len(names)
                collection = library.collection(names[number])
                collection.add_one(Article(f"Ship {turn}-{step} came to Town{number}.", id=f"{turn}-{step}"))
                found = collection.search("harbour of the town", limit=100)
                if any(f"Town{number}" not in one.passage.text for one in found):
                    wrong.append(found)
                if step % 5 == 4:
                    collection.remove(f"{turn}-{step}")
        except Exception as error:  # the assertion below shows it
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(turn,)) for turn in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert sum(info.articles for info in library.collections()) == 5 + 6 * 20
    assert all(library.collection(name).check() == [] for name in names)


def test_connections_that_nobody_uses_are_closed(open_library: Open) -> None:
    library = open_library(Limits(idle_seconds=0.2))
    collection = library.collection()
    collection.add_one(article(1))
    barrier = threading.Barrier(6)

    def look() -> None:
        with collection.store.read() as view:
            barrier.wait()
            assert view.info("").articles == 1

    threads = [threading.Thread(target=look) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert database_files(library.folder) > 12
    end = time.monotonic() + 30
    while database_files(library.folder / "default") and time.monotonic() < end:
        time.sleep(0.05)
    assert database_files(library.folder / "default") == 0
    assert collection.search("harbour") and collection.check() == []


def test_what_is_refused_leaves_no_collection(open_library: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    library = open_library()
    collection = library.collection("news", create=True)
    assert collection.search("anything") == [] and collection.info().articles == 0 and not collection.store.exists
    with monkeypatch.context() as patch, pytest.raises(ArticleError):
        patch.setattr(
            "index.ingestion.prepare.split_passages", lambda *_, **__: ()
        )  # as of a page that is furniture alone
        collection.add_one(Article("Home » News » About us", id="menu"))
    with pytest.raises(ArticleError), collection.jobs.receive() as incoming:
        incoming.write(b" \n")
        incoming.queue()
    with pytest.raises(CollectionNotFound):
        library.collection("news")
    assert library.names() == ["default"] and not (library.folder / "news").exists()
    # The first that is kept makes it, for those too who had it before.
    library.collection("news", create=True).add_one(article(1))
    assert collection.info().articles == 1 and library.names() == ["default", "news"]
    with collection.jobs.receive() as incoming:
        incoming.write(b'{"text": "The mill of Tarn was built in 1788."}\n')
        assert incoming.queue().state == "queued"


def test_no_further_collection_than_there_may_be(open_library: Open) -> None:
    library = open_library(Limits(collections=2))
    early = [library.collection(name, create=True) for name in ("news", "old")]
    early[0].add_one(article(1))
    with pytest.raises(TooManyCollections, match="CITESPAN_COLLECTIONS_SIZE"):
        early[1].add_one(article(2))
    with pytest.raises(TooManyCollections):
        library.collection("more", create=True)
    assert library.names() == ["default", "news"] and not (library.folder / "old").exists()
    library.remove_collection("news")
    early[1].add_one(article(2))
    assert library.collection("old").info().articles == 1


@pytest.mark.parametrize("allowed", [16, 64, 256, 1_024, 2**20])
def test_limits_fit_into_the_descriptors_that_a_process_may_have(allowed: int) -> None:
    fitted = Limits().within(allowed)
    assert fitted.open_collections >= 2 and fitted.readers >= 2
    assert allowed < 64 or fitted.descriptors <= (allowed - 32) / 2
    assert 2 * fitted.readers + 3 * fitted.open_collections <= max(fitted.descriptors, 12)


STEP = st.tuples(st.sampled_from(["add", "remove", "search"]), st.integers(0, 3), st.integers(0, 4))


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEP, max_size=25))
def test_collections_that_close_and_open_hold_what_a_dictionary_holds(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int, int]]
) -> None:
    folder = tmp_path_factory.mktemp("steps") / "library"
    limits = Limits(open_collections=2, readers=2, descriptors=12)
    held: dict[str, set[str]] = {f"c{number}": set() for number in range(4)}
    with Library.open(folder, encoder=RandomEncoder(), limits=limits) as library:  # type: ignore[arg-type]
        for what, which, number in steps:
            name, key = f"c{which}", f"n{number}"
            collection = library.collection(name, create=True)
            if what == "add":
                collection.add_one(Article(f"Ship number {number} sailed to Oslo with tar.", id=key))
                held[name].add(key)
            elif what == "remove" and key in held[name]:
                collection.remove(key)
                held[name].remove(key)
            else:
                found = {one.article.id for one in collection.search("ship to Oslo", limit=50)}
                assert found == held[name]
        for name in library.names():
            collection = library.collection(name)
            assert {info.id for info in collection.list().articles} == held.get(name, set())
            assert collection.check() == []
