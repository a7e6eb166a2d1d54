"""What the database knows of long work: jobs, how far each has come, what of them failed.

A job's progress is written in the transaction that writes the articles it tells of, so the two cannot disagree.
Imports sqlite3, as the store does that hands out the connection.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from index.errors import JobEnded
from index.validation import instant, now
from index.version import release

State = Literal["queued", "running", "done", "failed", "cancelled", "stopped"]
# Of a file with millions of bad lines only the first are kept; the number that failed is always exact.
MAX_FAILURES = 10_000
MAX_REASON_CHARACTERS = 500
# Ended jobs that are remembered in a collection.
KEPT = 100
KEPT_DAYS = 30

_COLUMNS = "id, kind, state, done, failed, total, line, position, attempts, created, ended, error"


@dataclass(frozen=True, slots=True)
class Job:
    """A long piece of work and how far it has come.

    Attributes:
        id: sorts by the time at which it was queued.
        kind: what is done: ``articles``.
        state: queued, running, done, failed, cancelled, or stopped: left as it is until it is resumed.
        done: lines whose article is in the collection.
        failed: lines that could not be used.
        total: lines in all.
        line: number of the last line that is done or failed, from 1; 0 before the first.
        position: bytes of the file that are done or failed.
        attempts: times that the process ended while it worked on what follows the last line.
        created: ISO 8601 instant (UTC) at which it was queued.
        ended: ISO 8601 instant (UTC), None while it is open.
        error: why the whole of it failed or was stopped, None where it was not.
    """

    id: str
    kind: str
    state: State
    done: int
    failed: int
    total: int
    line: int
    position: int
    attempts: int
    created: str
    ended: str | None = None
    error: str | None = None

    @property
    def open(self) -> bool:
        """Whether anything is still to be done."""
        return self.state in ("queued", "running")


@dataclass(frozen=True, slots=True)
class JobFailure:
    """A line of a job that could not be used.

    Attributes:
        line: its number, from 1.
        reason: why, and what to change.
    """

    line: int
    reason: str

    @property
    def source(self) -> str:
        """Where it is, as a person would look for it."""
        return f"line {self.line}"


@dataclass(frozen=True, slots=True)
class Step:
    """A stretch of a job, committed with the articles that it adds.

    Attributes:
        job: the job's id.
        done: lines whose article is in the collection.
        failures: lines that could not be used.
        line: number of the last line of the stretch.
        position: bytes of the file up to its end.
        attempts: ends of the process that count on against what follows.
    """

    job: str
    done: int
    failures: tuple[JobFailure, ...]
    line: int
    position: int
    attempts: int = 0


class Ledger:
    """The jobs of one collection, inside one transaction; made by Store.ledger and View.ledger.

    Args:
        connection: in a transaction.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def job(self, job_id: str) -> Job | None:
        """Return a job, None where there is none."""
        row = self._db.execute(f"SELECT {_COLUMNS} FROM job WHERE id = ?", (job_id,)).fetchone()
        return None if row is None else Job(*row)

    def jobs(self) -> list[Job]:
        """Return all jobs, the newest first."""
        return [Job(*row) for row in self._db.execute(f"SELECT {_COLUMNS} FROM job ORDER BY id DESC")]

    def open_jobs(self) -> list[Job]:
        """Return the jobs that are not ended, the oldest first."""
        return self._in_states("('queued', 'running')")

    def unfinished_jobs(self) -> list[Job]:
        """Return the jobs of which something is left to be done, stopped ones included, the oldest first."""
        return self._in_states("('queued', 'running', 'stopped')")

    def _in_states(self, states: str) -> list[Job]:
        rows = self._db.execute(f"SELECT {_COLUMNS} FROM job WHERE state IN {states} ORDER BY id")
        return [Job(*row) for row in rows]

    def failures(self, job_id: str, limit: int, after: int) -> list[JobFailure]:
        """Return a job's failures by line, at most limit of them, of the lines after one."""
        rows = self._db.execute(
            "SELECT line, reason FROM job_failure WHERE job = ? AND line > ? ORDER BY line LIMIT ?",
            (job_id, after, limit),
        )
        return [JobFailure(*row) for row in rows]

    def begin(self, job: Job) -> None:
        """Write a new job down, and forget old ones."""
        self._db.execute(
            f"INSERT INTO job ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                job.id,
                job.kind,
                job.state,
                job.done,
                job.failed,
                job.total,
                job.line,
                job.position,
                job.attempts,
                job.created,
                job.ended,
                job.error,
            ),
        )
        self.forget()

    def start(self, job_id: str) -> None:
        """Say that a job is being worked on."""
        self._db.execute("UPDATE job SET state = 'running' WHERE id = ? AND state IN ('queued', 'running')", (job_id,))

    def pause(self, job_id: str) -> None:
        """Say that a job waits for another time, through no fault of its own."""
        self._db.execute("UPDATE job SET state = 'queued' WHERE id = ? AND state = 'running'", (job_id,))

    def requeue(self) -> None:
        """Say that no job is being worked on: the process that did so has ended, and that counts against the job."""
        self._db.execute("UPDATE job SET state = 'queued', attempts = attempts + 1 WHERE state = 'running'")

    def stop(self, job_id: str, error: str) -> None:
        """Leave a job that is open as it is until it is resumed."""
        self._db.execute(
            "UPDATE job SET state = 'stopped', error = ?, ended = ? WHERE id = ? AND state IN ('queued', 'running')",
            (error[:MAX_REASON_CHARACTERS], now(), job_id),
        )
        self._db.execute("INSERT OR REPLACE INTO meta VALUES ('jobs stopped by', ?)", (release(),))

    def resume(self, job_id: str | None = None) -> None:
        """Queue a stopped job again, or all of them; others stay as they are."""
        self._db.execute(
            "UPDATE job SET state = 'queued', error = NULL, ended = NULL, attempts = 0"
            " WHERE state = 'stopped' AND ? IN (id, '')",
            (job_id or "",),
        )

    def stopped_by_other(self) -> bool:
        """Whether jobs were stopped by another release than this one, which may do better."""
        row = self._db.execute(
            "SELECT value FROM meta WHERE name = 'jobs stopped by' AND EXISTS"
            " (SELECT 1 FROM job WHERE state = 'stopped')"
        ).fetchone()
        return row is not None and row[0] != release()

    def advance(self, step: Step) -> None:
        """Note a stretch of a job.

        Raises:
            JobEnded: it was cancelled meanwhile: what the transaction has added must not stay.
        """
        row = self._db.execute(
            "SELECT failed FROM job WHERE id = ? AND state IN ('queued', 'running')", (step.job,)
        ).fetchone()
        if row is None:
            raise JobEnded("the job was cancelled: nothing more is added by it")
        self._db.execute(
            "UPDATE job SET done = done + ?, failed = failed + ?, line = ?, position = ?, attempts = ? WHERE id = ?",
            (step.done, len(step.failures), step.line, step.position, step.attempts, step.job),
        )
        self._keep(step.job, step.failures[: max(0, MAX_FAILURES - row[0])])

    def end(self, job_id: str, state: State, *, error: str | None = None) -> None:
        """End a job that is open or stopped; one that is ended stays as it is."""
        if state == "done":
            # The same but for a line of nothing but white space that was too long to be looked at whole.
            self._db.execute("UPDATE job SET total = done + failed WHERE id = ?", (job_id,))
        self._db.execute(
            "UPDATE job SET state = ?, error = ?, ended = ? WHERE id = ? AND state IN ('queued', 'running', 'stopped')",
            (state, error, now(), job_id),
        )
        self.forget()

    def forget(self) -> None:
        """Forget ended jobs beyond the newest KEPT, and those that ended more than KEPT_DAYS ago.

        Those that ended while the clock was ahead go before all others: they would push out those that end now.
        """
        self._db.execute(
            "DELETE FROM job WHERE state NOT IN ('queued', 'running', 'stopped') AND (ended < ? OR id NOT IN"
            " (SELECT id FROM job WHERE state NOT IN ('queued', 'running', 'stopped')"
            " ORDER BY ended <= ? DESC, ended DESC, id DESC LIMIT ?))",
            (instant(datetime.now(UTC) - timedelta(days=KEPT_DAYS)), now(), KEPT),
        )

    def _keep(self, job_id: str, failures: Sequence[JobFailure]) -> None:
        self._db.executemany(
            "INSERT INTO job_failure (job, line, reason) VALUES (?, ?, ?)",
            [(job_id, failure.line, failure.reason[:MAX_REASON_CHARACTERS]) for failure in failures],
        )
