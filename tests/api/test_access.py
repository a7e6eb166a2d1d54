"""Keys, scopes, collections, rates and origins, against a real service."""

import asyncio
import hashlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest

from api.auth.callers import Scope
from api.auth.client_address import address_of, networks_of
from api.auth.keys import Key, Keys, is_secret, new_secret
from api.auth.rate_limits import Rates, rate_of
from index import Records
from tests.helpers import Server, assert_problem
from tests.routes import Route, routes

QUESTION = {"question": "Who built the mill?"}


@pytest.fixture(scope="module")
def closed(keys: Keys) -> Iterator[Server]:
    """A service that wants keys, behind a proxy as it were: tests come from any address."""
    folder = keys._records.path.parent
    keys.add("first", Scope.ADMIN)
    settings = {
        "CITESPAN_TRUSTED_PROXIES": '["127.0.0.1"]',
        "CITESPAN_ADDRESS_RATE": "5/hour",
        "CITESPAN_ALLOWED_ORIGINS": '["https://reader.example"]',
    }
    with Server(folder, folder.parent / "log", **settings) as running:
        yield running


Send = Callable[..., httpx2.Response]


@pytest.fixture
def send(closed: Server) -> Iterator[Send]:
    """Send a request with a key, from an address."""
    with httpx2.Client(base_url=closed.url, timeout=60) as client:

        def send(method: str, path: str, key: str | None = None, **more: object) -> httpx2.Response:
            headers = dict(more.pop("headers", {}))  # type: ignore[call-overload]
            if key is not None:
                headers["Authorization"] = f"Bearer {key}"
            return client.request(method, path, headers=headers, **more)  # type: ignore[arg-type]

        yield send


@pytest.fixture
def make(keys: Keys, request: pytest.FixtureRequest) -> Callable[..., str]:
    """Make a key, of a name that no other test has."""
    made = 0

    def make(scope: Scope = Scope.ASK, **more: object) -> str:
        nonlocal made
        made += 1
        name = hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:16]
        return keys.add(f"test-{name}-{made}", scope, **more)[1]  # type: ignore[arg-type]

    return make


def from_address(address: str) -> dict[str, str]:
    return {"X-Forwarded-For": address}


# ---- keys


def test_without_a_key_only_what_tells_nothing_is_open(send: Send) -> None:
    for path in ("/healthz", "/readyz", "/", "/docs", "/openapi.json", "/static/style.css"):
        assert send("GET", path).status_code == 200, path
    for path in (
        "/metrics",
        "/v1/articles",
        "/v1/collections",
        "/mcp",
        "/nowhere",
        "/static",
        "/static/../v1/articles",
    ):
        refused = send("GET", path)
        assert_problem(refused, 401)
        assert refused.headers["www-authenticate"].startswith("Bearer ")


def test_a_key_comes_in_either_header_and_not_in_the_address(send: Send, make: Callable[..., str]) -> None:
    key = make()
    assert send("POST", "/v1/ask", key, json=QUESTION).status_code == 200
    assert send("POST", "/v1/ask", json=QUESTION, headers={"X-API-Key": key}).status_code == 200
    assert send("POST", "/v1/ask", json=QUESTION, headers={"Authorization": f"bearer  {key}"}).status_code == 200
    both = {"X-API-Key": key, "Authorization": f"Bearer {key}"}
    assert send("POST", "/v1/ask", json=QUESTION, headers=both).status_code == 200
    password = {"X-API-Key": key, "Authorization": "Basic YTpi"}  # of a proxy in front
    assert send("POST", "/v1/ask", json=QUESTION, headers=password).status_code == 200
    for name in ("key", "api_key", "access_token"):
        assert_problem(send("GET", f"/v1/collections?{name}={key}"), 401)


