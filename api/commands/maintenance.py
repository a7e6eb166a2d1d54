"""citespan check: what keeps a library well."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from api.commands import Library, Stop, app
from api.opening import settings
from api.terminal import out, plain, say, stages

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
        for one in report.collections:
            out(
                f"{one.name}\t{one.articles} articles\t{one.passages} passages\tgeneration {one.generation}"
                f"\t{one.searched} searched for"
            )
        _print_defects(report.defects)
    if not report.sound:
        raise Stop(3, "damage was found: see docs/guide/backup.md, or try citespan repair --dry-run")


def _print_defects(defects: "Sequence[Defect]") -> None:
    for defect in defects:
        out(f"{defect.severity}\t{defect.layer}\t{plain(str(defect))}\t{defect.remedy}")
    if not defects:
        say("nothing is wrong")
