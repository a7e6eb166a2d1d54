"""docs/access.md: its commands, run as a reader would, and what it says of settings and routes."""

import shutil
from pathlib import Path

from api.settings import Settings
from tests.helpers import ROOT, Server
from tests.pages import Reader, blocks
from tests.routes import routes

PAGE = (ROOT / "docs" / "access.md").read_text(encoding="utf-8")


def test_the_commands_run(tmp_path: Path, sample_library: Path) -> None:
    shutil.copytree(sample_library, tmp_path / "library")
    with (
        Server(tmp_path / "library", tmp_path / "log") as server,
        Reader(tmp_path, server.url, CITESPAN_LIBRARY=str(tmp_path / "library")) as reader,
    ):
        printed = [reader.run(block) for block in blocks(PAGE) if block.language == "sh"]
    assert len(printed) == 3 and '"default"' in printed[0] and printed[1].startswith("cs_")


def test_the_settings_are_as_the_page_says() -> None:
    default = Settings.model_fields
    for name in ("rate", "address_rate", "bad_keys", "key_asks"):
        assert f"`CITESPAN_{name.upper()}`, `{default[name].default}`" in PAGE
    (block,) = [block for block in blocks(PAGE) if block.language == "ini"]
    assert {line.partition("=")[0] for line in block.text.split()} <= {f"CITESPAN_{name.upper()}" for name in default}


def test_what_is_open_is_named() -> None:
    named = {"/": "the page", "/static/{name}": "its files", "/widget.js": "widget's script"}
    # Slack signs its requests: docs/integrations/slack.md.
    for route in routes():
        if route.open and "slack" not in route.template:
            assert named.get(route.template, f"`{route.template}`") in PAGE, route
