"""The log: what repeats cannot flood it, and what people ask is not in it."""

import asyncio
import contextlib
import json
import logging
import resource
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from api.observability.logging import Throttle
from tests.helpers import Server, clean_environment
from tests.site import until

SECRET_WORDS = "Who paid the zebra crossing inspector of Quxham?"


def lines(log: Path | str) -> list[dict[str, Any]]:
    text = log if isinstance(log, str) else log.read_text()
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def run(code: str, **environment: str) -> list[dict[str, Any]]:
    """What a process logs that runs some code."""
    head = "from api.observability.logging import configure_log\nfrom api.settings import Settings\n"
    head += "configure_log(Settings())\n"
    ran = subprocess.run(
        [sys.executable, "-c", head + code],
        capture_output=True,
        text=True,
        env=clean_environment(**environment),
        timeout=120,
    )
    assert ran.returncode == 0 and ran.stderr.count("\n") == len(lines(ran.stderr)), ran.stderr
    return lines(ran.stderr)


@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b"]), st.sampled_from(["info", "error"]), st.floats(0, 30)), max_size=200
    ),
    st.integers(1, 10),
)
def test_throttle_writes_each_event_a_number_of_times_a_minute_and_counts_all(
    events: list[tuple[str, str, float]], most: int
) -> None:
    now = 0.0
    throttle = Throttle(most, clock=lambda: now)
    written: dict[tuple[str, str], list[float]] = {}
    counted = 0
    for name, level, pause in events:
        now += pause
        counted += sum(count for _, count in throttle.overdue())
        try:
            event = throttle(None, level, {"event": name, "level": level})
        except structlog.DropEvent:
            continue
        counted += event.get("suppressed", 0)
        written.setdefault((name, level), []).append(now)
    now += 1_000
    counted += sum(count for _, count in throttle.overdue())
    assert sum(map(len, written.values())) + counted == len(events)
    for (_, level), moments in written.items():
        if level == "error":
            # Two windows at most begin within a minute.
            assert all(sum(at <= other < at + 60 for other in moments) <= 2 * most for at in moments)
    assert len(written.get(("a", "info"), [])) == sum(one[:2] == ("a", "info") for one in events)


def test_log_of_libraries_is_json_and_cannot_flood() -> None:
    logged = run(
        "import asyncio, logging\n"
        "async def main():\n"
        "    loop = asyncio.get_running_loop()\n"
        "    message = 'socket.accept() out of system resource'\n"
        "    for number in range(5_000):\n"
        "        error = OSError(24, 'Too many open files')\n"
        "        loop.call_exception_handler({'message': message, 'exception': error, 'socket': number})\n"
        "        logging.getLogger('uvicorn.error').warning('Invalid HTTP request received.')\n"
        "asyncio.run(main())\n"
    )
    assert len(logged) == 60
    accepts = [line for line in logged if line["event"] == "asyncio"]
    assert accepts[0]["message"] == "socket.accept() out of system resource" and accepts[0]["level"] == "error"
    assert accepts[0]["exception"][0]["exc_value"] == "[Errno 24] Too many open files"
    assert "further" in accepts[-1]


def test_log_holds_no_words_of_exceptions_and_libraries_unless_asked_for() -> None:
    code = (
        "import asyncio, logging, structlog, threading\n"
        f"words = {SECRET_WORDS!r}\n"
        "log = structlog.get_logger('citespan')\n"
        "def ask(question):\n"
        "    try:\n"
        "        raise ValueError(f'near {question!r}')\n"
        "    except ValueError as error:\n"
        "        raise RuntimeError(question) from error\n"
        "try:\n"
        "    ask(words)\n"
        "except RuntimeError as error:\n"
        "    log.error('unexpected', kind='RuntimeError', exc_info=error)\n"
        "    logging.getLogger('mcp.server').error(f'cannot read {words}', exc_info=True)\n"
        "    logging.getLogger('uvicorn.error').error('Exception in ASGI application', exc_info=error)\n"
        "try:\n"
        "    raise ExceptionGroup('several', [ValueError(words)])\n"
        "except ExceptionGroup as error:\n"
        "    log.error('group', exc_info=error)\n"
        "class Leaky(Exception):\n"
        "    pass\n"
        "leaky = Leaky('x')\n"
        "leaky.add_note(words)\n"
        "log.error('noted', exc_info=leaky)\n"
        "thread = threading.Thread(target=ask, args=(words,)); thread.start(); thread.join()\n"
        "async def main():\n"
        "    async def fails(): raise KeyError(words)\n"
        "    task = asyncio.create_task(fails()); await asyncio.wait([task]); del task\n"
        "asyncio.run(main())\n"
        "import gc; gc.collect()\n"
    )
    for level in ("debug", "error"):
        logged = run(code, CITESPAN_LOG_LEVEL=level)
        assert len(logged) >= 7
        assert "zebra" not in json.dumps(logged)
        assert [stack["exc_type"] for stack in logged[0]["exception"]] == ["RuntimeError", "ValueError"]
        assert logged[0]["exception"][0]["frames"][-1]["name"] == "ask"
    assert json.dumps(run(code, CITESPAN_LOG_QUESTIONS="true")).count("zebra") >= 5


