"""Fetching and following over HTTP, with a web site on this machine."""

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.helpers import Server, assert_problem
from tests.site import STORY, Reply, Site, item, opening, page, rss, sitemap, story, until


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site() as opened:
        yield opened


@pytest.fixture(autouse=True)
def fresh(site: Site) -> None:
    site.pages.clear()
    site.pages["/robots.txt"] = Reply("", 404)
    site.asked.clear()


@pytest.fixture(scope="module")
def open_server(tmp_path_factory: pytest.TempPathFactory, sample_library: Path, site: Site) -> Iterator[Server]:
    """A service that may fetch from the site."""
    folder = tmp_path_factory.mktemp("following")
    shutil.copytree(sample_library, folder / "library")
    with Server(folder / "library", folder / "log", **opening(site)) as running:
        yield running


@pytest.fixture
def web(open_server: Server) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=open_server.url, timeout=60) as opened:
        yield opened


def test_a_url_alone_is_fetched_and_answers(web: httpx2.Client, site: Site) -> None:
    site.pages["/go"] = Reply(status=302, headers={"Location": "/varn"})
    site.pages["/varn"] = Reply(page("Varn", "The lighthouse at Varn was built in 1893 by Olga Tamm.\n" + STORY))
    reply = web.post("/v1/articles", json={"url": f"{site.url}/go", "tags": ["sea"], "source": "Mine"})
    assert reply.status_code == 201 and reply.json()["title"] == "Varn"
    stored = web.get(f"/v1/articles/{reply.json()['id']}").json()
    assert (stored["url"], stored["tags"], stored["source"]) == (f"{site.url}/varn", ["sea"], "Mine")
    asked = web.post("/v1/ask", json={"question": "Who built the lighthouse at Varn?"}).json()
    assert asked["answer"] == "Olga Tamm" and asked["answers"][0]["evidence"][0]["article"]["url"] == f"{site.url}/varn"
    assert web.post("/v1/articles", json={"url": f"{site.url}/varn", "tags": ["sea"]}).status_code == 200


