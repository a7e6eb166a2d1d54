"""Reply models of long work, and how they are made of the frozen types."""

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel

from api.schemas.responses import FailureOut
from index import Job, JobFailure


class JobOut(BaseModel):
    """A job and how far it has come, in lines."""

    id: str
    collection: str
    state: Literal["queued", "running", "done", "failed", "cancelled", "stopped"]
    done: int
    failed: int
    total: int
    created: str
    ended: str | None
    error: str | None
    waits: str | None
    rate: float | None
    seconds_left: float | None

    @classmethod
    def from_job(cls, job: Job, collection: str, *, rate: float | None = None, waits: str | None = None) -> "JobOut":
        """Make it of the frozen type.

        Args:
            job: the job.
            collection: where its articles go.
            rate: lines a second, None where it is not being worked on.
            waits: why it does not get on, None where it does.
        """
        left = job.total - job.done - job.failed
        return cls(
            id=job.id,
            collection=collection,
            state=job.state,
            done=job.done,
            failed=job.failed,
            total=job.total,
            created=job.created,
            ended=job.ended,
            error=job.error,
            waits=waits,
            rate=None if rate is None else round(rate, 2),
            seconds_left=round(left / rate, 1) if rate and job.open else None,
        )


class BatchOut(BaseModel):
    """The job that works through a batch."""

    job: JobOut


class JobAndFailuresOut(JobOut):
    """A job with a page of the lines that could not be used."""

    failures: list[FailureOut]
    next_cursor: str | None

    @classmethod
    def from_page(cls, job: JobOut, failures: Sequence[JobFailure], next_cursor: str | None) -> "JobAndFailuresOut":
        """Make it of the frozen types."""
        shown = [FailureOut(source=failure.source, reason=failure.reason) for failure in failures]
        return cls(**job.model_dump(), failures=shown, next_cursor=next_cursor)


class JobsOut(BaseModel):
    """One page of all jobs."""

    jobs: list[JobOut]
    next_cursor: str | None
