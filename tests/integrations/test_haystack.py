"""api.integrations.haystack with the real haystack-ai, in pipelines, against the real service."""

import asyncio
from typing import Any

import httpx2
import pytest
from haystack import Document, Pipeline
from haystack.components.builders import PromptBuilder
from haystack.dataclasses import ExtractedAnswer
from haystack.utils import Secret

from api.client import Invalid, NotFound
from api.integrations.haystack import CitespanAnswerer
from tests.helpers import Server

QUESTION = "Which countries recognize the annexations?"


def test_answers_carry_their_proof(server: Server, client: httpx2.Client) -> None:
    asked = client.post("/v1/ask", json={"question": QUESTION}).json()
    out = CitespanAnswerer(base_url=server.url).run(query=QUESTION)
    first = out["answers"][0]
    assert isinstance(first, ExtractedAnswer) and first.query == QUESTION
    assert (first.data, first.score) == (asked["answer"], asked["confidence"])
    ids = [document.id for document in out["documents"]]
    assert len(ids) == len(set(ids)) >= len({answer.document.id for answer in out["answers"]})
    for answer in out["answers"]:
        facts = answer.meta
        article = client.get(f"/v1/articles/{facts['article_id']}").json()
        text, place, within = answer.document.content, answer.document_offset, answer.context_offset
        assert text[place.start : place.end] == facts["quote"]
        assert article["text"][facts["answer_start"] : facts["answer_end"]] == facts["quote"]
        assert within is None or answer.context[within.start : within.end] == facts["quote"]
        assert article["sha256"] == facts["sha256"] and answer.document.id in ids
    assert any(answer.context_offset for answer in out["answers"])
    for document in out["documents"]:
        assert isinstance(document, Document) and document.score == document.meta["score"] > 0
    assert ExtractedAnswer.from_dict(first.to_dict()).meta == first.meta


def test_no_answer_is_none(server: Server) -> None:
    out = CitespanAnswerer(base_url=server.url).run(query="Who won the chess tournament on the Moon in 2450?")
    assert out["answers"] == [] and out["documents"]
    assert not any("answer" in document.meta for document in out["documents"])


def test_it_works_in_a_pipeline_that_was_saved(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CITESPAN_API_KEY", "a-secret-key")
    made = Pipeline()
    made.add_component("citespan", CitespanAnswerer(base_url=server.url, top_k=2, filters={"tags": []}))
    prompt = "{% for one in documents %}{{ one.meta.title }}: {{ one.content }}\n{% endfor %}"
    made.add_component("prompt", PromptBuilder(prompt, required_variables=["documents"]))
    made.connect("citespan.documents", "prompt.documents")
    saved = made.dumps()
    assert "a-secret-key" not in saved and "CITESPAN_API_KEY" in saved
    again = Pipeline.loads(saved, allowed_modules=[CitespanAnswerer.__module__])
    asked: dict[str, Any] = {"citespan": {"query": QUESTION}}
    out = again.run(asked, include_outputs_from={"citespan"})
    assert out["citespan"]["answers"][0].data in out["prompt"]["prompt"]
    assert out == made.run(asked, include_outputs_from={"citespan"})


def test_it_works_in_an_asynchronous_pipeline(server: Server) -> None:
    made = Pipeline()
    made.add_component("citespan", CitespanAnswerer(base_url=server.url))
    out = asyncio.run(made.run_async({"citespan": {"query": QUESTION, "top_k": 1}}))
    assert out["citespan"] == CitespanAnswerer(base_url=server.url, top_k=1).run(query=QUESTION)


def test_errors_are_those_of_the_client(server: Server) -> None:
    with pytest.raises(NotFound):
        CitespanAnswerer(base_url=server.url, collection="none-such").run(query=QUESTION)
    with pytest.raises(Invalid, match="limit"):
        CitespanAnswerer(base_url=server.url, top_k=0).run(query=QUESTION)
    with pytest.raises(Invalid, match="unknown field"):
        CitespanAnswerer(base_url=server.url).run(query=QUESTION, filters={"field": "meta.x"})


def test_a_key_that_is_no_name_of_a_variable_is_not_saved() -> None:
    with pytest.raises(ValueError, match="serialize"):
        CitespanAnswerer(api_key=Secret.from_token("a-secret-key")).to_dict()
    bare = CitespanAnswerer(api_key=None)
    assert CitespanAnswerer.from_dict(bare.to_dict()).to_dict() == bare.to_dict()
