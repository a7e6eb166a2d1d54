"""OpenAI's API, proved by OpenAI's own client against a real server."""

import asyncio
import base64
import contextlib
import json
import re
import shutil
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.errors import busy
from api.openai.errors import Refusal
from api.openai.history import understood
from api.openai.message_text import calm, recalled, written
from api.openai.requests import ChatMessage
from api.openai.responses import words
from api.openai.streams import reply_stream
from qa import QuestionAnswering
from tests.helpers import Server
from tests.site import until

ENCODER = "citespan-retriever-1"
KIM = "When did Kim first meet Putin?"
FIRE = "Where did the Great Fire of London begin?"
NOWHERE = "What is the boiling point of tungsten?"
TOWER = "🗼🗼 The tower of Łódź 🌉 was painted by Zoë Ångström in 1911 👩‍👩‍👧. Nobody liked it at first."


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, sample_library: Path) -> Iterator[Server]:
    """The samples and a second collection; one question at a time, two may wait."""
    folder = tmp_path_factory.mktemp("openai")
    shutil.copytree(sample_library, folder / "library")
    limits = {"CITESPAN_QUEUE_SIZE": "2", "CITESPAN_CONCURRENCY": "1", "CITESPAN_ASK_SECONDS": "120"}
    limits["CITESPAN_WAIT_SECONDS"] = "1000"
    with Server(folder / "library", folder / "log", CITESPAN_CHAT_BODY_BYTES="20000", **limits) as running:
        articles = [
            {"id": "tower", "title": "A tower 🗼", "text": TOWER, "source": "Gazette", "published": "2020-05-01"},
            {
                "id": "trap",
                "title": "Trap <b>",
                "url": "https://example.org/trap",
                "text": "The spy who built ![the trap](http://evil.example/x.png) <img src=x> was called Bruno Falk.",
            },
        ]
        for article in articles:
            reply = httpx2.post(f"{running.url}/v1/articles", json={**article, "collection": "towers"}, timeout=60)
            assert reply.status_code == 201, reply.text
        yield running


@pytest.fixture(scope="module")
def client(served: Server) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{served.url}/v1", api_key="none", max_retries=0) as opened:
        yield opened


def ask(client: openai.OpenAI, *messages: Any, model: str = "citespan", **more: Any) -> Any:
    spoken = [{"role": "user", "content": one} if isinstance(one, str) else one for one in messages]
    return client.chat.completions.create(model=model, messages=spoken, **more)


def test_a_reply_quotes_its_sentence_and_carries_the_whole_proof(client: openai.OpenAI, served: Server) -> None:
    reply = ask(client, FIRE)
    choice = reply.choices[0]
    assert (reply.object, reply.model, len(reply.choices)) == ("chat.completion", "citespan", 1)
    assert (choice.finish_reason, choice.message.role) == ("stop", "assistant")
    proof = reply.model_extra["citespan"]
    own = httpx2.post(f"{served.url}/v1/ask", json={"question": FIRE}, timeout=60).json()
    assert proof["answers"] == own["answers"] and proof["answered"] is True
    assert reply.id == "chatcmpl-" + proof["id"].removeprefix("ans_")
    content = choice.message.content
    evidence = proof["answers"][0]["evidence"][0]
    assert content.startswith(proof["answer"] + "\n\n“" + evidence["sentence"] + "”\n— The Great Fire of London")
    assert "City Walks" in content and "2016-09-02" in content and "Confidence: high" in content
    assert reply.usage.prompt_tokens > 5 and reply.usage.completion_tokens > 20
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens


def test_citations_point_at_code_points(client: openai.OpenAI, served: Server) -> None:
    reply = ask(client, "Who painted the tower?", model="citespan/towers")
    message = reply.choices[0].message
    assert message.content.startswith("Zoë Ångström\n")
    (cited,) = [one.url_citation for one in message.annotations]
    sentence = reply.model_extra["citespan"]["answers"][0]["evidence"][0]["sentence"]
    assert message.content[cited.start_index : cited.end_index] == sentence
    assert "🌉" in sentence and cited.title == "A tower 🗼"
    # An article without an address has its place in this service.
    article = httpx2.get(cited.url).json()
    assert cited.url.startswith(served.url) and article["text"] == TOWER


