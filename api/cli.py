"""The citespan command: what each word of it does.

Exit codes: 0 done; 1 no answer, or nothing matched; 2 wrong usage or input; 3 anything else failed.
Heavy libraries are imported inside the commands, so that --help and mistakes answer at once.
"""

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.opening import opened, reader_only, settings
from api.terminal import out, plain, print_added, print_answer, print_candidate, print_figures, progress, say

if TYPE_CHECKING:
    from index import Article, Failure

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


class Stop(Exception):
    """Ends a command with an exit code and one line that says why.

    Args:
        code: the exit code.
        message: "" prints nothing.
    """

    def __init__(self, code: int, message: str = "") -> None:
        super().__init__(message)
        self.code = code


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


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.", show_default="127.0.0.1")] = None,
    port: Annotated[
        int | None, typer.Option(help="Port to listen on; 0 takes a free one.", show_default="8000")
    ] = None,
    library: Library = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Listen on an address that others can reach, without a key.")
    ] = False,
) -> None:
    """Serve the chat page and the HTTP interface."""
    from api.server import run

    raise Stop(run(settings(library, host=host, port=port, insecure=insecure or None)))


@app.command()
def add(
    sources: Annotated[
        list[str],
        typer.Argument(metavar="SOURCE...", help="Files, folders, or - for NDJSON articles on standard input."),
    ],
    library: Library = None,
    collection: Collection = "default",
    as_json: AsJson = False,
) -> None:
    """Add articles, or replace those added before; what is done stays done if something fails later."""
    with opened(library) as qa:
        from index import Article, Failure, count_sources

        failed: list[Failure] = []

        def readable() -> Iterator[Article]:
            for item in _read(sources):
                if isinstance(item, Failure):
                    failed.append(item)
                    say(f"{plain(item.source)}: {plain(str(item.error))}")
                    continue
                yield item

        done = 0
        target = qa.library.collection(collection, create=True)
        with progress("adding", count_sources(sources)) as advance:
            articles = _usable(readable(), failed)
            for added in target.add(articles, progress=lambda p: advance(p.done + len(failed))):
                done += 1
                if as_json:
                    from api.replies import AddedOut

                    out(AddedOut.from_added(added).model_dump_json())
                else:
                    print_added(added)
    if failed:
        # One line is enough where nothing else was asked for.
        alone = done == 0 and len(failed) == 1
        raise Stop(2, "" if alone else f"added {done} articles; {len(failed)} sources could not be used")


@app.command()
def ask(
    question: Annotated[str, typer.Argument(help="What you want to know.")],
    limit: Annotated[int, typer.Option(help="At most so many distinct answers.")] = 5,
    library: Library = None,
    collection: Collection = "default",
    as_json: AsJson = False,
) -> None:
    """Answer a question from the articles."""
    with opened(library, read_only=True) as qa:
        answer = qa.ask(question, collection=collection, limit=limit)
        if as_json:
            from api.replies import AskOut

            out(AskOut.from_answer(answer).model_dump_json(indent=2))
        else:
            print_answer(answer)
    raise Stop(0 if answer.answered else 1)


@app.command()
def search(
    words: Annotated[str, typer.Argument(help="What to look for.")],
    limit: Annotated[int, typer.Option(help="At most so many passages.")] = 10,
    library: Library = None,
    collection: Collection = "default",
    as_json: AsJson = False,
) -> None:
    """Show the passages that speak most of some words."""
    with opened(library, read_only=True) as qa:
        found = qa.library.collection(collection).search(words, limit=limit)
        if as_json:
            from api.replies import CandidateOut, SearchOut

            out(SearchOut(passages=[CandidateOut.from_candidate(c) for c in found]).model_dump_json(indent=2))
        else:
            for candidate in found:
                print_candidate(candidate)
    raise Stop(0 if found else 1)


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
                    from api.replies import ArticleRow

                    out(ArticleRow.from_info(info).model_dump_json())
                else:
                    out(f"{plain(info.id)}\t{info.published or '-'}\t{plain(info.title)}")
            cursor = page.next_cursor
            if cursor is None:
                break
    raise Stop(0 if shown else 1)


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
        from api.replies import ArticleOut

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
                target.remove(article_id)
                say(f"removed {plain(article_id)}")
            except ArticleNotFound as error:
                unknown.append(str(error))
    if unknown:
        raise Stop(2, "; ".join(unknown) + ": see citespan list")


