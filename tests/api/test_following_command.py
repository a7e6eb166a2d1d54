"""citespan add, follow and unfollow with a web site on this machine."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers import citespan
from tests.site import Reply, Site, item, opening, rss, story


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as opened:
        yield opened


def test_the_command_adds_follows_lists_and_ends(tmp_path: Path, site: Site) -> None:
    where = ("--library", str(tmp_path / "library"))
    settings = opening(site)
    site.pages |= {"/page": story("page"), "/feed": rss(site, item("/1", "1"), item("/bad", "bad")), "/1": story("One")}
    added = citespan("add", f"{site.url}/page", *where, **settings)
    assert added.returncode == 0 and "Story page" in added.stdout.decode()
    asked = citespan("ask", "Who is the lighthouse keeper of page?", *where)
    assert asked.stdout.decode().splitlines()[0] == "pageson"

    empty = citespan("follow", *where)
    assert (empty.returncode, empty.stdout) == (1, b"")
    followed = citespan("follow", f"{site.url}/feed", "--every", "30m", *where, **settings)
    assert followed.returncode == 0, followed.stderr
    said = followed.stderr.decode()
    assert "every 30m: 2 pages, 1 added" in said and "/bad: the server answered 404" in said
    listed = citespan("follow", *where).stdout.decode()
    assert listed.startswith(f"{site.url}/feed\tevery 30m\tdue ") and "/bad: the server answered 404" in listed
    facts = json.loads(citespan("follow", "--json", *where).stdout)
    assert (facts["every_seconds"], facts["articles"], facts["failing"]) == (1800, 1, 1)

    site.pages["/1"] = Reply("", 410)
    again = citespan("follow", f"{site.url}/feed", *where, **settings)
    assert "1 vanished" in again.stderr.decode() and "every 1h" in again.stderr.decode()
    rows = citespan("list", *where).stdout.decode().splitlines()
    assert [line for line in rows if "\tvanished 20" in line and "Story One" in line]

    assert citespan("unfollow", f"{site.url}/feed", *where).returncode == 0
    for words, reason in (
        (("unfollow", f"{site.url}/feed"), "not followed"),
        (("follow", f"{site.url}/feed", "--every", "often"), "30m"),
        (("follow", "--every", "1h"), "address"),
        (("add", "http://10.0.0.1/"), "private or reserved"),
    ):
        done = citespan(*words, *where, **settings)
        assert done.returncode == 2 and reason in done.stderr.decode(), done.stderr
        assert len(done.stderr.decode().splitlines()) == 1
    bad = citespan("follow", f"{site.url}/feed", *where, CITESPAN_ALLOWED_NETWORKS='["intranet"]')
    assert bad.returncode == 2 and "CITESPAN_ALLOWED_NETWORKS" in bad.stderr.decode()