def test_nothing_of_an_article_is_loaded_by_a_chat_window(client: openai.OpenAI) -> None:
    reply = ask(client, "What was the spy called?", model="citespan/towers")
    message = reply.choices[0].message
    assert message.content.startswith("Bruno Falk\n")
    assert "![" not in message.content and "<img" not in message.content and "<b>" not in message.content
    assert message.annotations[0].url_citation.url == "https://example.org/trap"
    evidence = reply.model_extra["citespan"]["answers"][0]["evidence"][0]
    assert "<img src=x>" in evidence["sentence"] and "![the trap](http" in evidence["passage"]["text"]
    # An image survives the cutting into sentences where a word precedes it.
    assert calm("see ![x](http://evil.example/x.png), 3 < 4 <3 ![]") == (
        "see !\u2060[x](http://evil.example/x.png), 3 < 4 <3 !\u2060[]"
    )


def test_a_list_has_its_members(client: openai.OpenAI) -> None:
    content = ask(client, "Which countries accepted that the regions were annexed?").choices[0].message.content
    assert "\n- Syria\n" in content and "\n- North Korea\n" in content


def test_no_answer_is_said_and_the_closest_passages_shown(client: openai.OpenAI) -> None:
    reply = ask(client, NOWHERE)
    message = reply.choices[0].message
    proof = reply.model_extra["citespan"]
    said = "The passages that came closest do not answer this.\n\nThe closest passages:"
    assert proof["answered"] is False and message.content.startswith(said)
    assert len(message.annotations) == 3
    for cited, passage in zip(message.annotations, proof["passages"], strict=False):
        place = cited.url_citation
        shown = message.content[place.start_index : place.end_index]
        assert shown and passage["passage"]["text"].startswith(shown)


def test_a_stream_is_the_same_reply_word_by_word(client: openai.OpenAI) -> None:
    whole = ask(client, FIRE)
    chunks = list(ask(client, FIRE, stream=True))
    deltas = [chunk.choices[0].delta for chunk in chunks]
    assert [delta.role for delta in deltas] == ["assistant"] + [None] * (len(deltas) - 1)
    content = "".join(delta.content or "" for delta in deltas)
    assert content == whole.choices[0].message.content
    said = [delta.content for delta in deltas if delta.content]
    assert len(said) == len(content.split())
    (annotations,) = [
        delta.model_extra["annotations"] for delta in deltas if "annotations" in (delta.model_extra or {})
    ]
    assert annotations == [one.model_dump() for one in whole.choices[0].message.annotations]
    last = chunks[-1]
    assert [chunk.choices[0].finish_reason for chunk in chunks] == [None] * (len(chunks) - 1) + ["stop"]
    assert last.choices[0].delta.to_dict() == {}
    assert last.model_extra["citespan"]["answers"] == whole.model_extra["citespan"]["answers"]
    assert not any("citespan" in (chunk.model_extra or {}) for chunk in chunks[:-1])
    assert len({(chunk.id, chunk.created, chunk.object) for chunk in chunks}) == 1
    assert all(chunk.usage is None for chunk in chunks)


def test_a_stream_ends_with_its_usage_where_that_is_wanted(client: openai.OpenAI) -> None:
    *chunks, last = ask(client, FIRE, stream=True, stream_options={"include_usage": True})
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert last.choices == [] and last.usage == ask(client, FIRE).usage
    assert all(chunk.usage is None and "usage" in chunk.to_dict() for chunk in chunks)


