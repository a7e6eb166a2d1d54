"""The hub's question-answering task over HTTP, proved by the hub's own client."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest
from huggingface_hub import InferenceClient
from huggingface_hub.errors import HfHubHTTPError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qa import QuestionAnswering, QuestionAnsweringTask, TextReading
from tests.helpers import Server, assert_problem

PATH = "/v1/tasks/question-answering"
CLARA = "My name is Clara and I live in Berkeley."
BRIDGE = "The old bridge 🌉 at Łódź, built by Zoë Ångström in 1911, was torn down in 1987 after a flood."


@pytest.fixture
def hub(server: Server) -> InferenceClient:
    return InferenceClient(model=server.url + PATH)


def post(client: httpx2.Client, body: Any) -> httpx2.Response:
    return client.post(PATH, json=body)


def test_the_hubs_client_gets_an_answer(hub: InferenceClient) -> None:
    reply: Any = hub.question_answering(question="What's my name?", context=CLARA)
    assert (reply.answer, reply.start, reply.end) == ("Clara", 11, 16)
    assert 0.5 < reply.score <= 1


def test_the_hubs_client_with_everything_it_can_say(hub: InferenceClient) -> None:
    replies: Any = hub.question_answering(
        question="In which year?",
        context=BRIDGE,
        top_k=3,
        doc_stride=64,
        max_answer_len=15,
        max_question_len=64,
        max_seq_len=384,
        align_to_words=True,
        handle_impossible_answer=True,
    )
    assert {"1911", "1987"} <= {one.answer for one in replies} and len(replies) <= 3
    assert all(BRIDGE[one.start : one.end] == one.answer for one in replies)


def test_the_hubs_client_hears_what_is_wrong(hub: InferenceClient) -> None:
    with pytest.raises(HfHubHTTPError) as refused:
        hub.question_answering(question="Who?", context=" ")
    assert refused.value.response.status_code == 422


def test_it_is_what_the_pipeline_gives(client: httpx2.Client, qa: QuestionAnswering) -> None:
    local = QuestionAnsweringTask(TextReading(qa.reader))
    for parameters in ({}, {"top_k": 3}, {"topk": 3, "handle_impossible_answer": True}, {"max_answer_len": 2}):
        asked = {"question": "Who built the bridge?", "context": BRIDGE}
        got = post(client, {"inputs": asked, "parameters": parameters}).json()
        wanted = local(**asked, **parameters)
        for one, other in zip(*([x] if isinstance(x, dict) else x for x in (got, wanted)), strict=True):
            # As near as two processes come in bfloat16.
            assert one == {**other, "score": pytest.approx(other["score"], abs=0.03)}


def test_several_questions_are_answered_in_their_order(client: httpx2.Client) -> None:
    inputs = [
        {"question": "Who built the bridge?", "context": BRIDGE},
        {"question": "What's my name?", "context": CLARA},
        {"question": "How much did the engineer earn?", "context": BRIDGE},
    ]
    body = {"inputs": inputs, "parameters": {"handle_impossible_answer": True}}
    assert [one["answer"] for one in post(client, body).json()] == ["Zoë Ångström", "Clara", ""]
    several = post(client, {"inputs": inputs[:2], "parameters": {"top_k": 2}}).json()
    assert [one[0]["answer"] for one in several] == ["Zoë Ångström", "Clara"]
    assert post(client, {"inputs": inputs[:1]}).json()[0]["answer"] == "Zoë Ångström"
    assert post(client, {"inputs": []}).json() == []


def test_a_long_text_is_read_to_its_end(client: httpx2.Client) -> None:
    filler = "It rained for most of the day and nobody went out 🌧. " * 450
    text = filler + "The lighthouse keeper of Vorland was called Ottoline Brask."
    asked = {"question": "Who was the lighthouse keeper of Vorland?", "context": text}
    reply = post(client, {"inputs": asked}).json()
    assert reply["answer"] == "Ottoline Brask" == text[reply["start"] : reply["end"]]


def test_a_text_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    with Server(tmp_path / "library", tmp_path / "log", CITESPAN_ASK_SECONDS="1") as own:
        text = "It rained for most of the day and nobody went out. " * 20_000
        body = {"inputs": {"question": "Who went out?", "context": text}}
        problem = assert_problem(httpx2.post(own.url + PATH, json=body, timeout=60), 503)
        assert "in time" in problem["detail"]
        short = {"inputs": {"question": "What's my name?", "context": CLARA}}
        assert httpx2.post(own.url + PATH, json=short, timeout=60).json()["answer"] == "Clara"


def test_many_at_a_time_are_answered_alike(server: Server) -> None:
    body = {"inputs": {"question": "Who built the bridge?", "context": BRIDGE}}
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: httpx2.post(server.url + PATH, json=body, timeout=60).json(), range(16)))
    assert {reply["answer"] for reply in replies} == {"Zoë Ångström"}


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({}, ["inputs"]),
        ({"inputs": "Who?"}, ["inputs"]),
        ({"inputs": {"question": "Who?"}}, ["inputs"]),
        ({"inputs": {"question": "", "context": CLARA}}, ["inputs"]),
        ({"inputs": {"question": "Who?", "context": "\n"}}, ["inputs"]),
        ({"inputs": {"question": "Who?", "context": CLARA, "id": 1}}, ["inputs"]),
        ({"inputs": {"question": "x" * 10_001, "context": CLARA}}, ["inputs"]),
        ({"inputs": {"question": "Who?", "context": "a " * 1_000_001}}, ["inputs"]),
        ({"inputs": [{"question": "Who?", "context": CLARA}] * 257}, ["inputs"]),
        ({"inputs": [], "parameters": {"top_k": 0}}, ["parameters", "top_k"]),
        ({"inputs": [], "parameters": {"top_k": 1e9}}, ["parameters", "top_k"]),
        ({"inputs": [], "parameters": {"top_k": "2"}}, ["parameters", "top_k"]),
        ({"inputs": [], "parameters": {"max_answer_len": 401}}, ["parameters", "max_answer_len"]),
        ({"inputs": [], "parameters": {"temperature": 1}}, ["parameters", "temperature"]),
        ({"inputs": [], "options": {}}, ["options"]),
    ],
)
def test_what_cannot_be_used_is_named(client: httpx2.Client, body: dict, where: list[str]) -> None:
    problem = assert_problem(post(client, body), 422)
    assert problem["errors"][0]["loc"][: 1 + len(where)] == ["body", *where]


def test_a_body_over_the_limit_or_in_another_format_is_refused(client: httpx2.Client) -> None:
    assert_problem(client.post(PATH, content=b"x" * 17_000_000, headers={"Content-Type": "application/json"}), 413)
    assert_problem(client.post(PATH, content=b"{}", headers={"Content-Type": "text/plain"}), 415)
    assert_problem(client.post(PATH, content=b'{"inputs"', headers={"Content-Type": "application/json"}), 400)
    assert_problem(client.get(PATH), 405)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(min_size=1, max_size=50), st.text(min_size=1, max_size=300), st.integers(1, 4))
def test_offsets_hold_for_whatever_comes(client: httpx2.Client, question: str, context: str, top_k: int) -> None:
    body = {"inputs": {"question": question, "context": context}, "parameters": {"top_k": top_k}}
    reply = client.post(PATH, content=json.dumps(body), headers={"Content-Type": "application/json"})
    if reply.status_code == 422:
        assert not question.strip() or not context.strip()
        return
    assert reply.status_code == 200, reply.text
    found = reply.json()
    for one in found if isinstance(found, list) else [found]:
        assert context[one["start"] : one["end"]] == one["answer"] and 0 <= one["score"] <= 1
