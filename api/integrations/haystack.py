"""A Haystack component: a query → extracted answers and the passages they stand in, each with its proof."""

from typing import Any

try:
    from haystack import Document, component, default_from_dict, default_to_dict
    from haystack.dataclasses import ExtractedAnswer
    from haystack.utils import Secret
except ImportError as error:
    raise ImportError("Haystack is not installed: pip install 'citespan[haystack]'") from error

from api.client import Answer, Evidence, Filters
from api.client.connection import DEFAULT_URL
from api.client.requests import DEFAULT_COLLECTION, AskOptions
from api.integrations.backends import RemoteAsker
from api.integrations.metadata import Proof, of_answer, of_evidence
from api.service.answer_text import within_sentence


@component
class CitespanAnswerer:
    """Answers a query from Citespan's articles; stands where a retriever and an extractive reader would.

    ``answers`` are ExtractedAnswers, one for each piece of evidence of each answer, the best first; none where the
    articles hold no answer.  ``data`` is the answer's text, ``score`` its calibrated confidence, ``context`` the
    sentence, ``context_offset`` where it stands in that sentence, ``document`` the passage and ``document_offset``
    where it stands there.  ``documents`` are the passages, those that hold an answer first.  ``meta`` is described in
    ``api.integrations.metadata``.  Raises the errors of ``api.client``.

    Args:
        base_url: where the service is.
        api_key: where it wants one; by default the variable CITESPAN_API_KEY, if it is set.
        collection: where to look.
        top_k: at most so many distinct answers, 1 to 20.
        passages: at most so many passages are read, and come back as documents, 1 to 100.
        min_confidence: answers below it are left out.
        filters: which articles may be searched, as ``/v1/ask`` takes them.
        timeout: seconds without a sign of life after which a request is given up.
    """

    def __init__(
        self,
        base_url: str = DEFAULT_URL,
        api_key: Secret | None = Secret.from_env_var("CITESPAN_API_KEY", strict=False),  # noqa: B008 - as Haystack's
        collection: str = DEFAULT_COLLECTION,
        top_k: int = 5,
        passages: int = 10,
        min_confidence: float = 0.0,
        filters: Filters | None = None,
        timeout: float = 60.0,
    ) -> None:
        self.base_url = base_url
        self.api_key = api_key
        self.collection = collection
        self.top_k = top_k
        self.passages = passages
        self.min_confidence = min_confidence
        self.filters = filters
        self.timeout = timeout
        self._asker: RemoteAsker | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the component as a pipeline's file has it; the key only by the name of its variable.

        Raises:
            ValueError: the key was given as it is, which no file should hold.
        """
        return default_to_dict(
            self,
            base_url=self.base_url,
            api_key=self.api_key.to_dict() if self.api_key else None,
            collection=self.collection,
            top_k=self.top_k,
            passages=self.passages,
            min_confidence=self.min_confidence,
            filters=self.filters,
            timeout=self.timeout,
        )

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "CitespanAnswerer":
        """Make it of what to_dict returned."""
        made: CitespanAnswerer = default_from_dict(cls, data)
        return made

    def warm_up(self) -> None:
        """Look up the key; a pipeline does this before its first run."""
        self._ready()

    @component.output_types(answers=list[ExtractedAnswer], documents=list[Document])
    def run(self, query: str, filters: dict[str, Any] | None = None, top_k: int | None = None) -> dict[str, Any]:
        """Answer a query.

        Args:
            query: the question.
            filters: instead of those of the component.
            top_k: instead of that of the component.

        Returns:
            ``answers`` and ``documents``.
        """
        return _outputs(self._ready().ask(query, **self._options(filters, top_k)))

    @component.output_types(answers=list[ExtractedAnswer], documents=list[Document])
    async def run_async(
        self, query: str, filters: dict[str, Any] | None = None, top_k: int | None = None
    ) -> dict[str, Any]:
        """Answer a query, asynchronously.

        Args:
            query: the question.
            filters: instead of those of the component.
            top_k: instead of that of the component.

        Returns:
            ``answers`` and ``documents``.
        """
        return _outputs(await self._ready().ask_async(query, **self._options(filters, top_k)))

    def _ready(self) -> RemoteAsker:
        if self._asker is None:
            key = self.api_key.resolve_value() if self.api_key else None
            self._asker = RemoteAsker(self.base_url, key, self.timeout)
        return self._asker

    def _options(self, filters: Any, top_k: int | None) -> AskOptions:
        return {
            "collection": self.collection,
            "limit": self.top_k if top_k is None else top_k,
            "passages": self.passages,
            "filters": self.filters if filters is None else filters,
            "min_confidence": self.min_confidence,
            "include": ["passages"],
        }


def _outputs(answer: Answer) -> dict[str, Any]:
    documents = {proof.passage.id: _document(proof) for proof in of_answer(answer)}
    answers = []
    for ranked in answer.answers if answer.answered else ():
        for piece in ranked.evidence:
            document = documents[piece.passage.id]
            answers.append(
                ExtractedAnswer(
                    query=answer.question,
                    score=ranked.confidence,
                    data=ranked.text,
                    document=document,
                    context=piece.sentence,
                    document_offset=ExtractedAnswer.Span(piece.start, piece.end),
                    context_offset=_within(piece),
                    meta=of_evidence(ranked, piece, document.score).metadata,
                )
            )
    return {"answers": answers, "documents": list(documents.values())}


def _within(piece: Evidence) -> ExtractedAnswer.Span | None:
    """Return where the quote stands in its sentence."""
    place = within_sentence(piece.passage.text, piece.sentence, piece.start, piece.end)
    return None if place is None else ExtractedAnswer.Span(*place)


def _document(proof: Proof) -> Document:
    return Document(id=proof.passage.id, content=proof.passage.text, meta=proof.metadata, score=proof.score)
