"""Every operation that writes to a library, each small enough to be run thousands of times.

To add an operation: write what it does, calling ``scene.acknowledge()`` after each step that a caller would learn is
done, and put it in OPERATIONS.
"""

import contextlib
import json
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

from api.auth.callers import Scope
from api.auth.keys import Keys
from index import Article, Encoder, Filters, Library, Record, StorageError, back_up_library, now, restore_library
from index.search import live_vectors, vector_index
from index.storage.migrations import APPLICATION_ID, MIGRATIONS
from qa.conversations import CONVERSATION, MESSAGE, Conversations
from qa.watches.store import Watches, event_of

OTHER = "other"
FEED = "https://example.org/feed.xml"
_FURNITURE = "Home and News and Sport and Weather\n\nSubscribe to our daily letter for only one pound"


def article(name: str, version: int = 0, sentences: int = 4) -> Article:
    """Return an article of which every sentence tells of its name and version."""
    text = " ".join(
        f"In the report {name} of edition {version} the pilot number {number} saw the harbour wall at dusk."
        for number in range(sentences)
    )
    return Article(id=name, title=f"The report {name}", text=text)


def site_article(name: str) -> Article:
    """Return an article of a site whose pages share furniture, which shows from the third on."""
    own = article(name, sentences=3)
    text = f"{_FURNITURE} {own.text}\n\n{_FURNITURE}".replace(f"{_FURNITURE} ", f"{_FURNITURE}\n\n")
    return Article(id=name, title=own.title, text=text, url=f"https://paper.example.org/{name}")


LATER = article("later")


def _lines() -> bytes:
    """Return a batch in three parts, since an id comes back; one of its lines is bad."""
    articles = [article("b0"), article("b1"), article("b0", 1), article("b2"), article("b1", 1)]
    lines = [json.dumps({"id": each.id, "title": each.title, "text": each.text}) for each in articles]
    return "\n".join([*lines[:3], "{", *lines[3:]]).encode()


@dataclass
class Scene:
    """A library on which an operation is run.

    Attributes:
        folder: the library's.
        encoder: texts → vectors.
        acknowledge: called after each step that is done.
        library: open, None where the operation opens it itself or has closed it.
        held: what arranging leaves for the operation.
    """

    folder: Path
    encoder: Encoder
    acknowledge: Callable[[], None]
    library: Library | None = None
    held: dict[str, Any] = field(default_factory=dict)

    @property
    def opened(self) -> Library:
        if self.library is None:
            self.library = Library.open(self.folder, encoder=self.encoder)
        return self.library

    @property
    def watches(self) -> Watches:
        return Watches(self.opened.records)

    @property
    def keys(self) -> Keys:
        return Keys(self.opened.records)

    @property
    def conversations(self) -> Conversations:
        return Conversations(SimpleNamespace(library=self.opened))  # type: ignore[arg-type]


Step = Callable[[Scene], None]


def _open(scene: Scene) -> None:
    """Open what a service has open: the database, the vectors, the records."""
    scene.opened.collection().warm_up()
    scene.opened.records.list(CONVERSATION)


def _open_articles(scene: Scene) -> None:
    """Open a library without its records, which are opened when they are first needed."""
    scene.opened.collection().warm_up()


def _leave_closed(scene: Scene) -> None:
    """Leave opening to the operation."""


@dataclass(frozen=True, slots=True)
class Operation:
    """Something that writes.

    Attributes:
        act: does it, with the layer armed.
        arrange: what comes before in the same process, with the layer at rest.
        base: which library it begins with, a name in BASES.
        replaces: whether it puts another library in the place of the one that is there, which is closed.
        between: does the first part of it only, where what follows is put off after a fault; None where nothing is.
    """

    act: Step
    arrange: Step = _open
    base: str = "filled"
    between: Step | None = None
    replaces: bool = False


def fill(folder: Path, encoder: Encoder) -> None:
    """Make a library with something of everything in it."""
    with Library.open(folder, encoder=encoder) as library:
        scene = Scene(folder, encoder, lambda: None, library)
        for added in (article("a1"), article("a2", sentences=12), site_article("s1"), site_article("s2")):
            library.collection().add_one(added)
        library.collection(OTHER, create=True).add_one(article("o1"))
        conversation = scene.conversations.create(title="of the harbour")
        library.records.put(_message(conversation.id, "m1", "a1"))
        watch = scene.watches.add("Who saw the wall?", "default", Filters(), None, "https://example.org/hook", most=9)
        scene.watches.store(watch, watch, event_of("new", None, {"text": "the pilot"}))
        scene.keys.add("reader", Scope.ASK)
        with library.collection().store.subscriptions() as subscriptions:
            subscriptions.begin(FEED, 3600, now())
        with library.collection().jobs.receive() as incoming:
            incoming.write(_lines())
            incoming.queue()


