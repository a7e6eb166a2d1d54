"""Work that takes time, off the event loop: queues with threads for questions, writes (one) and fetching.

Questions have several threads so that one is tokenised or looked up while another is read.  A question whose turn would
come too late is refused at once instead of letting everyone wait (work_queue.py); what expired in the queue or whose
client has gone is dropped, not computed; a job that fails fails alone.
"""

import asyncio
import contextvars
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from api.concurrency.work_queue import Backlog, Entry, Refusal
from api.errors import Problem, busy
from api.settings import Settings
from index import report_stage

# WATCH: questions that nobody waits for, after all that somebody does.
ASK, SEARCH, WRITE, FETCH, WATCH = 0, 1, 2, 3, 4
# What work of each priority is called, where it is of no special kind.
_KINDS = {ASK: "ask", SEARCH: "search", WRITE: "write", FETCH: "fetch", WATCH: "watch"}
# Pages fetched at a time: they wait for other people's servers, not for this machine.
_FETCHES = 4
_REFUSED = {
    "full": "too many requests are waiting: try again later",
    "wait": "more is asked at the moment than can be answered soon: try again later",
}
# What a job that has run out of time may take to notice.
_LAST_SECONDS = 2.0


class Cancelled(Exception):
    """The client has gone, or the job's time is over."""


class Job:
    """One piece of work.

    Attributes:
        future: its result.
        deadline: monotonic time after which nobody waits for it, None for no limit.
        out_of_time: whether it was given up because its time was over.
    """

    def __init__(
        self,
        work: "Callable[[Job], Any]",
        deadline: float | None,
        discard: "Callable[[Job], None]" = lambda job: None,
    ) -> None:
        self.future: Future[Any] = Future()
        self.deadline = deadline
        self._work = work
        self._discard = discard
        self._gone = threading.Event()
        # What is known of the request, such as its trace, goes along into the thread.
        self._context = contextvars.copy_context()
        self._queued = time.time_ns()
        self.out_of_time = False

    @property
    def expired(self) -> bool:
        """Whether its time is over."""
        return self.deadline is not None and time.monotonic() > self.deadline

    def cancel(self) -> None:
        """Say that nobody waits for it any more."""
        self._gone.set()
        self._discard(self)

    def check(self) -> None:
        """Stop here if nobody waits any more; called between the steps of the work.

        Raises:
            Cancelled: the client has gone.
            Problem: its time is over.
        """
        if self._gone.is_set():
            raise Cancelled
        if self.expired:
            self.out_of_time = True
            raise busy(2, "this could not be done in time: try again, or ask for fewer passages")

    def run(self) -> None:
        """Do the work, unless its waiter has cancelled it already."""
        # From here on the future cannot be cancelled from outside, so setting it cannot fail.
        if not self.future.set_running_or_notify_cancel():
            return
        try:
            self.check()
            self._context.run(report_stage, "queue", self._queued, time.time_ns())
            self.future.set_result(self._context.run(self._work, self))
        except BaseException as error:  # whatever it is belongs to this job alone; the thread goes on
            self.future.set_exception(error)


