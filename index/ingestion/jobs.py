"""Long work of a collection: files of articles that are taken in, kept, and worked through batch by batch.

What is queued survives a kill at any moment: the file is durable before its job is written down, each batch commits
together with how far the job has come, and the file is removed after its job has ended.
"""

import contextlib
import logging
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from index.errors import ArticleError, CitespanError, InputError, JobEnded, JobNotFound, QueryError, StorageError
from index.folder.atomic_file import make_private_folder, remove_file
from index.folder.spool_file import Spool
from index.ingestion.job_batches import ENDS_UNTIL_ALONE, Care, batches
from index.sources.formats.ndjson import Line, raw_lines, read_lines
from index.storage.database import Store
from index.storage.read_view import decode_cursor, encode_cursor
from index.storage.tables.job_table import Job, JobFailure, Ledger, Step
from index.types import Added, Article, Failure
from index.validation import now

# A line that ends the process this often by itself is reported as failed; where this many lines in a row do, the lines
# are not the cause, and the job stops until it is resumed.
ENDS_OF_A_LINE = 3
LINES_IN_A_ROW = 3
_GIVEN_UP = "the service ended each time that it worked on this line"
MAX_FAILURES_LISTED = 1_000
_FOLDER = "jobs"

# Inside the class, list is the method of that name.
AllJobs = list[Job]
Failures = list[JobFailure]
_log = logging.getLogger(__name__)