def test_bad_keys_are_told_apart_by_nobody(send: Send, keys: Keys, make: Callable[..., str], closed: Server) -> None:
    revoked, expired, other = make(), make(), make()
    named = {key.id: key for key in keys.all()}
    made = list(named.values())[-3:]
    keys.revoke(made[0].shown)
    keys._records.put(_expired(keys, made[1]))
    said = set()
    bad = [revoked, expired, new_secret(), "cs_x", "", "x" * 4000, f"{other}x"]
    for at, key in enumerate(bad):
        refused = send("GET", "/v1/collections", headers={"X-API-Key": key, **from_address(f"192.0.2.{at}")})
        said.add(assert_problem(refused, 401)["detail"])
        assert refused.headers["www-authenticate"] == 'Bearer realm="citespan", error="invalid_token"'
    assert len(said) == 1
    two = {"X-API-Key": other, "Authorization": f"Bearer {make()}"}
    assert_problem(send("GET", "/v1/collections", headers=two), 401)
    # Bytes that no client library would send.
    for line in (b"Authorization: Bearer \xc3\xa9", b"X-API-Key: \xe9", b"X-API-Key: cs_\xff"):
        reply = closed.raw(
            b"DELETE /v1/articles/a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s\r\n\r\n" % line
        )
        assert reply.startswith(b"HTTP/1.1 401 "), reply[:100]


def _expired(keys: Keys, key: Key) -> object:
    record = keys._records.get("key", key.id)
    return type(record)(record.kind, record.id, {**record.body, "expires": "2020-01-01T00:00:00.000Z"})


def test_a_service_obeys_at_once(send: Send, keys: Keys) -> None:
    _, old = keys.add("moving", Scope.ASK)
    assert send("GET", "/v1/collections", old).status_code == 200
    _, _, new = keys.rotate("moving", grace=3_600)
    assert [send("GET", "/v1/collections", key).status_code for key in (old, new)] == [200, 200]
    _, _, newest = keys.rotate("moving", grace=0)
    assert [send("GET", "/v1/collections", key).status_code for key in (new, newest)] == [401, 200]
    keys.revoke("moving")
    assert [send("GET", "/v1/collections", key).status_code for key in (old, new, newest)] == [401] * 3


def test_no_key_is_written_anywhere(send: Send, closed: Server, make: Callable[..., str]) -> None:
    key, bad = make(Scope.ADMIN), new_secret()
    said = send("GET", "/metrics", key).text
    said += (
        send("POST", "/v1/ask", key, content=b"{").text
        + send("GET", "/v1/ask", bad, headers=from_address("203.0.113.9")).text
    )
    kept = b"".join(file.read_bytes() for file in closed.library.glob("records.db*"))
    log = closed.log.read_text()
    for secret in (key, bad):
        assert secret[3:40] not in said + log
        assert secret[3:40].encode() not in kept
    assert '"key": "test-' in log  # its name is


# ---- scopes


@pytest.mark.parametrize("route", routes(), ids=str)
def test_each_route_wants_its_scope(route: Route, send: Send, scoped: dict[Scope, str]) -> None:
    assert route.scope is not None or route.open, "a new route says what it needs: dependencies=[needs(Scope.X)]"
    if route.open:
        assert send(route.method, route.path).status_code not in (401, 403)
        return
    assert_problem_of(route, send(route.method, route.path), 401)
    order = list(Scope)
    for scope, key in scoped.items():
        status = send(route.method, route.path, key).status_code
        enough = order.index(scope) >= order.index(route.scope)
        assert (status not in (401, 403)) if enough else (status == 403), (route, scope, status)


def assert_problem_of(route: Route, reply: httpx2.Response, status: int) -> None:
    assert reply.status_code == status, (route, reply.text[:200])


@pytest.fixture(scope="module")
def scoped(keys: Keys) -> dict[Scope, str]:
    return {scope: keys.add(f"scoped-{scope.value}", scope, rate="off")[1] for scope in Scope}


