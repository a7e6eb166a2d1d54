"""The Model Context Protocol over pipes and over HTTP: real processes, the SDK's own client."""

import asyncio
import contextlib
import json
import re
import secrets
import shutil
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError

from api.http.app import create_app
from api.service.context import State
from api.settings import Settings
from index import Library
from qa import QuestionAnswering
from tests.api.test_mcp import READ, WRITE, asked, call, occupied, until
from tests.helpers import COMMAND, ROOT, Server, assert_problem, citespan, clean_environment, free_port

JSON = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
EXPECTED = "North Korea"
QUESTION = "Which countries recognize the annexations?"


def pipes(library: Path, **environment: str) -> StdioServerParameters:
    return StdioServerParameters(
        command=COMMAND[0],
        args=[*COMMAND[1:], "mcp", "--library", str(library)],
        env=clean_environment(**environment),
    )


def message(method: str, number: int | None = 1, **params: Any) -> dict[str, Any]:
    given = {"jsonrpc": "2.0", "method": method, "params": params}
    return given if number is None else {**given, "id": number}


def initialize(number: int = 1) -> dict[str, Any]:
    client = {"name": "test", "version": "0"}
    return message("initialize", number, protocolVersion="2025-06-18", capabilities={}, clientInfo=client)


async def use_all(client: Client) -> None:
    assert {tool.name for tool in (await client.list_tools()).tools} == READ
    reply = await call(client, "ask_articles", question=QUESTION)
    assert reply["answered"] and EXPECTED in reply["answer"]
    evidence = reply["answers"][0]["evidence"][0]
    start, end = evidence["article_start"], evidence["article_end"]
    page = await call(client, "get_article", article_id=evidence["article"]["id"], max_characters=100_000)
    assert page["text"][start:end] == reply["answer"]
    given = {"article_id": evidence["article"]["id"], "article_start": start, "article_end": end}
    assert (await call(client, "verify_answer", text=reply["answer"], **given))["status"] == "valid"
    assert (await call(client, "search_articles", query=QUESTION))["passages"]
    listed = (await client.list_resources()).resources
    assert (await client.read_resource(listed[0].uri)).contents[0].text
    failed = await client.call_tool("get_article", {"article_id": "nope"})
    assert failed.is_error


@pytest.mark.parametrize("mode", ["auto", "legacy"])
@pytest.mark.parametrize("way", ["pipes", "http"])
def test_the_sdk_uses_everything(server: Server, way: str, mode: str) -> None:
    # Over pipes beside the process that serves, and writes to, the same library.
    target = pipes(server.library) if way == "pipes" else f"{server.url}/mcp"

    async def main() -> None:
        async with Client(target, mode=mode) as client:
            await use_all(client)

    asyncio.run(main())


def test_errors_are_in_the_words_of_the_http_interface(server: Server, client: httpx2.Client) -> None:
    async def words(tool: str, arguments: dict[str, Any]) -> str:
        async with Client(f"{server.url}/mcp") as assistant:
            result = await assistant.call_tool(tool, arguments)
        assert result.is_error
        return str(result.content[0].text)

    for tool, arguments, response in (
        ("get_article", {"article_id": "nope"}, client.get("/v1/articles/nope")),
        (
            "search_articles",
            {"query": "x", "collection": "nope"},
            client.post("/v1/search", json={"query": "x", "collection": "nope"}),
        ),
        (
            "ask_articles",
            {"question": "Who?", "published_from": "soon"},
            client.post("/v1/ask", json={"question": "Who?", "filters": {"published_from": "soon"}}),
        ),
    ):
        assert asyncio.run(words(tool, arguments)) == response.json()["detail"]


