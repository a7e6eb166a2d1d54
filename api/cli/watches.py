"""citespan watches add, list, events, remove: standing questions, which a service asks again."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.app import AsJson, Collection, Library, Stop, app, end_list
from api.cli.library import settings
from api.cli.terminal import out, plain, say

if TYPE_CHECKING:
    from api.settings import Settings
    from qa import Watch, Watches

_watches = typer.Typer(
    help="Standing questions: citespan serve asks them again when articles that come or go could change their answer.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(_watches, name="watches")

Id = Annotated[str, typer.Argument(help="Its id, as list shows it.")]


@_watches.command("add")
def add(
    question: Annotated[str, typer.Argument(help="What is asked.")],
    webhook: Annotated[str | None, typer.Option(help="Address that is told when the answer changes.")] = None,
    library: Library = None,
    collection: Collection = "default",
    as_json: AsJson = False,
) -> None:
    """Put a standing question; a service that runs asks it at once, another when it starts."""
    with _opened(library) as (watches, chosen):
        from pydantic import ValidationError

        from api.schemas.requests import WatchIn
        from index import check_collection_name, check_receiver

        try:
            given = WatchIn(question=question, webhook=webhook, collection=collection)
        except ValidationError as error:
            first = error.errors()[0]
            raise Stop(2, f"{first['loc'][0]}: {first['msg']}") from None
        check_collection_name(collection)
        if not (chosen.library / collection / "articles.db").is_file():
            raise Stop(2, f"there is no collection {plain(collection)!r}: add articles to it first")
        if given.webhook is not None:
            check_receiver(given.webhook, chosen.policy())
        most = chosen.watches_size
        watch = watches.add(given.question, collection, given.filters.to_filters(), None, given.webhook, most=most)
        if as_json:
            from api.schemas.watches import NewWatchOut, WatchOut
            from qa import Delivery

            shown = WatchOut.from_watch(watch, Delivery()).model_dump()
            out(NewWatchOut(**shown, secret=watch.webhook.secret if watch.webhook else None).model_dump_json())
            return
        out(watch.id)
        if watch.webhook is not None:
            out(watch.webhook.secret)
            say("the second line is what its messages are signed with; it is shown only now")


@_watches.command("list")
def list_watches(library: Library = None, as_json: AsJson = False) -> None:
    """List the standing questions of all collections, each with the answer that stands."""
    found = 0
    with _opened(library) as (watches, _):
        from api.schemas.watches import WatchOut

        for watch in watches.all():
            found += 1
            if as_json:
                delivery = watches.delivery(watch.id) if watch.webhook else None
                out(WatchOut.from_watch(watch, delivery).model_dump_json())
                continue
            answer = "not asked yet" if watch.asked is None else "no answer"
            if watch.answer is not None:
                answer = plain(watch.answer["text"])
            out(f"{watch.id}\t{watch.collection}\t{plain(watch.question)}\t{answer}")
    end_list(found, "there are no standing questions: citespan watches add makes one")


@_watches.command("events")
def events(watch_id: Id, library: Library = None, as_json: AsJson = False) -> None:
    """List what has become of a standing question's answer, the newest last."""
    found = 0
    with _opened(library) as (watches, _):
        from api.schemas.watches import EventOut

        watch = _kept(watches, watch_id)
        for event in watches.events(watch_id):
            found += 1
            if as_json:
                out(EventOut.from_event(watch, event).model_dump_json())
                continue
            old, new = (plain(one["text"]) if one else "-" for one in (event.old, event.new))
            out(f"{event.created}\t{event.kind}\t{old}\t{new}")
    end_list(found, "nothing has become of it yet")


@_watches.command("remove")
def remove(watch_id: Id, library: Library = None) -> None:
    """Remove a standing question with its events."""
    with _opened(library) as (watches, _):
        watches.remove(_kept(watches, watch_id).id)
    say(f"removed {plain(watch_id)}")


def _kept(watches: "Watches", watch_id: str) -> "Watch":
    from index import RecordNotFound

    try:
        return watches.get(watch_id)
    except RecordNotFound:
        raise Stop(2, f"there is no standing question {plain(watch_id)!r}: see citespan watches list") from None


@contextmanager
def _opened(library: Library) -> "Iterator[tuple[Watches, Settings]]":
    """The standing questions of a library; beside a service that runs, since they are no part of a collection."""
    chosen = settings(library)
    if not (chosen.library / "library.json").is_file():
        raise Stop(2, f"there is no library at {chosen.library}: add articles first")
    from index import Records
    from qa import Watches

    records = Records(chosen.library)
    try:
        yield Watches(records), chosen
    finally:
        records.close()
