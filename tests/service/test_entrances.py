"""Every entrance has the same gate: the same key, the same queue, whichever way a question comes in."""

import contextlib
import json
import shutil
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest

from index import SentenceEncoder
from tests.helpers import Server, citespan
from tests.site import until

QUESTION = "Where did the Great Fire of London begin?"
MCP = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-06-18"}
ENCODER = SentenceEncoder().card.name
CONTEXT = "The mill of Tarn was built by Hugo Marsh in 1788. " * 40


def _tool(name: str, **arguments: Any) -> dict[str, Any]:
    params = {"name": name, "arguments": arguments}
    return {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}


def _chat(**more: Any) -> dict[str, Any]:
    return {"model": "citespan", "messages": [{"role": "user", "content": QUESTION}], **more}


def _conversation(client: httpx2.Client) -> httpx2.Response:
    begun = client.post("/v1/conversations", json={})
    if begun.status_code != 201:
        return begun
    return client.post(f"/v1/conversations/{begun.json()['id']}/messages", json={"question": QUESTION, "passages": 20})


ENTRANCES: dict[str, Callable[[httpx2.Client], httpx2.Response]] = {
    "ask": lambda client: client.post("/v1/ask", json={"question": QUESTION, "passages": 20}),
    "ask in the address": lambda client: client.get("/v1/ask", params={"question": QUESTION, "passages": 20}),
    "stream": lambda client: client.post("/v1/ask/stream", json={"question": QUESTION, "passages": 20}),
    "conversation": _conversation,
    "chat completion": lambda client: client.post("/v1/chat/completions", json=_chat()),
    "streamed chat completion": lambda client: client.post("/v1/chat/completions", json=_chat(stream=True)),
    "assistant": lambda client: client.post("/mcp", json=_tool("ask_articles", question=QUESTION), headers=MCP),
    "task": lambda client: client.post(
        "/v1/tasks/question-answering", json={"inputs": {"question": "Who built the mill?", "context": CONTEXT}}
    ),
    "standing question": lambda client: client.post("/v1/watches", json={"question": QUESTION}),
    "search": lambda client: client.post("/v1/search", json={"query": QUESTION}),
    "embedding": lambda client: client.post("/v1/embeddings", json={"model": ENCODER, "input": QUESTION}),
}


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory, sample_library: Path) -> Iterator[tuple[Server, str]]:
    """A service that works at one question while one more waits, and wants a key."""
    folder = tmp_path_factory.mktemp("narrow")
    shutil.copytree(sample_library, folder / "library")
    made = citespan("keys", "add", "desk", "--rate", "off", "--library", str(folder / "library"), "--json")
    limits = {"CITESPAN_QUEUE_SIZE": "1", "CITESPAN_CONCURRENCY": "1", "CITESPAN_ASK_SECONDS": "120"}
    with Server(
        folder / "library", folder / "log", **limits, CITESPAN_KEY_ASKS="100", CITESPAN_BAD_KEYS="1000"
    ) as running:
        yield running, json.loads(made.stdout)["key"]


def _outcome(reply: httpx2.Response) -> str:
    """Whether a reply is an answer or says that there was no room, in the words of its entrance."""
    if reply.status_code == 503:
        assert int(reply.headers["retry-after"]) >= 1 and (
            "problem" in reply.headers["content-type"] or "error" in reply.json()
        )
        return "no room"
    assert reply.status_code in (200, 201), (reply.status_code, reply.text[:300])
    # A stream or a tool's result has begun by then: what went wrong is told in it.
    if '"isError":true' in reply.text.replace(" ", "") or "event: error" in reply.text:
        assert "try again" in reply.text or '"status":503' in reply.text.replace(" ", "")
        return "no room"
    return "answered"


@pytest.mark.parametrize("entrance", ENTRANCES)
def test_whoever_asks_too_much_is_refused_and_the_others_answered(narrow: tuple[Server, str], entrance: str) -> None:
    server, key = narrow
    many = 12
    start = threading.Barrier(many)

    def ask(_: int) -> str:
        with httpx2.Client(base_url=server.url, timeout=120, headers={"X-API-Key": key}) as client:
            start.wait()
            return _outcome(ENTRANCES[entrance](client))

    with ThreadPoolExecutor(many) as pool:
        outcomes = Counter(pool.map(ask, range(many)))
    assert outcomes["answered"] >= 1
    # What is done in no time may all find room one after the other.
    assert outcomes["no room"] >= 1 or entrance in ("search", "embedding", "task")
    with httpx2.Client(base_url=server.url, timeout=60, headers={"X-API-Key": key}) as client:
        assert _outcome(ENTRANCES[entrance](client)) == "answered"


def test_whoever_has_enough_under_way_is_told_to_wait_at_every_entrance(tmp_path: Path, sample_library: Path) -> None:
    shutil.copytree(sample_library, tmp_path / "library")
    made = citespan("keys", "add", "desk", "--rate", "off", "--library", str(tmp_path / "library"), "--json")
    headers = {"X-API-Key": json.loads(made.stdout)["key"]}
    limits = {"CITESPAN_ASK_SECONDS": "120", "CITESPAN_KEY_ASKS": "1", "CITESPAN_SHUTDOWN_SECONDS": "0"}
    # Minutes of reading, of which nobody waits for the end.
    asked = {"inputs": {"question": "Who built the mill?", "context": CONTEXT * 1_000}}

    def hold() -> None:
        with contextlib.suppress(httpx2.TransportError):
            while client.post("/v1/tasks/question-answering", json=asked).status_code == 429:
                pass  # it came while the key's place was looked at

    with (
        ThreadPoolExecutor(1) as pool,
        Server(tmp_path / "library", tmp_path / "log", **limits) as server,
        httpx2.Client(base_url=server.url, timeout=120, headers=headers) as client,
    ):
        pool.submit(hold)
        until(lambda: client.post("/v1/search", json={"query": QUESTION}).status_code == 429)
        for name, entrance in ENTRANCES.items():
            reply = entrance(client)
            assert "1 questions at a time are answered" in reply.text, name
            assert reply.status_code == 429 if name != "assistant" else reply.json()["result"]["isError"], name


@pytest.mark.parametrize("entrance", ENTRANCES)
def test_no_entrance_is_open_without_a_key(narrow: tuple[Server, str], entrance: str) -> None:
    with httpx2.Client(base_url=narrow[0].url, timeout=60) as client:
        for headers in ({}, {"X-API-Key": "cs_wrong"}, {"Authorization": "Bearer é".encode()}):
            client.headers = httpx2.Headers(headers)  # type: ignore[arg-type]
            reply = ENTRANCES[entrance](client)
            assert reply.status_code == 401 and reply.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("entrance", ENTRANCES)
def test_no_entrance_is_open_to_a_page_of_another_origin(narrow: tuple[Server, str], entrance: str) -> None:
    server, key = narrow
    headers = {"X-API-Key": key, "Origin": "https://evil.test"}
    with httpx2.Client(base_url=server.url, timeout=60, headers=headers) as client:
        reply = ENTRANCES[entrance](client)
        assert reply.status_code == 403 and "access-control-allow-origin" not in reply.headers
