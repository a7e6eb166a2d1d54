"""A service whose records are lost lets nobody in that had no key before."""

from pathlib import Path

import httpx2
import pytest

from index import read_marks
from tests.helpers import Server, assert_problem, citespan

TEXT = "The harbour of Tarn was built in 1788.\n"
QUESTION = {"question": "When was the harbour of Tarn built?"}


@pytest.mark.parametrize("how", ["removed", "damaged"])
def test_a_service_stays_closed_when_its_records_are(tmp_path: Path, how: str) -> None:
    library, text, records = tmp_path / "library", tmp_path / "a.txt", tmp_path / "library" / "records.db"
    text.write_text(TEXT)
    assert citespan("add", str(text), "--library", str(library)).returncode == 0
    assert citespan("keys", "add", "desk", "--library", str(library)).returncode == 0
    assert read_marks(library) == {"keys"}
    if how == "removed":
        records.unlink()
    else:
        records.write_bytes(b"\x5a" * len(records.read_bytes()))
    server = Server(library, tmp_path / "log")
    try:
        server.start(ready=False)
        server.wait("/healthz")
        assert httpx2.get(server.url + "/readyz", timeout=60).status_code == 503
        for path, body in (("/v1/ask", QUESTION), ("/v1/articles", {"text": TEXT})):
            assert_problem(httpx2.post(server.url + path, json=body, timeout=60), 503)
        refused = assert_problem(httpx2.get(server.url + "/v1/articles", timeout=60), 503)
        if how == "removed":
            assert "citespan keys add" in refused["detail"]
            made = citespan("keys", "add", "desk", "--library", str(library))
            assert made.returncode == 0
            assert_problem(httpx2.post(server.url + "/v1/ask", json=QUESTION, timeout=60), 401)
            server.wait("/readyz")
            headers = {"authorization": f"Bearer {made.stdout.decode().strip()}"}
            asked = httpx2.post(server.url + "/v1/ask", json=QUESTION, headers=headers, timeout=60)
            assert asked.status_code == 200 and asked.json()["answer"] == "1788"
    finally:
        server.stop()


def test_a_library_of_before_gains_the_note_when_it_is_served(tmp_path: Path) -> None:
    library = tmp_path / "library"
    assert citespan("keys", "add", "desk", "--library", str(library)).returncode == 0
    (library / "library.json").write_text('{"format": 1}')
    with Server(library, tmp_path / "log"):
        assert read_marks(library) == {"keys"}
