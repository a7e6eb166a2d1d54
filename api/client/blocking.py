"""Citespan: the client that waits."""

import time
from collections.abc import Callable, Generator, Iterator
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

import httpx2

from api.client import requests
from api.client.calls import Call, StreamCall
from api.client.connection import DEFAULT_URL, LOOKS, PAGE, Address
from api.client.errors import ClientError, ConnectionFailed, TimedOut, error_of, failure_of
from api.client.records import (
    Added,
    Answer,
    Article,
    ArticleRow,
    AskEvent,
    Candidate,
    Citation,
    Collection,
    Failure,
    Job,
    Subscription,
    Uploaded,
    Verified,
)
from api.client.requests import DEFAULT_COLLECTION, ArticleFields, AskOptions, Batch, File, FileFields, SearchOptions
from api.client.retrying import Attempts, Retries
from api.client.streaming import MAX_EVENT_BYTES, Stream, read_event

T = TypeVar("T")


class Citespan:
    """A client of one service.  May be shared by threads; close it, or use it in a ``with`` block.

    Every method raises CitespanAPIError where the service answers with an error, ConnectionFailed where there is no
    answer, and UnexpectedReply where the answer is none of Citespan's.

    Args:
        base_url: where the service is.
        api_key: of ``citespan keys add``, where the service wants one.
        timeout: seconds without a sign of life after which a request is given up.
        retries: how often and how long a request is tried again.
        http_client: what to send with, for proxies, certificates and the like; it stays open.
        sleep: what waits between attempts, given seconds.
    """

    def __init__(
        self,
        base_url: str = DEFAULT_URL,
        *,
        api_key: str | None = None,
        timeout: float = 60.0,
        retries: Retries | None = None,
        http_client: httpx2.Client | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._address = Address(base_url, api_key)
        self._retries = retries or Retries()
        self._http = http_client or httpx2.Client()
        self._owned = http_client is None
        self._timeout = timeout
        self._sleep = sleep

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._address.base!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        if self._owned:
            self._http.close()

    # --- questions

    def ask(self, question: str, **options: Unpack[AskOptions]) -> Answer:
        """Answer a question, verbatim from the articles, with evidence."""
        return self._send(requests.ask(question, options))

    def ask_stream(self, question: str, **options: Unpack[AskOptions]) -> Stream[AskEvent]:
        """Answer a question step by step: Retrieved, Improved (again when it changes), Done."""
        return Stream(self._events(requests.ask_stream(question, options)))

    def export_answer(
        self, question: str, *, form: str = "markdown", style: str = "chicago", **options: Unpack[AskOptions]
    ) -> str:
        """Answer a question as a text with citations to paste: ``markdown``, or ``csv``."""
        return self._send(requests.export_answer(question, form, style, options))

    def search(self, query: str, **options: Unpack[SearchOptions]) -> tuple[Candidate, ...]:
        """Return the passages that speak most of some words."""
        return self._send(requests.search(query, options))

    def verify(
        self,
        article_id: str,
        article_start: int,
        article_end: int,
        text: str,
        *,
        sha256: str | None = None,
        collection: str = DEFAULT_COLLECTION,
    ) -> Verified:
        """Say whether an answer given earlier still stands in its article."""
        return self._send(requests.verify(article_id, article_start, article_end, text, sha256, collection))

    # --- articles

    def add(self, text: str | None = None, **fields: Unpack[ArticleFields]) -> Added:
        """Add an article: a text, or ``html=``, or only the ``url=`` of a page; the same id again replaces it."""
        return self._send(requests.add(text, fields))

    def upload(self, *files: File, **fields: Unpack[FileFields]) -> Uploaded:
        """Add files: paths, or pairs of a name and bytes or an open file."""
        return self._send(requests.upload(files, fields))

    def add_batch(self, articles: Batch, *, collection: str = DEFAULT_COLLECTION) -> Job:
        """Hand in many articles: mappings as ``add`` takes fields, or NDJSON as bytes or the path of a file.

        An iterator is sent as it is made, and cannot be sent again.
        """
        return self._send(requests.add_batch(articles, collection))

    def articles(self, *, collection: str = DEFAULT_COLLECTION) -> Iterator[ArticleRow]:
        """Yield all articles in order of arrival, asking for a page at a time."""
        cursor: str | None = None
        while True:
            page = self._send(requests.articles(collection, PAGE, cursor))
            yield from page.articles
            cursor = page.next_cursor
            if cursor is None:
                return

    def article(self, article_id: str, *, collection: str = DEFAULT_COLLECTION) -> Article:
        """Return an article with its whole text."""
        return self._send(requests.article(article_id, collection))

    def cite(
        self,
        article_id: str,
        *,
        style: str = "chicago",
        page: int | None = None,
        collection: str = DEFAULT_COLLECTION,
    ) -> Citation:
        """Return an article as a writer cites it: ``chicago``, ``apa``, ``mla``, ``bibtex`` or ``csl-json``."""
        return self._send(requests.cite(article_id, style, page, collection))

    def remove(self, article_id: str, *, collection: str = DEFAULT_COLLECTION) -> None:
        """Remove an article and everything made of it."""
        self._send(requests.remove(article_id, collection))

    def collections(self) -> tuple[Collection, ...]:
        """Return all collections with their sizes."""
        return self._send(requests.collections())

    def remove_collection(self, name: str) -> None:
        """Remove a collection with all its articles."""
        self._send(requests.remove_collection(name))

    # --- jobs

    def jobs(self) -> Iterator[Job]:
        """Yield all jobs, the newest first, asking for a page at a time."""
        cursor: str | None = None
        while True:
            page = self._send(requests.jobs(PAGE, cursor))
            yield from page.jobs
            cursor = page.next_cursor
            if cursor is None:
                return

    def job(self, job_id: str) -> Job:
        """Return how far a job has come, with the first lines that could not be used."""
        return self._send(requests.job(job_id, PAGE, None))

    def job_failures(self, job_id: str) -> Iterator[Failure]:
        """Yield all lines that could not be used, asking for a page at a time."""
        cursor: str | None = None
        while True:
            page = self._send(requests.job(job_id, PAGE, cursor))
            yield from page.failures
            cursor = page.next_cursor
            if cursor is None:
                return

    def follow_job(self, job_id: str) -> Stream[Job]:
        """Follow a job: how it stands now, and again when that changes, until it has ended; connecting anew if cut."""
        return Stream(self._events(requests.follow_job(job_id)))

    def wait(self, job_id: str, *, seconds: float | None = None) -> Job:
        """Return a job once it has ended.

        Args:
            job_id: the job.
            seconds: wait no longer; None for as long as it takes.

        Raises:
            TimedOut: it has not ended by then; it goes on.
        """
        begun, waited, look = time.monotonic(), 0.0, 0
        while True:
            job = self.job(job_id)
            if not job.open:
                return job
            pause = LOOKS[min(look, len(LOOKS) - 1)]
            if seconds is not None and max(waited, time.monotonic() - begun) + pause > seconds:
                raise TimedOut(f"{job_id} is {job.state} with {job.done} of {job.total} lines after {seconds:g} s")
            self._sleep(pause)
            waited, look = waited + pause, look + 1

    def cancel_job(self, job_id: str) -> Job:
        """Cancel a job; what it has added stays."""
        return self._send(requests.cancel_job(job_id))

    # --- what is followed

    def subscriptions(self, *, collection: str = DEFAULT_COLLECTION) -> tuple[Subscription, ...]:
        """Return what a collection follows."""
        return self._send(requests.subscriptions(collection))

    def follow(
        self, url: str, *, every_seconds: int | None = None, collection: str = DEFAULT_COLLECTION
    ) -> Subscription:
        """Follow a feed or sitemap, or change how often."""
        return self._send(requests.follow(url, every_seconds, collection))

    def unfollow(self, url: str, *, collection: str = DEFAULT_COLLECTION) -> None:
        """Follow a feed or sitemap no longer; its articles stay."""
        self._send(requests.unfollow(url, collection))

    # --- the service

    def health(self) -> str:
        """Return ``alive`` where the process lives."""
        return self._send(requests.health())

    def ready(self) -> str:
        """Return ``ready`` where questions are taken; until then this is the error Unavailable, after its retries."""
        return self._send(requests.ready())

    def examples(self) -> tuple[str, ...]:
        """Return questions worth trying."""
        return self._send(requests.examples())

    # --- how

    def _send(self, call: Call[T]) -> T:
        attempts = Attempts(self._retries, call)
        while True:
            failure: ClientError
            try:
                with call.arguments() as arguments:
                    response = self._http.request(
                        **self._address.complete(call.path, arguments), timeout=self._timeout, follow_redirects=False
                    )
            except httpx2.RequestError as error:
                failure = failure_of(error)
                failure.__cause__ = error
            else:
                if response.is_success:
                    return call.read(response)
                failure = error_of(response)
                if attempts.settles(failure):
                    return call.read(response)
            self._sleep(attempts.pause(failure))

    def _events(self, call: StreamCall[T]) -> Generator[T]:
        attempts = Attempts(self._retries, call)
        begun = False
        while True:
            failure: ClientError
            try:
                with call.arguments() as arguments, self._open(call, arguments) as source:
                    if not source.response.is_success:
                        source.response.read()
                        raise error_of(source.response)
                    for event in source:
                        found: T | None = read_event(call, event, source.response)
                        if found is not None:
                            yield found
                            begun, attempts = True, Attempts(self._retries, call)
                        if event.event in call.last:
                            return
                raise ConnectionFailed("the stream ended before its last event")
            except httpx2.RequestError as error:
                failure = failure_of(error)
                failure.__cause__ = error
            except ClientError as error:
                failure = error
            if begun and not call.resumes:
                raise failure
            self._sleep(attempts.pause(failure))

    def _open(self, call: StreamCall[Any], arguments: dict[str, Any]) -> Any:
        return self._http.sse(
            **self._address.complete(call.path, arguments),
            timeout=self._timeout,
            follow_redirects=False,
            max_event_size=MAX_EVENT_BYTES,
        )