def test_the_bytes_of_a_stream(served: Server) -> None:
    body = {"model": "citespan", "messages": [{"role": "user", "content": FIRE}], "stream": True}
    reply = httpx2.post(f"{served.url}/v1/chat/completions", json=body, timeout=60)
    assert reply.headers["content-type"].startswith("text/event-stream")
    events = [event for event in reply.text.split("\n\n") if event]
    assert events[-1] == "data: [DONE]" and reply.text.endswith("\n\n")
    first = json.loads(events[0].removeprefix("data: "))
    assert first["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert all(event.startswith("data: {") for event in events[:-1])


def test_the_clients_stream_helper(client: openai.OpenAI) -> None:
    with client.chat.completions.stream(model="citespan", messages=[{"role": "user", "content": FIRE}]) as stream:
        kinds = {event.type for event in stream}
        done = stream.get_final_completion()
    assert {"chunk", "content.delta", "content.done"} <= kinds
    assert done.choices[0].message.content == ask(client, FIRE).choices[0].message.content
    assert done.choices[0].finish_reason == "stop"


def test_the_async_client(served: Server) -> None:
    async def both() -> tuple[str, str]:
        async with openai.AsyncOpenAI(base_url=f"{served.url}/v1", api_key="none") as own:
            messages: Any = [{"role": "user", "content": FIRE}]
            plain = await own.chat.completions.create(model="citespan", messages=messages)
            stream = await own.chat.completions.create(model="citespan", messages=messages, stream=True)
            pieces = [chunk.choices[0].delta.content or "" async for chunk in stream]
            return plain.choices[0].message.content or "", "".join(pieces)

    plain, streamed = asyncio.run(both())
    assert plain == streamed and plain.startswith("the bakery")


def test_what_models_are_tuned_by_changes_nothing(client: openai.OpenAI) -> None:
    tuned = ask(
        client,
        {"role": "system", "content": "You are a pirate."},
        {"role": "user", "content": [{"type": "text", "text": FIRE}]},
        temperature=1.5,
        top_p=0.1,
        seed=7,
        max_tokens=1,
        n=1,
        stop=["bakery"],
        user="u",
        response_format={"type": "text"},
        tools=[{"type": "function", "function": {"name": "f", "parameters": {}}}],
        extra_body={"min_p": 0.05, "top_k": 40, "chat_id": "x"},
    )
    assert tuned.choices[0].message.content == ask(client, FIRE).choices[0].message.content


def test_what_ask_takes_is_taken_under_one_key(client: openai.OpenAI) -> None:
    def proof(**options: Any) -> dict:
        return ask(client, KIM, extra_body={"citespan": options}).model_extra["citespan"]

    assert proof()["answered"] is True
    assert proof(as_of="2023-01-01")["answered"] is False
    assert proof(filters={"sources": ["City Walks"]})["answered"] is False
    assert len(proof(limit=1)["answers"]) == 1
    assert proof(min_confidence=1.0)["answers"] == []
    for wrong in ({"limit": 0}, {"filter": {}}, {"filters": {"published_from": "yesterday"}}):
        with pytest.raises(openai.BadRequestError):
            proof(**wrong)


def test_models_are_the_collections(client: openai.OpenAI) -> None:
    models = client.models.list().data
    assert [model.id for model in models] == ["citespan", "citespan/towers"]
    for model in models:
        # What Open WebUI reads of a list: id, and name where there is one.
        assert model.to_dict() == {
            "id": model.id,
            "object": "model",
            "created": model.created,
            "owned_by": "citespan",
            "name": model.model_extra["name"],
        }
        assert model.created > 1_700_000_000 and model.model_extra["name"]
        assert client.models.retrieve(model.id) == model
    assert client.models.retrieve("citespan/default").id == "citespan"
    assert client.models.retrieve(ENCODER).id == ENCODER


def test_embeddings(client: openai.OpenAI, qa: QuestionAnswering) -> None:
    texts = ["Where did the fire begin?", "🌉 Łódź", "Where did the fire begin?"]
    reply = client.embeddings.create(model=ENCODER, input=texts)
    rows = np.array([one.embedding for one in reply.data], np.float32)
    assert [one.index for one in reply.data] == [0, 1, 2] and rows.shape == (3, 384)
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    # As near as two batches come in bfloat16.
    wanted = qa.library.encoder.encode_passages(texts)
    assert ((rows * wanted).sum(axis=1) > 0.999).all()
    floats = client.embeddings.create(model=ENCODER, input=texts, encoding_format="float", dimensions=384)
    assert (np.array([one.embedding for one in floats.data]) * rows).sum(axis=1) == pytest.approx([1, 1, 1], abs=1e-3)
    packed = client.embeddings.create(model=ENCODER, input=texts[0], encoding_format="base64").data[0].embedding
    assert len(np.frombuffer(base64.b64decode(str(packed)), "<f4")) == 384
    assert reply.usage.prompt_tokens == reply.usage.total_tokens > 10
    asked = client.embeddings.create(model=ENCODER, input=texts[0], extra_body={"input_type": "query"})
    assert len(asked.data[0].embedding) == 384


@pytest.mark.parametrize(
    ("wrong", "status", "param", "code"),
    [
        ({"input": [1, 2, 3]}, 400, "input", None),
        ({"input": [[1, 2], [3]]}, 400, "input", None),
        ({"input": []}, 400, "input", None),
        ({"input": ["a", " "]}, 400, "input[1]", None),
        ({"input": ["a", 3.5]}, 400, "input[1]", None),
        ({"input": None}, 400, "input", None),
        ({"input": ["a"] * 2_049}, 400, "input", None),
        ({"input": ["a", "word " * 300]}, 400, "input[1]", "context_length_exceeded"),
        ({"dimensions": 256}, 400, "dimensions", None),
        ({"encoding_format": "int8"}, 400, "encoding_format", None),
        ({"input_type": "image"}, 400, "input_type", None),
        ({"model": "citespan"}, 404, "model", "model_not_found"),
    ],
)
def test_what_cannot_be_embedded(served: Server, wrong: dict, status: int, param: str, code: str | None) -> None:
    reply = httpx2.post(f"{served.url}/v1/embeddings", json={"model": ENCODER, "input": "a", **wrong}, timeout=60)
    assert_error(reply, status, param=param, code=code)


def assert_error(reply: httpx2.Response, status: int, **facts: Any) -> dict:
    """Check that a reply is an error in OpenAI's one shape."""
    assert reply.status_code == status, reply.text[:300]
    assert reply.headers["content-type"] == "application/json"
    body = reply.json()
    assert set(body) == {"error"} and set(body["error"]) == {"message", "type", "param", "code"}
    assert body["error"]["message"] and body["error"]["type"]
    assert {name: body["error"][name] for name in facts} == facts
    return dict(body["error"])


GOOD = {"model": "citespan", "messages": [{"role": "user", "content": KIM}]}
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"n": 1_000_000}, "n"),
        ({"n": 2}, "n"),
        ({"temperature": 1e9}, "temperature"),
        ({"temperature": "hot"}, "temperature"),
        ({"top_p": -1}, "top_p"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"seed": 1.5}, "seed"),
        ({"stream": "yes"}, "stream"),
        ({"stop": [1]}, None),
        ({"response_format": {"type": "regex", "pattern": "(a+)+$"}}, "response_format"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"modalities": ["audio"]}, "modalities"),
        ({"messages": []}, "messages"),
        ({"messages": "hello"}, "messages"),
        ({"messages": [{"role": "system", "content": "Hi"}]}, "messages"),
        ({"messages": [{"role": "user", "content": KIM}, {"role": "assistant", "content": "Well"}]}, "messages"),
        ({"messages": [{"role": "wizard", "content": KIM}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": " "}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": KIM}, IMAGE]}]}, "messages[0].content[1]"),
        ({"messages": [{"role": "user", "content": "x" * 1_001}]}, "messages[0].content"),
        ({"model": 5}, "model"),
        ({"citespan": {"passages": 10_000}}, "citespan.passages"),
    ],
)
def test_bad_fields_are_400_and_named(served: Server, wrong: dict, param: str | None) -> None:
    reply = httpx2.post(f"{served.url}/v1/chat/completions", json={**GOOD, **wrong}, timeout=60)
    error = assert_error(reply, 400, type="invalid_request_error")
    assert error["param"] == param or param is None
    assert "body" not in error["message"]


