"""The citespan command: the application that its words are put into, and the options that they share.

Heavy libraries are imported inside the commands, so that --help and mistakes answer at once.
"""

import re
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from api.cli.terminal import out, plain

app = typer.Typer(
    name="citespan",
    help="Ask a collection of articles; get verbatim answers with the sentence, the article and the date.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)

Library = Annotated[
    Path | None,
    typer.Option("--library", help="Folder of the library.", show_default="$CITESPAN_LIBRARY, else ./library"),
]
Collection = Annotated[str, typer.Option("--collection", help="Which collection of it.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the JSON of the HTTP interface.")]


UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


class Stop(Exception):
    """Ends a command with an exit code and one line that says why.

    Args:
        code: the exit code.
        message: "" prints nothing.
    """

    def __init__(self, code: int, message: str = "") -> None:
        super().__init__(message)
        self.code = code


def end_list(count: int, nothing: str) -> NoReturn:
    """End a command that has listed something: with 0, or with 1 and a line that says that there is nothing.

    Args:
        count: how much was listed.
        nothing: printed where that is 0.
    """
    raise Stop(0) if count else Stop(1, nothing)


def seconds(option: str, value: str) -> int:
    """Return the seconds of a time such as 30m, 6h or 1d.

    Raises:
        Stop: it is none.
    """
    match = re.fullmatch(r"(\d{1,9})([smhd])", value.strip().lower())
    if match is None:
        raise Stop(2, f"{option}: {plain(value)!r} is no time: write it like 30m, 6h or 1d")
    return int(match[1]) * UNITS[match[2]]


def _print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        out(f"citespan {version('citespan')}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Ask a collection of articles; get verbatim answers with the sentence, the article and the date."""
