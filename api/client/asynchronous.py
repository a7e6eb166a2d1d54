"""AsyncCitespan: as Citespan, for asyncio; the requests and what is made of the replies are the same."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable
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
from api.client.streaming import MAX_EVENT_BYTES, AsyncStream, read_event

T = TypeVar("T")


class AsyncCitespan:
    """A client of one service, for one event loop.  Close it, or use it in an ``async with`` block.

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
        http_client: httpx2.AsyncClient | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._address = Address(base_url, api_key)
        self._retries = retries or Retries()
        self._http = http_client or httpx2.AsyncClient()
        self._owned = http_client is None
        self._timeout = timeout
        self._sleep = sleep

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._address.base!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        if self._owned:
            await self._http.aclose()

    # --- questions

    async def ask(self, question: str, **options: Unpack[AskOptions]) -> Answer:
        """Answer a question, verbatim from the articles, with evidence."""
        return await self._send(requests.ask(question, options))

    def ask_stream(self, question: str, **options: Unpack[AskOptions]) -> AsyncStream[AskEvent]:
        """Answer a question step by step: Retrieved, Improved (again when it changes), Done."""
        return AsyncStream(self._events(requests.ask_stream(question, options)))

    async def export_answer(
        self, question: str, *, form: str = "markdown", style: str = "chicago", **options: Unpack[AskOptions]
    ) -> str:
        """Answer a question as a text with citations to paste: ``markdown``, or ``csv``."""
        return await self._send(requests.export_answer(question, form, style, options))

    async def search(self, query: str, **options: Unpack[SearchOptions]) -> tuple[Candidate, ...]:
        """Return the passages that speak most of some words."""
        return await self._send(requests.search(query, options))

    async def verify(
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
        return await self._send(requests.verify(article_id, article_start, article_end, text, sha256, collection))

    # --- articles

    async def add(self, text: str | None = None, **fields: Unpack[ArticleFields]) -> Added:
        """Add an article: a text, or ``html=``, or only the ``url=`` of a page; the same id again replaces it."""
        return await self._send(requests.add(text, fields))

    async def upload(self, *files: File, **fields: Unpack[FileFields]) -> Uploaded:
        """Add files: paths, or pairs of a name and bytes or an open file."""
        return await self._send(requests.upload(files, fields))

    async def add_batch(self, articles: Batch, *, collection: str = DEFAULT_COLLECTION) -> Job:
        """Hand in many articles: mappings as ``add`` takes fields, or NDJSON as bytes or the path of a file.

        An iterator is sent as it is made, and cannot be sent again.
        """
        return await self._send(requests.add_batch(articles, collection))

    async def articles(self, *, collection: str = DEFAULT_COLLECTION) -> AsyncIterator[ArticleRow]:
        """Yield all articles in order of arrival, asking for a page at a time."""
        cursor: str | None = None
        while True:
            page = await self._send(requests.articles(collection, PAGE, cursor))
            for one in page.articles:
                yield one
            cursor = page.next_cursor
            if cursor is None:
                return

    async def article(self, article_id: str, *, collection: str = DEFAULT_COLLECTION) -> Article:
        """Return an article with its whole text."""
        return await self._send(requests.article(article_id, collection))

    async def cite(
        self,
        article_id: str,
        *,
        style: str = "chicago",
        page: int | None = None,
        collection: str = DEFAULT_COLLECTION,
    ) -> Citation:
        """Return an article as a writer cites it: ``chicago``, ``apa``, ``mla``, ``bibtex`` or ``csl-json``."""
        return await self._send(requests.cite(article_id, style, page, collection))

    async def remove(self, article_id: str, *, collection: str = DEFAULT_COLLECTION) -> None:
        """Remove an article and everything made of it."""
        await self._send(requests.remove(article_id, collection))

    async def collections(self) -> tuple[Collection, ...]:
        """Return all collections with their sizes."""
        return await self._send(requests.collections())

    async def remove_collection(self, name: str) -> None:
        """Remove a collection with all its articles."""
        await self._send(requests.remove_collection(name))

    # --- jobs

    async def jobs(self) -> AsyncIterator[Job]:
        """Yield all jobs, the newest first, asking for a page at a time."""
        cursor: str | None = None
        while True:
            page = await self._send(requests.jobs(PAGE, cursor))
            for one in page.jobs:
                yield one
            cursor = page.next_cursor
            if cursor is None:
                return

    async def job(self, job_id: str) -> Job:
        """Return how far a job has come, with the first lines that could not be used."""
        return await self._send(requests.job(job_id, PAGE, None))

    async def job_failures(self, job_id: str) -> AsyncIterator[Failure]:
        """Yield all lines that could not be used, asking for a page at a time."""
        cursor: str | None = None
        while True:
            page = await self._send(requests.job(job_id, PAGE, cursor))
            for one in page.failures:
                yield one
            cursor = page.next_cursor
            if cursor is None:
                return

    def follow_job(self, job_id: str) -> AsyncStream[Job]:
        """Follow a job: how it stands now, and again when that changes, until it has ended; connecting anew if cut."""
        return AsyncStream(self._events(requests.follow_job(job_id)))

    async def wait(self, job_id: str, *, seconds: float | None = None) -> Job:
        """Return a job once it has ended.

        Args:
            job_id: the job.
            seconds: wait no longer; None for as long as it takes.

        Raises:
            TimedOut: it has not ended by then; it goes on.
        """
        begun, waited, look = time.monotonic(), 0.0, 0
        while True:
            job = await self.job(job_id)
            if not job.open:
                return job
            pause = LOOKS[min(look, len(LOOKS) - 1)]
            if seconds is not None and max(waited, time.monotonic() - begun) + pause > seconds:
                raise TimedOut(f"{job_id} is {job.state} with {job.done} of {job.total} lines after {seconds:g} s")
            await self._sleep(pause)
            waited, look = waited + pause, look + 1

    async def cancel_job(self, job_id: str) -> Job:
        """Cancel a job; what it has added stays."""
        return await self._send(requests.cancel_job(job_id))

    # --- what is followed

    async def subscriptions(self, *, collection: str = DEFAULT_COLLECTION) -> tuple[Subscription, ...]:
        """Return what a collection follows."""
        return await self._send(requests.subscriptions(collection))

    async def follow(
        self, url: str, *, every_seconds: int | None = None, collection: str = DEFAULT_COLLECTION
    ) -> Subscription:
        """Follow a feed or sitemap, or change how often."""
        return await self._send(requests.follow(url, every_seconds, collection))

    async def unfollow(self, url: str, *, collection: str = DEFAULT_COLLECTION) -> None:
        """Follow a feed or sitemap no longer; its articles stay."""
        await self._send(requests.unfollow(url, collection))

    # --- the service

    async def health(self) -> str:
        """Return ``alive`` where the process lives."""
        return await self._send(requests.health())

    async def ready(self) -> str:
        """Return ``ready`` where questions are taken; until then this is the error Unavailable, after its retries."""
        return await self._send(requests.ready())

    async def examples(self) -> tuple[str, ...]:
        """Return questions worth trying."""
        return await self._send(requests.examples())

    # --- how

    async def _send(self, call: Call[T]) -> T:
        attempts = Attempts(self._retries, call)
        while True:
            failure: ClientError
            try:
                with call.arguments() as arguments:
                    response = await self._http.request(
                        **self._address.complete(call.path, _streamed(arguments)),
                        timeout=self._timeout,
                        follow_redirects=False,
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
            await self._sleep(attempts.pause(failure))

    async def _events(self, call: StreamCall[T]) -> AsyncGenerator[T]:
        attempts = Attempts(self._retries, call)
        begun = False
        while True:
            failure: ClientError
            try:
                with call.arguments() as arguments:
                    async with self._open(call, arguments) as source:
                        if not source.response.is_success:
                            await source.response.aread()
                            raise error_of(source.response)
                        async for event in source:
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
            await self._sleep(attempts.pause(failure))

    def _open(self, call: StreamCall[Any], arguments: dict[str, Any]) -> Any:
        return self._http.sse(
            **self._address.complete(call.path, arguments),
            timeout=self._timeout,
            follow_redirects=False,
            max_event_size=MAX_EVENT_BYTES,
        )


def _streamed(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments with a body that is made piece by piece as the asynchronous transport wants it."""
    content = arguments.get("content")
    if content is None or isinstance(content, bytes):
        return arguments

    async def pieces(made: Iterable[bytes] = content) -> AsyncGenerator[bytes]:
        for piece in made:
            yield piece

    return {**arguments, "content": pieces()}
