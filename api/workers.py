"""Work that takes time, off the event loop: bounded queues with threads for questions, writes (one) and fetching.

Questions have several threads so that they share the networks' batches, and that one is tokenised or looked up while
another is read.  A full queue refuses at once instead of letting everyone wait; what expired in the queue or whose
client has gone is dropped when its turn comes, not computed; a job that fails fails alone.
"""

import asyncio
import itertools
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from api.problems import Problem, busy

# WATCH: questions that nobody waits for, after all that somebody does.
ASK, SEARCH, WRITE, FETCH, WATCH = 0, 1, 2, 3, 4
# Pages fetched at a time: they wait for other people's servers, not for this machine.
_FETCHES = 4
# What a job that has run out of time may take to notice.
_LAST_SECONDS = 2.0


class Cancelled(Exception):
    """The client has gone, or the job's time is over."""


class Job:
    """One piece of work.

    Attributes:
        future: its result.
        deadline: monotonic time after which nobody waits for it, None for no limit.
    """

    def __init__(self, work: "Callable[[Job], Any]", deadline: float | None) -> None:
        self.future: Future[Any] = Future()
        self.deadline = deadline
        self._work = work
        self._gone = threading.Event()

    def cancel(self) -> None:
        """Say that nobody waits for it any more."""
        self._gone.set()

    def check(self) -> None:
        """Stop here if nobody waits any more; called between the steps of the work.

        Raises:
            Cancelled: the client has gone.
            Problem: its time is over.
        """
        if self._gone.is_set():
            raise Cancelled
        if self.deadline is not None and time.monotonic() > self.deadline:
            raise busy(2, "this could not be done in time: try again, or ask for fewer passages")

    def run(self) -> None:
        """Do the work, unless its waiter has cancelled it already."""
        # From here on the future cannot be cancelled from outside, so setting it cannot fail.
        if not self.future.set_running_or_notify_cancel():
            return
        try:
            self.check()
            self.future.set_result(self._work(self))
        except BaseException as error:  # whatever it is belongs to this job alone; the thread goes on
            self.future.set_exception(error)


class Lane:
    """A bounded queue with threads of its own.

    Args:
        name: of the threads.
        size: jobs that may wait.
        threads: jobs done at a time.
    """

    def __init__(self, name: str, size: int, threads: int = 1) -> None:
        self._queue: queue.PriorityQueue[tuple[int, int, Job | None]] = queue.PriorityQueue()
        self._size = size
        self._order = itertools.count()
        self._lock = threading.Lock()
        self._seconds = 0.3
        self._running: set[Job] = set()
        self._over = False
        self._threads = [threading.Thread(target=self._loop, name=name, daemon=True) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    @property
    def waiting(self) -> int:
        """Jobs in the queue."""
        return self._queue.qsize()

    def submit(self, priority: int, work: Callable[[Job], Any], seconds: float | None) -> Job:
        """Queue a piece of work.

        Args:
            priority: lower ones first.
            work: called with its Job.
            seconds: within which it must be done; None for no limit.

        Raises:
            Problem: 503, the queue is full.
        """
        job = Job(work, None if seconds is None else time.monotonic() + seconds)
        with self._lock:
            if self.waiting >= self._size:
                raise busy(
                    self.waiting * self._seconds / len(self._threads), "too many requests are waiting: try again later"
                )
            self._queue.put((priority, next(self._order), job))
        return job

    def close(self, seconds: float) -> None:
        """Finish what is queued, for at most so long."""
        for _ in self._threads:
            self._queue.put((1_000, next(self._order), None))
        self._join(seconds)
        # Their clients hear that there was no time, instead of an error from what is closed under them.
        with self._lock:
            self._over = True
            for job in self._running:
                job.deadline = 0.0
        self._join(_LAST_SECONDS)

    def _join(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def _loop(self) -> None:
        while True:
            job = self._queue.get()[2]
            if job is None:
                return
            begun = time.monotonic()
            with self._lock:
                if self._over:
                    job.deadline = 0.0
                self._running.add(job)
            job.run()
            took = time.monotonic() - begun
            with self._lock:
                self._running.discard(job)
                self._seconds = 0.9 * self._seconds + 0.1 * took


class Workers:
    """The lanes of a service.

    Args:
        size: questions that may wait.
        threads: questions worked at a time.
        seconds: within which a question or search must be answered.
    """

    def __init__(self, size: int, threads: int, seconds: float) -> None:
        self.questions = Lane("citespan-questions", size, threads)
        self.writes = Lane("citespan-writes", size)
        self.fetches = Lane("citespan-fetches", size, _FETCHES)
        self._seconds = seconds

    async def run(
        self,
        priority: int,
        work: Callable[[Job], Any],
        *,
        gone: Callable[[], Any] | None = None,
        started: Callable[[Job], None] | None = None,
    ) -> Any:
        """Do a piece of work in its lane and return its result.

        Args:
            priority: ASK, SEARCH, WRITE or FETCH.
            work: called with its Job in the lane's thread.
            gone: an awaitable function that returns once the client has gone; None if nobody looks.
            started: called with the Job once it is queued.

        Raises:
            Problem: 503, full or out of time; and whatever the work raises.
            Cancelled: the client has gone.
        """
        lane = {WRITE: self.writes, FETCH: self.fetches}.get(priority, self.questions)
        # A write that was begun is finished: it is durable whether or not its client waits. Fetching has limits of its
        # own.
        job = lane.submit(priority, work, None if priority in (WRITE, FETCH) else self._seconds)
        if started is not None:
            started(job)
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

    def close(self, seconds: float) -> None:
        """Finish what is queued, for at most so long."""
        until = time.monotonic() + seconds
        self.questions.close(seconds)
        self.fetches.close(max(0.0, until - time.monotonic()))
        self.writes.close(max(0.0, until - time.monotonic()))


__all__ = ["ASK", "FETCH", "SEARCH", "WATCH", "WRITE", "Cancelled", "Job", "Lane", "Problem", "Workers"]
