"""Which methods an address takes: 405 and Allow, HEAD and OPTIONS (RFC 9110), over every route."""

import re

import httpx2
import pytest

from tests.helpers import Server
from tests.routes import Route, routes

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
ROUTES = routes()
ADDRESSES = {route.path: route for route in ROUTES}


def taken(path: str) -> set[str]:
    """The methods of all routes that an address belongs to: a name in a route stands for any other."""
    methods = {route.method for route in ROUTES if re.fullmatch(_pattern(route.template), path)}
    return {*methods, *({"HEAD"} if "GET" in methods else set()), "OPTIONS"}


def _pattern(template: str) -> str:
    return re.sub(r"\{(\w+)(:path)?\}", lambda name: ".+" if name[2] else "[^/]+", template)


@pytest.mark.parametrize("path", ADDRESSES)
def test_what_an_address_does_not_take_is_said_with_all_that_it_does(client: httpx2.Client, path: str) -> None:
    for method in METHODS:
        reply = client.request(method, path)
        if method == "OPTIONS":
            assert reply.status_code == 204 and reply.content == b""
        elif method not in taken(path):
            assert reply.status_code == 405 and bool(reply.content) == (method != "HEAD")
        else:
            assert reply.status_code != 405, (method, reply.text)
            continue
        assert set(reply.headers["allow"].split(", ")) == taken(path), method


@pytest.mark.parametrize("route", [route for route in ROUTES if route.method == "GET"], ids=str)
def test_head_is_get_without_the_body(server: Server, client: httpx2.Client, route: Route) -> None:
    whole = client.get(route.path)
    head = client.head(route.path)
    assert head.status_code == whole.status_code
    differing = {"date", "x-request-id", "content-length", "transfer-encoding"}
    assert {name: value for name, value in head.headers.items() if name not in differing} == {
        name: value for name, value in whole.headers.items() if name not in differing
    }
    request = f"HEAD {route.path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    assert server.raw(request.encode()).partition(b"\r\n\r\n")[2] == b""


def test_head_of_a_stream_ends_at_once(client: httpx2.Client) -> None:
    watch = client.post("/v1/watches", json={"question": "Who built the mill of Tarn?"}).json()["id"]
    reply = client.head(f"/v1/watches/{watch}/events", headers={"Accept": "text/event-stream"})
    assert reply.status_code == 200 and reply.headers["content-type"].startswith("text/event-stream")
    assert client.delete(f"/v1/watches/{watch}").status_code == 204
