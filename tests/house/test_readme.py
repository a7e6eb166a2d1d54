"""The README's own commands and code, run as they stand."""

import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from tests import pages
from tests.helpers import COMMAND, ROOT, SAMPLES, Server, clean_environment

README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The fenced blocks of one language."""
    return pages.texts(README, language)


@pytest.fixture
def folder(tmp_path: Path, sample_library: Path) -> Path:
    """Where a reader of the README stands: a library of the samples and articles of their own."""
    shutil.copytree(sample_library, tmp_path / "library")
    shutil.copytree(SAMPLES, tmp_path / "articles")
    return tmp_path


def test_the_commands_work(folder: Path) -> None:
    lines = [line for block in blocks("sh") for line in block.splitlines() if line.startswith(".venv/bin/citespan ")]
    assert len(lines) >= 3
    for line in lines:
        words = shlex.split(line, comments=True)[1:]
        ran = subprocess.run(
            [*COMMAND, *words], cwd=folder, env=clean_environment(), capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, f"{line}\n{ran.stderr}"


def test_what_is_shown_is_what_is_printed(folder: Path) -> None:
    """A console block shows a command after $ and, below it, what it prints."""
    shown = blocks("console")
    assert shown
    for block in shown:
        command, _, printed = block.partition("\n")
        words = shlex.split(command.removeprefix("$ "))[1:]
        ran = subprocess.run(
            [*COMMAND, *words], cwd=folder, env=clean_environment(), capture_output=True, text=True, check=False
        )
        assert ran.stdout.splitlines() == printed.splitlines()


def test_the_curl_lines_work(server: Server) -> None:
    lines = [
        line for block in blocks("sh") for line in block.replace("\\\n", " ").splitlines() if line.startswith("curl")
    ]
    assert len(lines) >= 2
    added = []
    for line in lines:
        words = shlex.split(line)
        url = next(word for word in words if word.startswith("http://"))
        data = words[words.index("-d") + 1] if "-d" in words else None
        headers = dict(words[i + 1].split(": ", 1) for i, word in enumerate(words) if word == "-H")
        reply = httpx2.request(
            "POST" if data else "GET",
            url.replace("http://127.0.0.1:8000", server.url),
            content=data,
            headers=headers,
            timeout=60,
        )
        assert reply.status_code in (200, 201), reply.text
        if "/v1/ask" in url:
            assert json.loads(reply.text)["answered"]
        if reply.status_code == 201:
            added.append(json.loads(reply.text)["id"])
    # The server is every test's.
    for article in added:
        assert httpx2.delete(f"{server.url}/v1/articles/{article}").is_success
    assert added


def test_the_python_code_works(folder: Path) -> None:
    code = blocks("python")
    assert code
    for block in code:
        ran = subprocess.run(
            [sys.executable, "-c", block],
            cwd=folder,
            env=clean_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        assert ran.stdout.strip()