@pytest.mark.parametrize("shown", [False, True])
def test_service_logs_questions_only_when_asked_to(tmp_path: Path, sample_library: Path, shown: bool) -> None:
    import shutil

    shutil.copytree(sample_library, tmp_path / "library")
    settings = {"CITESPAN_LOG_LEVEL": "debug", "CITESPAN_LOG_QUESTIONS": str(shown)}
    with Server(tmp_path / "library", tmp_path / "log", **settings) as server:
        with httpx2.Client(base_url=server.url, timeout=60) as client:
            body = {"question": SECRET_WORDS}
            assert client.post("/v1/ask", json=body).status_code == 200
            assert client.get("/v1/ask", params=body).status_code == 200
            assert "event: done" in client.post("/v1/ask/stream", json=body).text
            assert client.post("/v1/search", json={"query": SECRET_WORDS}).status_code == 200
            conversation = client.post("/v1/conversations", json={}).json()["id"]
            assert client.post(f"/v1/conversations/{conversation}/messages", json=body).status_code == 200
            chat = {"model": "citespan", "messages": [{"role": "user", "content": SECRET_WORDS}]}
            assert client.post("/v1/chat/completions", json=chat).status_code == 200
            call = {"name": "ask_articles", "arguments": body}
            accepts = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-06-18"}
            for arguments in (body, {**body, "limit": SECRET_WORDS}, {"question": [SECRET_WORDS]}):
                call = {"name": "ask_articles", "arguments": arguments}
                message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
                client.post("/mcp", json=message, headers=accepts)
            client.post("/mcp", json={"jsonrpc": "2.0", "id": SECRET_WORDS, "method": [SECRET_WORDS]}, headers=accepts)
            client.post("/v1/ask", json={"question": [SECRET_WORDS]})
            client.post("/v1/watches", json=body)
            task = {"inputs": {"question": SECRET_WORDS, "context": f"{SECRET_WORDS} The mayor did."}}
            assert client.post("/v1/tasks/question-answering", json=task).status_code == 200
        server.stop()
    log = (tmp_path / "log").read_text()
    assert ("zebra" in log) == shown
    assert all(line["level"] != "error" for line in lines(log))


def test_service_without_a_file_to_open_does_not_flood_its_log(tmp_path: Path, sample_library: Path) -> None:
    import shutil

    shutil.copytree(sample_library, tmp_path / "library")
    with Server(tmp_path / "library", tmp_path / "log", CITESPAN_LOG_REPEATS="5") as server:
        assert server.process is not None
        used = len(list(Path(f"/proc/{server.process.pid}/fd").iterdir()))
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (used + 4, used + 4))
        with contextlib.ExitStack() as links:
            for _ in range(20):
                links.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=5))
            log = tmp_path / "log"
            until(lambda: "out of system resource" in log.read_text())
            asyncio.run(asyncio.sleep(3))
        written = [line for line in lines(log) if line["level"] in ("warning", "error")]
        assert 1 <= len(written) <= 30, written
        assert log.stat().st_size < 100_000


def test_service_counts_refused_requests_that_repeat(tmp_path: Path, sample_library: Path) -> None:
    import shutil

    shutil.copytree(sample_library, tmp_path / "library")
    with (
        Server(tmp_path / "library", tmp_path / "log", CITESPAN_LOG_REPEATS="5") as server,
        httpx2.Client(base_url=server.url) as client,
    ):
        for _ in range(40):
            assert client.get("/nowhere").status_code == 404
            assert client.get("/healthz").status_code == 200
    requests = [line for line in lines(tmp_path / "log") if line["event"] == "request"]
    assert sum(line["status"] == 404 for line in requests) == 5
    assert sum(line["path"] == "/healthz" for line in requests) == 40


def test_logging_of_this_process_is_left_alone() -> None:
    assert not any(type(handler).__module__ == "api.observability.logging" for handler in logging.getLogger().handlers)
