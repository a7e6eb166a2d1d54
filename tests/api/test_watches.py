"""Standing questions over HTTP and on the command line: what is taken, shown and refused."""

import asyncio
import contextlib
import json
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest

from api.client import Citespan, NotFound
from api.concurrency.notifier import Listeners
from api.concurrency.worker_pool import ASK, SEARCH, WATCH, Job, Lane
from api.errors import Problem
from api.service.event_stream import PING, Pulse
from index import FetchError, FetchPolicy, Filters, Records, TooManyRecords, check_receiver, post
from qa.watches.store import Watches
from tests.helpers import Server, assert_problem, citespan
from tests.receiver import Receiver
from tests.site import until

QUESTION = "Who built the lighthouse at Varn?"


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with Receiver() as opened:
        yield opened


@pytest.fixture(scope="module")
def watching(tmp_path_factory: pytest.TempPathFactory, sample_library: Path, receiver: Receiver) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("watching")
    shutil.copytree(sample_library, folder / "library")
    more = {"CITESPAN_WATCHES_SIZE": "20"}
    with Server(folder / "library", folder / "log", **receiver.environment, **more) as running:
        yield running


@pytest.fixture
def client(watching: Server) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=watching.url, timeout=60) as opened:
        yield opened


@pytest.fixture
def watch(client: httpx2.Client) -> Iterator[dict[str, Any]]:
    """A question in a collection of its own that has one article about something else."""
    add(client, "bread", "Bread is made of flour, water and salt.")
    put = client.post("/v1/watches", json={"question": QUESTION, "collection": "varn"})
    assert put.status_code == 201, put.text
    yield put.json()
    client.delete("/v1/collections/varn")


def add(client: httpx2.Client, name: str, text: str, collection: str = "varn") -> None:
    reply = client.post("/v1/articles", json={"id": name, "text": text, "title": name, "collection": collection})
    assert reply.status_code in (200, 201), reply.text


def events(client: httpx2.Client, watch: dict[str, Any], count: int) -> list[dict[str, Any]]:
    """The events, once there are so many."""

    def look() -> Any:
        found = client.get(f"/v1/watches/{watch['id']}/events").json()["events"]
        return len(found) >= count and found

    found = until(look)
    assert len(found) == count, [one["type"] for one in found]
    return list(found)


def test_a_question_is_asked_at_once_and_shown_with_its_proof(client: httpx2.Client) -> None:
    put = client.post("/v1/watches", json={"question": " Where did the Great Fire of London begin? "})
    assert put.status_code == 201 and put.headers["location"] == f"/v1/watches/{put.json()['id']}"
    found = client.get(put.headers["location"]).json()
    assert found["question"] == "Where did the Great Fire of London begin?" and found["asked"]
    assert "secret" not in found and put.json()["secret"] is None and found["webhook"] is None
    proof = found["answer"]["evidence"][0]
    text = client.get(f"/v1/articles/{proof['article']['id']}").json()["text"]
    assert text[proof["article_start"] : proof["article_end"]] == found["answer"]["text"]
    assert client.get(put.headers["location"] + "/events").json() == {"events": [], "next_cursor": None}
    assert found["id"] in [one["id"] for one in client.get("/v1/watches").json()["watches"]]
    assert client.delete(put.headers["location"]).status_code == 204
    assert_problem(client.get(put.headers["location"]), 404)
    assert_problem(client.delete(put.headers["location"]), 404)