def test_every_other_refusal_has_the_shape_too(served: Server) -> None:
    url = f"{served.url}/v1/chat/completions"
    assert_error(httpx2.post(url, content=b"{"), 415)
    assert_error(httpx2.post(url, content=b"{", headers={"Content-Type": "application/json"}), 400)
    big = {**GOOD, "messages": [{"role": "user", "content": "x" * 30_000}]}
    assert_error(httpx2.post(url, json=big), 413, code="request_too_large")
    assert_error(httpx2.get(url), 405)
    assert_error(httpx2.get(url, headers={"Host": "evil.example"}), 400)
    assert_error(httpx2.post(url, json=GOOD, headers={"Origin": "https://evil.example"}), 403, type="permission_error")
    assert_error(httpx2.get(f"{served.url}/v1/models/gpt-4o"), 404, code="model_not_found", param="model")
    for model in ("gpt-4o", "citespan/", "citespan/no-such", "citespan/../x", "CITESPAN", "citespan/" + "a" * 65):
        reply = httpx2.post(url, json={**GOOD, "model": model})
        assert_error(reply, 404, code="model_not_found", param="model")
    # What is not imitated keeps the one shape of the rest.
    assert httpx2.post(f"{served.url}/v1/ask", json={}).headers["content-type"] == "application/problem+json"
    assert httpx2.get(f"{served.url}/v1/modelsx").headers["content-type"] == "application/problem+json"


