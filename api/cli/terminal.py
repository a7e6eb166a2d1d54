"""What the command shows: results to stdout, messages and progress to stderr, nothing that steers a terminal."""

import json
import re
import select
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from api.service.answer_text import why_none, worth_telling

if TYPE_CHECKING:
    from index import Added, ArticleInfo, Candidate, Failure
    from qa import Answer, RankedAnswer

# Control characters but tab and line feed, and what turns text around.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


@contextmanager
def progress(what: str, count: Callable[[], int | None]) -> Iterator[Callable[[int], None]]:
    """Show on a terminal how far something is and how fast it goes, nothing elsewhere; yields what moves it.

    Args:
        what: is being done.
        count: says how much there is to do: then there is a bar and the time left; None where that is unknown.
    """
    if not sys.stderr.isatty():
        yield lambda done: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    total = count()
    parts: list[ProgressColumn] = [TextColumn(what), TextColumn("{task.completed:,}")]
    if total is not None:
        parts = [TextColumn(what), BarColumn(), MofNCompleteColumn()]
    parts += [TextColumn("{task.fields[rate]}"), TimeElapsedColumn()]
    if total is not None:
        parts += [TextColumn("left"), TimeRemainingColumn()]
    # Results that go into a file or another program are not drawn on the terminal instead.
    with Progress(*parts, console=Console(stderr=True), redirect_stdout=sys.stdout.isatty()) as bar:
        task = bar.add_task(what, total=total, rate="")

        def advance(done: int) -> None:
            speed = bar.tasks[0].finished_speed or bar.tasks[0].speed
            bar.update(task, completed=done, rate=f"{speed:.1f}/s" if speed else "")

        yield advance


@contextmanager
def stages() -> Iterator[Callable[[str, int, int | None], None]]:
    """Show on a terminal how far each of several things is, nothing elsewhere; yields what moves them.

    What is yielded takes what is being done, how much of it is done, and how much there is, None where unknown.
    """
    if not sys.stderr.isatty():
        yield lambda stage, done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

    parts = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()]
    with Progress(*parts, console=Console(stderr=True), redirect_stdout=sys.stdout.isatty()) as bars:
        tasks: dict[str, TaskID] = {}

        def advance(stage: str, done: int, total: int | None) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total)
            bars.update(tasks[stage], completed=done, total=total)

        yield advance


def print_added(added: "Added", *, as_json: bool = False) -> None:
    """Print one line: id, title, number of passages, what was done; or the HTTP interface's JSON of it."""
    if as_json:
        from api.schemas.responses import AddedOut

        out(AddedOut.from_added(added).model_dump_json())
        return
    what = "added" if added.created else ("replaced" if added.changed else "unchanged")
    out(f"{plain(added.id)}\t{plain(added.title)}\t{added.passages}\t{what}")


def print_removed(article_id: str, *, as_json: bool = False) -> None:
    """Print one line: an article is gone."""
    out(json.dumps({"id": article_id, "removed": True}) if as_json else f"{plain(article_id)}\tremoved")


def print_failure(failure: "Failure") -> None:
    """Say what could not be used, and why."""
    say(f"{plain(failure.source)}: {plain(str(failure.error))}")


def print_answer(answer: "Answer") -> None:
    """Print the answer, its members if it is a list, its sentence and place, how sure it is; then other answers."""
    if not answer.answered:
        more = ": citespan add FILE" if answer.reason == "empty_collection" else ""
        out(f"No answer: {why_none(answer.reason)}{more}.")
        for candidate in answer.candidates[:3]:
            print_candidate(candidate)
        return
    best, others = answer.answers[0], worth_telling(answer.answers)
    out(plain(best.text))
    for item in best.items:
        out(f"  - {plain(item.text)}")
    out(f"  “{_marked(best.evidence[0].sentence, best.text)}”")
    out(f"  {_place(best)}")
    if others:
        out("Other answers:")
    for one in others:
        out(f"  {plain(one.text)}")
        out(f"    {_place(one)}")


def print_candidate(candidate: "Candidate") -> None:
    """Print a passage under its article's title, source and date."""
    out(f"{_source(candidate.article)}  [{plain(candidate.passage.id)}]")
    out(f"  {plain(' '.join(candidate.passage.text.split()))}")


def _place(ranked: "RankedAnswer") -> str:
    more = f", {len(ranked.evidence)} places" if len(ranked.evidence) > 1 else ""
    page = f", page {ranked.evidence[0].page}" if ranked.evidence[0].page else ""
    return f"{_source(ranked.evidence[0].article)}{page}  ({ranked.confidence:.0%}{more})"


def _source(info: "ArticleInfo") -> str:
    return plain(" · ".join(part for part in (info.title or info.id, info.source, info.published, info.url) if part))


def _marked(sentence: str, text: str) -> str:
    shown, wanted = plain(" ".join(sentence.split())), plain(" ".join(text.split()))
    if not sys.stdout.isatty() or wanted not in shown:
        return shown
    return shown.replace(wanted, f"\x1b[1m{wanted}\x1b[0m", 1)


def plain(text: str) -> str:
    """Take away what could steer a terminal or turn its text around."""
    return _CONTROL.sub("�", text)


def out(line: str) -> None:
    """Write a line of the result."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def has_reader() -> bool:
    """Return whether standard output still goes somewhere: to a file, a terminal, or a pipe with a reader."""
    poller = select.poll()
    poller.register(sys.stdout, 0)
    return not any(event & select.POLLERR for _, event in poller.poll(0))


def say(line: str) -> None:
    """Write a message, as one line; where nobody reads messages any more, the work goes on without them."""
    with suppress(BrokenPipeError):
        sys.stderr.write(f"citespan: {' '.join(line.split())}\n")


def guide(text: str) -> None:
    """Write help that was not asked for."""
    with suppress(BrokenPipeError):
        sys.stderr.write(text.rstrip() + "\n")


def print_figures(facts: dict[str, Any]) -> None:
    """Print a report, a line a figure; what has parts indented."""
    for name, value in facts.items():
        if name == "bins":
            for row in value:
                out(f"{name:<20} " + "  ".join(f"{key} {round(part, 3)}" for key, part in row.items()))
        elif name == "levels":
            for level, row in value.items():
                out(f"{level:<20} " + "  ".join(f"{key} {part}" for key, part in row.items()))
        elif isinstance(value, dict):
            out(f"{name:<20} " + "  ".join(f"{key} {part}" for key, part in value.items()))
        else:
            out(f"{name:<20} {value}")