def test_new_contradicted_different_and_gone(client: httpx2.Client, watch: dict[str, Any]) -> None:
    assert watch["answer"] is None
    add(client, "guide", "The lighthouse at Varn was built in 1893 by Olga Tamm. It stands on a rock.")
    new = events(client, watch, 1)[0]
    assert new["type"] == "answer.new" and new["data"]["old"] is None
    assert new["data"]["new"]["text"] == "Olga Tamm" and new["data"]["watch"]["id"] == watch["id"]
    proof = new["data"]["new"]["evidence"][0]
    assert proof["article"]["id"] == "guide" and len(proof["article"]["sha256"]) == 64
    assert proof["sentence"] == "The lighthouse at Varn was built in 1893 by Olga Tamm."

    # A copy of it, the same in other words, and something else: no news.
    add(client, "copy", "The lighthouse at Varn was built in 1893 by Olga Tamm. It stands on a rock.")
    add(client, "words", "Everyone in the town knows that Olga Tamm built the lighthouse at Varn.")
    add(client, "cake", "A cake is made of flour, butter, sugar and eggs.")
    found = "New research shows that the lighthouse at Varn was built by Peter Holm."
    add(client, "archive", f"{found} The archive of the town holds his bill.")
    second = events(client, watch, 2)[1]
    assert second["type"] == "answer.contradicted"
    assert (second["data"]["old"]["text"], second["data"]["new"]["text"]) == ("Olga Tamm", "Peter Holm")
    shown = client.get(f"/v1/watches/{watch['id']}").json()
    assert shown["answer"]["text"] == "Olga Tamm"
    assert [one["text"] for one in shown["contradicted_by"]] == ["Peter Holm"]

    for name in ("guide", "copy", "words"):
        assert client.delete(f"/v1/articles/{name}?collection=varn").status_code == 204
    third = events(client, watch, 3)[2]
    assert third["type"] == "answer.different" and third["data"]["new"]["text"] == "Peter Holm"
    assert third["data"]["old"]["text"] == "Olga Tamm", "the proof outlives its article"
    assert "Olga Tamm" in third["data"]["old"]["evidence"][0]["sentence"]

    add(client, "archive", "The archive of Varn was closed for lack of money.")
    fourth = events(client, watch, 4)[3]
    assert fourth["type"] == "answer.gone" and fourth["data"]["new"] is None
    assert client.get(f"/v1/watches/{watch['id']}").json()["answer"] is None

    pages, cursor = [], ""
    while True:
        page = client.get(f"/v1/watches/{watch['id']}/events?limit=3{cursor}").json()
        pages.append([one["id"] for one in page["events"]])
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert [len(page) for page in pages] == [3, 1]


def test_events_are_followed_and_resumed(client: httpx2.Client, watch: dict[str, Any]) -> None:
    address = f"/v1/watches/{watch['id']}/events"
    add(client, "guide", "The lighthouse at Varn was built in 1893 by Olga Tamm.")
    first = events(client, watch, 1)[0]

    def following(last: str | None) -> Iterator[tuple[str, str, Any]]:
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last} if last else {})
        with client.stream("GET", address, headers=headers) as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            fields: dict[str, str] = {}
            for line in stream.iter_lines():
                name, _, value = line.partition(": ")
                if line and name:
                    fields[name] = value
                elif not line and "data" in fields:
                    yield fields["id"], fields["event"], json.loads(fields["data"])
                    fields = {}

    stream = following(None)
    assert next(stream) == (first["id"], "answer.new", first)
    client.delete("/v1/articles/guide?collection=varn")
    gone = next(stream)
    assert gone[1] == "answer.gone"
    stream.close()
    stream = following(first["id"])
    assert next(stream) == gone, "it goes on after what was seen"
    client.delete(f"/v1/watches/{watch['id']}")
    assert list(stream) == [], "it ends with its question"


def test_a_question_goes_with_its_collection(client: httpx2.Client, watch: dict[str, Any], watching: Server) -> None:
    add(client, "guide", "The lighthouse at Varn was built in 1893 by Olga Tamm.")
    events(client, watch, 1)
    assert client.delete("/v1/collections/varn").status_code == 204
    assert_problem(client.get(f"/v1/watches/{watch['id']}"), 404)
    assert_problem(client.get(f"/v1/watches/{watch['id']}/events"), 404)
    assert watch["id"] not in [one["id"] for one in client.get("/v1/watches").json()["watches"]]
    add(client, "guide", "The lighthouse at Varn was built in 1893 by Peter Holm.")
    until(lambda: b"Olga Tamm" not in (watching.library / "records.db").read_bytes())