def fill_anew(folder: Path, encoder: Encoder) -> None:
    """Make a folder in which there is no library yet."""
    folder.mkdir()


def fill_first_format(folder: Path, encoder: Encoder) -> None:
    """Make a library as the first format had it, with one article."""
    with Library.open(folder, encoder=encoder):
        pass
    for path in (folder / "default").iterdir():
        path.unlink()
    old = Article(id="old", title="Tarn", text="The mill of Tarn was built in 1788.")
    with contextlib.closing(sqlite3.connect(folder / "default" / "articles.db")) as database:
        database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        database.executescript(f"{MIGRATIONS[0]} PRAGMA user_version = 1;")
        database.execute(
            "INSERT INTO article (id, title, tags, text, characters, sha256, fingerprint, masked, added) "
            "VALUES (?, ?, '[]', ?, ?, ?, 'old', '[]', '')",
            (old.id, old.title, old.text, len(old.text), old.sha256),
        )
        database.execute("INSERT INTO passage (article, number, start, text) VALUES (1, 0, 0, ?)", (old.text,))
        vector = encoder.encode_passages([f"{old.title}\n{old.text}"])[0].astype("<f2").tobytes()
        database.execute("INSERT INTO vector VALUES (1, ?)", (vector,))
        database.execute("INSERT INTO words (rowid, title, body) VALUES (1, ?, ?)", (old.title, old.text))
        database.execute("INSERT INTO meta VALUES ('encoder', ?)", (encoder.fingerprint,))
        database.commit()


BASES: dict[str, Callable[[Path, Encoder], None]] = {
    "filled": fill,
    "none": fill_anew,
    "first format": fill_first_format,
}


def _message(conversation: str, name: str, quoted: str) -> Record:
    body = {"question": f"What is in {name}?", "standalone": f"What is in {name}?", "collection": "default"}
    return Record(MESSAGE, name, body, conversation, {"reply": f"it quotes {quoted}"}, (("default", quoted),))


def _conversation(scene: Scene) -> str:
    return scene.opened.records.list(CONVERSATION)[0].id


def _add(*articles: Article) -> Step:
    def act(scene: Scene) -> None:
        for added in articles:
            scene.opened.collection().add_one(added)
            scene.acknowledge()

    return act


def _add_unmasked(scene: Scene) -> None:
    """Add an article of a site without looking at the others of the site again."""
    collection = scene.opened.collection()
    with mock.patch.object(collection.store, "remask", side_effect=StorageError("put off")):
        collection.add_one(site_article("s3"))


def _add_together(scene: Scene) -> None:
    articles = (article(f"n{number}") for number in range(5))
    for _ in scene.opened.collection().add(articles, batch=2, progress=lambda _: scene.acknowledge()):
        pass


def _add_with_snapshot(scene: Scene) -> None:
    live_vectors.SNAPSHOT_EVERY = 1  # the harness puts it back
    _add(article("n1"), article("n2"))(scene)


def _remove(scene: Scene) -> None:
    scene.opened.collection().remove("a1")
    scene.acknowledge()


def _remove_only(scene: Scene) -> None:
    _open(scene)
    scene.opened.collection().remove("a2", forget=False)


def _forget(scene: Scene) -> None:
    scene.opened.collection().forget()
    scene.acknowledge()


def _close_changed(scene: Scene) -> None:
    library, scene.library = scene.opened, None
    library.close()
    scene.acknowledge()


def _change(scene: Scene) -> None:
    _open(scene)
    scene.opened.collection().add_one(article("n1"))


def _begin(scene: Scene) -> None:
    scene.opened.collection().warm_up()
    scene.acknowledge()


def _grow(scene: Scene) -> None:
    vector_index.EXACT = 4  # from here on vectors are too many; the harness puts it back
    scene.opened.collection().add_one(article("n1", sentences=20))
    growing = scene.opened.collection()._nearest._growing
    if growing is not None:
        growing.join()
    scene.acknowledge()


def _receive(scene: Scene) -> None:
    with scene.opened.collection().jobs.receive() as incoming:
        for at in range(0, len(_lines()), 200):
            incoming.write(_lines()[at : at + 200])
        incoming.queue()
    scene.acknowledge()


def _run(scene: Scene) -> None:
    jobs = scene.opened.collection().jobs
    jobs.run(jobs.open()[0].id, progress=lambda _: scene.acknowledge())
    scene.acknowledge()


def _cancel(scene: Scene) -> None:
    jobs = scene.opened.collection().jobs
    jobs.cancel(jobs.open()[0].id)
    scene.acknowledge()