def test_a_key_for_one_collection_knows_of_no_other(send: Send, make: Callable[..., str]) -> None:
    admin = make(Scope.ADMIN)
    for name in ("mine", "theirs"):
        body = {"id": name, "text": f"The {name} mill was built by Hugo Marsh in 1788.", "collection": name}
        assert send("POST", "/v1/articles", admin, json=body).status_code == 201
    batch = {"content": b'{"text": "The dam was built in 1900."}', "headers": {"Content-Type": "application/x-ndjson"}}
    job = send("POST", "/v1/articles/batch?collection=theirs", admin, **batch).json()["job"]["id"]

    key = make(Scope.ADMIN, collections=["mine", "new"])
    assert [one["name"] for one in send("GET", "/v1/collections", key).json()["collections"]] == ["mine"]
    assert send("POST", "/v1/ask", key, json={**QUESTION, "collection": "mine"}).json()["answer"] == "Hugo Marsh"
    assert send("GET", "/v1/examples", key).json() == {"questions": []}
    conversation = send("POST", "/v1/conversations", key).json()["id"]
    span = {"article_id": "theirs", "article_start": 0, "article_end": 3, "text": "The"}
    for name in ("theirs", "nowhere", "default"):
        where = {"collection": name}
        refused = [
            send("POST", "/v1/ask", key, json={**QUESTION, **where}),
            send("GET", f"/v1/ask?question=Who&collection={name}", key),
            send("POST", "/v1/ask/stream", key, json={**QUESTION, **where}),
            send("POST", f"/v1/conversations/{conversation}/messages", key, json={**QUESTION, **where}),
            send("POST", "/v1/watches", key, json={**QUESTION, **where}),
            send("POST", "/v1/search", key, json={"query": "mill", **where}),
            send("POST", "/v1/verify", key, json={**span, **where}),
            send("GET", f"/v1/articles?collection={name}", key),
            send("GET", f"/v1/articles/theirs?collection={name}", key),
            send("GET", f"/v1/articles/theirs/citation?collection={name}", key),
            send("DELETE", f"/v1/articles/theirs?collection={name}", key),
            send("POST", "/v1/articles", key, json={"text": "The dam.", **where}),
            send("POST", "/v1/articles", key, files={"file": ("a.txt", b"The dam.")}, data=where),
            send("POST", f"/v1/articles/batch?collection={name}", key, **batch),
            send("GET", f"/v1/subscriptions?collection={name}", key),
            send("POST", "/v1/subscriptions", key, json={"url": "https://example.org/feed", **where}),
            send("DELETE", f"/v1/subscriptions?url=https://example.org/feed&collection={name}", key),
            send("DELETE", f"/v1/collections/{name}", key),
        ]
        assert {assert_problem(reply, 403)["detail"] for reply in refused} == {
            "this key is not for that collection: use one that is, or another collection"
        }
    assert_problem(send("GET", "/metrics", key), 403)
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/events")):
        assert_problem(send(method, f"/v1/jobs/{job}{path}", key), 404)
    assert job in [one["id"] for one in send("GET", "/v1/jobs", admin).json()["jobs"]]
    assert send("GET", "/v1/jobs", key).json()["jobs"] == []
    assert send("POST", "/v1/articles", key, json={"text": "The dam.", "collection": "new"}).status_code == 201
    assert send("GET", "/v1/articles/theirs?collection=theirs", admin).status_code == 200


# ---- how much


def test_a_key_has_its_own_rate(send: Send, make: Callable[..., str]) -> None:
    one, other = make(rate="3/hour"), make(rate="3/hour")
    for left in (2, 1, 0):
        reply = send("GET", "/v1/collections", one)
        assert reply.status_code == 200
        assert reply.headers["ratelimit-policy"] == '"key";q=3;w=3600'
        assert reply.headers["ratelimit"].startswith(f'"key";r={left};t=')
    refused = send("GET", "/v1/collections", one)
    assert_problem(refused, 429)
    assert 3_590 <= int(refused.headers["retry-after"]) <= 3_600
    assert send("GET", "/v1/collections", other).status_code == 200


def test_bad_keys_end_in_429_and_shut_no_neighbour_out(send: Send, make: Callable[..., str]) -> None:
    here = from_address("198.51.100.7")
    for _ in range(10):
        assert_problem(send("GET", "/v1/collections", new_secret(), headers=here), 401)
    refused = send("GET", "/v1/collections", new_secret(), headers=here)
    assert_problem(refused, 429)
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert send("GET", "/v1/collections", make(), headers=here).status_code == 200
    assert_problem(send("GET", "/v1/collections", new_secret(), headers=from_address("198.51.100.8")), 401)


def test_readers_of_a_page_are_told_apart_by_address(send: Send, make: Callable[..., str]) -> None:
    key = make(origins=["https://paper.example"])
    page = {"Origin": "https://paper.example"}

    def ask(address: str) -> int:
        return send("GET", "/v1/collections", key, headers={**page, **from_address(address)}).status_code

    # What a client writes before what the proxy adds counts for nothing, nor does the rest of its own network.
    assert [ask(f"192.0.2.{at}, 2001:db8:1:2::{at}") for at in range(7)] == [200] * 5 + [429] * 2
    assert ask("2001:db8:1:3::1") == 200


