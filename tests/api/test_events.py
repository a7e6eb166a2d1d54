"""Every stream sends what its OpenAPI description says, event by event."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import jsonschema
import pytest

from tests.jobs import begun, line

QUESTION = "Where did the Great Fire of London begin?"
EVENTS = {"Accept": "text/event-stream"}
Event = tuple[str, Any]


def events_of(lines: Iterator[str]) -> Iterator[Event]:
    name = ""
    for text in lines:
        if text.startswith("event: "):
            name = text[7:]
        elif text.startswith("data: ") and text != "data: [DONE]":
            yield name, json.loads(text[6:])
            name = ""


def streamed(client: httpx2.Client, method: str, path: str, **sent: Any) -> Iterator[Event]:
    with client.stream(method, path, **sent) as reply:
        assert reply.status_code == 200 and reply.headers["content-type"].startswith("text/event-stream")
        yield from events_of(reply.iter_lines())


def question_streamed(client: httpx2.Client) -> Iterator[Event]:
    history = [{"question": QUESTION}]
    for body in ({"question": QUESTION}, {"question": "Who won?"}, {"question": "When?", "history": history}):
        yield from streamed(client, "POST", "/v1/ask/stream", json=body)


def conversed(client: httpx2.Client) -> Iterator[Event]:
    path = f"/v1/conversations/{client.post('/v1/conversations').json()['id']}/messages"
    for question in (QUESTION, "When?"):
        yield from streamed(client, "POST", path, json={"question": question}, headers=EVENTS)


def chatted(client: httpx2.Client) -> Iterator[Event]:
    chat = {"model": "citespan", "messages": [{"role": "user", "content": QUESTION}], "stream": True}
    yield from streamed(client, "POST", "/v1/chat/completions", json=chat)


def job_followed(client: httpx2.Client) -> Iterator[Event]:
    job = begun(client, "followed", *(line(number) for number in range(200)))
    yield from streamed(client, "GET", f"/v1/jobs/{job}/events")
    client.delete("/v1/collections/followed")


def watch_followed(client: httpx2.Client) -> Iterator[Event]:
    put = {"question": "Who built the lighthouse at Varn?", "collection": "watched"}
    article = {"text": "The lighthouse at Varn was built by Olga Tamm in 1893.", "collection": "watched"}
    assert client.post("/v1/articles", json=article).status_code == 201
    watch = client.post("/v1/watches", json=put).json()["id"]
    changed = {**article, "text": "The lighthouse at Varn was built by Per Holm in 1893."}
    listed = client.get("/v1/articles?collection=watched").json()["articles"]
    assert client.post("/v1/articles", json={**changed, "id": listed[0]["id"]}).status_code == 200
    yield next(streamed(client, "GET", f"/v1/watches/{watch}/events", headers=EVENTS))
    client.delete(f"/v1/watches/{watch}")
    client.delete("/v1/collections/watched")


STREAMS: dict[tuple[str, str], Callable[[httpx2.Client], Iterator[Event]]] = {
    ("post", "/v1/ask/stream"): question_streamed,
    ("post", "/v1/conversations/{conversation_id}/messages"): conversed,
    ("post", "/v1/chat/completions"): chatted,
    ("get", "/v1/jobs/{job_id}/events"): job_followed,
    ("get", "/v1/watches/{watch_id}/events"): watch_followed,
}


@pytest.fixture
def described(client: httpx2.Client) -> dict[tuple[str, str], dict[str, Any]]:
    """What is said of each stream, by method and path; references lead to the description's components."""
    description = client.get("/openapi.json").json()
    return {
        (method, path): {**content, "components": description["components"]}
        for path, operations in description["paths"].items()
        for method, operation in operations.items()
        for reply in operation["responses"].values()
        for kind, content in reply.get("content", {}).items()
        if kind == "text/event-stream"
    }


def test_every_stream_is_tried(described: dict[tuple[str, str], dict[str, Any]]) -> None:
    assert set(described) == set(STREAMS)


@pytest.mark.parametrize("stream", STREAMS, ids=" ".join)
def test_events_are_as_described(
    client: httpx2.Client, described: dict[tuple[str, str], dict[str, Any]], stream: tuple[str, str]
) -> None:
    content = described[stream]
    seen = set()
    for name, data in STREAMS[stream](client):
        seen.add(name)
        schemas = [content["schema"], *([content["x-events"][name]] if name else [])]
        for schema in schemas:
            jsonschema.validate(data, {**schema, "components": content["components"]})
    # Each event that is described came, but for an error, and in a watch's stream for other changes.
    missing = set(content.get("x-events", {})) - seen
    assert seen and missing <= {"error", "answer.new", "answer.gone", "answer.contradicted"}
