"""A command's way to the library: settings from options and environment, the library opened and closed again."""

import functools
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from api.cli.terminal import plain, say

if TYPE_CHECKING:
    from api.settings import Settings
    from qa import QuestionAnswering


def settings(library: Path | None, **given: Any) -> "Settings":
    """Return the settings of options and environment; warn of variables that are nearly one and do nothing.

    Raises:
        InputError: one of them is not as it should be.
    """
    from api.settings import Settings

    _warn_of_misspelt()
    return Settings.read(library=library, **given)


@functools.cache
def _warn_of_misspelt() -> None:
    from api.settings import Settings

    for name, meant in Settings.misspelt():
        say(f"{plain(name)} does nothing, there is no such setting: did you mean {meant}?")


@contextmanager
def opened(library: Path | None, *, read_only: bool = False) -> "Iterator[QuestionAnswering]":
    """The library that options and environment name, open."""
    from qa import QuestionAnswering

    chosen = settings(library)
    with QuestionAnswering.open(chosen.library, options=chosen.options(), read_only=read_only) as qa:
        yield qa


@contextmanager
def reader_only(library: Path | None) -> "Iterator[QuestionAnswering]":
    """A QuestionAnswering for what needs no articles: the library is used if there is one, else an empty one."""
    chosen = settings(library)
    if (chosen.library / "library.json").is_file():
        with opened(library, read_only=True) as qa:
            yield qa
    else:
        with tempfile.TemporaryDirectory() as folder, opened(Path(folder) / "empty") as qa:
            yield qa