def test_the_client_maps_errors_to_its_own(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as missing:
        ask(client, KIM, model="gpt-4o")
    assert missing.value.code == "model_not_found" and missing.value.param == "model"
    with pytest.raises(openai.BadRequestError) as long:
        ask(client, "x" * 1_001)
    assert long.value.code == "context_length_exceeded" and "1,000" in str(long.value)
    with pytest.raises(openai.BadRequestError):
        ask(client, KIM, n=2)
    with pytest.raises(openai.BadRequestError):
        ask(client, KIM, n=2, stream=True)


def waiting(served: Server) -> int:
    text = httpx2.get(f"{served.url}/metrics").text
    found = re.search(r"^citespan_queue_waiting (\S+)$", text, re.MULTILINE)
    assert found
    return int(float(found[1]))


def counted(served: Server, pattern: str) -> float:
    """The sum of the metrics whose line, up to its number, is like that."""
    text = httpx2.get(f"{served.url}/metrics").text
    return sum(float(number) for number in re.findall(rf"^{pattern} (\S+)$", text, re.MULTILINE))


def answered(served: Server) -> float:
    return counted(served, r"citespan_answers_total\{.*\}")


def refused(served: Server) -> float:
    return counted(served, r'citespan_requests_total\{.*route="/v1/chat/completions",status="503"\}')


@contextlib.contextmanager
def occupied(served: Server, jobs: int) -> Iterator[None]:
    """The one worker at work, and all but one of so many jobs waiting; until the block ends, when their client goes."""
    text = "It rained for most of the day and nobody went out. " * 20_000
    body = json.dumps({"inputs": {"question": "Who went out?", "context": text}}).encode()
    head = f"Host: 127.0.0.1:{served.port}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    with contextlib.ExitStack() as connections:
        for waits in range(jobs):
            connection = connections.enter_context(socket.create_connection(("127.0.0.1", served.port)))
            connection.sendall(b"POST /v1/tasks/question-answering HTTP/1.1\r\n" + head.encode() + body)
            until(lambda waits=waits: waiting(served) >= waits)
        yield
    until(lambda: waiting(served) == 0)


def test_a_full_service_is_a_503_that_the_client_waits_out(served: Server, client: openai.OpenAI) -> None:
    patient = client.with_options(max_retries=60)
    with ThreadPoolExecutor(1) as pool:
        with occupied(served, 3):
            for stream in (False, True):
                with pytest.raises(openai.InternalServerError) as full:
                    ask(client, FIRE, stream=stream)
                assert full.value.status_code == 503 and full.value.code == "overloaded"
                assert int(full.value.response.headers["retry-after"]) >= 1
            before = refused(served)
            reply = pool.submit(ask, patient, FIRE)
            until(lambda: refused(served) > before)
        assert reply.result().choices[0].message.content.startswith("the bakery")


@pytest.mark.parametrize("stream", [False, True])
def test_who_goes_away_is_not_answered(served: Server, client: openai.OpenAI, stream: bool) -> None:
    before = answered(served)
    with occupied(served, 2), pytest.raises(openai.APITimeoutError):
        ask(client.with_options(timeout=0.2), FIRE, stream=stream)
    ask(client, KIM)
    assert answered(served) == before + 1
    log = served.log.read_text(encoding="utf-8")
    left = re.compile(r'"path": "/v1/chat/completions", "status": (499|"client gone")')
    assert left.search(log) and "unexpected" not in log


def test_a_slow_answer_keeps_its_connection_and_a_late_error_is_told() -> None:
    async def sent(work: Any, patience: float) -> list[bytes]:
        head = {"choices": [{"index": 0, "delta": {"role": "assistant"}}]}
        response = await reply_stream(work, lambda done: iter([{"choices": [], "said": done}]), head, patience=patience)
        return [bytes(part) async for part in response.body_iterator]  # type: ignore[arg-type]

    async def fails(after: float) -> None:
        await asyncio.sleep(after)
        raise busy(2, "no time")

    async def works() -> str:
        await asyncio.sleep(0.05)
        return "yes"

    async def check() -> None:
        with pytest.raises(Exception, match="no time"):
            await sent(fails(0), 10)
        *early, error, done = await sent(fails(0.05), 0.01)
        assert early[0].startswith(b'data: {"choices":[{') and b": still at it\n\n" in early
        assert json.loads(error.removeprefix(b"data: "))["error"]["code"] == "overloaded"
        assert done == b"data: [DONE]\n\n"
        *_, said, done = await sent(works(), 0.01)
        assert b'"said":"yes"' in said and done == b"data: [DONE]\n\n"

    asyncio.run(check())


def test_the_client_reads_pings_and_late_errors() -> None:
    async def route(request: Request) -> Response:
        async def work() -> None:
            await asyncio.sleep(0.05)
            raise busy(2, "no time")

        head = {"choices": [{"index": 0, "delta": {"role": "assistant", "content": "a"}}]}
        return await reply_stream(work(), lambda _: iter(()), head, patience=0.01)

    async def check() -> None:
        app = Starlette(routes=[Route("/v1/chat/completions", route, methods=["POST"])])
        transport = httpx2.ASGITransport(app=app)
        async with openai.AsyncOpenAI(
            base_url="http://test/v1", api_key="none", http_client=httpx2.AsyncClient(transport=transport)
        ) as own:
            stream = await own.chat.completions.create(
                model="m", messages=[{"role": "user", "content": "Who?"}], stream=True
            )
            said = []
            with pytest.raises(openai.APIError, match="no time"):
                async for chunk in stream:
                    said.append(chunk.choices[0].delta.content)
            assert said == ["a"]

    asyncio.run(check())


def messages(*spoken: tuple[str, Any]) -> list[ChatMessage]:
    return [ChatMessage(role=role, content=content) for role, content in spoken]  # type: ignore[arg-type]


def test_what_was_said_is_recovered_from_our_own_replies(qa: QuestionAnswering) -> None:
    first = "Which countries accepted that the regions were annexed?"
    replies = [written(qa.ask(question))[0] for question in (first, NOWHERE)]
    found = understood(
        messages(
            ("system", [{"type": "anything"}]),
            ("user", first),
            ("assistant", replies[0]),
            ("user", NOWHERE),
            ("assistant", [{"type": "text", "text": replies[1]}]),
            ("tool", {"x": 1}),
            ("user", " And when? "),
        )
    )
    assert found.question == "And when?"
    listed, unanswered = found.history
    assert (listed.question, listed.answer) == (first, "Syria and North Korea")
    assert listed.items == ("Syria", "North Korea")
    assert listed.sentence and "only Syria and North Korea accepted the claim" in listed.sentence
    assert listed.title == "Pyongyang and Moscow draw closer as the war in Ukraine grinds on"
    assert (unanswered.question, unanswered.answer, unanswered.sentence) == (NOWHERE, None, None)


def test_every_sample_question_comes_back_from_its_reply(qa: QuestionAnswering) -> None:
    for question in (KIM, FIRE, "How many kinds of weapons did Moscow hope to obtain?"):
        answer = qa.ask(question)
        turn = recalled(question, written(answer)[0])
        assert (turn.answer, turn.sentence) == (answer.text, answer.evidence[0].sentence)
        assert turn.title == answer.evidence[0].article.title


def test_what_others_said_is_taken_for_what_it_is() -> None:
    long = "As a language model I " + "ramble on and " * 100
    found = understood(
        messages(
            ("user", "Who led?"), ("user", "Who?"), ("assistant", "Jane Doe"), ("assistant", ""), ("user", "When?")
        )
    )
    assert [turn.question for turn in found.history] == ["Who led?", "Who?"]
    assert recalled("Who?", "Jane Doe").answer == "Jane Doe"
    rambling = recalled("Who?", long)
    assert rambling.answer is None and rambling.sentence and len(rambling.sentence) <= 300
    many = [("user", f"Who was number {place}?") for place in range(500)]
    assert len(understood(messages(*many)).history) == 20


@given(st.lists(st.tuples(st.sampled_from(["user", "assistant"]), st.text(max_size=200)), max_size=6))
def test_any_text_is_a_conversation_or_refused(spoken: list[tuple[str, str]]) -> None:
    try:
        found = understood(messages(*spoken))
    except Refusal as error:
        assert error.status == 400 and error.param
        return
    assert found.question == spoken[-1][1].strip()
    assert len(found.history) <= len(spoken)


@given(st.text(max_size=300))
def test_words_are_the_text_again(text: str) -> None:
    assert "".join(words(text)) == text
    assert all(words(text))


def test_a_follow_up_is_understood_in_the_light_of_what_was_said(client: openai.OpenAI) -> None:
    said = ask(client, FIRE).choices[0].message.content
    follow_up = "How many houses did it destroy?"
    reply = ask(client, FIRE, {"role": "assistant", "content": said}, follow_up)
    proof = reply.model_extra["citespan"]
    assert proof["question"] == follow_up
    assert "the Great Fire of London" in proof["standalone_question"]
    assert f"Understood as: {proof['standalone_question']}" in reply.choices[0].message.content
    assert proof["answer"] == "13,200"