def test_one_key_that_floods_costs_another_nothing(closed: Server, make: Callable[..., str]) -> None:
    flood, other = make(), make()

    async def run() -> tuple[list[int], list[int]]:
        limits = httpx2.Limits(max_connections=100)
        async with httpx2.AsyncClient(base_url=closed.url, timeout=120, limits=limits) as client:

            async def ask(key: str) -> int:
                reply = await client.post("/v1/ask", json=QUESTION, headers={"Authorization": f"Bearer {key}"})
                if reply.status_code == 429:
                    assert_problem(reply, 429)
                    assert reply.headers["retry-after"]
                return reply.status_code

            flooding = [asyncio.create_task(ask(flood)) for _ in range(64)]
            calm = [await ask(other) for _ in range(5)]
            return await asyncio.gather(*flooding), calm

    flooded, calm = asyncio.run(run())
    assert calm == [200] * 5
    assert set(flooded) == {200, 429} and flooded.count(200) >= 4
    # Places are given back.
    with httpx2.Client(base_url=closed.url, timeout=60, headers={"Authorization": f"Bearer {flood}"}) as client:
        assert client.post("/v1/ask", json=QUESTION).status_code == 200


def test_what_is_remembered_of_addresses_is_bounded() -> None:
    rates, rate = Rates("address", 1_000), rate_of("2/hour")
    assert rate is not None
    for at in range(100_000):
        assert rates.hit(rate, str(at)).allowed
    assert len(rates.windows) == 1_000
    assert [rates.hit(rate, "99999").allowed for _ in range(2)] == [True, False]


@pytest.mark.parametrize(
    ("peer", "said", "found"),
    [
        ("192.0.2.1", None, "192.0.2.1"),
        ("192.0.2.1", "203.0.113.5", "192.0.2.1"),  # no proxy of ours: anybody can write that
        ("10.0.0.1", "203.0.113.5", "203.0.113.5"),
        ("10.0.0.1", "198.51.100.1, 203.0.113.5", "203.0.113.5"),
        ("10.0.0.1", "198.51.100.1, 203.0.113.5, 10.0.0.2", "203.0.113.5"),
        ("10.0.0.1", "203.0.113.5, nonsense, 10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", "203.0.113.5:4711", "203.0.113.5"),
        ("::ffff:10.0.0.1", "[2001:db8::7:8]:443", "2001:db8::"),
        ("10.0.0.1", "", "10.0.0.1"),
        (None, None, "local"),
    ],
)
def test_an_address_is_what_proxies_that_are_believed_say(peer: str | None, said: str | None, found: str) -> None:
    headers = [] if said is None else [(b"x-forwarded-for", said.encode())]
    scope = {"client": None if peer is None else (peer, 1), "headers": headers}
    assert address_of(scope, networks_of(["10.0.0.0/8"])).identity == found


def test_a_hundred_thousand_keys_take_no_longer_to_look_through(tmp_path: Path) -> None:
    records = Records(tmp_path)
    keys = Keys(records)
    key, secret = keys.add("one", Scope.ASK)

    def steps() -> int:
        """Instructions of SQLite's machine for one look-up, good and bad."""
        counted = 0

        def count() -> int:
            nonlocal counted
            counted += 1
            return 0

        records._connection.set_progress_handler(count, 1)
        found = keys.find(secret)
        assert found is not None and found.id == key.id and keys.find(new_secret()) is None and keys.any()
        assert not keys.names_origin("https://example.org")
        records._connection.set_progress_handler(None, 1)
        return counted

    before = steps()
    body = records.get("key", key.id).body
    with records.change() as changes:
        for at in range(100_000):
            changes.put(type(records.get("key", key.id))("key", f"key_{at:064x}", {**body, "name": f"k{at}"}))
    assert steps() == before
    records.close()


def test_keys_have_a_form_that_scanners_know() -> None:
    made = {new_secret() for _ in range(1_000)}
    assert len(made) == 1_000 and all(is_secret(key) and key.startswith("cs_") and len(key) == 52 for key in made)
    for key in list(made)[:50]:
        for at in range(3, 52):
            changed = key[:at] + ("a" if key[at] != "a" else "b") + key[at + 1 :]
            assert not is_secret(changed)


# ---- pages of others


def preflight(send: Send, origin: str) -> httpx2.Response:
    asked = {
        b"Origin": origin.encode(),
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
    }
    return send("OPTIONS", "/v1/ask", headers=asked)


