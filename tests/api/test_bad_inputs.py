"""Bad inputs, each with the error it must get: the service stays well and nothing is stored."""

import json
from dataclasses import dataclass, field

import httpx2
import pytest

from tests.helpers import Server, assert_problem

JSON = {"Content-Type": "application/json"}


@dataclass
class Bad:
    name: str
    status: int
    body: bytes
    path: str = "/v1/ask"
    method: str = "POST"
    headers: dict[str, str] = field(default_factory=lambda: dict(JSON))
    loc: list[str] | None = None


def ask(name: str, status: int, loc: list[str] | None = None, **fields: object) -> Bad:
    return Bad(name, status, json.dumps({"question": "Who?", **fields}).encode(), loc=loc)


def add(name: str, status: int, loc: list[str] | None = None, **fields: object) -> Bad:
    return Bad(name, status, json.dumps(fields).encode(), "/v1/articles", loc=loc)


ROWS = [
    Bad("1 empty body", 400, b""),
    Bad("2 something after the object", 400, b'{"question":"a"} x'),
    Bad("3 cut off", 400, b'{"question":'),
    Bad("4 null", 422, b"null"),
    Bad("4 a list", 422, b"[]"),
    Bad("4 a number", 422, b"3"),
    Bad("4 a string", 422, b'"a"'),
    Bad("5 no question", 422, b"{}", loc=["body", "question"]),
    ask("6 blank question", 422, ["body", "question"], question="  \n\t"),
    ask("7 question too long", 422, ["body", "question"], question="x" * 1001),
    Bad("8 lone surrogate", 400, b'{"question":"\\ud800"}'),
    Bad("9 lone surrogate elsewhere", 400, b'{"question":"a","limit":"\\ud800"}'),
    Bad("10 NaN", 400, b'{"question":"a","min_confidence":NaN}'),
    Bad("10 Infinity", 400, b'{"question":"a","min_confidence":Infinity}'),
    Bad("11 1e400", 400, b'{"question":"a","min_confidence":1e400}'),
    Bad("12 5,000 nines", 400, b'{"question":"a","limit":' + b"9" * 5000 + b"}"),
    ask("13 limit 0", 422, ["body", "limit"], limit=0),
    ask("13 limit 21", 422, ["body", "limit"], limit=21),
    ask("13 limit -1", 422, ["body", "limit"], limit=-1),
    ask("14 limit true", 422, ["body", "limit"], limit=True),
    ask("14 limit as text", 422, ["body", "limit"], limit="5"),
    ask("15 passages 101", 422, ["body", "passages"], passages=101),
    Bad("16 bottomless nesting", 400, b'{"question":' + b"[" * 20_000 + b"]" * 20_000 + b"}"),
    ask("17 unknown field", 422, ["body", "qestion"], qestion="b"),
    Bad("18 bytes that are not UTF-8", 400, b'{"question":"\xff\xfe"}'),
    Bad("19 UTF-16", 400, '{"question":"a"}'.encode("utf-16")),
    Bad("20 compressed", 415, b"\x1f\x8b\x08", headers={**JSON, "Content-Encoding": "gzip"}),
    Bad("21 text/plain", 415, b'{"question":"a"}', headers={"Content-Type": "text/plain"}),
    Bad("21 no content type", 415, b'{"question":"a"}', headers={}),
    Bad("21 another charset", 415, b'{"question":"a"}', headers={"Content-Type": "application/json; charset=latin-1"}),
    ask("26 no such day", 422, ["body", "published_from"], filters={"published_from": "2023-13-45"}),
    ask("26 from after to", 422, None, filters={"published_from": "2024-01-01", "published_to": "2023-01-01"}),
    ask("27 100,000 ids", 413, None, filters={"article_ids": ["a"] * 100_000}),
    ask("27 1,001 ids", 422, None, filters={"article_ids": ["a"] * 1_001}),
    ask("28 unknown collection", 404, None, collection="nope"),
    Bad("29 query that is not UTF-8", 400, b"", "/v1/ask?question=%ff", "GET", {}),
    Bad("29 no question", 422, b"", "/v1/ask", "GET", {}, ["query", "question"]),
    Bad("29 limit no number", 422, b"", "/v1/ask?question=a&limit=x", "GET", {}, ["query", "limit"]),
    Bad("30 stream with a bad body", 422, b"{}", "/v1/ask/stream", loc=["body", "question"]),
    Bad("30 stream of an unknown collection", 404, b'{"question":"a","collection":"nope"}', "/v1/ask/stream"),
    Bad("30 PUT", 405, b"{}", "/v1/ask", "PUT"),
    add("31 nothing", 422),
    add("33 control characters alone", 422, ["body", "text"], text="\u0000\u0001"),
    add("33 dots alone", 422, ["body", "text"], text="..."),
    Bad("59 a limit below nothing", 422, b"", "/v1/articles?limit=-1", "GET", {}, loc=["query", "limit"]),
    add("32 text and html", 422, text="a", html="<p>a"),
    add("33 blank text", 422, ["body", "text"], text=" \n"),
    add("34 no text in the page", 422, ["body", "html"], html="<script>x</script>"),
    add("36 id with dots and slash", 422, ["body", "id"], text="a", id="../x"),
    add("36 id with a slash", 422, ["body", "id"], text="a", id="a/b"),
    add("36 empty id", 422, ["body", "id"], text="a", id=""),
    add("36 long id", 422, ["body", "id"], text="a", id="x" * 300),
    add("36 id that turns text around", 422, ["body", "id"], text="a", id="a\u202eb"),
    add("37 javascript url", 422, ["body", "url"], text="a", url="javascript:alert(1)"),
    add("37 data url", 422, ["body", "url"], text="a", url="data:text/html,x"),
    add("37 file url", 422, ["body", "url"], text="a", url="file:///etc/passwd"),
    add("38 yesterday", 422, ["body", "published"], text="a", published="yesterday"),
    add("38 30 February", 422, ["body", "published"], text="a", published="2023-02-30"),
    add("39 10,000 tags", 422, ["body", "tags"], text="a", tags=["t"] * 10_000),
    add("39 a tag of 10 kB", 422, ["body", "tags"], text="a", tags=["t" * 10_000]),
    Bad("40 over 16 MiB", 413, b'{"text":"' + b"a" * (16 * 1024**2) + b'"}', "/v1/articles"),
    add("44 collection of dots", 422, ["body", "collection"], text="a", collection="../../etc"),
    add("45 over 2 million characters", 413, text="a " * 1_000_001),
    Bad("47 multipart, no boundary", 400, b"x", "/v1/articles", headers={"Content-Type": "multipart/form-data"}),
    Bad("54 batch as JSON", 415, b"[]", "/v1/articles/batch"),
    Bad("54 batch of nothing", 422, b"\n", "/v1/articles/batch", headers={"Content-Type": "application/x-ndjson"}),
    Bad("no such job", 404, b"", "/v1/jobs/nope", "GET", {}),
    Bad("no such job to follow", 404, b"", "/v1/jobs/nope/events", "GET", {}),
    Bad("no such job to cancel", 404, b"", "/v1/jobs/nope", "DELETE", {}),
    Bad("59 limit 0", 422, b"", "/v1/articles?limit=0", "GET", {}, ["query", "limit"]),
    Bad("59 cursor of nobody", 400, b"", "/v1/articles?cursor=AAAA", "GET", {}),
    Bad("59 NUL as an id", 404, b"", "/v1/articles/%00", "GET", {}),
    Bad("no such article", 404, b"", "/v1/articles/nope", "DELETE", {}),
    Bad("no such collection", 404, b"", "/v1/collections/nope", "DELETE", {}),
    Bad("collection of dots", 404, b"", "/v1/collections/..%2f..", "DELETE", {}),
    Bad("search without query", 422, b"{}", "/v1/search", loc=["body", "query"]),
    Bad("verify without text", 422, b'{"article_id":"a","article_start":0,"article_end":1}', "/v1/verify"),
    Bad("nothing there", 404, b"", "/v1/nothing", "GET", {}),
    Bad("nothing there either", 404, b"", "/nothing", "POST"),
    Bad("traversal in static files", 404, b"", "/static/..%2f..%2fpyproject.toml", "GET", {}),
]


