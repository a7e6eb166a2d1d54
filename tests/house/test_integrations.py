"""docs/integrations: every block of every page is run, as a reader would, or claimed by the test that does."""

import json
import shutil
from pathlib import Path

import pytest

from tests.helpers import ROOT, SAMPLES, Server, citespan
from tests.pages import Reader, as_shown, blocks, service_settings

FOLDER = ROOT / "docs" / "integrations"
PAGES = sorted(path for path in FOLDER.glob("*.md") if path.name != "README.md")
# Blocks that need more than a shell or an interpreter: the test that runs them names the page.
CLAIMED: dict[tuple[str, str], str] = {
    ("typescript.md", "ts"): "tests/clients/test_typescript.py",
    **{("widget.md", language): "tests/service/browser/test_widget.py" for language in ("html", "css", "js")},
}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_block_runs(page: Path, tmp_path: Path, sample_library: Path) -> None:
    text = page.read_text(encoding="utf-8")
    found = blocks(text)
    assert found, "a page without a block shows nothing"
    assert len(text.splitlines()) <= 150, "a short page"
    for block in found:
        if block.language == "json":
            json.loads(block.text)
        elif block.language not in ("python", "sh"):
            claim = CLAIMED.get((page.name, block.language))
            assert claim, f"{page.name}, line {block.line}: no test runs {block.language!r}"
            assert page.name in (ROOT / claim).read_text(encoding="utf-8"), f"{claim} does not read {page.name}"
    runnable = [block for block in found if block.language in ("python", "sh")]
    if not runnable:
        return
    shutil.copytree(sample_library, tmp_path / "library")
    folder = tmp_path / "reader"
    folder.mkdir()
    shutil.copytree(SAMPLES, folder / "articles")
    known = {}
    if "CITESPAN_API_KEY" in text:
        made = citespan("keys", "add", "reader", "--scope", "admin", "--library", str(tmp_path / "library"), "--json")
        assert made.returncode == 0, made.stderr
        known["CITESPAN_API_KEY"] = json.loads(made.stdout)["key"]
    settings = service_settings(text)
    with (
        Server(tmp_path / "library", tmp_path / "log", **settings) as server,
        Reader(folder, server.url, **settings, **known) as reader,
    ):
        for block in runnable:
            printed = reader.run(block)
            if block.shown is not None:
                assert as_shown(printed, block.shown), f"line {block.line} prints\n{printed}\nand not\n{block.shown}"


def test_the_index_names_every_page() -> None:
    index = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert all(f"({page.name})" in index for page in PAGES)


def test_claims_are_of_pages_that_are_there() -> None:
    for (page, language), claim in CLAIMED.items():
        assert (ROOT / claim).is_file(), claim
        assert any(block.language == language for block in blocks((FOLDER / page).read_text(encoding="utf-8"))), page


def test_a_block_that_fails_and_output_that_differs_are_seen(tmp_path: Path) -> None:
    page = "```python\nx = 2\n```\n\n```text\n\n```\n\n```sh\necho a; false | cat\n```\n```python\nprint(x / 0)\n```\n"
    first, shell, last = blocks(page)
    assert first.shown == "\n"
    with Reader(tmp_path, "http://127.0.0.1:9") as reader:
        assert reader.run(first) == ""
        with pytest.raises(AssertionError, match="false"):
            reader.run(shell)
        with pytest.raises(AssertionError, match="ZeroDivisionError"):
            reader.run(last)
    assert as_shown("a 12 ms\n", "a ... ms") and not as_shown("a 12 ms", "b ... ms")
