"""Where a framework's questions go: to a service over HTTP, or to a QuestionAnswering in the same process."""

import asyncio
import ssl
import weakref
from functools import cache
from typing import Any, Protocol, Unpack

import httpx2

from api.client import Answer, AsyncCitespan, Candidate, Citespan
from api.client.calls import record
from api.client.requests import AskOptions, SearchOptions


class Asker(Protocol):
    """What answers questions and searches, waiting or asynchronously; options are those of api.client."""

    def ask(self, question: str, **options: Unpack[AskOptions]) -> Answer:
        """Answer a question."""

    def search(self, query: str, **options: Unpack[SearchOptions]) -> tuple[Candidate, ...]:
        """Return the passages that speak most of some words."""

    async def ask_async(self, question: str, **options: Unpack[AskOptions]) -> Answer:
        """Answer a question."""

    async def search_async(self, query: str, **options: Unpack[SearchOptions]) -> tuple[Candidate, ...]:
        """Return the passages that speak most of some words."""


class RemoteAsker:
    """Asks a service; raises the errors of api.client.

    Frameworks never say when they are done: the waiting client is closed with this object, and each asynchronous
    question has a client of its own, since nobody knows in which event loop the next one will be.

    Args:
        base_url: where the service is.
        api_key: where it wants one.
        timeout: seconds without a sign of life after which a request is given up.
    """

    def __init__(self, base_url: str, api_key: str | None, timeout: float) -> None:
        self._facts: dict[str, Any] = {"api_key": api_key, "timeout": timeout}
        self._base_url = base_url
        http = httpx2.Client(verify=_certificates())
        self._client = Citespan(base_url, http_client=http, **self._facts)
        weakref.finalize(self, http.close)

    def ask(self, question: str, **options: Unpack[AskOptions]) -> Answer:
        """Answer a question."""
        return self._client.ask(question, **options)

    def search(self, query: str, **options: Unpack[SearchOptions]) -> tuple[Candidate, ...]:
        """Return the passages that speak most of some words."""
        return self._client.search(query, **options)

    async def ask_async(self, question: str, **options: Unpack[AskOptions]) -> Answer:
        """Answer a question."""
        async with httpx2.AsyncClient(verify=_certificates()) as http:
            return await AsyncCitespan(self._base_url, http_client=http, **self._facts).ask(question, **options)

    async def search_async(self, query: str, **options: Unpack[SearchOptions]) -> tuple[Candidate, ...]:
        """Return the passages that speak most of some words."""
        async with httpx2.AsyncClient(verify=_certificates()) as http:
            return await AsyncCitespan(self._base_url, http_client=http, **self._facts).search(query, **options)


class LocalAsker:
    """Asks a QuestionAnswering in this process, and answers as the service would.

    Args:
        qa: opened; stays open.
    """

    def __init__(self, qa: Any) -> None:
        self._qa = qa

    def ask(self, question: str, **options: Unpack[AskOptions]) -> Answer:
        """Answer a question.

        Raises:
            CitespanError: as QuestionAnswering.ask does.
            pydantic.ValidationError: an option is out of range.
        """
        from api.schemas.requests import AskIn
        from api.schemas.responses import AskOut

        asked = AskIn.model_validate({"question": question, **_given(options)})
        answer = self._qa.ask(asked.question, **asked.arguments())
        reply = AskOut.from_answer(answer, passages="passages" in asked.include)
        return record(reply.model_dump_json(), Answer)

    def search(self, query: str, **options: Unpack[SearchOptions]) -> tuple[Candidate, ...]:
        """Return the passages that speak most of some words.

        Raises:
            CitespanError: as Collection.search does.
            pydantic.ValidationError: an option is out of range.
        """
        from api.schemas.requests import SearchIn
        from api.schemas.responses import CandidateOut

        asked = SearchIn.model_validate({"query": query, **_given(options)})
        collection = self._qa.library.collection(asked.collection)
        found = collection.search(asked.query, limit=asked.limit, filters=asked.filters.to_filters())
        return tuple(record(CandidateOut.from_candidate(one).model_dump_json(), Candidate) for one in found)

    async def ask_async(self, question: str, **options: Unpack[AskOptions]) -> Answer:
        """Answer a question, in a thread."""
        return await asyncio.to_thread(self.ask, question, **options)

    async def search_async(self, query: str, **options: Unpack[SearchOptions]) -> tuple[Candidate, ...]:
        """Return the passages that speak most of some words, in a thread."""
        return await asyncio.to_thread(self.search, query, **options)


@cache
def _certificates() -> ssl.SSLContext:
    """Return whose certificates are trusted: reading them takes longer than a question."""
    return httpx2.create_ssl_context()


def _given(options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}
