"""citespan add, sync, list, show, remove: what is in the library."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.app import AsJson, Collection, Library, Stop, app, end_list
from api.cli.library import opened, settings
from api.cli.terminal import out, plain, print_added, print_failure, print_removed, progress, say

if TYPE_CHECKING:
    from index import Article, Failure, FetchPolicy

_READ_TOGETHER = 128
_FETCHED_TOGETHER = 4


@app.command()
def add(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE...",
            help="Files, folders, addresses of pages, feeds or sitemaps, or - for NDJSON articles on standard input.",
        ),
    ],
    library: Library = None,
    collection: Collection = "default",
    as_json: AsJson = False,
) -> None:
    """Add articles, or replace those added before; what is done stays done if something fails later."""
    policy = settings(library).policy()
    with opened(library) as qa:
        from index import Article, Failure, count_sources, is_url

        failed: list[Failure] = []

        def fails(failure: Failure) -> None:
            failed.append(failure)
            print_failure(failure)

        def readable() -> Iterator[Article]:
            for item in _read(sources, policy):
                if isinstance(item, Failure):
                    fails(item)
                    continue
                yield item

        done = 0
        target = qa.library.collection(collection, create=True)
        with progress("adding", lambda: count_sources(sources)) as advance:
            adding = target.add(
                readable(),
                progress=lambda p: advance(p.done + len(failed)),
                unusable=fails,
                # What was fetched slowly is kept soon: a stopped command loses little of it.
                batch=_FETCHED_TOGETHER if any(map(is_url, sources)) else _READ_TOGETHER,
            )
            for added in adding:
                done += 1
                print_added(added, as_json=as_json)
    if failed:
        # One line is enough where nothing else was asked for.
        alone = done == 0 and len(failed) == 1
        raise Stop(2, "" if alone else f"added {done} articles; {len(failed)} sources could not be used")


@app.command()
def sync(
    folder: Annotated[Path, typer.Argument(help="A folder of files.")],
    library: Library = None,
    collection: Collection = "default",
    allow_empty: Annotated[
        bool, typer.Option("--allow-empty", help="Remove all that came from the folder if it holds no files now.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make what came from a folder equal to it: new files are added, changed ones replaced, gone ones removed."""
    with opened(library) as qa:
        from index import Added, Failure, count_sources, sync_folder

        def each(item: Added | Failure) -> None:
            if isinstance(item, Failure):
                print_failure(item)
            elif item.changed:
                print_added(item, as_json=as_json)

        with progress("syncing", lambda: count_sources([folder])) as advance:
            target = qa.library.collection(collection, create=True)
            done = sync_folder(target, folder, allow_empty=allow_empty, progress=lambda p: advance(p.done), each=each)
    for article_id in done.removed:
        print_removed(article_id, as_json=as_json)
    say(
        f"{done.added} added, {done.changed} changed, {len(done.removed)} removed, {done.unchanged} as they were"
        + (f"; {len(done.failures)} files could not be used, what came from them before stays" if done.failures else "")
    )
    if done.failures:
        raise Stop(2)


@app.command("list")
def list_(library: Library = None, collection: Collection = "default", as_json: AsJson = False) -> None:
    """List the articles: id, date, title."""
    with opened(library, read_only=True) as qa:
        target = qa.library.collection(collection)
        cursor = None
        shown = 0
        while True:
            page = target.list(limit=500, cursor=cursor)
            for info in page.articles:
                shown += 1
                if as_json:
                    from api.schemas.responses import ArticleRow

                    out(ArticleRow.from_info(info).model_dump_json())
                else:
                    gone = f"\tvanished {info.vanished}" if info.vanished else ""
                    out(f"{plain(info.id)}\t{info.published or '-'}\t{plain(info.title)}{gone}")
            cursor = page.next_cursor
            if cursor is None:
                break
    end_list(shown, "there are no articles: citespan add takes some in")


@app.command()
def show(
    article_id: Annotated[str, typer.Argument(metavar="ID", help="The article's id, as list prints it.")],
    library: Library = None,
    collection: Collection = "default",
    masked: Annotated[bool, typer.Option("--masked", help="Show what was masked as page furniture, and why.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show an article with its whole text."""
    with opened(library, read_only=True) as qa:
        stored = qa.library.collection(collection).get(article_id)
    if as_json:
        from api.schemas.responses import ArticleOut

        out(ArticleOut.from_stored(stored).model_dump_json(indent=2))
    elif masked:
        for part in stored.masked:
            out(f"{part.start}-{part.end}\t{part.rule}\t{plain(stored.text[part.start : part.end])}")
    else:
        info = stored.info
        out(plain(info.title) or info.id)
        out(plain("  ".join(part for part in (info.published, info.source, info.url) if part)))
        out(plain(stored.text))


@app.command()
def remove(
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Ids of articles, as list prints them.")],
    library: Library = None,
    collection: Collection = "default",
) -> None:
    """Remove articles and everything made of them."""
    with opened(library) as qa:
        from index import ArticleNotFound

        unknown = []
        target = qa.library.collection(collection)
        for article_id in ids:
            try:
                gone = target.remove(article_id, forget=False)
                say(
                    f"removed {plain(article_id)}: {gone.passages} passages, {gone.words} entries of the word index, "
                    f"{gone.vectors} vectors, {gone.indexed} of them in the vector index"
                )
            except ArticleNotFound as error:
                unknown.append(str(error))
        target.forget()
    if unknown:
        raise Stop(2, "; ".join(unknown) + ": see citespan list")


def _read(sources: list[str], policy: "FetchPolicy") -> "Iterator[Article | Failure]":
    from index import Failure, InputError, open_source

    for source in sources:
        try:
            yield from open_source(source, policy=policy)
        except InputError as error:
            yield Failure(source, error)
