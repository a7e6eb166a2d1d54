import hashlib
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from index import (
    Article,
    ArticleError,
    ArticleNotFound,
    CollectionNotFound,
    Filters,
    Library,
    LibraryFormatError,
    LibraryLocked,
    QueryError,
)
from index.search.vector_index import VectorIndex
from qa import QuestionAnswering
from tests.helpers import ROOT, clean_environment


def article(name: str, text: str = "", **fields: object) -> Article:
    return Article(text or f"{name} is the capital of the province of {name}land. It has a harbour.", id=name, **fields)  # type: ignore[arg-type]


def test_adding_twice_changes_nothing_and_replacing_leaves_nothing_of_the_old(library: Library) -> None:
    collection = library.collection()
    first = collection.add_one(article("Ostra"))
    assert (first.created, first.changed) == (True, True)
    again = collection.add_one(article("Ostra"))
    assert (again.created, again.changed, again.passages) == (False, False, first.passages)
    replaced = collection.add_one(article("Ostra", "Ostra was renamed Westra in 1950."))
    assert (replaced.created, replaced.changed) == (False, True)
    assert collection.get("Ostra").text == "Ostra was renamed Westra in 1950."
    assert all("harbour" not in found.passage.text for found in collection.search("harbour"))
    assert collection.info().articles == 1 and collection.check() == []


def test_every_passage_is_found_by_its_own_text(library: Library) -> None:
    collection = library.collection()
    list(
        collection.add(
            article(f"Town{n}", f"Town{n} was founded in {1000 + n} by bishop Number{n}.") for n in range(40)
        )
    )
    for n in (0, 7, 39):
        stored = collection.get(f"Town{n}")
        assert collection.search(stored.passages[0].text, limit=1)[0].passage == stored.passages[0]


def test_removing_takes_it_out_of_every_layer(library: Library) -> None:
    collection = library.collection()
    collection.add_one(article("Ostra"))
    collection.add_one(article("Norda"))
    collection.remove("Ostra")
    assert [found.article.id for found in collection.search("Ostra harbour")] == ["Norda"]
    with pytest.raises(ArticleNotFound):
        collection.get("Ostra")
    with pytest.raises(ArticleNotFound):
        collection.remove("Ostra")
    assert collection.check() == []


def test_it_is_all_there_after_reopening_with_and_without_the_snapshot(tmp_path: Path, qa: QuestionAnswering) -> None:
    encoder = qa.library.encoder
    with Library.open(tmp_path / "l", encoder=encoder) as library:
        list(library.collection().add(article(f"Town{n}") for n in range(5)))
        before = [(c.passage.id, c.score, c.similarity) for c in library.collection().search("harbour of Town3")]
    for spoil in (False, True):
        if spoil:
            for path in (tmp_path / "l" / "default").glob("vectors*"):
                path.unlink()
        with Library.open(tmp_path / "l", encoder=encoder) as library:
            assert library.collection().check() == []
            assert [
                (c.passage.id, c.score, c.similarity) for c in library.collection().search("harbour of Town3")
            ] == before


def test_a_snapshot_from_before_the_last_writes_is_brought_up_to_date(tmp_path: Path, qa: QuestionAnswering) -> None:
    import shutil

    folder = tmp_path / "l"
    with Library.open(folder, encoder=qa.library.encoder) as library:
        list(library.collection().add(article(f"Town{n}") for n in range(5)))
    shutil.copytree(folder / "default", tmp_path / "old")
    with Library.open(folder, encoder=qa.library.encoder) as library:
        library.collection().remove("Town0")
        library.collection().add_one(article("Newtown"))
    for path in (folder / "default").glob("vectors*"):
        path.unlink()
    for path in (tmp_path / "old").glob("vectors*"):
        shutil.copy(path, folder / "default")
    with Library.open(folder, encoder=qa.library.encoder) as library:
        assert library.collection().check() == []
        assert library.collection().search("Newtown", limit=1)[0].article.id == "Newtown"