REFUSED = {
    "no such page": ("/none", "404"),
    "a private network": ("http://10.0.0.1/", "private or reserved"),
    "the cloud's secrets": ("http://169.254.169.254/latest/", "private or reserved"),
    "another port": ("http://127.0.0.1:1/", "port 1 "),
    "a file": ("file:///etc/passwd", "http"),
    "script": ("javascript:alert(1)", "http"),
    "a feed": ("/feed", "follow it"),
    "no article": ("/empty", "no article"),
    "robots": ("/forbidden", "robots.txt"),
    "slow": ("/slow", "took"),
    "an image": ("/image", "image"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_fetched_is_refused_with_its_reason(web: httpx2.Client, site: Site, name: str) -> None:
    path, reason = REFUSED[name]
    site.pages["/feed"] = rss(site, item("/1", "1"))
    site.pages["/empty"] = Reply("<html><body></body></html>")
    site.pages["/image"] = Reply(b"\x89PNG\r\n\x1a\n" + bytes(99), kind="image/png")
    site.pages["/slow"] = Reply(raw=lambda file: site.stopping.wait(10))
    before = web.get("/v1/collections").json()
    if name == "robots":
        path = path.replace("/forbidden", f"http://localhost:{site.port}/forbidden")
        site.pages["/robots.txt"] = Reply("User-agent: *\nDisallow: /forbidden\n")
    reply = web.post("/v1/articles", json={"url": path if "://" in path or ":" in path else site.url + path})
    facts = assert_problem(reply, 422)
    assert reason in facts["detail"], facts
    assert web.get("/v1/collections").json() == before


@pytest.mark.parametrize("body", [{}, {"text": "a", "html": "<p>a"}, {"text": "a", "html": "b", "url": "http://x.org"}])
def test_what_to_add_must_be_clear(web: httpx2.Client, body: dict[str, str]) -> None:
    assert_problem(web.post("/v1/articles", json=body), 422)


def test_others_write_and_ask_while_a_slow_page_is_fetched(web: httpx2.Client, open_server: Server, site: Site) -> None:
    release = threading.Event()

    def slow(head: dict[str, str]) -> Reply:
        release.wait(2.5)
        return story("slow")

    site.pages["/wait"] = slow
    replies: list[httpx2.Response] = []
    at = f"{open_server.url}/v1/articles"
    waiting = threading.Thread(
        target=lambda: replies.append(httpx2.post(at, json={"url": f"{site.url}/wait"}, timeout=60))
    )
    waiting.start()
    until(lambda: site.count("/wait"))
    assert web.post("/v1/articles", json={"text": "It rained in Quern.", "id": "rain"}).status_code in (200, 201)
    assert web.get("/v1/search").status_code == 405
    assert not replies
    release.set()
    waiting.join()
    assert replies[0].status_code == 201


def test_a_subscription_from_its_first_round_to_its_end(web: httpx2.Client, site: Site) -> None:
    url = f"{site.url}/sitemap.xml"
    site.pages |= {"/sitemap.xml": sitemap("/1", "/2", "/bad"), "/1": story("One"), "/2": story("Two")}
    where = {"collection": "followed"}
    reply = web.post("/v1/subscriptions", json={"url": url, "every_seconds": 3600, **where})
    assert reply.status_code == 201
    facts = reply.json()
    assert (facts["url"], facts["every_seconds"], facts["checked"], facts["articles"]) == (url, 3600, None, 0)

    def listed(checked: str | None = None) -> Any:
        [one] = web.get("/v1/subscriptions", params=where).json()["subscriptions"]
        return one if one["checked"] != checked else None

    first = until(listed)
    assert (first["kind"], first["articles"], first["vanished"], first["failing"]) == ("sitemap", 2, 0, 1)
    assert first["failing_pages"] == [
        {"source": f"{site.url}/bad", "reason": "the server answered 404: there is no such page"}
    ]
    assert first["due"] > first["checked"]
    asked = web.post("/v1/ask", json={"question": "Who is the lighthouse keeper of Two?", **where}).json()
    assert asked["answer"] == "Twoson"

    # Subscribing again changes how often, and has a round at once.
    site.pages["/sitemap.xml"] = sitemap("/1")
    assert web.post("/v1/subscriptions", json={"url": url, "every_seconds": 600, **where}).status_code == 200
    second = until(lambda: listed(first["checked"]))
    assert (second["every_seconds"], second["vanished"]) == (600, 1)
    rows = {row["title"]: row["vanished"] for row in web.get("/v1/articles", params=where).json()["articles"]}
    assert rows["Story One"] is None and rows["Story Two"]

    assert web.delete("/v1/subscriptions", params={"url": url, **where}).status_code == 204
    assert web.get("/v1/subscriptions", params=where).json() == {"subscriptions": []}
    assert len(web.get("/v1/articles", params=where).json()["articles"]) == 2
    assert_problem(web.delete("/v1/subscriptions", params={"url": url, **where}), 404)


def test_subscriptions_that_cannot_be(web: httpx2.Client, site: Site) -> None:
    site.pages["/page"] = story("page")
    for body, field in (
        ({}, "url"),
        ({"url": f"{site.url}/page"}, "url"),
        ({"url": f"{site.url}/none"}, "url"),
        ({"url": "http://10.0.0.1/feed"}, "url"),
        ({"url": "file:///etc/passwd"}, "url"),
        ({"url": "x" * 2_001}, "url"),
        ({"url": f"{site.url}/page", "every_seconds": 59}, "every_seconds"),
        ({"url": f"{site.url}/page", "every_seconds": "600"}, "every_seconds"),
        ({"url": f"{site.url}/page", "often": 1}, "often"),
        ({"url": f"{site.url}/page", "collection": "../x"}, "collection"),
    ):
        facts = assert_problem(web.post("/v1/subscriptions", json=body), 422)
        assert facts["errors"][0]["loc"] == ["body", field], body
    assert_problem(web.get("/v1/subscriptions", params={"collection": "nope"}), 404)
    assert_problem(web.delete("/v1/subscriptions"), 422)
    assert "nope" not in {one["name"] for one in web.get("/v1/collections").json()["collections"]}


def test_a_service_fetches_nothing_private_by_default(server: Server, client: httpx2.Client, site: Site) -> None:
    site.pages["/1"] = story("One")
    for path in ("/v1/articles", "/v1/subscriptions"):
        for url in (f"{site.url}/1", f"http://localhost:{site.port}/1", "http://localhost/", "http://2130706433/"):
            assert_problem(client.post(path, json={"url": url}), 422)
    assert site.asked == []
