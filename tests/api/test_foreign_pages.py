"""What pages of other sites can make a browser send: images, scripts, frames and forms bring no Origin header."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.helpers import Server, assert_problem
from tests.routes import Route, routes

EMBEDDED = {
    "image": {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
    "script": {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"},
    "fetch": {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "empty"},
    "frame": {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe", "Sec-Fetch-User": "?1"},
    "opened by a script": {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"},
}
LINK = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Sec-Fetch-User": "?1"}
ASKED = "/v1/ask?question=Where+did+the+Great+Fire+of+London+begin&passages=1"


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory, sample_library: Path) -> Iterator[httpx2.Client]:
    """A client of a service on which pages of one other origin may ask."""
    folder = tmp_path_factory.mktemp("named")
    shutil.copytree(sample_library, folder / "library")
    origins = {"CITESPAN_ALLOWED_ORIGINS": '["https://reader.example"]'}
    with (
        Server(folder / "library", folder / "log", **origins) as running,
        httpx2.Client(base_url=running.url, timeout=60) as client,
    ):
        yield client


@pytest.mark.parametrize("route", routes(), ids=str)
def test_no_route_that_reads_or_does_anything_answers_a_page_of_another_site(
    client: httpx2.Client, route: Route
) -> None:
    for site in ("cross-site", "same-site"):  # the same site is another origin too: any port of this machine
        for kind in EMBEDDED.values():
            reply = client.request(route.method, route.path, headers={**kind, "Sec-Fetch-Site": site})
            if route.open:
                assert reply.status_code not in (401, 403) or "slack" in route.path
            else:
                assert reply.status_code == 403, reply.text
    for site in ("same-origin", "none"):
        assert client.request(route.method, route.path, headers={"Sec-Fetch-Site": site}).status_code != 403


def test_a_question_of_another_site_is_not_asked(client: httpx2.Client) -> None:
    def answers() -> list[str]:
        return [line for line in client.get("/metrics").text.splitlines() if line.startswith("citespan_answers_total{")]

    before = answers()
    for kind in (*EMBEDDED.values(), LINK):
        assert_problem(client.get(ASKED, headers={**kind, "Sec-Fetch-Site": "cross-site"}), 403)
    assert_problem(client.get(ASKED, headers={"Origin": "https://evil.test"}), 403)  # a browser without Sec-Fetch-Site
    assert answers() == before
    assert client.get(ASKED, headers={"Sec-Fetch-Site": "same-origin"}).status_code == 200
    assert answers() != before


def test_a_link_that_somebody_follows_leads_to_the_page_and_to_an_article(client: httpx2.Client) -> None:
    """Answers in a chat program link to articles here that have no address of their own."""
    article = client.get("/v1/articles?limit=1").json()["articles"][0]["id"]
    for path, status in {
        "/": 200,
        "/docs": 200,
        f"/v1/articles/{article}": 200,
        "/v1/articles": 403,
        f"/v1/articles/{article}/citation": 403,
        "/v1/conversations": 403,
        "/metrics": 403,
    }.items():
        assert client.get(path, headers={**LINK, "Sec-Fetch-Site": "cross-site"}).status_code == status, path


def test_pages_of_a_named_origin_ask_and_read(named: httpx2.Client) -> None:
    """As the widget does, whose script is open to every page."""
    page = {"Origin": "https://reader.example", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}
    answered = named.get(ASKED, headers=page)
    assert answered.status_code == 200 and answered.headers["access-control-allow-origin"] == "https://reader.example"
    assert named.post("/v1/ask", json={"question": "Who met Putin?"}, headers=page).status_code == 200
    loads = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"}
    assert named.get("/widget.js", headers=loads).status_code == 200
    for other in ({**page, "Origin": "https://evil.test"}, loads):
        assert_problem(named.get(ASKED, headers=other), 403)