def test_articles_about_something_else_cost_no_question(client: httpx2.Client) -> None:
    def counted(name: str) -> float:
        return next(
            float(line.split()[-1]) for line in client.get("/metrics").text.splitlines() if line.startswith(name + " ")
        )

    put = client.post("/v1/watches", json={"question": "Where did the Great Fire of London begin?"}).json()
    # The first look at a question after it was put: a search, and nothing read.
    until(lambda: counted("citespan_watches_searched_total") >= 1)
    before = counted("citespan_watches_asked_total")
    kinds = ("rye", "oat", "corn", "rice", "millet")
    lines = "".join(
        json.dumps({"id": f"field-{n}", "text": f"Field {n} of the farm bears {kinds[n % 5]}, which is cut in autumn."})
        + "\n"
        for n in range(1_000)
    )
    kind = {"Content-Type": "application/x-ndjson"}
    job = client.post("/v1/articles/batch", content=lines, headers=kind).json()["job"]
    until(lambda: client.get(f"/v1/jobs/{job['id']}").json()["state"] == "done", 120)
    add(client, "last", "The Great Fire of London began in the bakery of Thomas Farriner.", "default")
    until(lambda: counted("citespan_watches_asked_total") > before)
    assert counted("citespan_watches_asked_total") - before <= 3
    client.delete(f"/v1/watches/{put['id']}")


REFUSED: list[tuple[dict[str, Any], int, str]] = [
    ({}, 422, "question"),
    ({"question": " "}, 422, "question"),
    ({"question": "x" * 1_001}, 422, "question"),
    ({"question": "Who?", "collection": "none"}, 404, "no such"),
    ({"question": "Who?", "limit": 3}, 422, "unknown field"),
    ({"question": "Who?", "filters": {"published_from": "soon"}}, 422, "published_from"),
    ({"question": "Who?", "webhook": "ftp://example.org/"}, 422, "only http and https"),
    ({"question": "Who?", "webhook": "https://user:secret@example.org/"}, 422, "user name"),
    ({"question": "Who?", "webhook": "https://example.org:22/"}, 422, "port 22"),
    ({"question": "Who?", "webhook": ""}, 422, "webhook"),
]


@pytest.mark.parametrize(("body", "status", "said"), REFUSED)
def test_what_cannot_be_is_refused_and_leaves_nothing(
    client: httpx2.Client, body: dict[str, Any], status: int, said: str
) -> None:
    before = client.get("/v1/watches").json()
    problem = assert_problem(client.post("/v1/watches", json=body), status)
    assert said in problem["detail"] or any(said in str(error) for error in problem.get("errors", ()))
    assert client.get("/v1/watches").json() == before


def test_unknown_ones_and_bad_pages_are_refused(client: httpx2.Client) -> None:
    for method, path in (("GET", ""), ("GET", "/events"), ("DELETE", ""), ("POST", "/test")):
        assert_problem(client.request(method, f"/v1/watches/wch_none{path}"), 404)
    assert_problem(client.get("/v1/watches?cursor=nonsense"), 400)
    assert_problem(client.get("/v1/watches?limit=0"), 422)


def test_there_is_a_limit_and_a_listing_in_pages(client: httpx2.Client, watching: Server) -> None:
    made = []
    while (put := client.post("/v1/watches", json={"question": "What is a marathon?"})).status_code == 201:
        made.append(put.json()["id"])
        assert len(made) <= 20
    assert "remove some" in assert_problem(put, 409)["detail"]
    full = citespan("watches", "add", "Who?", "--library", str(watching.library), CITESPAN_WATCHES_SIZE="20")
    assert full.returncode == 2 and b"remove some" in full.stderr
    seen, cursor = [], ""
    while cursor is not None:
        page = client.get(f"/v1/watches?limit=7{cursor and f'&cursor={cursor}'}").json()
        seen += [one["id"] for one in page["watches"]]
        cursor = page["next_cursor"]
    assert len(seen) == len(set(seen)) == 20 and set(made) <= set(seen)
    for one in seen:
        assert client.delete(f"/v1/watches/{one}").status_code == 204