@app.command("eval")
def eval_(
    file: Annotated[
        Path, typer.Argument(help="Questions: SQuAD's format (.json) or one a line (.jsonl), either gzipped or not.")
    ],
    open_: Annotated[
        bool, typer.Option("--open", help="Ask the whole collection instead of the question's own paragraph.")
    ] = False,
    retrieval: Annotated[
        bool, typer.Option("--retrieval", help="Only look for each question's paragraph: recall and MRR.")
    ] = False,
    confidence: Annotated[
        bool,
        typer.Option(
            "--confidence", help="Ask each question with and without its articles: calibration, and knowing when not."
        ),
    ] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many questions.")] = None,
    outcomes: Annotated[
        Path | None,
        typer.Option(help="Keep what became of each question here; a run that was stopped goes on from it."),
    ] = None,
    library: Library = None,
    collection: Collection = "default",
    as_json: AsJson = False,
) -> None:
    """Measure answers, retrieval or confidence on a file of questions."""
    from qa import evaluate_confidence, evaluate_open, evaluate_reading, evaluate_retrieval, load_examples

    if open_ + retrieval + confidence > 1:
        raise Stop(2, "give one of --open, --retrieval and --confidence, not several")
    examples = load_examples(file)[:limit]
    whole = evaluate_open if open_ else evaluate_retrieval if retrieval else evaluate_confidence if confidence else None
    with (
        opened(library, read_only=True) if whole else reader_only(library) as qa,
        progress("asking", len(examples)) as advance,
    ):
        if whole:
            report = whole(qa, examples, collection=collection, kept=outcomes, progress=advance)
        else:
            report = evaluate_reading(qa, examples, kept=outcomes, progress=advance)
    facts = report.as_dict()
    if as_json:
        out(json.dumps(facts))
    else:
        print_figures(facts)


@app.command()
def models(library: Library = None, as_json: AsJson = False) -> None:
    """Show the models in use, where they came from, their licence and checksum."""
    from dataclasses import asdict

    with reader_only(library) as qa:
        cards = [asdict(card) for card in qa.models()]
    if as_json:
        out(json.dumps({"models": cards}, indent=2))
        return
    for card in cards:
        out(f"{card['role']}: {card['name']}")
        for name in ("origin", "licence", "parameters", "sha256", "path"):
            out(f"  {name:<10} {card[name]}")


def main(arguments: list[str] | None = None) -> None:
    """Run the command and exit with its code."""
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `citespan list | head` ends quietly
    raise SystemExit(_run(arguments))


def _run(arguments: list[str] | None) -> int:
    try:
        app(args=arguments, standalone_mode=False)
    except Stop as stop:
        if str(stop):
            say(str(stop))
        return stop.code
    except (KeyboardInterrupt, typer.Abort):
        say("stopped; what was acknowledged before is kept")
        return 130
    except typer.Exit as stop:
        return stop.exit_code
    except Exception as error:
        return _failed(error)
    return 0


def _failed(error: Exception) -> int:
    """Say in one line what went wrong; return the exit code."""
    from index.errors import CitespanError, InputError, LibraryFormatError, NotFound

    if hasattr(error, "format_message") and hasattr(error, "exit_code"):  # click's usage errors
        say(f"{error.format_message()} (see citespan --help)")
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


def _read(sources: list[str]) -> "Iterator[Article | Failure]":
    from index import Failure, InputError, open_source

    for source in sources:
        try:
            yield from open_source(source)
        except InputError as error:
            yield Failure(source, error)


def _usable(articles: "Iterator[Article]", failed: "list[Failure]") -> "Iterator[Article]":
    """Leave out articles in which nothing could be searched, so that one does not stop the rest."""
    from index import ArticleError, Failure, find_furniture, split_passages

    for article in articles:
        if split_passages(article.id, article.text, find_furniture(article.text)):
            yield article
        else:
            error = ArticleError("no text is left beside page furniture")
            failed.append(Failure(article.id, error))
            say(f"{article.id}: {error}")


if __name__ == "__main__":
    main()