def test_filters(library: Library) -> None:
    collection = library.collection()
    collection.add_one(article("A", published="2023-01-15", source="x.org", tags=("war", "sea")))
    collection.add_one(article("B", published="2023-06-30T23:30:00-02:00", source="y.org", tags=("sea",)))
    collection.add_one(article("C"))

    def ids(**fields: object) -> set[str]:
        return {found.article.id for found in collection.search("capital harbour", filters=Filters(**fields))}  # type: ignore[arg-type]

    assert ids() == {"A", "B", "C"}
    assert ids(published_from="2023-02-01") == {"B"}
    assert ids(published_to="2023-01-15") == {"A"}
    assert ids(published_to="2023-06-30") == {"A"} and ids(published_to="2023-07-01") == {"A", "B"}
    assert ids(as_of="2023-03-01") == {"A", "C"}
    assert ids(sources=("x.org",)) == {"A"} and ids(tags=("sea",)) == {"A", "B"} and ids(tags=("war", "no")) == {"A"}
    assert ids(article_ids=("B", "C")) == {"B", "C"} and ids(article_ids=("nope",)) == set()
    with pytest.raises(QueryError, match="swap"):
        Filters(published_from="2024-01-01", published_to="2023-01-01")
    with pytest.raises(QueryError, match="ISO 8601"):
        Filters(as_of="2023-13-45")


def test_collections_are_apart_and_go_as_a_whole(library: Library) -> None:
    library.collection("news", create=True).add_one(article("Ostra"))
    assert library.collection().search("Ostra") == []
    assert [(info.name, info.articles) for info in library.collections()] == [("default", 0), ("news", 1)]
    library.remove_collection("news")
    assert [info.name for info in library.collections()] == ["default"]
    with pytest.raises(CollectionNotFound):
        library.collection("news")
    library.collection().add_one(article("Ostra"))
    library.remove_collection("default")
    assert library.collection().info().articles == 0
    for name in ("../x", "", "A", ".hidden", "a/b", "x" * 65, "CON\x00"):
        with pytest.raises(QueryError):
            library.collection(name, create=True)


def test_files_of_a_collection_that_goes_hold_nobody_up(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    library.collection("news", create=True).add_one(article("Ostra"))
    remove, found = shutil.rmtree, []

    def look(path: Path, **options: bool) -> None:
        looking = threading.Thread(target=lambda: found.append(library.collection().name), daemon=True)
        looking.start()
        looking.join(10)
        remove(path, **options)

    monkeypatch.setattr(shutil, "rmtree", look)
    library.remove_collection("news")
    assert found == ["default"]
    assert [path.name for path in library.folder.iterdir() if path.name.startswith(".removed")] == []


@pytest.mark.parametrize("newest", [False, True])
def test_listing_by_pages(library: Library, newest: bool) -> None:
    collection = library.collection()
    list(collection.add(article(f"T{n}") for n in range(7)))
    seen, cursor = [], None
    while True:
        page = collection.list(limit=3, cursor=cursor, newest=newest)
        seen += [info.id for info in page.articles]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == [f"T{n}" for n in (reversed(range(7)) if newest else range(7))]
    for bad in ("AAAA", "k", "k-1", "kzz", "k" + "f" * 40):
        with pytest.raises(QueryError):
            collection.list(cursor=bad)
    with pytest.raises(QueryError):
        collection.list(limit=0)


ODD = st.text(
    st.one_of(st.characters(exclude_categories=("Cs",)), st.sampled_from("\x00\r\n .!é😀\u0301\u200dאب")),
    min_size=1,
    max_size=300,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ODD)
def test_any_text_is_kept_as_it_is_and_found_and_gone_again(library: Library, text: str) -> None:
    collection = library.collection()
    try:
        collection.add_one(Article(text, id="odd"))
    except ArticleError:
        return
    stored = collection.get("odd")
    assert stored.text == text
    assert all(text[p.start : p.end] == p.text for p in stored.passages)
    assert collection.check() == []
    collection.remove("odd")
    assert collection.check() == [] and collection.info().passages == 0


def test_one_process_writes_and_the_error_names_it(tmp_path: Path, qa: QuestionAnswering) -> None:
    with Library.open(tmp_path / "l", encoder=qa.library.encoder) as library:
        library.collection().add_one(article("Ostra"))
        with pytest.raises(LibraryLocked, match=str(os.getpid())):
            Library.open(tmp_path / "l", encoder=qa.library.encoder)
        with Library.open(tmp_path / "l", encoder=qa.library.encoder, read_only=True) as beside:
            assert beside.collection().search("Ostra")[0].article.id == "Ostra"
    Library.open(tmp_path / "l", encoder=qa.library.encoder).close()


def test_of_many_processes_that_open_at_once_one_gets_it(tmp_path: Path) -> None:
    code = (
        "import sys; from index import Library, LibraryLocked\n"
        "try:\n l = Library.open(sys.argv[1]); print('mine', flush=True); sys.stdin.read()\n"
        "except LibraryLocked: print('locked', flush=True)\n"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path / "l")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env=clean_environment(),
        )
        for _ in range(8)
    ]
    said = [process.stdout.readline().strip() for process in started if process.stdout]
    for process in started:
        process.kill()
        process.communicate()
    assert sorted(said) == [b"locked"] * 7 + [b"mine"]
    Library.open(tmp_path / "l").close()  # kill -9 freed the lock