def test_many_at_once_do_not_get_past_the_limit(tmp_path: Path) -> None:
    watches = Watches(Records(tmp_path))

    def add(number: int) -> int:
        try:
            watches.add(f"Who is {number}?", "default", Filters(), None, None, most=7)
        except TooManyRecords:
            return 409
        return 201

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(add, range(24))) == [201] * 7 + [409] * 17
    assert watches.count() == 7


def test_a_listing_goes_on_past_those_whose_collection_has_gone(tmp_path: Path) -> None:
    records = Records(tmp_path)
    watches = Watches(records)
    for collection in ("gone", "gone", "gone", "here"):
        watches.add("Who?", collection, Filters(), None, None, most=9)
    records.forget("gone")
    assert [one.collection for one in watches.page(limit=2)] == ["here"]
    assert watches.page(watches.newest(), limit=2) == []


def test_private_addresses_are_not_called(client: httpx2.Client) -> None:
    before = client.get("/v1/watches").json()
    for address in ("http://10.0.0.1/", "http://169.254.169.254/latest/", "http://[::ffff:10.0.0.1]/", "http://[::1]/"):
        problem = assert_problem(client.post("/v1/watches", json={"question": QUESTION, "webhook": address}), 422)
        assert problem["errors"][0]["loc"] == ["body", "webhook"] and "private or reserved" in problem["detail"]
    assert client.get("/v1/watches").json() == before


def test_what_a_name_leads_to_is_looked_at_when_it_is_called(receiver: Receiver) -> None:
    address = f"http://localhost:{receiver.port}/hook"
    closed = FetchPolicy(allowed_ports=(receiver.port,))
    check_receiver(address, closed)  # kept: where a name leads may be another place tomorrow
    count = len(receiver.messages)
    with pytest.raises(FetchError, match="private or reserved"):
        post(address, b"{}", {}, policy=closed, seconds=10)
    assert len(receiver.messages) == count


def test_a_test_message_is_signed_and_a_redirect_is_not_followed(client: httpx2.Client, receiver: Receiver) -> None:
    put = client.post("/v1/watches", json={"question": QUESTION, "webhook": receiver.url}).json()
    assert put["secret"].startswith("whsec_") and put["webhook"]["on"] is True
    assert client.post(f"/v1/watches/{put['id']}/test").json() == {"delivered": True, "error": None}
    said = receiver.messages[-1].verified(put["secret"])
    assert said["type"] == "answer.test" and said["data"]["watch"]["question"] == QUESTION
    receiver.answers.append((307, {"Location": f"http://127.0.0.1:{receiver.port}/elsewhere"}))
    tested = client.post(f"/v1/watches/{put['id']}/test").json()
    assert tested["delivered"] is False and "307" in tested["error"]
    assert all(message.path == "/hook" for message in receiver.messages)
    client.delete(f"/v1/watches/{put['id']}")