def test_over_pipes_nothing_but_the_protocol_is_on_standard_output(server: Server) -> None:
    lines = [
        initialize(),
        message("notifications/initialized", None),
        message("tools/call", 2, name="ask_articles", arguments={"question": QUESTION}),
        message("no/such/method", 3),
    ]
    process = subprocess.Popen(
        [*COMMAND, "mcp", "--library", str(server.library)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=clean_environment(CITESPAN_LOG_LEVEL="debug"),
    )
    assert process.stdin and process.stdout and process.stderr
    process.stdin.write("".join(json.dumps(line) + "\n" for line in lines).encode() + b"this is no message\n")
    process.stdin.flush()
    replies: dict[Any, Any] = {}
    while not {1, 2, 3, None} <= set(replies):
        reply = json.loads(process.stdout.readline())
        assert reply["jsonrpc"] == "2.0"
        replies[reply.get("id")] = reply
    process.stdin.close()
    assert process.stdout.read() == b"" and process.wait(60) == 0
    assert replies[1]["result"]["serverInfo"]["name"] == "citespan"
    assert EXPECTED in replies[2]["result"]["structuredContent"]["answer"]
    assert replies[3]["error"]["code"] == -32601
    log = [json.loads(line) for line in process.stderr.read().splitlines()]
    assert any(line["event"] == "asked" for line in log) and QUESTION not in json.dumps(log)
    process.stdout.close()
    process.stderr.close()


def test_over_pipes_what_cannot_be_opened_is_said_on_standard_error(server: Server, tmp_path: Path) -> None:
    for library, environment, code in (
        (tmp_path / "none", {}, 2),
        (server.library, {"CITESPAN_MCP_WRITES": "1"}, 3),
        (server.library, {"CITESPAN_MCP_WRITES": "maybe"}, 2),
    ):
        done = citespan("mcp", "--library", str(library), **environment)
        assert (done.returncode, done.stdout) == (code, b"") and done.stderr.startswith(b"citespan: ")
        assert done.stderr.count(b"\n") == 1


@pytest.fixture(scope="module")
def writable(sample_library: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The samples, served where tools may write and keys are wanted."""
    folder = tmp_path_factory.mktemp("writable")
    shutil.copytree(sample_library, folder / "library")
    with Server(folder / "library", folder / "log", CITESPAN_MCP_WRITES="1", CITESPAN_KEYS="required") as running:
        yield running


def new_key(server: Server, *options: str) -> dict[str, str]:
    made = citespan("keys", "add", f"key-{secrets.token_hex(4)}", *options, "--library", str(server.library))
    return {"Authorization": f"Bearer {made.stdout.decode().strip()}"}


@contextlib.asynccontextmanager
async def keyed(server: Server, *options: str) -> AsyncIterator[Client]:
    """A client with a new key that was made with these options."""
    headers = await asyncio.to_thread(new_key, server, *options)
    async with (
        httpx2.AsyncClient(headers=headers, timeout=60) as http,
        Client(streamable_http_client(f"{server.url}/mcp", http_client=http)) as client,
    ):
        yield client


def test_what_one_process_adds_the_other_answers_from(writable: Server) -> None:
    async def main() -> None:
        async with keyed(writable, "--scope", "write") as client, Client(pipes(writable.library)) as beside:
            assert {tool.name for tool in (await client.list_tools()).tools} == READ | WRITE
            assert {tool.name for tool in (await beside.list_tools()).tools} == READ
            text = "The mill of Tarn was built by Hugo Marsh in 1788."
            assert (await call(client, "add_article", text=text, article_id="mill"))["created"]
            for way in (client, beside):
                reply = await call(way, "ask_articles", question="Who built the mill of Tarn?")
                assert reply["answer"] == "Hugo Marsh"
            # Larger than a question may be.
            assert (await call(client, "add_article", text="A long walk. " * 6_000, article_id="long"))["created"]
            assert (await call(client, "remove_article", article_id="mill"))["removed"]
            assert (await beside.call_tool("get_article", {"article_id": "mill"})).is_error

    asyncio.run(main())


def test_keys_hold_for_tools_too(writable: Server) -> None:
    refused = httpx2.post(f"{writable.url}/mcp", json=initialize(), headers=JSON)
    assert_problem(refused, 401)

    async def main() -> None:
        async with keyed(writable, "--scope", "write") as client:
            text = "The dam of Tarn was built by Ada Reed in 1801."
            await call(client, "add_article", text=text, article_id="dam", collection="dams")
        async with keyed(writable, "--scope", "ask", "--collection", "dams") as client:
            assert {tool.name for tool in (await client.list_tools()).tools} == READ
            reply = await call(client, "ask_articles", question="Who built the dam of Tarn?", collection="dams")
            assert reply["answer"] == "Ada Reed"
            for tool, arguments in (
                ("ask_articles", {"question": QUESTION}),
                ("search_articles", {"query": QUESTION, "collection": "default"}),
                ("get_article", {"article_id": "nope"}),
                ("verify_answer", {"article_id": "x", "article_start": 0, "article_end": 1, "text": "x"}),
                ("get_article", {"article_id": "x", "collection": "nowhere"}),
            ):
                result = await client.call_tool(tool, arguments)
                assert result.is_error and "this key is not for that collection" in result.content[0].text
            assert [one.uri for one in (await client.list_resources()).resources] == ["article://dams/dam"]
            for uri in ("article://x", "article://default/x", "article://nowhere/x"):
                with pytest.raises(MCPError, match="this key is not for that collection"):
                    await client.read_resource(uri)
            for tool, arguments in (("add_article", {"text": "x"}), ("remove_article", {"article_id": "dam"})):
                result = await client.call_tool(tool, {**arguments, "collection": "dams"})
                assert result.is_error and "the scope write is wanted" in result.content[0].text

    asyncio.run(main())


def test_a_page_whose_origin_a_key_names_may_ask(writable: Server) -> None:
    headers = {**JSON, **new_key(writable, "--origin", "https://page.test")}
    for origin, status in (("https://page.test", 200), ("https://evil.test", 403)):
        reply = httpx2.post(f"{writable.url}/mcp", json=initialize(), headers={**headers, "Origin": origin})
        assert reply.status_code == status
        assert reply.headers.get("access-control-allow-origin") == (origin if status == 200 else None)


def test_a_client_that_stays_connected_keeps_nobody_from_stopping(sample_library: Path, tmp_path: Path) -> None:
    shutil.copytree(sample_library, tmp_path / "library")
    with Server(tmp_path / "library", tmp_path / "log") as running:

        async def main() -> None:
            async with Client(f"{running.url}/mcp", mode="legacy") as client:
                await client.list_tools()
                assert await asyncio.to_thread(running.stop) == 0

        asyncio.run(main())


@pytest.mark.parametrize("origin", ["https://evil.test", "null", "http://127.0.0.1:1", "http://127.0.0.1.evil.test"])
def test_a_foreign_page_is_refused(client: httpx2.Client, origin: str) -> None:
    assert_problem(client.post("/mcp", json=initialize(), headers={**JSON, "Origin": origin}), 403)


def test_a_foreign_host_is_refused(client: httpx2.Client) -> None:
    assert_problem(client.post("/mcp", json=initialize(), headers={**JSON, "Host": "evil.test"}), 400)


def test_requests_that_are_none(server: Server, client: httpx2.Client) -> None:
    unknown = client.post("/mcp", json=message("no/such/method"), headers=JSON)
    assert unknown.status_code == 200 and unknown.json()["error"]["code"] == -32601
    own = client.post("/mcp", json=initialize(), headers={**JSON, "Origin": server.url})
    assert own.status_code == 200 and own.json()["result"]["protocolVersion"] == "2025-06-18"
    assert "mcp-session-id" not in own.headers and own.headers["x-content-type-options"] == "nosniff"
    for method in ("GET", "DELETE", "PUT"):
        assert assert_problem(client.request(method, "/mcp", headers=JSON), 405)
        assert client.request(method, "/mcp", headers=JSON).headers["allow"] == "POST, OPTIONS"
    assert_problem(client.post("/mcp", content=b"{}", headers={**JSON, "Content-Type": "text/plain"}), 415)
    assert_problem(client.post("/mcp", content=b"x", headers={**JSON, "Content-Encoding": "gzip"}), 415)
    assert_problem(client.post("/mcp", content=b" " * 70_000, headers=JSON), 413)
    note = client.post("/mcp", json=message("notifications/initialized", None), headers=JSON)
    assert note.status_code == 202
    assert client.get("/healthz").status_code == 200


class Served:
    """The application in a thread of this process, so that a test sees its workers and tasks."""

    def __init__(self, qa: QuestionAnswering, **settings: Any) -> None:
        self.port = free_port()
        app = create_app(qa, Settings(port=self.port, **settings))
        self.state: State = app.state.citespan
        self.url = f"http://127.0.0.1:{self.port}"
        self._server = uvicorn.Server(uvicorn.Config(app, port=self.port, log_config=None))
        self._thread = threading.Thread(target=self._run)
        self.loop: asyncio.AbstractEventLoop | None = None

    def _run(self) -> None:
        async def main() -> None:
            self.loop = asyncio.get_running_loop()
            await self._server.serve()

        asyncio.run(main())

    def tasks(self) -> int:
        assert self.loop is not None
        return len(asyncio.all_tasks(self.loop))

    def __enter__(self) -> "Served":
        self._thread.start()
        assert self.state.ready.wait(60)
        with httpx2.Client(base_url=self.url) as client:
            while True:
                with contextlib.suppress(httpx2.TransportError):
                    if client.get("/readyz").status_code == 200:
                        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(60)
        assert not self._thread.is_alive()


@pytest.fixture
def served(qa: QuestionAnswering, tmp_path: Path) -> Iterator[Served]:
    own = QuestionAnswering(Library.open(tmp_path / "library", encoder=qa.library.encoder), qa.reader)
    with Served(own, concurrency=1, queue_size=1) as running:
        yield running


def test_a_service_that_no_assistant_uses_does_without_its_library() -> None:
    code = "import sys, api.http.app, api.cli; print(*(name for name in sys.modules if name.split('.')[0] == 'mcp'))"
    ran = subprocess.run([sys.executable, "-c", code], env=clean_environment(), capture_output=True, check=True)
    assert ran.stdout.strip() == b""


def test_a_hundred_clients_leave_nothing_behind(served: Served) -> None:
    async def visit() -> None:
        async with Client(f"{served.url}/mcp", mode="legacy") as client:
            await client.list_tools()

    async def visits(number: int) -> None:
        for _ in range(number):
            await visit()

    asyncio.run(visits(3))
    before = served.tasks()
    with httpx2.Client(base_url=served.url) as client:
        for number in range(100):
            assert client.post("/mcp", json=initialize(number), headers=JSON).status_code == 200
    asyncio.run(visits(5))

    async def settled() -> None:
        await until(lambda: served.tasks() <= before)  # the last connections are being closed

    asyncio.run(settled())


def replied(state: State) -> float:
    """Requests to /mcp that are over."""
    labels = {"method": "POST", "route": "/mcp", "status": "200"}
    return state.metrics.registry.get_sample_value("citespan_requests_total", labels) or 0.0


def test_over_http_a_client_that_cancels_is_not_worked_for(served: Served) -> None:
    async def leave() -> None:
        async with Client(f"{served.url}/mcp") as client:
            await client.list_tools()
            with occupied(served.state):
                task = asyncio.create_task(client.call_tool("ask_articles", {"question": "Who built the mill?"}))
                await until(lambda: served.state.workers.questions.waiting == 1)
                full = await client.call_tool("search_articles", {"query": "mill"})
                assert full.is_error and "try again in" in full.content[0].text
                before = replied(served.state)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                # The request is over, though nobody hears how it ended.
                await until(lambda: replied(served.state) > before)
            await until(lambda: served.state.workers.questions.waiting == 0)
            assert asked(served.state) == 0
            await call(client, "ask_articles", question="Who built the mill?")
            assert asked(served.state) == 1

    asyncio.run(leave())


def _settings_in(page: str) -> list[dict[str, Any]]:
    blocks = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    servers = [json.loads(block) for block in blocks]
    return [(one.get("mcpServers") or one["servers"])["citespan"] for one in servers]


def test_the_settings_that_the_page_shows(server: Server) -> None:
    shown = _settings_in((ROOT / "docs" / "integrations" / "mcp.md").read_text(encoding="utf-8"))
    assert len(shown) == 4

    async def main(target: Any) -> None:
        async with Client(target) as client:
            assert {tool.name for tool in (await client.list_tools()).tools} == READ

    commands = {(one["command"], *one["args"]) for one in shown if "command" in one}
    addresses = {one["url"] for one in shown if "url" in one}
    assert len(commands) == len(addresses) == 1
    for command, *words in commands:
        # The command as it is installed, with another library.
        installed = Path(sys.executable).parent / command
        assert installed.is_file() and words[:2] == ["mcp", "--library"]
        arguments = [*words[:2], str(server.library)]
        asyncio.run(main(StdioServerParameters(command=str(installed), args=arguments, env=clean_environment())))
    for address in addresses:
        asyncio.run(main(address.replace("http://127.0.0.1:8000", server.url)))
