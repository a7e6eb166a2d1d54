"""citespan keys add, list, rotate, revoke: who may use a service; one that runs obeys at once."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from api.cli.app import AsJson, Library, Stop, app, end_list, seconds
from api.cli.library import settings
from api.cli.terminal import out, plain, say

if TYPE_CHECKING:
    from api.auth.keys import Key, Keys

_keys = typer.Typer(
    help="API keys: what a service wants of those who use it, from the first key on.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(_keys, name="keys")

Expires = Annotated[str | None, typer.Option(help="When it ends: 90d, 12h, or a date or instant in ISO 8601.")]


@_keys.command("add")
def add(
    name: Annotated[str, typer.Argument(help="Whose it is, or what for.")],
    scope: Annotated[
        Literal["ask", "write", "admin"],
        typer.Option(help="What it allows; write includes ask, admin includes both."),
    ] = "ask",
    collection: Annotated[
        list[str] | None,
        typer.Option("--collection", help="For this collection only; may be given again.", show_default="all"),
    ] = None,
    expires: Expires = None,
    origin: Annotated[
        list[str] | None,
        typer.Option("--origin", help="Only on pages of this origin (https://example.org); may be given again."),
    ] = None,
    rate: Annotated[str | None, typer.Option(help="Its own rate: 60/minute.", show_default="$CITESPAN_RATE")] = None,
    library: Library = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and print it: it is shown this once, and only its SHA-256 is kept."""
    with _opened(library, make=True) as keys:
        from api.auth.callers import Scope

        key, secret = keys.add(
            name, Scope(scope), collections=collection, expires=_ends(expires), origins=origin or (), rate=rate
        )
    _write_down(library, "keys add", key)
    _print_secret(key, secret, as_json=as_json)
    say(f"added {plain(_described(key))}; keep the key above, it is shown only now")
    for one in key.collections or ():
        if not (settings(library).library / one).is_dir():
            say(f"there is no collection {plain(one)!r} yet: articles that are added to it are what this key is for")


@_keys.command("list")
def list_keys(
    everything: Annotated[bool, typer.Option("--all", help="Those that were revoked or have expired too.")] = False,
    library: Library = None,
    as_json: AsJson = False,
) -> None:
    """List the keys, without what could be used as one."""
    found = 0
    with _opened(library) as keys:
        for key in keys.all():
            if not everything and key.state != "active":
                continue
            found += 1
            out(json.dumps(_facts(key)) if as_json else plain(_line(key)))
    end_list(found, "no key is active: citespan keys add makes one")


@_keys.command("rotate")
def rotate(
    name: Annotated[str, typer.Argument(help="Of the key.")],
    grace: Annotated[str, typer.Option(help="Time for which the old one goes on working: 24h, 30m, 0s.")] = "24h",
    expires: Expires = None,
    library: Library = None,
    as_json: AsJson = False,
) -> None:
    """Make a new key that may do the same, and print it; the old one goes on working for a while."""
    wait = seconds("--grace", grace)
    with _opened(library) as keys:
        key, old, secret = keys.rotate(name, grace=wait, expires=_ends(expires))
    _write_down(library, "keys rotate", key, replaces=old.shown)
    _print_secret(key, secret, as_json=as_json)
    say(f"rotated {plain(_described(key))}; the old one, {old.shown}, works until {old.expires}")


@_keys.command("revoke")
def revoke(
    name: Annotated[str, typer.Argument(metavar="NAME_OR_ID", help="A name, or an id as list shows it.")],
    library: Library = None,
) -> None:
    """Refuse a key from now on; by name, also those that it replaced."""
    with _opened(library) as keys:
        gone = keys.revoke(name)
        left = keys.any_active()
    for key in gone:
        _write_down(library, "keys revoke", key)
        say(f"revoked {plain(_described(key))}")
    if not left:
        say("no key is left: a service refuses everyone until there is one, or it runs with CITESPAN_KEYS=off")


@contextmanager
def _opened(library: Library, *, make: bool = False) -> "Iterator[Keys]":
    """The keys of the library that options and environment name; the first key makes it where there is none."""
    from api.auth.keys import Keys
    from index import Library as Opened
    from index import Records

    folder = settings(library).library
    if not (folder / "library.json").is_file():
        if not make:
            raise Stop(2, f"there is no library at {folder}: name it with --library or CITESPAN_LIBRARY")
        Opened.open(folder).close()
        say(f"made a library at {folder}: a service of another one does not know this key")
    # Not the library itself: a service that runs has it open for writing.
    records = Records(folder)
    try:
        yield Keys(records)
    finally:
        records.close()


def _write_down(library: Library, action: str, key: "Key", **known: str) -> None:
    """Say in the audit file, or on a standard error that nobody looks at, who changed which key."""
    import sys
    from getpass import getuser

    from api.observability.audit import Audit

    file = settings(library).audit_file
    if file is None and sys.stderr.isatty():
        return
    try:
        user = getuser()
    except (KeyError, OSError):  # a user without a name, as in containers
        user = str(os.getuid())
    about = {"name": key.name, "id": key.shown, "scope": key.scope.value, "collections": key.collections}
    Audit(file).write(action, "done", None, user=user, **about, expires=key.expires, **known)


def _ends(value: str | None) -> str | None:
    if value is None:
        return None
    from datetime import UTC, datetime

    from api.auth.keys import after
    from index import instant

    if value[-1:].lower() in "smhd" and value[:-1].isdigit():
        return after(seconds("--expires", value))
    try:
        then = datetime.fromisoformat(value)
        return instant(then.replace(tzinfo=then.tzinfo or UTC))
    except (ValueError, OverflowError):
        raise Stop(2, f"--expires: {plain(value)!r} is no time: write 90d, 12h, or 2027-01-31") from None


def _print_secret(key: "Key", secret: str, *, as_json: bool) -> None:
    out(json.dumps({**_facts(key), "key": secret}) if as_json else secret)


def _facts(key: "Key") -> dict[str, object]:
    return {
        "id": key.shown,
        "name": key.name,
        "scope": key.scope.value,
        "collections": key.collections,
        "state": key.state,
        "created": key.created,
        "expires": key.expires,
        "revoked": key.revoked,
        "last_used": key.last_used,
        "origins": key.origins,
        "rate": key.rate,
    }


def _described(key: "Key") -> str:
    return f"{key.name} ({key.shown}): {key.scope.value}, {_where(key)}{_until(key)}"


def _line(key: "Key") -> str:
    used = f"used {key.last_used}" if key.last_used else "never used"
    more = [*key.origins, *([key.rate] if key.rate else [])]
    return "\t".join([key.name, key.shown, key.scope.value, _where(key), key.state + _until(key), used, *more])


def _where(key: "Key") -> str:
    return "all collections" if key.collections is None else ", ".join(key.collections) or "no collection"


def _until(key: "Key") -> str:
    return f", until {key.expires}" if key.expires and key.state == "active" else ""
