"""api.integrations.langchain with the real langchain-core, against the real service and in this process."""

import asyncio
import subprocess
import sys
from typing import Any

import httpx2
import pytest
from langchain_core.documents import Document
from langchain_core.runnables import RunnableLambda
from pydantic import ValidationError

from api.client import Invalid, NotFound
from api.integrations.langchain import CitespanRetriever
from qa import QuestionAnswering
from tests.helpers import Server, clean_environment

QUESTION = "Which countries recognize the annexations?"
UNANSWERED = "Who won the chess tournament on the Moon in 2450?"


@pytest.fixture(params=["service", "process"])
def where(request: pytest.FixtureRequest, server: Server, qa: QuestionAnswering) -> dict[str, Any]:
    return {"base_url": server.url} if request.param == "service" else {"qa": qa}


def check(document: Document, client: httpx2.Client) -> None:
    """A document's metadata proves it."""
    facts = document.metadata
    article = client.get(f"/v1/articles/{facts['article_id']}").json()
    assert article["text"][facts["article_start"] : facts["article_end"]] == document.page_content
    assert {name: article[name] for name in ("title", "url", "source", "published", "sha256")} == {
        name: facts[name] for name in ("title", "url", "source", "published", "sha256")
    }
    assert document.id == facts["passage_id"] and facts["score"] > 0
    if "answer" in facts:
        assert document.page_content[facts["start"] : facts["end"]] == facts["quote"]
        assert article["text"][facts["answer_start"] : facts["answer_end"]] == facts["quote"]
        assert facts["quote"] in facts["sentence"] and 0 <= facts["confidence"] <= 1
        assert facts["support_articles"] >= facts["support_independent"] >= 1


def test_passages_come_with_their_proof(where: dict[str, Any], client: httpx2.Client) -> None:
    found = CitespanRetriever(**where, k=4).invoke(QUESTION)
    assert len(found) == 4
    for document in found:
        check(document, client)
        assert "answer" not in document.metadata


def test_answers_come_first_with_theirs(where: dict[str, Any], client: httpx2.Client) -> None:
    asked = client.post("/v1/ask", json={"question": QUESTION}).json()
    found = CitespanRetriever(**where, k=6, answers=True).invoke(QUESTION)
    assert len(found) == 6 and len({document.id for document in found}) == 6
    assert found[0].metadata["answer"] == asked["answer"]
    assert found[0].metadata["confidence"] == asked["confidence"]
    held = ["answer" in document.metadata for document in found]
    assert held == sorted(held, reverse=True)
    for document in found:
        check(document, client)


def test_where_there_is_no_answer_passages_come_alone(where: dict[str, Any]) -> None:
    found = CitespanRetriever(**where, k=3, answers=True).invoke(UNANSWERED)
    assert len(found) == 3 and not any("answer" in document.metadata for document in found)


@pytest.mark.parametrize("answers", [False, True])
def test_it_is_a_runnable_in_every_way(where: dict[str, Any], answers: bool) -> None:
    retriever = CitespanRetriever(**where, k=2, answers=answers)
    one = retriever.invoke(QUESTION)
    assert retriever.batch([QUESTION, QUESTION]) == [one, one]
    # One event loop after the other.
    assert asyncio.run(retriever.ainvoke(QUESTION)) == one
    assert asyncio.run(retriever.abatch([QUESTION, QUESTION])) == [one, one]
    assert len(retriever.invoke(QUESTION, k=1)) == 1
    assert len(asyncio.run(retriever.ainvoke(QUESTION, k=3))) == 3
    chain = retriever | RunnableLambda(lambda documents: " ".join(document.page_content for document in documents))
    assert chain.invoke(QUESTION) == " ".join(document.page_content for document in one)


def test_filters_and_collection_hold(where: dict[str, Any], client: httpx2.Client) -> None:
    article = client.get("/v1/articles", params={"limit": 1}).json()["articles"][0]["id"]
    for answers in (False, True):
        found = CitespanRetriever(**where, filters={"article_ids": [article]}, answers=answers).invoke(QUESTION)
        assert {document.metadata["article_id"] for document in found} <= {article}


def test_errors_are_those_of_the_client(server: Server) -> None:
    with pytest.raises(NotFound):
        CitespanRetriever(base_url=server.url, collection="none-such").invoke(QUESTION)
    with pytest.raises(Invalid, match="published_from"):
        CitespanRetriever(base_url=server.url, filters={"published_from": "yesterday"}).invoke(QUESTION)
    with pytest.raises(ValidationError):
        CitespanRetriever(base_url=server.url, k=0)
    with pytest.raises(ValidationError, match="base_url"):
        CitespanRetriever(base_url="nowhere")


def test_the_key_stays_hidden(server: Server) -> None:
    retriever = CitespanRetriever(base_url=server.url, api_key="a-secret-key")
    assert "a-secret-key" not in repr(retriever) and "a-secret-key" not in retriever.model_dump_json()


@pytest.mark.parametrize(("module", "package"), [("langchain", "langchain_core"), ("haystack", "haystack")])
def test_without_its_package_it_says_what_to_install(module: str, package: str) -> None:
    code = f"import sys; sys.modules['{package}'] = None; import api.integrations.{module}"
    ran = subprocess.run([sys.executable, "-c", code], env=clean_environment(), capture_output=True, text=True)
    assert ran.returncode and f"pip install 'citespan[{module}]'" in ran.stderr.splitlines()[-1]
