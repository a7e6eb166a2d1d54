"""A LangChain retriever: passages of Citespan's articles as Documents, each with its proof."""

from collections.abc import Iterable
from itertools import islice
from typing import Any, Self, cast

try:
    from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun, CallbackManagerForRetrieverRun
    from langchain_core.documents import Document
    from langchain_core.retrievers import BaseRetriever
except ImportError as error:
    raise ImportError("LangChain is not installed: pip install 'citespan[langchain]'") from error
from pydantic import ConfigDict, Field, PrivateAttr, SecretStr, model_validator

from api.client import Filters
from api.client.connection import DEFAULT_URL
from api.client.requests import DEFAULT_COLLECTION, AskOptions, SearchOptions
from api.integrations.backends import Asker, LocalAsker, RemoteAsker
from api.integrations.metadata import Proof, of_answer, of_candidate

# What the service allows at most, and reads at least.
_MOST_ANSWERS = 20
_FEWEST_PASSAGES = 10


class CitespanRetriever(BaseRetriever):
    """Retrieves passages, waiting (``invoke``) or asynchronously (``ainvoke``).

    A Document's ``page_content`` is the passage's text, verbatim from the article; ``id`` is the passage's, and
    ``metadata`` is described in ``api.integrations.metadata``.  Raises the errors of ``api.client``; with ``qa``
    those of ``index``.

    Attributes:
        base_url: where the service is.
        api_key: where it wants one.
        collection: where to look.
        k: how many passages; ``invoke(query, k=...)`` for one question.
        answers: whether the question is answered too: passages that hold an answer come first, with the answer in their
            metadata.  Where the articles hold no answer they are the closest passages, without.
        min_confidence: answers below it are left out.
        filters: which articles may be searched, as ``/v1/ask`` takes them.
        timeout: seconds without a sign of life after which a request is given up.
        qa: a QuestionAnswering of this process, instead of a service.
    """

    base_url: str = DEFAULT_URL
    api_key: SecretStr | None = None
    collection: str = DEFAULT_COLLECTION
    k: int = Field(5, ge=1, le=100)
    answers: bool = False
    min_confidence: float = Field(0.0, ge=0, le=1)
    filters: dict[str, Any] | None = None
    timeout: float = Field(60.0, gt=0)
    qa: Any = Field(None, exclude=True, repr=False)

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")
    _asker: Asker = PrivateAttr()

    @model_validator(mode="after")
    def _ready(self) -> Self:
        key = None if self.api_key is None else self.api_key.get_secret_value()
        remote = self.qa is None
        self._asker = RemoteAsker(self.base_url, key, self.timeout) if remote else LocalAsker(self.qa)
        return self

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun, k: int | None = None
    ) -> list[Document]:
        wanted = self.k if k is None else k
        if self.answers:
            return _documents(of_answer(self._asker.ask(query, **self._asking(wanted))), wanted)
        return _documents(map(of_candidate, self._asker.search(query, **self._searching(wanted))), wanted)

    async def _aget_relevant_documents(
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun, k: int | None = None
    ) -> list[Document]:
        wanted = self.k if k is None else k
        if self.answers:
            return _documents(of_answer(await self._asker.ask_async(query, **self._asking(wanted))), wanted)
        return _documents(map(of_candidate, await self._asker.search_async(query, **self._searching(wanted))), wanted)

    def _asking(self, k: int) -> AskOptions:
        return {
            "collection": self.collection,
            "limit": min(k, _MOST_ANSWERS),
            "passages": max(k, _FEWEST_PASSAGES),
            "filters": cast("Filters | None", self.filters),
            "min_confidence": self.min_confidence,
            "include": ["passages"],
        }

    def _searching(self, k: int) -> SearchOptions:
        return {"collection": self.collection, "limit": k, "filters": cast("Filters | None", self.filters)}


def _documents(proofs: Iterable[Proof], k: int) -> list[Document]:
    return [
        Document(page_content=proof.passage.text, id=proof.passage.id, metadata=proof.metadata)
        for proof in islice(proofs, k)
    ]
