"""citespan follow, unfollow: feeds and sitemaps that a collection follows."""

from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.app import UNITS, AsJson, Collection, Library, Stop, app, end_list, seconds
from api.cli.library import opened, settings
from api.cli.terminal import out, plain, print_failure, progress, say

if TYPE_CHECKING:
    from index import Following, Subscription


@app.command()
def follow(
    url: Annotated[
        str | None, typer.Argument(help="Address of a feed or sitemap; without one, what is followed is listed.")
    ] = None,
    every: Annotated[str | None, typer.Option(help="Time between two rounds: 30m, 6h, 1d.", show_default="1h")] = None,
    library: Library = None,
    collection: Collection = "default",
    as_json: AsJson = False,
) -> None:
    """Follow a feed or sitemap: fetch what it names now, and what is new or changed while citespan serve runs."""
    if url is None:
        if every is not None:
            raise Stop(2, "--every needs the address of a feed or sitemap")
        _list(library, collection, as_json)
        return
    wanted = seconds("--every", every) if every is not None else None
    policy = settings(library).policy()
    with opened(library) as qa:
        from index import DEFAULT_EVERY, Following

        following = Following(qa.library.collection(collection, create=True), policy)
        found, created = following.subscribe(url, DEFAULT_EVERY if wanted is None else wanted)
        with progress("fetching", lambda: None) as advance:
            done = following.round(found.url, progress=lambda p: advance(p.done))
        for failure in done.failures:
            print_failure(failure)
        now = next(one for one in following.all() if one.url == found.url)
        if as_json:
            _print(following, now, as_json=True)
    say(
        f"{'following' if created else 'still following'} {plain(found.url)} every {_spoken(found.every)}: "
        f"{done.pages} pages, {done.added} added, {done.changed} changed, {done.vanished} vanished"
        + (f"; {len(done.failures)} could not be used" if done.failures else "")
    )
    if done.failures and not now.articles:
        raise Stop(2)


@app.command()
def unfollow(
    url: Annotated[str, typer.Argument(help="Address of the feed or sitemap, as follow lists it.")],
    library: Library = None,
    collection: Collection = "default",
) -> None:
    """Follow a feed or sitemap no longer; its articles stay."""
    policy = settings(library).policy()
    with opened(library) as qa:
        from index import Following, SubscriptionNotFound

        try:
            Following(qa.library.collection(collection), policy).unsubscribe(url)
        except SubscriptionNotFound as error:
            raise Stop(2, f"{plain(str(error))}: see citespan follow") from None
    say(f"no longer following {plain(url)}; its articles stay")


def _list(library: Library, collection: str, as_json: bool) -> None:
    policy = settings(library).policy()
    with opened(library, read_only=True) as qa:
        from index import Following

        following = Following(qa.library.collection(collection), policy)
        found = following.all()
        for one in found:
            _print(following, one, as_json=as_json)
    end_list(len(found), "nothing is followed: citespan follow URL begins it")


def _print(following: "Following", one: "Subscription", *, as_json: bool) -> None:
    failing = following.failing(one.url)
    if as_json:
        from api.schemas.subscriptions import SubscriptionOut

        out(SubscriptionOut.from_subscription(one, failing).model_dump_json())
        return
    gone = f", {one.vanished} vanished" if one.vanished else ""
    out(f"{plain(one.url)}\tevery {_spoken(one.every)}\tdue {one.due}\t{one.articles} pages{gone}")
    if one.error is not None:
        out(f"  failed {one.failures} times: {plain(one.error)}")
    for page in failing:
        out(f"  {plain(page.url)}: {plain(page.error or '')}")
    if one.failing > len(failing):
        out(f"  and {one.failing - len(failing)} more pages that could not be used")


def _spoken(seconds: int) -> str:
    unit = next(name for name in "dhms" if seconds % UNITS[name] == 0)
    return f"{seconds // UNITS[unit]}{unit}"