class Lane:
    """A queue with threads of its own.

    Args:
        name: of the threads.
        size: jobs that may wait.
        concurrency: jobs done at a time; long ones do not count.
        threads: jobs done at a time, long ones included; None for as many as concurrency.
        wait_times: see Backlog; None takes whatever has a place.
        wait_seconds: see Backlog.
        refused: called with why a job was refused: ``full``, ``wait`` or ``deadline``.
    """

    def __init__(
        self,
        name: str,
        size: int,
        concurrency: int = 1,
        *,
        threads: int | None = None,
        wait_times: float | None = None,
        wait_seconds: float = 0.0,
        refused: Callable[[str], None] = lambda reason: None,
    ) -> None:
        self._refused = refused
        self._backlog = Backlog(
            size, concurrency, threads or concurrency, wait_times, wait_seconds, clock=time.monotonic
        )
        self._changed = threading.Condition()
        self._over = False
        self._closing = False
        self._entries: dict[Job, Entry] = {}
        self._threads = [
            threading.Thread(target=self._loop, name=name, daemon=True) for _ in range(self._backlog.threads)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def waiting(self) -> int:
        """Jobs in the queue."""
        return self._backlog.waiting

    @property
    def running(self) -> int:
        """Jobs that have begun and not ended."""
        return self._backlog.running

    def expected_wait(self) -> float:
        """Return how long the turn of a newcomer would be in coming, in seconds."""
        with self._changed:
            return self._backlog.expected_wait()

    def check(self, kind: str = "ask", sender: str | None = None) -> None:
        """Refuse a job before anything is known of it but its kind, if it would be refused now.

        Args:
            kind: of work.
            sender: who sent it, None where senders are not distinguished.

        Raises:
            Problem: 503, it would have to wait too long.
        """
        entry = Entry(None, kind, sender=sender)
        with self._changed:
            refusal = self._backlog.refusal(entry)
            if refusal is None:
                return
            self._backlog.turn_away(entry)
        raise self._busy(refusal)

    def submit(
        self,
        priority: int,
        work: Callable[[Job], Any],
        seconds: float | None,
        *,
        kind: str | None = None,
        sender: str | None = None,
        size: float = 1.0,
    ) -> Job:
        """Queue a piece of work.

        Args:
            priority: ASK, SEARCH, WRITE, FETCH or WATCH, whose work comes after all others.
            work: called with its Job.
            seconds: within which it must be done; None for no limit.
            kind: of work, those of one kind taking about as long for each unit of size; None takes the priority's.
            sender: who sent it: senders take turns; None where senders are not distinguished.
            size: units of work.

        Raises:
            Problem: 503, it would have to wait too long.
        """
        job = Job(work, None if seconds is None else time.monotonic() + seconds, self._discard)
        entry = Entry(job, kind or _KINDS[priority], size, sender, patient=priority == WATCH)
        with self._changed:
            refusal = self._backlog.add(entry)
            if refusal is None:
                self._entries[job] = entry
                self._changed.notify()
        if refusal is not None:
            raise self._busy(refusal)
        return job

    def close(self, seconds: float) -> None:
        """Finish what is queued, within a number of seconds."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._join(seconds)
        # Their clients hear that there was no time, instead of an error from what is closed under them.
        with self._changed:
            self._over = True
            for job in self._entries:
                job.deadline = 0.0
        self._join(_LAST_SECONDS)

    def _join(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def _discard(self, job: Job) -> None:
        """Take a job that nobody waits for out of the queue, unless it has begun."""
        with self._changed:
            entry = self._entries.get(job)
            waited = entry is not None and self._backlog.discard(entry)
            if waited:
                del self._entries[job]
        if waited and job.future.set_running_or_notify_cancel():
            job.future.set_exception(Cancelled())

    def _loop(self) -> None:
        while (entry := self._next()) is not None:
            job: Job = entry.work
            expired = job.expired
            job.run()
            if job.out_of_time:
                self._refused("deadline")
            with self._changed:
                # What was given up says nothing of how long such work takes.
                failed = job.future.cancelled() or isinstance(job.future.exception(), Cancelled | Problem)
                self._backlog.end(entry, learn=not (expired or failed))
                del self._entries[job]
                self._changed.notify()

    def _next(self) -> Entry | None:
        """Wait for the next piece of work; None once the queue is closed and empty."""
        with self._changed:
            while True:
                entry = self._backlog.next()
                if entry is not None:
                    if self._over:
                        entry.work.deadline = 0.0
                    return entry
                if self._closing and not self._backlog.waiting:
                    self._changed.notify_all()
                    return None
                self._changed.wait(self._backlog.delay())

    def _busy(self, refusal: Refusal) -> Problem:
        self._refused(refusal.reason)
        return busy(refusal.seconds, _REFUSED[refusal.reason])


class Workers:
    """The lanes of a service.

    Args:
        settings: how many questions may wait, for how long, and how many are worked at a time.
        refused: see Lane.
    """

    def __init__(self, settings: Settings, refused: Callable[[str], None] = lambda reason: None) -> None:
        size, at_a_time = settings.queue_size, settings.concurrency
        self.questions = Lane(
            "citespan-questions",
            size,
            at_a_time,
            threads=2 * at_a_time if at_a_time > 1 else 1,
            wait_times=settings.wait_times,
            wait_seconds=settings.wait_seconds,
            refused=refused,
        )
        self.writes = Lane("citespan-writes", size, refused=refused)
        self.fetches = Lane("citespan-fetches", size, _FETCHES, refused=refused)
        self._seconds = settings.ask_seconds

    def submit(
        self,
        priority: int,
        work: Callable[[Job], Any],
        *,
        kind: str | None = None,
        sender: str | None = None,
        size: float = 1.0,
    ) -> Job:
        """Queue a piece of work in its lane.

        Args:
            priority: ASK, SEARCH, WRITE or FETCH.
            work: called with its Job in the lane's thread.
            kind: see Lane.submit().
            sender: see Lane.submit().
            size: see Lane.submit().

        Raises:
            Problem: 503, it would have to wait too long.
        """
        lane = {WRITE: self.writes, FETCH: self.fetches}.get(priority, self.questions)
        # A write that was begun is finished: it is durable whether or not its client waits. Fetching has limits of its
        # own.
        seconds = None if priority in (WRITE, FETCH) else self._seconds
        return lane.submit(priority, work, seconds, kind=kind, sender=sender, size=size)

    async def run(
        self,
        priority: int,
        work: Callable[[Job], Any],
        *,
        gone: Callable[[], Any] | None = None,
        kind: str | None = None,
        sender: str | None = None,
        size: float = 1.0,
    ) -> Any:
        """Do a piece of work in its lane and return its result.

        Args:
            priority: ASK, SEARCH, WRITE or FETCH.
            work: called with its Job in the lane's thread.
            gone: an awaitable function that returns once the client has gone; None if nobody looks.
            kind: see Lane.submit().
            sender: see Lane.submit().
            size: see Lane.submit().

        Raises:
            Problem: 503, it would have to wait too long or is out of time; and whatever the work raises.
            Cancelled: the client has gone.
        """
        return await finished(self.submit(priority, work, kind=kind, sender=sender, size=size), gone)

    def close(self, seconds: float) -> None:
        """Finish what is queued, within a number of seconds."""
        until = time.monotonic() + seconds
        self.questions.close(seconds)
        self.fetches.close(max(0.0, until - time.monotonic()))
        self.writes.close(max(0.0, until - time.monotonic()))


async def finished(job: Job, gone: Callable[[], Any] | None = None) -> Any:
    """Return the result of a job; it is cancelled when its client goes or the waiting for it is cancelled.

    Args:
        job: queued.
        gone: an awaitable function that returns once the client has gone; None if nobody looks.

    Raises:
        Problem: 503, out of time; and whatever the work raises.
        Cancelled: the client has gone.
    """
    done = asyncio.wrap_future(job.future)
    watcher = asyncio.ensure_future(gone()) if gone is not None else None
    try:
        if watcher is not None:
            await asyncio.wait([done, watcher], return_when=asyncio.FIRST_COMPLETED)
            if not done.done():
                job.cancel()
                raise Cancelled
        return await done
    except asyncio.CancelledError:
        job.cancel()
        raise
    finally:
        if watcher is not None:
            watcher.cancel()
        # Nobody will look at the result of a job that was left.
        done.add_done_callback(lambda future: future.cancelled() or future.exception())


__all__ = ["ASK", "FETCH", "SEARCH", "WATCH", "WRITE", "Cancelled", "Job", "Lane", "Problem", "Workers", "finished"]