def test_refuses_folders_that_are_no_libraries_and_newer_formats(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "letter.txt").write_text("mine")
    with pytest.raises(LibraryFormatError, match=r"letter\.txt"):
        Library.open(tmp_path / "x")
    with pytest.raises(LibraryFormatError, match="no library"):
        Library.open(tmp_path / "y", read_only=True)
    Library.open(tmp_path / "z").close()
    (tmp_path / "z" / "library.json").write_text('{"format": 99}')
    with pytest.raises(LibraryFormatError, match="upgrade"):
        Library.open(tmp_path / "z")


class OtherEncoder:
    """Deterministic vectors of another length: stands for a model that a setting swapped in."""

    fingerprint = "other"
    dimension = 16

    def encode_passages(self, texts: list[str]) -> np.ndarray:
        rows = np.array([[hash(text) >> shift & 7 for shift in range(16)] for text in texts], np.float32) + 1
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    encode_queries = encode_passages


def test_another_encoder_embeds_everything_anew(tmp_path: Path, qa: QuestionAnswering) -> None:
    with Library.open(tmp_path / "l", encoder=qa.library.encoder) as library:
        library.collection().add_one(article("Ostra"))
    with (
        Library.open(tmp_path / "l", encoder=OtherEncoder(), read_only=True) as library,  # type: ignore[arg-type]
        pytest.raises(LibraryFormatError, match="another encoder"),
    ):
        library.collection().search("Ostra")
    with Library.open(tmp_path / "l", encoder=OtherEncoder()) as library:  # type: ignore[arg-type]
        assert library.collection().search("Ostra")[0].article.id == "Ostra" and library.collection().check() == []