def test_the_command_works_beside_a_service(client: httpx2.Client, watching: Server) -> None:
    library = ("--library", str(watching.library))
    add = citespan("watches", "add", "Where did the Great Fire of London begin?", "--json", *library)
    assert add.returncode == 0, add.stderr
    made = json.loads(add.stdout)
    until(lambda: client.get(f"/v1/watches/{made['id']}").json()["asked"])
    listed = citespan("watches", "list", *library)
    assert listed.returncode == 0 and "Farriner" in listed.stdout.decode()
    assert citespan("watches", "events", made["id"], *library).returncode == 1
    assert citespan("watches", "remove", made["id"], *library).returncode == 0
    assert_problem(client.get(f"/v1/watches/{made['id']}"), 404)
    wrong_ones = (
        ("add", " "),
        ("add", "Who?", "--collection", "none"),
        ("add", "Who?", "--collection", f"../{watching.library.name}/default"),
        ("add", "Who?", "--webhook", "ftp://a/"),
    )
    for wrong in wrong_ones:
        refused = citespan("watches", *wrong, *library)
        assert refused.returncode == 2 and len(refused.stderr.splitlines()) == 1, refused.stderr
    for command in ("remove", "events"):
        refused = citespan("watches", command, "wch_none", *library)
        assert refused.returncode == 2 and b"see citespan watches list" in refused.stderr, refused.stderr


@pytest.fixture
def keyed(tmp_path: Path, receiver: Receiver) -> Iterator[tuple[Server, dict[str, str]]]:
    """A service with keys for asking, writing and administering, and one that is for another collection."""
    folder = tmp_path / "library"
    bread = b'{"id": "a", "text": "Bread is made of flour."}\n'
    assert citespan("add", "-", "--library", str(folder), stdin=bread).returncode == 0
    keys = {}
    wanted = {"asker": "ask", "other": "ask", "writer": "write", "boss": "admin", "elsewhere": "write", "page": "ask"}
    for name, scope in wanted.items():
        more = {"elsewhere": ["--collection", "briefs"], "page": ["--origin", "https://example.org"]}.get(name, [])
        made = citespan("keys", "add", name, "--scope", scope, "--library", str(folder), "--json", *more)
        assert made.returncode == 0, made.stderr
        keys[name] = json.loads(made.stdout)["key"]
    with Server(folder, tmp_path / "log", **receiver.environment) as running:
        yield running, keys


def test_each_key_has_its_own_and_only_a_writer_may_have_others_called(
    keyed: tuple[Server, dict[str, str]], receiver: Receiver
) -> None:
    server, keys = keyed

    def send(name: str, method: str, path: str, body: Any = None, **headers: str) -> httpx2.Response:
        own = {"Authorization": f"Bearer {keys[name]}", **headers}
        return httpx2.request(method, f"{server.url}{path}", json=body, headers=own, timeout=60)

    plain = {"question": QUESTION}
    calling = {"question": QUESTION, "webhook": receiver.url}
    put = send("asker", "POST", "/v1/watches", plain)
    assert put.status_code == 201, put.text
    own = f"/v1/watches/{put.json()['id']}"
    assert_problem(httpx2.get(server.url + own), 401)
    for method, path in (("GET", own), ("GET", f"{own}/events"), ("DELETE", own)):
        assert_problem(send("other", method, path), 404)
    assert send("other", "GET", "/v1/watches").json()["watches"] == []
    assert send("boss", "GET", own).status_code == send("asker", "GET", own).status_code == 200
    assert_problem(send("asker", "POST", "/v1/watches", calling), 403)
    assert_problem(send("asker", "POST", f"{own}/test"), 403)
    assert_problem(send("elsewhere", "POST", "/v1/watches", plain), 403)
    assert_problem(send("page", "POST", "/v1/watches", plain, Origin="https://example.org"), 403)

    made = send("writer", "POST", "/v1/watches", calling).json()
    send("writer", "POST", "/v1/articles", {"id": "b", "text": "The lighthouse at Varn was built by Olga Tamm."})
    until(lambda: receiver.messages and receiver.messages[-1].type == "answer.new")
    assert citespan("keys", "revoke", "writer", "--library", str(server.library)).returncode == 0
    count = len(receiver.messages)
    send("boss", "DELETE", "/v1/articles/b")
    shown = until(lambda: not (one := send("boss", "GET", f"/v1/watches/{made['id']}").json()["webhook"])["on"] and one)
    assert "writer" in shown["error"] and len(receiver.messages) == count

    def told() -> list[Any]:
        return list(send("boss", "GET", f"{own}/events").json()["events"])

    last = until(lambda: [one for one in told() if one["type"] == "answer.gone"])[-1]["id"]
    seen = {"Accept": "text/event-stream", "Last-Event-ID": last, "Authorization": f"Bearer {keys['asker']}"}
    with httpx2.stream("GET", f"{server.url}{own}/events", headers=seen, timeout=60) as stream:
        lines = stream.iter_lines()
        assert next(lines) == ": following"
        assert citespan("keys", "revoke", "asker", "--library", str(server.library)).returncode == 0
        send("boss", "POST", "/v1/articles", {"id": "c", "text": "The lighthouse at Varn was built by Peter Holm."})
        assert not [line for line in lines if line.startswith("data:")], "who was shut out hears no more"
    assert told()[-1]["id"] != last