class Jobs:
    """The jobs of one collection.  Safe for use from several threads; one of them at a time runs a job.

    Made by Collection; not to be built directly.

    Args:
        folder: the collection's folder.
        store: its database.
        add: adds a batch without an id twice, calls back with each article that cannot be searched, and commits the
            others with the step that is made then.
    """

    def __init__(
        self,
        folder: Path,
        store: Store,
        add: Callable[[list[Article], Callable[[Failure], None], Callable[[], Step]], Sequence[Added]],
    ) -> None:
        self._folder = folder / _FOLDER
        self._store = store
        self._add = add
        self._lock = threading.Lock()

    @property
    def waiting(self) -> bool:
        """Whether there are files to be worked through, or ones that an end of the process left behind."""
        try:
            with os.scandir(self._folder) as files:
                return any(True for _ in files)
        except OSError:
            return False

    def receive(self) -> "Incoming":
        """Begin to take in a file of articles, one JSON object a line.

        Raises:
            StorageError: the disk refused.
            CollectionNotFound: the collection has been removed meanwhile.
        """
        self._store.check_room()
        job_id = f"job_{time.time_ns():016x}{secrets.token_hex(6)}"
        with self._lock:
            if not self._store.exists:
                self._make_folder()
            return Incoming(self._path(job_id), job_id, self._begin, self._leave, self._store.check_room)

    def get(self, job_id: str) -> Job:
        """Return a job.

        Raises:
            JobNotFound: no such job.
        """
        with self._store.read(brief=True) as view:
            job = view.ledger.job(job_id)
        if job is None:
            raise JobNotFound(f"no job {job_id!r}")
        return job

    def list(self) -> AllJobs:
        """Return all jobs, the newest first; those that ended are remembered for a while only."""
        with self._store.read(brief=True) as view:
            return view.ledger.jobs()

    def open(self) -> AllJobs:
        """Return the jobs that are not ended, the oldest first."""
        with self._store.read(brief=True) as view:
            return view.ledger.open_jobs()

    def failures(self, job_id: str, *, limit: int = 50, cursor: str | None = None) -> tuple[Failures, str | None]:
        """Return lines of a job that could not be used, in order, and the cursor of the next page.

        Args:
            job_id: a job.
            limit: 1 to MAX_FAILURES_LISTED.
            cursor: of the page before.

        Raises:
            QueryError: limit out of range, or not a cursor.
        """
        if not 1 <= limit <= MAX_FAILURES_LISTED:
            raise QueryError(f"limit must be 1 to {MAX_FAILURES_LISTED:,}, not {limit}", field="limit")
        with self._store.read() as view:
            found = view.ledger.failures(job_id, limit + 1, decode_cursor(cursor))
        more = encode_cursor(found[limit - 1].line) if len(found) > limit else None
        return found[:limit], more

    def cancel(self, job_id: str) -> Job:
        """End a job that is open or stopped, and return it; what it has added stays, a batch under way is undone.

        Raises:
            JobNotFound: no such job.
            StorageError: the disk refused; the job goes on.
        """
        return self._end(job_id, lambda ledger: ledger.end(job_id, "cancelled"))

    def stop(self, job_id: str, reason: str) -> Job:
        """Leave a job as it is, and return it: its file is kept, and resume() has it gone on with.

        Raises:
            JobNotFound: no such job.
            StorageError: the disk refused.
        """
        return self._change(job_id, lambda ledger: ledger.stop(job_id, reason))

    def resume(self, job_id: str) -> Job:
        """Queue a stopped job again, and return it; any other stays as it is.

        Raises:
            JobNotFound: no such job.
            StorageError: the disk refused.
        """
        return self._change(job_id, lambda ledger: ledger.resume(job_id))

    def fail(self, job_id: str, reason: str) -> Job:
        """End a job that cannot go on, and return it; what it has added stays.

        Raises:
            JobNotFound: no such job.
            StorageError: the disk refused.
        """
        return self._end(job_id, lambda ledger: ledger.end(job_id, "failed", error=reason))

    def run(
        self,
        job_id: str,
        *,
        stop: Callable[[], bool] = lambda: False,
        progress: Callable[[Job], None] = lambda job: None,
    ) -> Job:
        """Work a job through from where it stands; returns it as it is then.

        Args:
            job_id: a job; one that has ended or is stopped is left alone.
            stop: asked between batches; once True, the job is left for another time.
            progress: called after each batch that is durable.

        Raises:
            JobNotFound: no such job.
            StorageError: the disk refused; what was done is kept, and the job can be run again.
            CollectionNotFound: the collection has been removed meanwhile.
        """
        job = self.get(job_id)
        if not job.open:
            return job
        self._store.check_room()
        with self._store.ledger() as ledger:
            ledger.start(job_id)
        progress(self.get(job_id))
        try:
            with self._path(job_id).open("rb") as file:
                if job.attempts >= ENDS_UNTIL_ALONE + ENDS_OF_A_LINE:
                    job = self._give_up_line(job, file)
                    progress(job)
                    if not job.open:
                        return job
                file.seek(job.position)
                careful = Care.after(job.line, job.attempts)
                for batch in batches(read_lines(file, "line", after=job.line), careful):
                    if stop():
                        return self._pause(job_id)
                    self._add_lines(job, batch, careful)
                    progress(self.get(job_id))
        except JobEnded:
            return self.get(job_id)
        except FileNotFoundError:
            # Also where the collection has been removed: then the database says so.
            return self.fail(job_id, "the file with its articles is gone: send it again")
        except StorageError:
            # Where that cannot be written either, the job counts as running, and is run again all the same.
            with contextlib.suppress(StorageError):
                self._pause(job_id)
            raise
        except OSError as error:
            raise StorageError(f"the file of a job cannot be read ({error.strerror}): check the disk") from error
        if stop():
            return self._pause(job_id)
        return self._end(job_id, lambda ledger: ledger.end(job_id, "done"))

    def _give_up_line(self, job: Job, file: BinaryIO) -> Job:
        """Report the next line of a job as failed, unread, and stop the job if that befell too many in a row."""
        file.seek(job.position)
        number, end = next(((line.number, line.end) for line in raw_lines(file, after=job.line)), (job.line, 0))
        if not end:  # nothing but blank lines is left
            return job
        with self._store.read() as view:
            before = view.ledger.failures(job.id, LINES_IN_A_ROW, job.line + 1 - LINES_IN_A_ROW)
        failure = JobFailure(number, f"{_GIVEN_UP}, {ENDS_OF_A_LINE} times: look at it, or send it again by itself")
        row = [one for one in before if one.line <= job.line and one.reason.startswith(_GIVEN_UP)]
        with self._store.ledger() as ledger:
            ledger.advance(Step(job.id, 0, (failure,), number, job.position + end, ENDS_UNTIL_ALONE))
            if len(row) + 1 >= LINES_IN_A_ROW:
                ledger.stop(
                    job.id,
                    f"the service ended again and again while it worked on lines {row[0].line} to {number}: find out "
                    "why, then resume the job",
                )
        _log.error("line %d of %s is given up: the process ended %d times", number, job.id, job.attempts)
        return self.get(job.id)

    def _add_lines(self, job: Job, lines: Sequence[Line], careful: "Care") -> None:
        """Add what lines hold and note them as done or failed, all in one transaction.

        Args:
            job: as it was when its file was opened.
            lines: some of it.
            careful: as it was when the lines were chosen.
        """
        articles = [line.item for line in lines if isinstance(line.item, Article)]
        unusable: list[Failure] = []

        def step() -> Step:
            failures = tuple(_failures(lines, unusable))
            end = job.position + lines[-1].end
            kept = careful.attempts_after(lines[-1].number)
            return Step(job.id, len(lines) - len(failures), failures, lines[-1].number, end, kept)

        try:
            self._add(articles, unusable.append, step)
        except CitespanError:
            raise
        except Exception as error:  # a fault that one article brings out must not take the others with it
            if not articles:
                raise
            _log.exception("a batch of a job")
            for line in lines:
                if len(lines) == 1:
                    fault = InputError(f"this article brings out a fault ({type(error).__name__}): please report it")
                    line = replace(line, item=Failure(f"line {line.number}", fault))
                self._add_lines(job, [line], careful)

    def _begin(self, job_id: str, lines: int) -> Job:
        job = Job(job_id, "articles", "queued", 0, 0, lines, 0, 0, 0, now())
        with self._store.ledger() as ledger:
            ledger.begin(job)
        return job

    def _pause(self, job_id: str) -> Job:
        return self._change(job_id, lambda ledger: ledger.pause(job_id))

    def _end(self, job_id: str, change: Callable[[Ledger], None]) -> Job:
        job = self._change(job_id, change)
        remove_file(self._path(job_id))
        return job

    def _change(self, job_id: str, change: Callable[[Ledger], None]) -> Job:
        """Change a job, and return it; both in one transaction, since reading it afterwards could fail by itself."""
        with self._store.ledger() as ledger:
            change(ledger)
            job = ledger.job(job_id)
            if job is None:
                raise JobNotFound(f"no job {job_id!r}")
        return job

    def recover(self) -> None:
        """Put what was being worked on back in the queue, and sweep the files of which nothing is left to be done.

        Raises:
            StorageError: the disk refused.
        """
        with self._store.read(brief=True) as view:
            waiting = view.ledger.unfinished_jobs()
            resume = view.ledger.stopped_by_other()
        if resume or any(job.state == "running" for job in waiting):
            with self._store.ledger() as ledger:
                ledger.requeue()
                if resume:
                    ledger.resume()
        if self._folder.is_dir():
            kept = {self._path(job.id) for job in waiting}
            for path in self._folder.iterdir():
                if path not in kept:
                    remove_file(path)

    def _make_folder(self) -> None:
        try:
            make_private_folder(self._folder.parent)
        except OSError as error:
            raise StorageError(f"the collection's folder cannot be made ({error.strerror}): check the disk") from error

    def _leave(self) -> None:
        """Take away the folders of a collection that did not come to be."""
        with self._lock, contextlib.suppress(OSError):
            if not self._store.exists:
                self._folder.rmdir()
                self._folder.parent.rmdir()

    def _path(self, job_id: str) -> Path:
        return self._folder / f"{job_id}.ndjson"


