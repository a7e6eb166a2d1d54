"""The thread that works through jobs, one at a time and in order, and what it tells those who follow one.

Which jobs there are, and how far each has come, the library knows; here is only what a process has of it: the thread,
how fast it goes, and who listens.
"""

import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import Iterator

import structlog

from api.concurrency.notifier import Listeners
from api.errors import busy
from index import CitespanError, Collection, CollectionNotFound, Job, JobNotFound, Library, StorageError

# A rate over the last so many seconds: what the machine does now, without the jumps from batch to batch.
_PACE_SECONDS = 30.0
# Between two tries of a job that the disk refused.
_RETRY_SECONDS = 5.0
_RETRY_LONGEST = 60.0
MAX_FOLLOWERS = 64
_log = structlog.get_logger("citespan")


class Jobs:
    """Works through the jobs of a library.

    Args:
        library: whose jobs.
        size: jobs that may be open at a time, those on their way in included.
    """

    def __init__(self, library: Library, size: int) -> None:
        self._library = library
        self._size = size
        self._lock = threading.Lock()
        self._incoming = 0
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._pace: deque[tuple[float, int]] = deque()
        self._current: str | None = None
        self._waits: str | None = None
        self._followers = Listeners(
            MAX_FOLLOWERS, f"{MAX_FOLLOWERS} clients follow jobs already: ask for the job itself from time to time"
        )
        self._thread: threading.Thread | None = None

    @property
    def running(self) -> int:
        """Jobs that are being worked on: 0 or 1."""
        return int(self._current is not None)

    @property
    def queued(self) -> int:
        """Jobs that wait for their turn."""
        return max(0, len(self._library.open_jobs()) - self.running)

    @property
    def followers(self) -> int:
        """Clients that follow jobs."""
        return self._followers.count

    def start(self) -> None:
        """Begin, with what was left when the library was closed."""
        with self._lock:
            if self._thread is None and not self._stopping.is_set():
                self._thread = threading.Thread(target=self._loop, name="citespan-jobs", daemon=True)
                self._thread.start()

    def close(self, seconds: float) -> None:
        """Stop after the batch that is under way, or after so many seconds; the rest waits for another start."""
        with self._lock:
            self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(seconds)

    @contextlib.contextmanager
    def admitted(self) -> Iterator[None]:
        """Hold a place for a job that is on its way in.

        Raises:
            Problem: 503, there are too many jobs already.
        """
        with self._lock:
            if len(self._library.open_jobs()) + self._incoming >= self._size:
                raise busy(30, f"{self._size} jobs are waiting already: try again when one of them has ended", "jobs")
            self._incoming += 1
        try:
            yield
        finally:
            with self._lock:
                self._incoming -= 1

    def changed(self) -> None:
        """Say that there is a job more, or that one has got further or ended."""
        self._wake.set()
        self._followers.tell()

    def followed(self, who: str | None) -> contextlib.AbstractContextManager[asyncio.Event]:
        """Give an event of the running loop that is set whenever any job changes.

        Args:
            who: key or address that follows, None for this machine without a key.

        Raises:
            Problem: 429, the sender follows often enough already; 503, too many follow.
        """
        return self._followers.waiting(who)

    def rate(self, job: Job) -> float | None:
        """Return how many lines a second a job gets on by; None for one that is not being worked on."""
        with self._lock:
            # One that was cancelled is let go of a moment later.
            if not job.open or job.id != self._current or len(self._pace) < 2:
                return None
            (begun, before), (until, now) = self._pace[0], self._pace[-1]
        return (now - before) / (until - begun) if until > begun else None

    def waits(self, job: Job) -> str | None:
        """Return why a job that has begun does not get on, None where it does."""
        with self._lock:
            return self._waits if job.open and job.id == self._current else None

    def _loop(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            try:
                waiting = self._library.open_jobs()
            except CitespanError as error:
                _log.error("jobs cannot be looked up", error=str(error))
                self._stopping.wait(_RETRY_SECONDS)
                continue
            if waiting:
                self._work(*waiting[0])
            else:
                self._wake.wait()

    def _work(self, collection: Collection, job: Job) -> None:
        """Work a job to its end, or until the service stops."""
        with self._lock:
            self._current = job.id
            self._pace.clear()
        pause = _RETRY_SECONDS
        try:
            while not self._stopping.is_set():
                try:
                    ended = collection.jobs.run(job.id, stop=self._stopping.is_set, progress=self._progress)
                except StorageError as error:
                    _log.error("a job waits", job=job.id, error=str(error))
                    with self._lock:
                        self._waits = "the disk is full" if error.disk_full else "the disk refuses to write"
                        self._pace.clear()
                    self.changed()
                    self._stopping.wait(pause)
                    pause = min(_RETRY_LONGEST, 2 * pause)
                else:
                    _log.info("job", job=job.id, state=ended.state, done=ended.done, failed=ended.failed)
                    return
        except (CollectionNotFound, JobNotFound):
            _log.info("job", job=job.id, state="removed with its collection")
        except Exception as error:  # whatever it is belongs to this job alone; the thread goes on
            _log.error("a job failed", job=job.id, kind=type(error).__name__, exc_info=error)
            self._stop(collection, job)
        finally:
            with self._lock:
                self._current = self._waits = None
            self.changed()

    def _stop(self, collection: Collection, job: Job) -> None:
        try:
            collection.jobs.stop(job.id, "something went wrong here: the service's log says what, under the job's id")
        except CitespanError as error:
            # Still open, so it would be taken up again at once.
            _log.error("a job cannot be stopped", job=job.id, error=str(error))
            self._stopping.wait(_RETRY_LONGEST)

    def _progress(self, job: Job) -> None:
        moment = time.monotonic()
        with self._lock:
            self._waits = None
            self._pace.append((moment, job.done + job.failed))
            while len(self._pace) > 2 and self._pace[0][0] < moment - _PACE_SECONDS:
                self._pace.popleft()
        self.changed()