def test_the_python_client_puts_lists_and_removes(client: httpx2.Client, watching: Server) -> None:
    with Citespan(watching.url) as own:
        put = own.create_watch("Where did the Great Fire of London begin?", filters={"sources": []})
        assert put.answer and "Farriner" in put.answer.text and put.secret is None
        assert own.watch(put.id).question == put.question and put.id in [one.id for one in own.watches()]
        assert list(own.watch_events(put.id)) == []
        add(client, "guide", "The lighthouse at Varn was built in 1893 by Olga Tamm.")
        varn = own.create_watch(QUESTION, collection="varn")
        client.delete("/v1/articles/guide?collection=varn")
        event = until(lambda: list(own.watch_events(varn.id)))[0]
        assert (event.type, event.data.new, event.data.watch.id) == ("answer.gone", None, varn.id)
        assert event.data.old and event.data.old.text == "Olga Tamm"
        own.remove_watch(put.id)
        with pytest.raises(NotFound):
            own.watch(put.id)
        own.remove_collection("varn")


def test_a_stream_on_which_nothing_is_said_shows_that_somebody_is_there_whatever_else_changes() -> None:
    changed, stopping = asyncio.Event(), threading.Event()

    async def signs(pulse: Pulse) -> list[bytes]:
        return [sign async for sign in pulse.until(changed, stopping)]

    async def listen() -> None:
        changed.set()
        assert await signs(Pulse(1_000)) == []
        assert await signs(Pulse(0)) == [PING]
        changed.clear()
        stopping.set()
        assert await signs(Pulse(1_000)) == []

    asyncio.run(listen())


def test_one_key_has_a_part_of_the_places_of_those_who_listen() -> None:
    async def listen() -> None:
        listeners = Listeners(8, "come back")

        def refused(who: str | None) -> int:
            with pytest.raises(Problem) as problem, listeners.waiting(who):
                raise AssertionError("there was a place")
            return problem.value.status

        with contextlib.ExitStack() as held:
            for who in ("one", "one", "other", None, None, None):
                held.enter_context(listeners.waiting(who))
            assert refused("one") == 429
            last = held.enter_context(listeners.waiting("other"))
            held.enter_context(listeners.waiting("third"))
            assert (refused("fourth"), refused(None)) == (503, 503)
            listeners.tell()
            await last.wait()
        with listeners.waiting("one"), listeners.waiting("one"):
            assert refused("one") == 429

    asyncio.run(listen())


def test_people_are_served_before_standing_questions() -> None:
    lane = Lane("test-lane", 10)
    begun, go = threading.Event(), threading.Event()
    done: list[str] = []

    def hold(job: Job) -> None:
        begun.set()
        go.wait(30)

    lane.submit(ASK, hold, None)
    assert begun.wait(30)
    for name, priority in (("watch", WATCH), ("search", SEARCH), ("ask", ASK)):
        lane.submit(priority, lambda job, name=name: done.append(name), None)
    go.set()
    lane.close(30)
    assert done == ["search", "ask", "watch"]
