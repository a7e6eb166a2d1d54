"""What is no message of the Model Context Protocol: answered with JSON-RPC's errors, over pipes and over HTTP alike."""

import contextlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2

from tests.api.test_mcp_ways_in import JSON, initialize, message
from tests.helpers import COMMAND, ROOT, Server, clean_environment

# What is no message, with the error's code and the id that it is answered under.
MALFORMED: dict[bytes, tuple[int, Any]] = {
    b"{": (-32700, None),
    b"this is no message": (-32700, None),
    b"[" * 5_000: (-32700, None),
    b'"\xff"': (-32700, None),
    b"NaN": (-32700, None),
    b"1" * 5_000: (-32700, None),
    b"null": (-32600, None),
    b"[]": (-32600, None),
    b'[{"jsonrpc": "2.0", "id": 7, "method": "ping"}]': (-32600, None),
    b'{"jsonrpc": "2.0"}': (-32600, None),
    b'{"jsonrpc": "1.0", "id": 7, "method": "ping"}': (-32600, 7),
    b'{"jsonrpc": "2.0", "id": "a", "method": 5}': (-32600, "a"),
    b'{"jsonrpc": "2.0", "id": 7, "method": "ping", "params": 3}': (-32600, 7),
    # The SDK would take these for notifications, and never answer.
    b'{"jsonrpc": "2.0", "id": {}, "method": "ping"}': (-32600, None),
    b'{"jsonrpc": "2.0", "id": null, "method": "ping"}': (-32600, None),
    b'{"jsonrpc": "2.0", "id": true, "method": "ping"}': (-32600, None),
}


def assert_refusal(reply: dict[str, Any], code: int, number: Any) -> None:
    assert set(reply) == {"jsonrpc", "id", "error"} and (reply["jsonrpc"], reply["id"]) == ("2.0", number)
    assert reply["error"]["code"] == code, reply
    words = reply["error"]["message"]
    assert words and len(words) < 300 and "pydantic" not in words and str(ROOT) not in words


def test_over_http_a_malformed_body_is_answered_with_an_error_of_the_protocol(client: httpx2.Client) -> None:
    for body, (code, number) in MALFORMED.items():
        for version in ({}, {"MCP-Protocol-Version": "2026-07-28"}, {"MCP-Protocol-Version": "x"}):
            refused = client.post("/mcp", content=body, headers={**JSON, **version})
            assert refused.status_code == 400 and refused.headers["content-type"] == "application/json"
            assert_refusal(refused.json(), code, number)
    assert client.post("/mcp", json=message("ping", 9), headers=JSON).json()["result"] == {}


@contextlib.contextmanager
def piped(library: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The command with pipes of the test's own."""
    process = subprocess.Popen(
        [*COMMAND, "mcp", "--library", str(library)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=clean_environment(),
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            with contextlib.suppress(BrokenPipeError):
                pipe.close()  # type: ignore[union-attr]


def exchanged(process: subprocess.Popen[bytes], line: bytes) -> dict[str, Any]:
    assert process.stdin and process.stdout
    process.stdin.write(line + b"\n")
    process.stdin.flush()
    return dict(json.loads(process.stdout.readline()))


PING = json.dumps(message("ping", 9)).encode()


def test_over_pipes_a_malformed_line_is_answered_and_the_next_one_too(server: Server) -> None:
    with piped(server.library) as process:
        for line, (code, number) in MALFORMED.items():
            assert_refusal(exchanged(process, line), code, number)
            assert exchanged(process, b"\n \n" + PING)["result"] == {}
        assert_refusal(exchanged(process, PING + b" " * 9_000_000), -32600, None)  # kept in memory up to the limit only
        assert exchanged(process, initialize_line())["result"]["serverInfo"]["name"] == "citespan"
        assert process.stdin
        process.stdin.close()
        assert process.wait(60) == 0


def initialize_line() -> bytes:
    return json.dumps(initialize()).encode()


def test_over_pipes_a_client_that_reads_no_more_ends_it_in_order(server: Server) -> None:
    """Standard input stays open: nothing but the reply that cannot be written tells that the client has gone."""
    with piped(server.library) as process:
        assert exchanged(process, PING)["result"] == {}
        assert process.stdin and process.stdout and process.stderr
        process.stdout.close()
        process.stdin.write(PING + b"\n")
        process.stdin.flush()
        assert process.wait(60) == 0
        assert b"Traceback" not in process.stderr.read()
