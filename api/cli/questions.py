"""citespan ask, search, eval, models: what is made of the library."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.app import AsJson, Collection, Library, Stop, app, end_list
from api.cli.library import opened, reader_only
from api.cli.terminal import out, plain, print_answer, print_candidate, print_figures, progress, say

if TYPE_CHECKING:
    from qa import Answer


@app.command()
def ask(
    question: Annotated[str, typer.Argument(help="What you want to know.")],
    limit: Annotated[int, typer.Option(help="At most so many distinct answers.")] = 5,
    library: Library = None,
    collection: Collection = "default",
    as_json: AsJson = False,
    form: Annotated[
        str | None, typer.Option("--format", help="Print it to take along, with citations: markdown, json or csv.")
    ] = None,
    style: Annotated[str, typer.Option(help="Of the citations: chicago, apa, mla, bibtex or csl-json.")] = "chicago",
) -> None:
    """Answer a question from the articles."""
    if form is not None or style != "chicago":
        _check_export(form, style, as_json)
    with opened(library, read_only=True) as qa:
        answer = qa.ask(question, collection=collection, limit=limit)
        for hint in answer.hints:
            say(plain(hint.message))
        if as_json:
            from api.schemas.responses import AskOut

            out(AskOut.from_answer(answer).model_dump_json(indent=2))
        elif form is not None:
            out(_exported(answer, form, style))
        else:
            print_answer(answer)
    raise Stop(0 if answer.answered else 1)


def _check_export(form: str | None, style: str, as_json: bool) -> None:
    from api.service.export import FORMATS, STYLES

    if form is None:
        raise Stop(2, "--style is of the citations of --format: give both")
    if as_json:
        raise Stop(2, "give --json, which is the HTTP interface's, or --format, not both")
    for given, choices, name in ((form, FORMATS, "--format"), (style, STYLES, "--style")):
        if given not in choices:
            raise Stop(2, f"{name} must be one of {', '.join(choices)}, not {given!r}")


def _exported(answer: "Answer", form: Any, style: Any) -> str:
    from datetime import UTC, datetime

    from api.schemas.responses import AskOut
    from api.service.export import Entry, exported

    reply = AskOut.from_answer(answer)
    return exported([Entry(answer.question, reply)], form, style=style, today=datetime.now(UTC).date()).rstrip("\n")


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
            from api.schemas.responses import CandidateOut, SearchOut

            out(SearchOut(passages=[CandidateOut.from_candidate(c) for c in found]).model_dump_json(indent=2))
        else:
            for candidate in found:
                print_candidate(candidate)
    end_list(len(found), "no passage matches")


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
        progress("asking", lambda: len(examples)) as advance,
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
        for name in ("origin", "licence", "language", "parameters", "sha256", "path"):
            out(f"  {name:<10} {card[name] or 'unknown'}")