@pytest.fixture(scope="module")
def count(server: Server) -> int:
    return articles(server)


def articles(server: Server) -> int:
    found = httpx2.get(server.url + "/v1/collections", timeout=60).json()["collections"]
    return int(sum(one["articles"] for one in found))


@pytest.mark.parametrize("bad", ROWS, ids=lambda bad: bad.name)
def test_bad_input(server: Server, client: httpx2.Client, count: int, bad: Bad) -> None:
    request = client.build_request(bad.method, bad.path, content=bad.body, headers=bad.headers)
    facts = assert_problem(client.send(request), bad.status)
    assert "instance of" not in str(facts), facts  # the names of classes here help nobody there
    if bad.loc is not None:
        assert bad.loc in [error["loc"] for error in facts["errors"]] or bad.loc[-1] in str(facts["errors"]), facts
    assert client.get("/healthz").status_code == 200
    assert articles(server) == count


@pytest.mark.parametrize(
    "question",
    [
        "'; DROP TABLE articles;--",
        'NEAR( OR * x:y "',
        "a\u0000b\u001b[2J",
        "\u0301" * 1000,
        "👩\u200d🚀" * 300,
        "שלום?",
    ],
)
def test_odd_questions_are_answered_like_any_other(client: httpx2.Client, count: int, question: str) -> None:
    reply = client.post("/v1/ask", json={"question": question, "passages": 2})
    assert reply.status_code == 200, reply.text
    assert client.get("/v1/articles").status_code == 200