def _remove_collection(name: str) -> Step:
    def act(scene: Scene) -> None:
        scene.opened.remove_collection(name)
        scene.acknowledge()

    return act


def _open_other(scene: Scene) -> None:
    _open(scene)
    scene.opened.collection(OTHER).warm_up()


def _create_collection(scene: Scene) -> None:
    third = scene.opened.collection("third", create=True)
    scene.acknowledge()
    third.add_one(article("n1"))
    scene.acknowledge()


def _make_outdated(scene: Scene) -> None:
    """Say that another version indexed the words, so that opening makes them anew."""
    with contextlib.closing(sqlite3.connect(scene.folder / "default" / "articles.db")) as database:
        database.execute("UPDATE meta SET value = '0' WHERE name = 'words'")
        database.commit()


def _converse(scene: Scene) -> None:
    conversation = scene.conversations.create(title="new")
    scene.acknowledge()
    scene.opened.records.put(_message(conversation.id, "m2", "a2"))
    scene.acknowledge()


def _forget_conversation(scene: Scene) -> None:
    scene.conversations.forget(_conversation(scene))
    scene.acknowledge()


def _watch(scene: Scene) -> None:
    watch = scene.watches.add("When was it?", OTHER, Filters(), None, "https://example.org/hook", most=9)
    scene.acknowledge()
    scene.watches.store(watch, watch, event_of("new", None, {"text": "at dusk"}))
    scene.acknowledge()
    scene.watches.remove(watch.id)
    scene.acknowledge()


def _key(scene: Scene) -> None:
    scene.keys.add("writer", Scope.WRITE)
    scene.acknowledge()
    scene.keys.rotate("writer", grace=60)
    scene.acknowledge()
    scene.keys.revoke("reader")
    scene.acknowledge()


def _follow(scene: Scene) -> None:
    store = scene.opened.collection().store
    with store.subscriptions() as subscriptions:
        subscriptions.begin("https://example.org/map.xml", 7200, now())
    scene.acknowledge()
    with store.subscriptions() as subscriptions:
        subscriptions.failed(FEED, "it does not answer", now(), "2030-01-01T00:00:00.000Z")
    scene.acknowledge()
    with store.subscriptions() as subscriptions:
        subscriptions.end(FEED)
    scene.acknowledge()


def _backup_of(scene: Scene) -> Path:
    return scene.folder.with_name("backup")


def _open_without_backup(scene: Scene) -> None:
    shutil.rmtree(_backup_of(scene), ignore_errors=True)
    _open(scene)


def _back_up(scene: Scene) -> None:
    try:
        back_up_library(scene.folder, _backup_of(scene))
    except StorageError:
        assert not _backup_of(scene).exists(), "a backup that was refused is there"
        raise
    scene.acknowledge()


def _back_up_and_change(scene: Scene) -> None:
    _open_without_backup(scene)
    back_up_library(scene.folder, _backup_of(scene))
    scene.opened.collection().add_one(article("n1"))
    scene.opened.collection(OTHER).remove("o1")
    library, scene.library = scene.opened, None
    library.close()


def _restore(scene: Scene) -> None:
    restore_library(_backup_of(scene), scene.folder, replace=True, check=False)
    scene.acknowledge()


OPERATIONS: dict[str, Operation] = {
    "add": Operation(_add(article("n1"), article("n2"))),
    "add several": Operation(_add_together),
    "add with a snapshot": Operation(_add_with_snapshot),
    "replace": Operation(_add(article("a1", 1, 9), article("a2", 1, 2))),
    "mask anew": Operation(_add(site_article("s3")), between=_add_unmasked),
    "remove": Operation(_remove),
    "forget": Operation(_forget, _remove_only),
    "snapshot at closing": Operation(_close_changed, _change),
    "open": Operation(_begin, _leave_closed),
    "make a library": Operation(_begin, _leave_closed, "none"),
    "migrate": Operation(_begin, _leave_closed, "first format"),
    "index words anew": Operation(_begin, _make_outdated),
    "grow": Operation(_grow),
    "receive a batch": Operation(_receive),
    "run a batch": Operation(_run),
    "cancel a batch": Operation(_cancel),
    "make a collection": Operation(_create_collection),
    "remove a collection": Operation(_remove_collection(OTHER), _open_other),
    "empty the default collection": Operation(_remove_collection("default")),
    "converse": Operation(_converse),
    "open the records and converse": Operation(_converse, _open_articles),
    "forget a conversation": Operation(_forget_conversation),
    "watch": Operation(_watch),
    "keys": Operation(_key),
    "follow": Operation(_follow),
    "back up": Operation(_back_up, _open_without_backup),
    "restore": Operation(_restore, _back_up_and_change, replaces=True),
}
