"""The service as a process: starting, stopping, and what it does not start with."""

import json
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest

from api.http.server import _listen
from api.settings import Settings
from tests.helpers import COMMAND, Server, assert_problem, citespan, clean_environment


@pytest.fixture
def own(tmp_path: Path, sample_library: Path) -> Server:
    """A server of a test's own, not started yet."""
    shutil.copytree(sample_library, tmp_path / "library")
    return Server(tmp_path / "library", tmp_path / "log")


def test_alive_at_once_ready_when_the_models_are(own: Server) -> None:
    own.environment["CITESPAN_RUNTIME"] = "torch"  # takes long enough to load for the test to look
    own.start(ready=False)
    try:
        own.wait("/healthz")
        early = httpx2.get(own.url + "/readyz")
        assert_problem(early, 503)
        assert int(early.headers["retry-after"]) >= 1
        assert_problem(httpx2.post(own.url + "/v1/ask", json={"question": "Who?"}), 503)
        own.wait("/readyz")
        assert httpx2.post(own.url + "/v1/ask", json={"question": "Who?"}, timeout=60).status_code == 200
    finally:
        own.stop()


def test_replies_are_not_held_back() -> None:
    """By asyncio's own rule small packets are sent at once on sockets that say they are TCP's, and on no others."""
    with _listen(Settings(host="127.0.0.1", port=0)) as listening:
        listening.listen()
        assert listening.proto == socket.IPPROTO_TCP
        with socket.create_connection(listening.getsockname()):
            accepted, _ = listening.accept()
            with accepted:
                assert accepted.proto == socket.IPPROTO_TCP


def test_sigterm_lets_accepted_questions_finish(own: Server) -> None:
    replies: list[Any] = []

    def ask() -> None:
        body = {"question": "Where did the Great Fire of London begin?", "passages": 40}
        replies.append(httpx2.post(own.url + "/v1/ask", json=body, timeout=60))

    with own:
        asking = [threading.Thread(target=ask) for _ in range(3)]
        for thread in asking:
            thread.start()
        time.sleep(0.4)
        assert own.stop(signal.SIGTERM) == 0
        for thread in asking:
            thread.join()
    assert [reply.status_code for reply in replies] == [200] * 3
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", own.port), timeout=5)


def test_a_log_that_nobody_reads_stops_nothing(own: Server) -> None:
    """As in ``citespan serve 2>&1 | head -1``."""
    command = [*COMMAND, "serve", "--library", str(own.library), "--port", str(own.port)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, env=clean_environment()) as process:
        own.process = process
        try:
            assert process.stderr and b"listens on" in process.stderr.readline()
            process.stderr.close()
            own.wait("/readyz")
            reply = httpx2.post(own.url + "/v1/ask", json={"question": "Who met Putin?"}, timeout=60)
            assert reply.status_code == 200
        finally:
            assert own.stop() == 0


def test_a_second_server_of_the_same_library_or_port_does_not_start(server: Server, tmp_path: Path) -> None:
    twice = citespan("serve", "--library", str(server.library), "--port", "0")
    assert twice.returncode == 3 and b"open for writing" in twice.stderr
    taken = citespan("serve", "--library", str(tmp_path / "other"), "--port", str(server.port))
    assert taken.returncode == 2 and b"choose another with --port" in taken.stderr
    assert httpx2.get(server.url + "/healthz").status_code == 200


@pytest.mark.parametrize(
    ("name", "value", "word"),
    [
        ("CITESPAN_PORT", "eighty", b"CITESPAN_PORT"),
        ("CITESPAN_QUEUE_SIZE", "-1", b"CITESPAN_QUEUE_SIZE"),
        ("CITESPAN_READER", "/no/such/model", b"/no/such/model"),
    ],
)
def test_a_setting_that_cannot_be_is_named(tmp_path: Path, name: str, value: str, word: bytes) -> None:
    file = tmp_path / "a.txt"
    file.write_text("The well of Arn is 90 metres deep.\n")
    assert citespan("add", str(file), "--library", str(tmp_path / "l")).returncode == 0
    done = citespan("ask", "How deep is the well?", "--library", str(tmp_path / "l"), **{name: value})
    assert done.returncode in (2, 3) and word in done.stderr and len(done.stderr.splitlines()) == 1


def test_the_log_tells_where_an_error_was_but_no_variables() -> None:
    code = """
import structlog
from api.observability.logging import configure_log
from api.settings import Settings
configure_log(Settings())
def answer(question):
    raise RuntimeError("broken")
try:
    answer("Who owes " + "money?")
except RuntimeError as error:
    structlog.get_logger().error("unexpected", exc_info=error)
"""
    command = [sys.executable, "-c", code]
    ran = subprocess.run(command, capture_output=True, text=True, env=clean_environment(), check=True)
    logged = json.loads(ran.stderr)
    assert logged["event"] == "unexpected" and logged["exception"][0]["frames"][-1]["name"] == "answer"
    assert "Who owes money" not in ran.stderr