def test_pages_of_named_origins_may_ask(send: Send, make: Callable[..., str]) -> None:
    plain, page_key = make(), make(origins=["https://paper.example:8443"])
    for origin, key in (("https://reader.example", plain), ("https://paper.example:8443", page_key)):
        answered = preflight(send, origin)
        assert answered.status_code == 204
        assert answered.headers["access-control-allow-origin"] == origin
        assert "authorization" in answered.headers["access-control-allow-headers"].lower()
        reply = send("POST", "/v1/ask", key, json=QUESTION, headers={"Origin": origin, **from_address("127.0.0.1")})
        assert reply.status_code == 200
        assert reply.headers["access-control-allow-origin"] == origin
        assert reply.headers["vary"] == "Origin"
        assert "access-control-allow-credentials" not in reply.headers
        # What went wrong can be read there too.
        unknown = send("POST", "/v1/ask", new_secret(), headers={"Origin": origin, **from_address("203.0.113.77")})
        assert_problem(unknown, 401)
        assert unknown.headers["access-control-allow-origin"] == origin
        assert "Retry-After" in unknown.headers["access-control-expose-headers"]


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.test",
        "null",
        "*",
        "https://reader.example.evil.test",
        "http://reader.example",
        "https://reader.example:444",
        "https://reader.examplé",
    ],
)
def test_pages_of_other_origins_may_not(send: Send, make: Callable[..., str], origin: str) -> None:
    key = make()
    sent = {b"Origin": origin.encode()}
    with_key = send("POST", "/v1/ask", key, json=QUESTION, headers=sent)
    refused = [with_key, send("GET", "/v1/collections", key, headers=sent), preflight(send, origin)]
    for reply in refused:
        assert_problem(reply, 403)
        assert "access-control-allow-origin" not in reply.headers


def test_a_key_for_pages_is_for_those_pages_alone(send: Send, make: Callable[..., str], closed: Server) -> None:
    key, plain = make(origins=["https://news.example"]), make()
    for origin in ({}, {"Origin": "https://reader.example"}, {"Origin": closed.url}, {"Origin": "null"}):
        assert_problem(send("POST", "/v1/ask", key, json=QUESTION, headers=origin), 403)
    # Another key on that page: it was not made for pages.
    assert_problem(send("POST", "/v1/ask", plain, json=QUESTION, headers={"Origin": "https://news.example"}), 403)
    assert send("POST", "/v1/ask", plain, json=QUESTION, headers={"Origin": closed.url}).status_code == 200


def test_an_origin_is_closed_with_its_last_key(send: Send, keys: Keys) -> None:
    keys.add("gone", Scope.ASK, origins=["https://gone.example"])
    assert preflight(send, "https://gone.example").status_code == 204
    keys.rotate("gone", grace=60)
    keys.revoke("gone")
    assert preflight(send, "https://gone.example").status_code == 403


# ---- when keys are wanted


def test_a_service_is_open_until_the_first_key_and_closed_after_the_last(tmp_path: Path, sample_library: Path) -> None:
    shutil.copytree(sample_library, tmp_path / "library")
    records = Records(tmp_path / "library")
    keys = Keys(records)
    limits = {"CITESPAN_TRUSTED_PROXIES": '["127.0.0.1"]', "CITESPAN_ADDRESS_RATE": "3/hour"}
    log = tmp_path / "log"
    with Server(tmp_path / "library", log, **limits) as running, httpx2.Client(base_url=running.url) as client:
        # Without keys addresses are counted, this machine's aside.
        for address, statuses in {"192.0.2.1": [200] * 3 + [429], "192.0.2.2": [200], "127.0.0.1": [200] * 6}.items():
            said = [client.get("/v1/collections", headers=from_address(address)) for _ in statuses]
            assert [reply.status_code for reply in said] == statuses
            assert ('"address";' in said[0].headers.get("ratelimit", "")) == (address != "127.0.0.1")
        # Clients that must send something send anything.
        assert client.get("/v1/collections", headers={"Authorization": "Bearer none"}).status_code == 200
        _, secret = keys.add("only", Scope.ASK)
        assert_problem(client.get("/v1/collections"), 401)
        assert client.get("/v1/collections", headers={"X-API-Key": secret}).status_code == 200
        keys.revoke("only")
        assert_problem(client.get("/v1/collections"), 401)
        running.stop()
        assert [key.last_used is not None for key in keys.all()] == [True]
        assert keys.any() and not keys.any_active()  # so it would be after a start as well
        running.environment = {"CITESPAN_KEYS": "off"}
        running.start()
        assert client.get("/v1/collections").status_code == 200
    records.close()
