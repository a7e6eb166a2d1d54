"""The examples of docs/http.md, run as they stand against a service of their own."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests import pages
from tests.helpers import ROOT, SAMPLES, Server

PAGE = (ROOT / "docs" / "http.md").read_text(encoding="utf-8")


@pytest.fixture
def client(tmp_path: Path) -> Iterator[httpx2.Client]:
    with (
        Server(tmp_path / "library", tmp_path / "log") as server,
        httpx2.Client(base_url=server.url, timeout=60) as own,
    ):
        yield own


def request_of(words: list[str]) -> dict:
    """What a curl line sends: of its options those that the page uses."""
    sent: dict = {"method": "GET", "headers": {}, "files": [], "data": {}}
    options = iter(words)
    for word in options:
        if word == "-H":
            name, _, value = next(options).partition(": ")
            sent["headers"][name] = value
        elif word in ("-d", "--data-binary"):
            value = next(options)
            sent["content"] = (SAMPLES / value[1:]).read_bytes() if value.startswith("@") else value.encode()
            sent["method"] = "POST"
        elif word == "-F":
            name, _, value = next(options).partition("=")
            sent["method"] = "POST"
            if value.startswith("@"):
                sent["files"].append((name, (value[1:], (SAMPLES / value[1:]).read_bytes())))
            else:
                sent["data"].setdefault(name, []).append(value)
        elif word == "-X":
            sent["method"] = next(options)
        else:
            assert word.startswith("http://127.0.0.1:8000/"), word
            sent["url"] = word.removeprefix("http://127.0.0.1:8000")
    return {name: value for name, value in sent.items() if value}


def test_the_examples_are_answered_as_the_page_says(client: httpx2.Client) -> None:
    blocks = pages.texts(PAGE, "sh")
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    assert len(lines) >= 8
    job = conversation = message = ""
    job_reply: dict = {}
    for line in lines:
        command, _, status = line.rpartition("  # ")
        program, *words = shlex.split(_filled(command, JOB=job, CONVERSATION=conversation, MESSAGE=message))
        assert program == "curl"
        reply = client.request(**request_of(words))
        assert str(reply.status_code) == status, f"{line}\n{reply.text}"
        if reply.status_code == 202:
            job = reply.json()["job"]["id"]
            shown = pages.texts(PAGE, "json")[0]
            assert set(re.findall(r'"(\w+)": ', shown)) == {"job", *reply.json()["job"]}
        if command.endswith("/jobs/$JOB"):
            job_reply = reply.json()
        if command.endswith("/v1/conversations"):
            conversation = reply.json()["id"]
        if "/messages" in command:
            message = reply.json()["message_id"]
    assert job and job_reply["state"] == "done" and job_reply["done"] == job_reply["total"] == 4
    assert conversation and reply.json()["standalone_question"] == "When did Hugo Marsh build the mill of Tarn?"


def _filled(command: str, **names: str) -> str:
    for name, value in names.items():
        command = command.replace(f"${name}", value)
    return command