class Incoming(Spool):
    """A file of articles on its way in; leaving its ``with`` before queue() leaves nothing behind.

    Made by Jobs.receive; not to be built directly.

    Args:
        path: where it will lie.
        job_id: of the job that will work through it.
        begin: writes down a job of so many lines.
        leave: called when there will be no job.
        check_room: raises StorageError where nothing may be added.
    """

    def __init__(
        self,
        path: Path,
        job_id: str,
        begin: Callable[[str, int], Job],
        leave: Callable[[], None] = lambda: None,
        check_room: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(path)
        self._job_id = job_id
        self._begin = begin
        self._leave = leave
        self._check_room = check_room

    def write(self, data: bytes) -> None:
        """Add a piece.

        Raises:
            StorageError: the disk refused, or is nearly full.
        """
        self._check_room()
        super().write(data)

    def discard(self) -> None:
        """Remove it, and the folder of a collection that would have begun with it; nothing is raised."""
        super().discard()
        self._leave()

    def queue(self) -> Job:
        """Return the job that will work through what came in, once both are durable.

        Raises:
            ArticleError: nothing but white space came in.
            StorageError: the disk refused; there is no job.
            CollectionNotFound: the collection has been removed meanwhile.
        """
        if not self.lines:
            raise ArticleError("there is no article in it: send one JSON object a line")
        self.keep()
        try:
            return self._begin(self._job_id, self.lines)
        except BaseException:
            self.discard()
            raise


def _failures(lines: Iterable[Line], unusable: Iterable[Failure]) -> Iterator[JobFailure]:
    reasons = {failure.source: failure.error for failure in unusable}
    for line in lines:
        if isinstance(line.item, Failure):
            yield JobFailure(line.number, str(line.item.error))
        elif (name := line.item.origin or line.item.id) in reasons:
            yield JobFailure(line.number, str(reasons[name]))
