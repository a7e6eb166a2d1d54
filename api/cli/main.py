"""The citespan command's beginning and end: it runs what was asked for and turns errors into exit codes.

Exit codes: 0 done; 1 no answer, or nothing matched; 2 wrong usage or input; 3 anything else failed.

A broken pipe is an error like any other (EPIPE), never the signal that ends a process without a word: a peer that
hangs up on a socket must not end ``citespan serve``, nor ``citespan add URL``.  Only where standard output itself has
lost its reader does the command end as other commands do: ``citespan list | head``.
"""

import os
import signal
import sys

import typer

from api.cli import articles, feeds, jobs, keys, maintenance, mcp, questions, serve, watches  # noqa: F401
from api.cli.app import Stop, app
from api.cli.terminal import guide, has_reader, plain, say


def main(arguments: list[str] | None = None) -> None:
    """Run the command and exit with its code."""
    try:
        raise SystemExit(_run(arguments))
    except BrokenPipeError:  # _run lets only that of standard output through
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        signal.raise_signal(signal.SIGPIPE)


def _run(arguments: list[str] | None) -> int:
    try:
        app(args=arguments, prog_name="citespan", standalone_mode=False)
    except Stop as stop:
        if str(stop):
            say(str(stop))
        return stop.code
    except (KeyboardInterrupt, typer.Abort):
        say("stopped; what was acknowledged before is kept")
        return 130
    except typer.Exit as stop:
        return stop.exit_code
    except SystemExit as stop:  # click makes this of a broken pipe, whichever it was
        if not isinstance(stop.__context__, BrokenPipeError):
            raise
        if not has_reader():
            raise stop.__context__ from None
        return _failed(stop.__context__)
    except Exception as error:
        return _failed(error)
    return 0


def _failed(error: Exception) -> int:
    """Say in one line what went wrong; return the exit code."""
    from index.errors import CitespanError, InputError, LibraryFormatError, NotFound

    if hasattr(error, "format_message") and hasattr(error, "exit_code"):  # click's usage errors
        context = getattr(error, "ctx", None)
        if type(error).__name__ == "NoArgsIsHelpError" and context is not None:  # its words are the whole help
            guide(context.get_help())
            return 2
        where = context.command_path if context is not None else "citespan"
        say(f"{plain(error.format_message()).replace('Value error, ', '')} (see {where} --help)")
        return 2
    if isinstance(error, InputError | NotFound | LibraryFormatError):
        say(plain(str(error)))
        return 2
    if isinstance(error, CitespanError):
        say(plain(str(error)))
        return 3
    if os.path.basename(sys.argv[0]) and _debugging():
        raise error
    say(f"failed: {type(error).__name__}: {plain(str(error))} (CITESPAN_LOG_LEVEL=debug shows where)")
    return 3


def _debugging() -> bool:
    from api.settings import Settings

    return Settings.read().log_level == "debug"
