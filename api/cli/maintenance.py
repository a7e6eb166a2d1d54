"""citespan check, repair, backup, restore: what keeps a library well."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.app import Library, Stop, app
from api.cli.library import settings
from api.cli.terminal import out, plain, say, stages

if TYPE_CHECKING:
    from index import Defect

_SAMPLE = 100

MaintenanceJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.command()
def check(
    library: Library = None,
    collection: Annotated[str | None, typer.Option(help="Only this collection.", show_default="all")] = None,
    full: Annotated[
        bool, typer.Option("--full", help="Search for every passage by its own text, not for a sample.")
    ] = False,
    sample: Annotated[int, typer.Option(min=0, help="How many passages of each collection to search for.")] = _SAMPLE,
    seed: Annotated[int, typer.Option(min=0, help="Chooses which passages.")] = 0,
    as_json: MaintenanceJson = False,
) -> None:
    """Look for what is wrong with a library, beside a service too; changes nothing.

    Exit code 3 where something is wrong; warnings alone are 0.
    """
    chosen = settings(library)
    with stages() as progress:
        from index import check_library

        encoder, reader = chosen.options().networks()
        report = check_library(
            chosen.library,
            encoder=encoder,
            sample_size=None if full else sample,
            seed=seed,
            collection=collection,
            models=[lambda: reader.card],
            progress=progress,
        )
    if as_json:
        out(json.dumps(report.as_json(), ensure_ascii=False))
    else:
        for checked in report.collections:
            out(
                f"{checked.name}\t{checked.articles} articles\t{checked.passages} passages"
                f"\tgeneration {checked.generation}\t{checked.searched} searched for"
            )
        _print_defects(report.defects)
    if not report.sound:
        raise Stop(3, "damage was found: citespan repair --dry-run says what can be mended")


@app.command()
def repair(
    library: Library = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be made anew, or cannot be.")] = False,
    full: Annotated[
        bool, typer.Option("--full", help="Search for every passage by its own text, not for a sample.")
    ] = False,
    as_json: MaintenanceJson = False,
) -> None:
    """Make anew what can be made anew in a library that no service has open, and say what cannot.

    Damaged databases are kept beside those that take their place. Exit code 3 where something is
    still wrong, and with --dry-run where damage was found.
    """
    chosen = settings(library)
    with stages() as progress:
        from api.auth.keys import MARK
        from index import repair_library

        encoder, reader = chosen.options().networks()
        repaired = repair_library(
            chosen.library,
            encoder=encoder,
            sample_size=None if full else _SAMPLE,
            dry_run=dry_run,
            marks=[MARK],  # whether there were keys nobody knows then: closed is the safer
            models=[lambda: reader.card],
            progress=progress,
        )
    after = repaired.check
    still = repaired.defects if after is None else after.defects
    if as_json:
        out(json.dumps(repaired.as_json(), ensure_ascii=False))
    else:
        for defect in repaired.repairable:
            if after is None or defect.kind not in {one.kind for one in still}:
                out(f"{'would repair' if dry_run else 'repaired'}\t{defect.layer}\t{plain(str(defect))}")
        for what in repaired.lost:
            out(f"lost\t{plain(what)}")
        for name in repaired.kept:
            out(f"kept\t{plain(name)}")
        remaining = [defect for defect in still if not dry_run or defect.remedy != "repair"]
        if remaining or not dry_run:
            _print_defects(remaining)
    if dry_run and any(defect.severity == "error" for defect in still):
        raise Stop(3, "damage was found; nothing was changed: citespan repair does what stands above")
    if dry_run:
        say("no damage was found; nothing was changed")
    elif any(defect.severity == "error" for defect in still):
        raise Stop(3, "something cannot be made anew: the last column says what mends it")


@app.command()
def backup(
    target: Annotated[
        Path,
        typer.Argument(help="What to make: a folder, or a file whose name ends in .tar or .zip.", metavar="TARGET"),
    ],
    library: Library = None,
    as_json: MaintenanceJson = False,
) -> None:
    """Copy a library, also while it is served, with checksums."""
    chosen = settings(library)
    with stages() as progress:
        from index import back_up_library

        saved = back_up_library(chosen.library, target, progress=progress)
    if as_json:
        out(json.dumps(saved.as_json(), ensure_ascii=False))
        return
    for copied in saved.collections:
        out(f"{copied.name}\t{copied.articles} articles\t{copied.passages} passages\tgeneration {copied.generation}")
    say(f"{plain(saved.path)}: {saved.bytes:,} bytes; keys and conversations are in it: keep it as safe as the library")


@app.command()
def restore(
    source: Annotated[Path, typer.Argument(help="A folder or file that citespan backup made.", metavar="BACKUP")],
    library: Library = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace a library that is not empty; it is kept in a folder within.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check/--no-check", help="Look for what is wrong with it afterwards.")
    ] = True,
    as_json: MaintenanceJson = False,
) -> None:
    """Put a backup in the place of a library, once all of it was verified.

    Exit code 3 where something is wrong with what was restored.
    """
    chosen = settings(library)
    with stages() as progress:
        from index import restore_library

        encoder, reader = chosen.options().networks()
        restored = restore_library(
            source,
            chosen.library,
            replace=replace,
            check=check,
            encoder=encoder,
            models=[lambda: reader.card],
            progress=progress,
        )
    if as_json:
        out(json.dumps(restored.as_json(), ensure_ascii=False))
    else:
        for name in restored.collections:
            out(f"{name}\trestored")
        if restored.check is not None:
            _print_defects(restored.check.defects)
    if restored.kept:
        say(f"what was there before is in {plain(str(Path(restored.library) / restored.kept))}")
    if restored.check is not None and not restored.check.sound:
        raise Stop(3, "something is wrong with what was restored")


def _print_defects(defects: "Sequence[Defect]") -> None:
    for defect in defects:
        out(f"{defect.severity}\t{defect.layer}\t{plain(str(defect))}\t{defect.remedy}")
    if not defects:
        say("nothing is wrong")
