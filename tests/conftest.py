"""What many tests share: models loaded once, a served library of the samples."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from hypothesis import settings

from api.auth.keys import Keys
from index import Library, Records
from qa import QuestionAnswering
from tests.helpers import ROOT, SAMPLES, Server

# How long an example takes depends on what else the machine does: time is what benchmarks/ measures.
settings.register_profile("citespan", deadline=None)
settings.load_profile("citespan")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files first that take longest, so that where files run side by side all processes end together."""
    slow = {"torture", "training", "crash", "service", "house"}
    items.sort(key=lambda item: not slow.intersection(item.nodeid.split("/")))


@pytest.fixture(scope="session")
def qa(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QuestionAnswering]:
    """The samples, with the shipped models, in this process."""
    with QuestionAnswering.open(tmp_path_factory.mktemp("samples") / "library") as opened:
        opened.add(SAMPLES)
        yield opened


@pytest.fixture
def library(qa: QuestionAnswering, tmp_path: Path) -> Iterator[Library]:
    """An empty library that shares the loaded encoder."""
    with Library.open(tmp_path / "library", encoder=qa.library.encoder) as opened:
        yield opened


@pytest.fixture(scope="session")
def sample_library(tmp_path_factory: pytest.TempPathFactory, qa: QuestionAnswering) -> Path:
    """A closed library of the samples, to copy."""
    folder = tmp_path_factory.mktemp("closed") / "library"
    with QuestionAnswering(Library.open(folder, encoder=qa.library.encoder), qa.reader) as opened:
        opened.add(SAMPLES)
    shutil.copy(ROOT / "samples" / "examples.json", folder / "examples.json")
    return folder


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory, sample_library: Path) -> Iterator[Keys]:
    """The keys of a library of the samples, written from another process than the service that may be started on it."""
    folder = tmp_path_factory.mktemp("closed") / "library"
    shutil.copytree(sample_library, folder)
    records = Records(folder)
    yield Keys(records)
    records.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, sample_library: Path) -> Iterator[Server]:
    """The samples, served by a process of its own."""
    folder = tmp_path_factory.mktemp("served")
    shutil.copytree(sample_library, folder / "library")
    limits = {"CITESPAN_HEADER_SECONDS": "3", "CITESPAN_BODY_SECONDS": "4", "CITESPAN_ASK_SECONDS": "60"}
    # Tests ask from several threads at a time, and a slow machine refuses none of them.
    limits["CITESPAN_WAIT_SECONDS"] = "60"
    with Server(folder / "library", folder / "log", **limits) as running:
        yield running


@pytest.fixture
def client(server: Server) -> Iterator[httpx2.Client]:
    """An HTTP client of that server."""
    with httpx2.Client(base_url=server.url, timeout=60) as opened:
        yield opened
