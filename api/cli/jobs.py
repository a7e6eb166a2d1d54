"""citespan jobs list, resume: batches that a service took in, while none runs."""

from typing import Annotated

import typer

from api.cli.app import AsJson, Library, Stop, app, end_list
from api.cli.library import opened
from api.cli.terminal import out, plain, say

_jobs = typer.Typer(
    help="Batches that were sent to the service; while it runs, use /v1/jobs.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(_jobs, name="jobs")


@_jobs.command("list")
def list_jobs(library: Library = None, as_json: AsJson = False) -> None:
    """List the jobs, the newest first: id, state, lines, collection."""
    with opened(library, read_only=True) as qa:
        found = qa.library.jobs()
    for collection, job in found:
        if as_json:
            from api.schemas.jobs import JobOut

            out(JobOut.from_job(job, collection.name).model_dump_json())
        else:
            why = f"\t{plain(job.error)}" if job.error else ""
            out(f"{job.id}\t{job.state}\t{job.done + job.failed} of {job.total}\t{collection.name}{why}")
    end_list(len(found), "there are no jobs: a service makes one of each batch that it is sent")


@_jobs.command("resume")
def resume(
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Ids of stopped jobs, as list prints them.")],
    library: Library = None,
) -> None:
    """Let stopped jobs continue when the service next starts."""
    refused = []
    with opened(library) as qa:
        for job_id in ids:
            collection, _ = qa.library.job(job_id)
            job = collection.jobs.resume(job_id)
            if job.open:
                say(f"{job.id} continues when the service next starts")
            else:
                refused.append(f"{job.id} is {job.state}")
    if refused:
        raise Stop(2, "; ".join(refused) + ": only stopped jobs can be resumed")
