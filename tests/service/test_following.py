"""What is followed is followed on after a restart."""

import json
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.helpers import Server
from tests.site import Site, item, opening, rss, story, until


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as opened:
        yield opened


def test_due_times_survive_a_restart(tmp_path: Path, sample_library: Path, site: Site) -> None:
    folder = tmp_path / "library"
    shutil.copytree(sample_library, folder)
    url = f"{site.url}/feed"
    site.pages |= {"/feed": rss(site, item("/1", "1")), "/1": story("One")}
    with Server(folder, tmp_path / "log", **opening(site)) as running:
        assert httpx2.post(f"{running.url}/v1/subscriptions", json={"url": url}).status_code == 201

        def seen() -> Any:
            return httpx2.get(f"{running.url}/v1/subscriptions").json()["subscriptions"][0]

        before = until(lambda: (one := seen())["checked"] and one)
    with sqlite3.connect(folder / "default" / "articles.db") as database:
        database.execute("UPDATE subscription SET due = '2024-01-01T00:00:00.000Z'")
    database.close()
    site.pages["/feed"] = rss(site, item("/1", "1"), item("/2", "2"))
    site.pages["/2"] = story("Two")
    with Server(folder, tmp_path / "log", **opening(site)) as running:
        after = until(lambda: (one := seen())["checked"] != before["checked"] and one)
        assert after["articles"] == 2 and after["due"] > before["due"]
    events = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines() if line.startswith("{")]
    assert [one["added"] for one in events if one["event"] == "followed"] == [1, 1]
