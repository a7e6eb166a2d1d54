"""A TypeScript client is generated from docs/openapi.json, type-checked with a program, and run against the service."""

import hashlib
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.helpers import ROOT, Server
from tests.pages import ADDRESS, texts

HERE = Path(__file__).parent / "typescript"
PAGE = ROOT / "docs" / "integrations" / "typescript.md"
_UNREACHED = re.compile(r"\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ENETUNREACH|EHOSTUNREACH|ETIMEDOUT)\b")
GENERATE = ["openapi-ts", "-i", "openapi.json", "-o", "generated", "-c", "@hey-api/client-fetch"]


def run(words: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    found = {**os.environ, "NO_COLOR": "1", "CI": "1"}
    return subprocess.run(words, cwd=folder, env=found, capture_output=True, text=True, check=False, timeout=240)


def done(words: list[str], folder: Path) -> str:
    ran = run(words, folder)
    assert ran.returncode == 0, f"{' '.join(words)}\n{ran.stdout}\n{ran.stderr}"
    return ran.stdout


@pytest.fixture(scope="session")
def modules() -> Path:
    """What package-lock.json names, installed once for each version of it; a cut-off installation is not used."""
    if not shutil.which("npm") or not shutil.which("node"):
        pytest.skip("node and npm are not installed: make node, or sudo apt-get install nodejs npm")
    version = tuple(int(part) for part in re.findall(r"\d+", done(["node", "--version"], HERE))[:2])
    if version < (18, 18):
        pytest.skip(f"the generator wants Node 18.18 or newer, and here is {version[0]}.{version[1]}")
    lock = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()[:16]
    kept = ROOT / ".cache" / f"typescript-{lock}"
    if not kept.exists():
        making = kept.with_name(f"{kept.name}.{os.getpid()}")
        making.mkdir(parents=True)
        try:
            for name in ("package.json", "package-lock.json"):
                shutil.copy(HERE / name, making)
            ran = run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], making)
            if ran.returncode and (unreached := _UNREACHED.search(ran.stderr)):
                pytest.skip(f"npm's registry cannot be reached from here: {unreached[0]}")
            assert ran.returncode == 0, f"npm ci\n{ran.stdout}\n{ran.stderr}"
            making.rename(kept)
        finally:
            shutil.rmtree(making, ignore_errors=True)
    return kept / "node_modules"


@pytest.fixture
def project(tmp_path: Path, modules: Path) -> Path:
    """A folder with the generated client in it."""
    for name in ("package.json", "tsconfig.json"):
        shutil.copy(HERE / name, tmp_path)
    shutil.copy(ROOT / "docs" / "openapi.json", tmp_path)
    (tmp_path / "node_modules").symlink_to(modules)
    done([str(modules / ".bin" / GENERATE[0]), *GENERATE[1:]], tmp_path)
    return tmp_path


@pytest.fixture
def own(tmp_path_factory: pytest.TempPathFactory) -> Server:
    folder = tmp_path_factory.mktemp("own")
    return Server(folder / "library", folder / "log")


def test_the_program_on_the_page_compiles_and_runs(project: Path, own: Server) -> None:
    with own as server:
        program = (HERE / "program.ts").read_text(encoding="utf-8")
        (project / "program.ts").write_text(program.replace(ADDRESS, server.url), encoding="utf-8")
        done(["node_modules/.bin/tsc", "--project", "."], project)
        printed = done(["node", "built/program.js"], project)
    assert printed.splitlines() == [
        "added 201",
        "answer Hugo Marsh mill 30 40",
        "quote Hugo Marsh",
        "streamed Hugo Marsh",
        "found true",
        "gone 404 not found",
        "wrong 422 body.limit",
    ]


def test_what_the_description_forbids_does_not_compile(project: Path) -> None:
    (project / "program.ts").write_text(
        'import { ask, getJob } from "./generated";\n'
        'ask({ body: { questoin: "Who?" } });\n'
        "getJob({ path: { job_id: 7 } });\n"
        'ask({ body: { question: "Who?" } }).then(({ data }) => data?.answer.length);\n',
        encoding="utf-8",
    )
    ran = run(["node_modules/.bin/tsc", "--project", "."], project)
    assert ran.returncode
    assert {line for line in (2, 3, 4) if f"program.ts({line}," in ran.stdout} == {2, 3, 4}


def test_the_page_shows_that_program_and_that_generator() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert texts(page, "ts") == [(HERE / "program.ts").read_text(encoding="utf-8")]
    pinned = json.loads((HERE / "package.json").read_text())["devDependencies"]
    packages = " ".join(f"{name}@{pinned[name]}" for name in ("@hey-api/openapi-ts", "typescript"))
    words = " ".join([GENERATE[0], "-i", f"{ADDRESS}/openapi.json", *GENERATE[3:]])
    # The compiler too: npx by itself takes the newest, with which the generator writes nothing.
    assert f"`npm install --save-dev {packages}`" in page and f"`npx {words}`" in page
