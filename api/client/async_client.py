"""AsyncCitespan: as Citespan, for asyncio; the requests and what is made of the replies are the same."""

import time
from collections.abc import AsyncIterator
from typing import TypeVar, Unpack

from api.client import conversation_requests, requests, watch_requests
from api.client.connection import LOOKS, PAGE
from api.client.conversation_models import Conversation, ConversationRow
from api.client.conversation_requests import MessageOptions
from api.client.errors import TimedOut
from api.client.models import (
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
from api.client.requests import (
    DEFAULT_COLLECTION,
    ArticleFields,
    AskOptions,
    Batch,
    File,
    FileFields,
    Filters,
    SearchOptions,
)
from api.client.streaming import AsyncStream
from api.client.transport import AsyncSender
from api.client.watch_models import Tested, Watch, WatchEvent

T = TypeVar("T")


class AsyncCitespan(AsyncSender):
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

    # --- conversations

    async def create_conversation(self, *, title: str | None = None) -> str:
        """Begin a conversation and return its id."""
        return await self._send(conversation_requests.create(title))

    async def send_message(self, conversation_id: str, question: str, **options: Unpack[MessageOptions]) -> Answer:
        """Ask in a conversation: a follow-up is understood in the light of what was said.

        The answer's ``standalone_question`` is the question as it was understood, and ``message_id`` the message that
        a later one may take the place of (``replaces=``).
        """
        return await self._send(conversation_requests.send(conversation_id, question, options))

    def stream_message(
        self, conversation_id: str, question: str, **options: Unpack[MessageOptions]
    ) -> AsyncStream[AskEvent]:
        """Ask in a conversation step by step: as ask_stream, with Understood before the last answer."""
        return AsyncStream(self._events(conversation_requests.stream(conversation_id, question, options)))

    async def conversation(self, conversation_id: str) -> Conversation:
        """Return a conversation with its messages in order."""
        return await self._send(conversation_requests.conversation(conversation_id))

    def conversations(self) -> AsyncIterator[ConversationRow]:
        """Yield one's own conversations, those begun last first, asking for a page at a time."""
        return self._pages(
            lambda cursor: conversation_requests.conversations(PAGE, cursor), lambda page: page.conversations
        )

    async def export_conversation(self, conversation_id: str, *, form: str = "markdown", style: str = "chicago") -> str:
        """Return a conversation as a text with citations to take along: ``markdown``, ``csv`` or ``json``."""
        return await self._send(conversation_requests.export(conversation_id, form, style))

    async def forget_conversation(self, conversation_id: str) -> None:
        """Forget a conversation and all that was said in it."""
        await self._send(conversation_requests.forget(conversation_id))

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

    def articles(self, *, collection: str = DEFAULT_COLLECTION) -> AsyncIterator[ArticleRow]:
        """Yield all articles in order of arrival, asking for a page at a time."""
        return self._pages(lambda cursor: requests.articles(collection, PAGE, cursor), lambda page: page.articles)

    async def article(
        self, article_id: str, *, start: int = 0, end: int | None = None, collection: str = DEFAULT_COLLECTION
    ) -> Article:
        """Return an article with its whole text, or with the stretch of it from start to end, in code points."""
        return await self._send(requests.article(article_id, start, end, collection))

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

    def jobs(self) -> AsyncIterator[Job]:
        """Yield all jobs, the newest first, asking for a page at a time."""
        return self._pages(lambda cursor: requests.jobs(PAGE, cursor), lambda page: page.jobs)

    async def job(self, job_id: str) -> Job:
        """Return how far a job has come, with the first lines that could not be used."""
        return await self._send(requests.job(job_id, PAGE, None))

    def job_failures(self, job_id: str) -> AsyncIterator[Failure]:
        """Yield all lines that could not be used, asking for a page at a time."""
        return self._pages(lambda cursor: requests.job(job_id, PAGE, cursor), lambda page: page.failures)

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

    async def resume_job(self, job_id: str) -> Job:
        """Let a stopped job continue."""
        return await self._send(requests.resume_job(job_id))

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

    # --- standing questions

    async def create_watch(
        self,
        question: str,
        *,
        collection: str = DEFAULT_COLLECTION,
        filters: Filters | None = None,
        webhook: str | None = None,
    ) -> Watch:
        """Put a standing question; its ``secret``, where there is a webhook, is told this once."""
        return await self._send(watch_requests.create(question, collection, filters, webhook))

    async def watch(self, watch_id: str) -> Watch:
        """Return a standing question with the answer that stands."""
        return await self._send(watch_requests.watch(watch_id))

    def watches(self) -> AsyncIterator[Watch]:
        """Yield one's own standing questions, asking for a page at a time."""
        return self._pages(lambda cursor: watch_requests.watches(PAGE, cursor), lambda page: page.watches)

    def watch_events(self, watch_id: str) -> AsyncIterator[WatchEvent]:
        """Yield what has become of a standing question's answer, the newest last, asking for a page at a time."""
        return self._pages(lambda cursor: watch_requests.events(watch_id, PAGE, cursor), lambda page: page.events)

    async def test_watch(self, watch_id: str) -> Tested:
        """Send its webhook a message of no event; one that was given up is on again once that is taken."""
        return await self._send(watch_requests.test(watch_id))

    async def remove_watch(self, watch_id: str) -> None:
        """Remove a standing question with its events."""
        await self._send(watch_requests.remove(watch_id))

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