def test_405_says_what_is_allowed(client: httpx2.Client) -> None:
    assert "POST" in client.put("/v1/ask", json={}).headers["allow"]


def test_nesting_gives_the_text_or_an_error_never_an_empty_article(client: httpx2.Client) -> None:
    html = "<div>" * 20_000 + "The text is deep inside." + "</div>" * 20_000
    reply = client.post("/v1/articles", json={"html": html, "id": "deep"})
    assert reply.status_code in (201, 422)
    if reply.status_code == 201:
        assert "deep inside" in client.get("/v1/articles/deep").json()["text"]
        assert client.delete("/v1/articles/deep").status_code == 204


def test_markup_in_titles_is_kept_as_text(client: httpx2.Client) -> None:
    title = "<img src=x onerror=alert(1)>"
    assert client.post("/v1/articles", json={"text": "A text.", "title": title, "id": "markup"}).status_code == 201
    assert client.get("/v1/articles/markup").json()["title"] == title
    assert client.delete("/v1/articles/markup").status_code == 204


def test_chunked_bodies_are_cut_off_at_the_limit(client: httpx2.Client) -> None:
    def chunks():
        for _ in range(40):
            yield b"a" * 4096

    assert_problem(client.post("/v1/ask", content=chunks(), headers=JSON), 413)


def test_an_article_whose_body_ends_early_is_not_stored(server: Server, count: int) -> None:
    head = f"POST /v1/articles HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nContent-Type: application/json\r\n"
    server.raw((head + 'Content-Length: 1000000\r\n\r\n{"text":').encode(), close=True)
    assert articles(server) == count


RAW = [
    (b"POST /v1/ask HTTP/1.1\r\nHost: {host}\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    (b"POST /v1/ask HTTP/1.1\r\nHost: {host}\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc", 400),
    (b"POST /v1/ask HTTP/1.1\r\nHost: {host}\r\nContent-Length: -1\r\n\r\n", 400),
    (b"GET /healthz HTTP/1.1\r\n\r\n", 400),
    (b"GET /healthz HTTP/1.1\r\nHost: {host}\r\nHost: {host}\r\n\r\n", 400),
    (b"GET /healthz HTTP/1.1\r\nHost: evil.test\r\n\r\n", 400),
    (b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1.evil.test\r\n\r\n", 400),
    (b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:evil\r\n\r\n", 400),
    (b"GET /healthz HTTP/1.1\r\nHost: {host}\r\nX-Long: " + b"a" * 100_000 + b"\r\n\r\n", 431),
    (b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: {host}\r\n\r\n", 414),
    (b"GET /" + b"a" * 2_000_000, 414),
    (b"GET /healthz HTTP/1.1\r\nX-Long: " + b"a" * 2_000_000, 431),
    (b"NONSENSE\r\n\r\n", 400),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", 400),
]


@pytest.mark.parametrize(("data", "status"), RAW)
def test_raw_requests(server: Server, data: bytes, status: int) -> None:
    reply = server.raw(data.replace(b"{host}", f"127.0.0.1:{server.port}".encode()), close=True)
    assert reply.split(b"\r\n", 1)[0].split(b" ")[1] == str(status).encode(), reply[:200]
    assert b"application/problem+json" in reply


@pytest.mark.parametrize("origin", ["https://evil.test", "null", "http://127.0.0.1:1", "http://localhost.evil.test"])
def test_other_pages_may_not_ask_or_change(client: httpx2.Client, count: int, origin: str) -> None:
    body = {"text": "planted"}
    assert_problem(client.post("/v1/articles", json=body, headers={"Origin": origin}), 403)
    assert "access-control-allow-origin" not in client.options("/v1/ask", headers={"Origin": origin}).headers


SLOW = {
    "silence": [b""],
    "half a header": [b"GET /healthz HTT"],
    "header by the byte": [b"G"] * 40,
    "body by the byte": [
        b"POST /v1/ask HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n",
        *[b"{"] * 40,
    ],
}


@pytest.mark.parametrize("name", SLOW)
def test_slow_clients_are_let_go(server: Server, name: str) -> None:
    import socket
    import time

    begun = time.monotonic()
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as link:
        link.settimeout(0.3)
        parts = iter(SLOW[name])
        while time.monotonic() - begun < 15:
            try:
                link.sendall(next(parts, b"").replace(b"{host}", f"127.0.0.1:{server.port}".encode()))
                if link.recv(1024) == b"":
                    break
            except TimeoutError:
                continue
            except (ConnectionResetError, BrokenPipeError):
                break
        else:
            raise AssertionError("the connection was held for 15 s; the limit is 4")
    assert httpx2.get(server.url + "/healthz").status_code == 200