class RandomEncoder:
    """Vectors of chance, the same for the same text."""

    fingerprint = "random"
    dimension = 24

    def encode_passages(self, texts: list[str]) -> np.ndarray:
        seeds = [int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") for text in texts]
        rows = np.array([np.random.default_rng(seed).standard_normal(self.dimension) for seed in seeds], np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    encode_queries = encode_passages


def test_a_collection_grows_into_another_index_while_it_is_written_and_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("index.search.vector_index.EXACT", 60)
    grown = []
    build = VectorIndex.grown.__func__  # type: ignore[attr-defined]

    def watched(cls: type, dimension: int, count: int, batches: object) -> VectorIndex:
        grown.append(count)
        return build(cls, dimension, count, batches)

    monkeypatch.setattr(VectorIndex, "grown", classmethod(watched))
    encoder = RandomEncoder()
    with Library.open(tmp_path / "l", encoder=encoder) as library:  # type: ignore[arg-type]
        collection = library.collection()
        for n in range(400):
            collection.add_one(article(f"Town{n}"))
            if n % 7 == 6:
                collection.remove(f"Town{n - 3}")
            if n % 20 == 0:
                assert collection.search(f"Town{n}", limit=5)
        for thread in threading.enumerate():
            if thread.name == "citespan-vectors":
                thread.join(60)
        assert grown and collection.check() == []
        for n in (0, 100, 399):
            text = collection.get(f"Town{n}").passages[0].text
            assert collection.search(text, limit=1)[0].article.id == f"Town{n}"
    count = len(grown)
    with Library.open(tmp_path / "l", encoder=encoder) as library:  # type: ignore[arg-type]
        assert library.collection().check() == []
        text = library.collection().get("Town100").passages[0].text
        assert library.collection().search(text, limit=1)[0].article.id == "Town100"
    assert len(grown) == count  # the snapshot is of the grown one


def test_closing_stops_an_index_that_is_being_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = RandomEncoder()
    with Library.open(tmp_path / "l", encoder=encoder) as library:  # type: ignore[arg-type]
        list(library.collection().add(article(f"Town{n}") for n in range(100)))
    monkeypatch.setattr("index.search.vector_index.EXACT", 10)
    with Library.open(tmp_path / "l", encoder=encoder) as library:  # type: ignore[arg-type]
        library.collection().warm_up()
    assert not [thread for thread in threading.enumerate() if thread.name == "citespan-vectors"]
    with Library.open(tmp_path / "l", encoder=encoder) as library:  # type: ignore[arg-type]
        assert library.collection().check() == []


def test_readers_see_one_version_while_articles_are_replaced(library: Library) -> None:
    collection = library.collection()

    def text(version: int) -> str:
        return " ".join(
            f"Version {version} of the report says that gauge {n} stood at {version} metres." for n in range(12)
        )

    collection.add_one(Article(text(0), id="report"))
    stop = threading.Event()
    wrong: list[str] = []

    def look() -> None:
        while not stop.is_set():
            found = collection.search("what does the report say of gauge 3")
            versions = {candidate.passage.text.split()[1] for candidate in found}
            if len(versions) > 1:
                wrong.append(str(versions))

    readers = [threading.Thread(target=look) for _ in range(3)]
    for reader in readers:
        reader.start()
    for version in range(1, 15):
        collection.add_one(Article(text(version), id="report"))
    stop.set()
    for reader in readers:
        reader.join()
    assert wrong == [] and collection.check() == []


def test_opening_and_closing_leaks_nothing(tmp_path: Path, qa: QuestionAnswering) -> None:
    def descriptors() -> int:
        return len(os.listdir("/proc/self/fd"))

    with Library.open(tmp_path / "l", encoder=qa.library.encoder) as library:
        library.collection().add_one(article("Ostra"))
    before = descriptors()
    for _ in range(30):
        with Library.open(tmp_path / "l", encoder=qa.library.encoder) as library:
            library.collection().search("Ostra")
    assert descriptors() <= before


def test_of_a_changed_article_only_what_changed_is_embedded(library: Library) -> None:
    collection = library.collection()
    paragraphs = [
        f"Paragraph number {n} tells of the village of Place{n}. " + "It has many old houses. " * 30 for n in range(8)
    ]
    first = collection.add_one(Article("\n\n".join(paragraphs), id="a", title="Villages"))
    assert first.embedded == first.passages >= 8
    paragraphs[3] = paragraphs[3].replace("village", "town")
    second = collection.add_one(Article("\n\n".join(paragraphs), id="a", title="Villages"))
    assert second.changed and second.passages == first.passages and 1 <= second.embedded <= 2
    # Every passage has its title's words in its vector: another title, other vectors.
    assert collection.add_one(Article("\n\n".join(paragraphs), id="a", title="Towns")).embedded == second.passages
    for passage in collection.get("a").passages:
        assert collection.search(passage.text, limit=1)[0].passage == passage
    assert collection.check() == []


def test_nothing_of_a_removed_article_is_left_on_the_disk(tmp_path: Path, qa: QuestionAnswering) -> None:
    secret = "zyxwolframite"
    with Library.open(tmp_path / "library", encoder=qa.library.encoder) as library:
        collection = library.collection()
        list(collection.add(article(f"Town{n}") for n in range(30)))
        text = f"The {secret} deposit of Quelm was found in 1931. " + f"Quelm sells {secret} to three countries. " * 40
        added = collection.add_one(Article(text, id="quelm", title=f"Of {secret}", tags=(secret,)))
        list(collection.add(article(f"City{n}") for n in range(30)))
        vectors = [
            row.tobytes()
            for row in qa.library.encoder.encode_passages(
                [f"Of {secret}\n{passage.text}" for passage in collection.get("quelm").passages]
            ).astype("<f2")
        ]
    # Closing has written the vectors to the disk, too.
    with Library.open(tmp_path / "library", encoder=qa.library.encoder) as library:
        collection = library.collection()
        wide = [np.frombuffer(one, "<f2").astype("<f4").tobytes() for one in vectors]
        wanted = [secret.encode(), *vectors, *wide]
        assert all(
            any(one in path.read_bytes() for path in (tmp_path / "library").rglob("*") if path.is_file())
            for one in wanted
        )
        removed = collection.remove("quelm")
        assert removed.passages == removed.words == removed.vectors == removed.indexed == added.passages
        left = {path.name: path.read_bytes() for path in (tmp_path / "library").rglob("*") if path.is_file()}
        assert {"articles.db"} <= left.keys() and any(name.endswith(".faiss") for name in left)
        assert [name for name, data in left.items() if any(one in data for one in wanted)] == []
        assert collection.check() == [] and collection.search("Town7 harbour")


def test_a_library_of_the_first_format_is_brought_up_to_date(tmp_path: Path, qa: QuestionAnswering) -> None:
    import json
    import sqlite3

    from index.storage.migrations import APPLICATION_ID, MIGRATIONS

    folder = tmp_path / "library"
    with Library.open(folder, encoder=qa.library.encoder) as library:
        library.collection()
    database = folder / "default" / "articles.db"
    for path in (folder / "default").iterdir():
        path.unlink()
    connection = sqlite3.connect(database)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.executescript(f"{MIGRATIONS[0]} PRAGMA user_version = 1;")
    text = "The mill of Tarn was built in 1788."
    row = ("tarn", "Tarn", json.dumps([]), text, len(text), hashlib.sha256(text.encode()).hexdigest(), "old", "[]", "")
    connection.execute(
        "INSERT INTO article (id, title, tags, text, characters, sha256, fingerprint, masked, added) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        row,
    )
    connection.execute("INSERT INTO passage (article, number, start, text) VALUES (1, 0, 0, ?)", (text,))
    vector = qa.library.encoder.encode_passages([f"Tarn\n{text}"])[0].astype("<f2").tobytes()
    connection.execute("INSERT INTO vector VALUES (1, ?)", (vector,))
    connection.execute("INSERT INTO words (rowid, title, body) VALUES (1, 'Tarn', ?)", (text,))
    connection.execute("INSERT INTO meta VALUES ('encoder', ?)", (qa.library.encoder.fingerprint,))
    connection.commit()
    connection.close()

    # Whoever only reads brings it up to date too, unless a process that is older has it open.
    with Library.open(folder, encoder=qa.library.encoder, read_only=True) as library:
        found = library.collection().search("When was the mill built?")
        assert [one.article.id for one in found] == ["tarn"] and found[0].article.pages == ()
    with Library.open(folder, encoder=qa.library.encoder) as library:
        collection = library.collection()
        assert collection.check() == []
        assert collection.add_one(Article(text, id="tarn", title="Tarn")).embedded == 0


def test_of_many_passages_only_those_with_a_rare_word_are_ranked_by_words(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    from index.storage import read_view

    collection = library.collection()
    list(collection.add(article(f"Town{n}", f"Town{n} has a harbour and a market.") for n in range(40)))
    collection.add_one(article("Quelm", "Quelm has a harbour, a market and a wolframite mine."))

    def by_words(query: str) -> list[str]:
        found = collection.search(query, limit=50)
        ranked = sorted((one.lexical_rank, one.article.id) for one in found if one.lexical_rank is not None)
        return [article_id for _, article_id in ranked]

    before = by_words("wolframite harbour market")
    monkeypatch.setattr(read_view, "MATCHES", 20)
    assert before[0] == "Quelm" and len(before) == 41
    assert by_words("wolframite harbour market") == ["Quelm"]
    # The commonest words are not left out where there is nothing else.
    assert len(by_words("harbour market")) == 41 and by_words("Town7") == ["Town7"]
