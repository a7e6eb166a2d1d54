"""Files sent as a form, over a real server: what becomes of good ones, and what hostile ones cannot do."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.helpers import SAMPLES, Server, assert_problem

MILL = b"The mill of Tarn was built by Hugo Marsh in 1788."
PAGE = b"<html><head><title>Mills</title></head><body><p>" + b"The mill of Tarn burned in 1812. " * 5
MIB = 1024**2


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("uploads")
    limits = {
        "CITESPAN_UPLOAD_FILE_BYTES": str(2 * MIB),
        "CITESPAN_UPLOAD_BODY_BYTES": str(5 * MIB),
        "CITESPAN_UPLOADS_SIZE": "2",
    }
    with Server(folder / "library", folder / "log", **limits) as running:
        yield running


@pytest.fixture
def client(server: Server) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=server.url, timeout=60) as opened:
        yield opened
        opened.delete("/v1/collections/default")


def send(client: httpx2.Client, *files: tuple[str, bytes], **fields: Any) -> httpx2.Response:
    return client.post("/v1/articles", files=[("file", (name, data)) for name, data in files], data=fields)


def stored(client: httpx2.Client) -> dict[str, dict[str, Any]]:
    rows = client.get("/v1/articles?limit=1000").json()["articles"]
    return {row["id"]: row for row in rows}


def test_one_file_is_answered_as_its_article_is(client: httpx2.Client) -> None:
    made = send(client, ("The mill.txt", MILL))
    assert (made.status_code, made.json()["created"]) == (201, True)
    assert set(made.json()) == {"id", "title", "passages", "created"} and made.json()["title"] == "The mill"
    again = send(client, ("The mill.txt", MILL + b" It burned."))
    assert (again.status_code, again.json()["created"]) == (200, False)
    assert again.json()["id"] == made.json()["id"], "a changed file of the same name takes the place of the old one"
    facts = client.post("/v1/ask", json={"question": "Who built the mill of Tarn?"}).json()
    assert facts["answer"] == "Hugo Marsh"


def test_the_fields_beside_a_file_win(client: httpx2.Client) -> None:
    fields = {
        "id": "mill", "title": "Mine", "url": "https://example.org/mill", "source": "Example",
        "published": "2020-01-02", "author": "Ann Bell", "language": "en", "tags": ["a", "b"],
    }  # fmt: skip
    assert send(client, ("page.html", PAGE), **fields).status_code == 201
    found = client.get("/v1/articles/mill").json()
    assert {name: found[name] for name in fields} == fields
    # A form sends what was left empty, too.
    empty = send(client, ("page.html", PAGE), id="", title="", published="", tags="")
    assert empty.status_code == 201 and empty.json()["title"] == "Mills"


def test_files_go_where_the_form_says(client: httpx2.Client) -> None:
    assert send(client, ("a.txt", MILL), collection="mills").status_code == 201
    assert client.get("/v1/articles?collection=mills").json()["articles"] and not stored(client)
    assert client.delete("/v1/collections/mills").status_code == 204


def test_several_files_each_with_what_became_of_it(client: httpx2.Client) -> None:
    lines = b'{"id": "x", "text": "The first."}\n{"text": \n{"id": "y", "text": "The second."}\n'
    program = b"MZ\x00\x00\x01\x02" * 50
    reply = send(client, ("a.txt", MILL), ("b.ndjson", lines), ("c.txt", program), ("d.md", b"# Tarn\n\nA town."))
    assert reply.status_code == 201
    facts = reply.json()
    assert len(facts["articles"]) == 4 and {"x", "y"} <= {one["id"] for one in facts["articles"]} | set(stored(client))
    assert {one["id"] for one in facts["articles"]} == set(stored(client))
    assert len(facts["failures"]) == 2
    assert "line 2" in facts["failures"][0]["source"] and facts["failures"][1]["source"] == "c.txt"
    assert all(one["reason"] for one in facts["failures"])


def test_the_samples_all_at_once(client: httpx2.Client) -> None:
    files = [(path.name, path.read_bytes()) for path in sorted(SAMPLES.iterdir())]
    facts = send(client, *files, tags=["sample"]).json()
    assert facts["failures"] == [] and len(facts["articles"]) == 14
    assert all("sample" in row["tags"] for row in stored(client).values())


def test_nothing_usable_is_an_error_that_names_each(client: httpx2.Client) -> None:
    facts = assert_problem(send(client, ("a.txt", b""), ("b.txt", b" \n")), 422)
    assert [error["msg"].split(":")[0] for error in facts["errors"]] == ["a.txt", "b.txt"]
    assert_problem(send(client, ("a.txt", b"")), 422)
    assert_problem(send(client, ("a.pdf", b"%PDF-1.7\n1 0 obj\n<< /Type /Cat")), 422)
    assert_problem(send(client, ("a.docx", b"PK\x03\x04" + bytes(100))), 422)
    assert_problem(send(client, ("a.txt", b"MZ\x00\x00\x01\x02" * 50)), 415)
    assert_problem(send(client, ("a.pdf", b"\x89PNG\r\n\x1a\n" + bytes(100))), 415)
    assert stored(client) == {}


@pytest.mark.parametrize(
    "name", ["../../etc/cron.d/x", "..\\..\\x.txt", "/etc/passwd", "x" * 5_00 + ".txt", "a\u202eb\x1b.txt", "..", ""]
)
def test_a_name_is_never_a_path(client: httpx2.Client, server: Server, name: str) -> None:
    before = {path for path in server.library.parent.rglob("*")}
    reply = send(client, (name, MILL))
    if name == "":  # then it is no file
        assert_problem(reply, 422)
        return
    assert reply.status_code == 201, reply.text
    article = reply.json()
    assert "/" not in article["id"] and "\\" not in article["id"] and article["id"].isprintable()
    assert article["title"].isprintable()
    new = {path for path in server.library.parent.rglob("*")} - before
    assert all(path.parent == server.library / "default" for path in new), new
    assert client.get(f"/v1/articles/{article['id']}").json()["text"].encode() == MILL


WRONG: dict[str, tuple[int, list[tuple[str, Any]], dict[str, Any]]] = {
    "no file": (422, [], {"title": "a"}),
    "another name": (422, [("upload", ("a.txt", MILL))], {}),
    "unknown field": (422, [("file", ("a.txt", MILL))], {"titel": "a"}),
    "a field twice": (422, [("file", ("a.txt", MILL))], {"title": ["a", "b"]}),
    "a title of several": (422, [("file", ("a.txt", MILL)), ("file", ("b.txt", MILL))], {"title": "a"}),
    "no such day": (422, [("file", ("a.txt", MILL))], {"published": "2023-02-30"}),
    "an id with a slash": (422, [("file", ("a.txt", MILL))], {"id": "a/b"}),
    "javascript": (422, [("file", ("a.txt", MILL))], {"url": "javascript:alert(1)"}),
    "65 tags": (422, [("file", ("a.txt", MILL))], {"tags": [f"t{number}" for number in range(65)]}),
    "collection of dots": (422, [("file", ("a.txt", MILL))], {"collection": "../x"}),
    "101 files": (400, [("file", (f"{number}.txt", MILL)) for number in range(101)], {}),
    "101 fields": (400, [("file", ("a.txt", MILL))], {"tags": ["t"] * 101}),
    "a long field": (400, [("file", ("a.txt", MILL))], {"title": "a" * 20_000}),
    "a large file": (413, [("file", ("a.txt", b"a" * (2 * MIB + 1)))], {}),
    "large together": (413, [("file", (f"{number}.txt", b"a" * (2 * MIB - 1))) for number in range(3)], {}),
    "a batch": (413, [("file", ("a.ndjson", b'{"text": "a"}\n' * 1_001))], {}),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_form_stores_nothing(client: httpx2.Client, wrong: str) -> None:
    status, files, fields = WRONG[wrong]
    if files:
        reply = client.post("/v1/articles", files=files, data=fields)
    else:
        boundary = 'multipart/form-data; boundary="x"'
        body = b'--x\r\nContent-Disposition: form-data; name="title"\r\n\r\na\r\n--x--\r\n'
        reply = client.post("/v1/articles", content=body, headers={"Content-Type": boundary})
    assert_problem(reply, status)
    assert stored(client) == {} and client.get("/healthz").status_code == 200


PART = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n'
WHOLE = PART + b"\r\n" + MILL + b"\r\n--x--\r\n"
FORM = "multipart/form-data; boundary=x"
HOSTILE: dict[str, tuple[int, bytes, str]] = {
    "no boundary": (400, WHOLE, "multipart/form-data"),
    "an empty boundary": (400, WHOLE, "multipart/form-data; boundary="),
    "a long boundary": (400, WHOLE, "multipart/form-data; boundary=" + "x" * 300),
    "another boundary": (400, WHOLE, "multipart/form-data; boundary=y"),
    "nothing": (400, b"", FORM),
    "cut before the last boundary": (400, WHOLE[:-6], FORM),
    "cut in the file": (400, WHOLE[:-30], FORM),
    "cut in a head": (400, PART, FORM),
    "a million bytes before it": (400, b"a" * 1_000_000 + b"\r\n" + WHOLE, FORM),
    "a million line ends before it": (400, b"\r\n" * 500_000 + WHOLE[:-6], FORM),
    "10,000 heads of a part": (400, PART + b"X-A: b\r\n" * 10_000 + b"\r\n" + WHOLE[len(PART) :], FORM),
    "a long head": (400, PART + b"X-A: " + b"b" * 100_000 + b"\r\n\r\n" + WHOLE[len(PART) :], FORM),
    "a part without a name": (400, b"--x\r\nX-A: b\r\n\r\na\r\n" + WHOLE, FORM),
    "fields in UTF-7": (415, WHOLE, FORM + "; charset=utf-7"),
    "fields in punycode": (415, WHOLE, FORM + "; charset=punycode"),
    "a form that is no multipart": (415, b"text=a", "application/x-www-form-urlencoded"),
}


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_hostile_form_stores_nothing(client: httpx2.Client, server: Server, hostile: str) -> None:
    status, body, kind = HOSTILE[hostile]
    assert_problem(client.post("/v1/articles", content=body, headers={"Content-Type": kind}), status)
    assert stored(client) == {} and client.get("/healthz").status_code == 200
    assert '"unexpected"' not in server.log.read_text()


def test_a_compressed_form_is_refused(client: httpx2.Client) -> None:
    headers = {"Content-Type": FORM, "Content-Encoding": "gzip"}
    assert_problem(client.post("/v1/articles", content=WHOLE, headers=headers), 415)


def test_the_good_form_behind_the_hostile_ones_is_taken(client: httpx2.Client) -> None:
    assert client.post("/v1/articles", content=WHOLE, headers={"Content-Type": FORM}).status_code == 201


def test_uploads_beyond_a_number_are_refused_and_leave_no_place_taken(client: httpx2.Client, server: Server) -> None:
    """Two forms that do not end hold both places; when their clients leave, the places are free again."""
    release = threading.Event()
    entered = threading.Barrier(3, timeout=30)

    def slow() -> None:
        def body() -> Iterator[bytes]:
            yield WHOLE[:-6]
            entered.wait()
            release.wait(30)
            yield WHOLE[-6:]

        reply = httpx2.post(server.url + "/v1/articles", content=body(), headers={"Content-Type": FORM}, timeout=60)
        assert reply.status_code in (200, 201)

    holding = [threading.Thread(target=slow) for _ in range(2)]
    for thread in holding:
        thread.start()
    entered.wait()
    try:
        refused = None
        for _ in range(200):  # until the server has read what both have sent
            refused = send(client, ("b.txt", MILL))
            if refused.status_code == 503:
                break
        assert refused is not None
        assert_problem(refused, 503)
        assert int(refused.headers["retry-after"]) >= 1
    finally:
        release.set()
        for thread in holding:
            thread.join()
    assert send(client, ("b.txt", MILL)).status_code in (200, 201)


def test_an_upload_of_many_articles_lets_other_writes_in(client: httpx2.Client) -> None:
    lines = b"\n".join(
        json.dumps({"id": f"n{number}", "text": f"The ship number {number} sailed to Oslo. " * 8}).encode()
        for number in range(200)
    )
    done: list[httpx2.Response] = []
    upload = threading.Thread(target=lambda: done.append(send(client, ("ships.ndjson", lines))))
    upload.start()
    written = 0
    while upload.is_alive():
        with httpx2.Client(base_url=client.base_url, timeout=60) as other:
            assert other.post("/v1/articles", json={"id": "w", "text": f"Write {written}."}).is_success
        written += 1
    assert done[0].status_code == 201 and len(done[0].json()["articles"]) == 200
    assert written > 3
