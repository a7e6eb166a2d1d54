"""The contract over a real server: asking, streaming, articles, verify, service."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from qa import load_examples
from tests.helpers import ROOT, Server

PART = ROOT / "tests" / "data" / "squad-part.json.gz"
QUESTION = "Who was the president of Egypt in 1956?"


def check_verbatim(client: httpx2.Client, reply: dict, collection: str = "default", texts: dict | None = None) -> int:
    """Check every span of a reply against its passage and its article; return how many there were."""
    known = {} if texts is None else texts
    count = 0

    def text_of(article_id: str) -> str:
        if article_id not in known:
            known[article_id] = client.get(f"/v1/articles/{article_id}", params={"collection": collection}).json()[
                "text"
            ]
        return str(known[article_id])

    for answer in reply["answers"]:
        for piece in answer["evidence"]:
            count += 1
            span = piece["passage"]["text"][piece["start"] : piece["end"]]
            text = text_of(piece["article"]["id"])
            assert text[piece["article_start"] : piece["article_end"]] == span
            assert text[piece["passage"]["article_start"] : piece["passage"]["article_end"]] == piece["passage"]["text"]
            assert span in piece["sentence"] and piece["sentence"] in piece["passage"]["text"]
        first = answer["evidence"][0]
        assert answer["text"] == first["passage"]["text"][first["start"] : first["end"]]
        for item in answer["items"]:
            assert text_of(item["article_id"])[item["article_start"] : item["article_end"]] == item["text"]
    return count


def test_ask_has_the_shape_of_the_contract(client: httpx2.Client) -> None:
    reply = client.post("/v1/ask", json={"question": f"  {QUESTION} ", "include": ["passages"], "limit": 3})
    assert reply.status_code == 200
    facts = reply.json()
    assert set(facts) == {
        "id", "question", "answered", "reason", "answer", "confidence", "confidence_level", "answers", "passages",
        "timings_ms", "hints",
    }  # fmt: skip
    assert facts["id"].startswith("ans_") and len(facts["id"]) == 30 and facts["question"] == QUESTION
    assert facts["answered"] and facts["reason"] is None and "Nasser" in facts["answer"]
    assert facts["confidence_level"] in ("high", "medium", "low") and len(facts["answers"]) <= 3
    assert len(facts["passages"]) == 10 and set(facts["timings_ms"]) == {"embed", "retrieve", "read", "total"}
    article = facts["answers"][0]["evidence"][0]["article"]
    assert {"id", "title", "url", "source", "published", "sha256"} <= set(article)
    assert check_verbatim(client, facts)
    by_get = client.get("/v1/ask", params={"question": QUESTION, "limit": 3}).json()
    assert by_get["answers"] == facts["answers"] and by_get["passages"] == []


def test_a_question_in_another_language_is_answered_with_a_hint(client: httpx2.Client) -> None:
    body = {"question": "Wer war 1956 der Präsident von Ägypten?"}
    (hint,) = client.post("/v1/ask", json=body).json()["hints"]
    assert hint["code"] == "language" and "German" in hint["message"] and "CITESPAN_READER" in hint["message"]
    assert events(client.post("/v1/ask/stream", json=body).text)[-1][1]["hints"] == [hint]
    assert client.post("/v1/ask", json={"question": QUESTION}).json()["hints"] == []


def test_no_answer_comes_with_the_closest_passages(client: httpx2.Client) -> None:
    facts = client.post("/v1/ask", json={"question": "Who won the 2022 World Cup?"}).json()
    assert not facts["answered"] and facts["answer"] is None and facts["confidence_level"] == "none"
    assert facts["reason"] in ("nothing_relevant", "no_answer_in_passages", "below_threshold") and facts["passages"]


def test_filters_and_as_of(client: httpx2.Client) -> None:
    def ids(**fields: object) -> set[str]:
        found = client.post("/v1/ask", json={"question": QUESTION, "include": ["passages"], **fields}).json()
        return {one["article"]["published"] for one in found["passages"]}

    assert all(day and day < "2021" for day in ids(filters={"published_to": "2020-12-31"}))
    assert ids(filters={"sources": ["The Almanac"]}) == {"2021-07-26"}
    assert ids(filters={"tags": ["egypt"]}) == {"2020-07-21"}
    assert "2021-07-26" not in ids(as_of="2021-01-01")


def events(text: str) -> list[tuple[str, dict]]:
    blocks = [block for block in text.split("\n\n") if block.startswith("event: ")]
    return [(block.split("\n")[0][7:], json.loads(block.split("\n")[1][6:])) for block in blocks]


def test_stream_gives_candidates_then_answers_then_the_whole(client: httpx2.Client) -> None:
    reply = client.post("/v1/ask/stream", json={"question": QUESTION})
    assert reply.headers["content-type"].startswith("text/event-stream")
    found = events(reply.text)
    names = [name for name, _ in found]
    assert names[0] == "retrieved" and names[-1] == "done" and set(names[1:-1]) == {"answer"}
    done, whole = found[-1][1], client.post("/v1/ask", json={"question": QUESTION}).json()
    assert done["answers"] == whole["answers"] and len({data["id"] for _, data in found}) == 1


def test_an_event_is_one_line_whatever_a_client_takes_for_the_end_of_one(client: httpx2.Client) -> None:
    text = "The lighthouse at Varn was built\u2028by Olga\u0085Tamm\u2029in 1893."
    put = {"id": "lines", "text": text, "collection": "lines"}
    assert client.post("/v1/articles", json=put).status_code == 201
    question = "Who built the lighthouse at Varn?"
    asked = {"question": question, "collection": "lines"}
    chat = {"model": "citespan/lines", "messages": [{"role": "user", "content": question}], "stream": True}
    for path, body in (("/v1/ask/stream", asked), ("/v1/chat/completions", chat)):
        streamed = client.post(path, json=body).text
        assert streamed.splitlines() == streamed.removesuffix("\n").split("\n")
        data = [json.loads(line[len("data: ") :]) for line in streamed.splitlines() if line.startswith("data: {")]
        assert text in json.dumps(data, ensure_ascii=False)
    told = dict(events(client.post("/v1/ask/stream", json=asked).text))
    assert told["retrieved"]["passages"][0]["passage"]["text"] == text
    client.delete("/v1/collections/lines")


def test_a_client_that_leaves_a_stream_does_no_harm(client: httpx2.Client) -> None:
    for _ in range(3):
        with client.stream("POST", "/v1/ask/stream", json={"question": QUESTION}) as reply:
            next(reply.iter_bytes())
    assert client.post("/v1/ask", json={"question": QUESTION}).json()["answered"]


def test_an_articles_life(client: httpx2.Client) -> None:
    body = {
        "id": "mill", "text": "Home » Mills\nThe mill of Tarn was built by Hugo Marsh in 1788.", "title": "The mill",
        "url": "https://example.org/mill", "source": "Example", "published": "2020-01-02", "tags": ["x"],
        "collection": "life",
    }  # fmt: skip
    added = client.post("/v1/articles", json=body)
    assert added.status_code == 201 and added.json() == {
        "id": "mill",
        "title": "The mill",
        "passages": 1,
        "created": True,
    }
    again = client.post("/v1/articles", json={**body, "title": "The old mill"})
    assert again.status_code == 200 and again.json()["created"] is False
    whole = client.get("/v1/articles/mill?collection=life").json()
    assert whole["text"] == body["text"] and whole["masked"][0]["rule"] == "breadcrumb"
    assert whole["passages"][0]["id"] == "mill:0" and whole["published"] == "2020-01-02" and whole["tags"] == ["x"]
    facts = client.post("/v1/ask", json={"question": "Who built the mill of Tarn?", "collection": "life"}).json()
    assert facts["answer"] == "Hugo Marsh"
    piece = facts["answers"][0]["evidence"][0]
    claim = {
        "article_id": "mill", "collection": "life", "text": "Hugo Marsh", "sha256": piece["article"]["sha256"],
        "article_start": piece["article_start"], "article_end": piece["article_end"],
    }  # fmt: skip
    assert client.post("/v1/verify", json=claim).json()["status"] == "valid"
    client.post("/v1/articles", json={**body, "text": "New: the mill of Tarn was built by Hugo Marsh."})
    moved = client.post("/v1/verify", json=claim).json()
    assert moved["status"] == "moved" and moved["article_start"] == 35
    client.post("/v1/articles", json={**body, "text": "The mill of Tarn was built by somebody else."})
    assert client.post("/v1/verify", json=claim).json()["status"] == "changed"
    assert client.delete("/v1/articles/mill?collection=life").status_code == 204
    assert client.post("/v1/verify", json=claim).json()["status"] == "deleted"
    empty = client.post("/v1/ask", json={"question": "Who built the mill?", "collection": "life"}).json()
    assert empty["reason"] == "empty_collection"
    assert client.delete("/v1/collections/life").status_code == 204
    assert client.get("/v1/articles?collection=life").status_code == 404


def test_html_is_extracted(client: httpx2.Client) -> None:
    page = "<html><head><title>Mills</title></head><body><nav>Home</nav><p>" + "The mill of Tarn burned in 1812. " * 5
    assert client.post("/v1/articles", json={"html": page, "id": "page", "collection": "pages"}).status_code == 201
    assert client.get("/v1/articles/page?collection=pages").json()["title"] == "Mills"
    client.delete("/v1/collections/pages")


def test_listing_by_pages(client: httpx2.Client) -> None:
    seen: list[str] = []
    cursor = None
    while True:
        page = client.get("/v1/articles", params={"limit": 5, **({"cursor": cursor} if cursor else {})}).json()
        seen += [one["id"] for one in page["articles"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 14


def test_search(client: httpx2.Client) -> None:
    found = client.post("/v1/search", json={"query": "sunshield of the telescope", "limit": 3}).json()["passages"]
    assert len(found) == 3 and "sunshield" in found[0]["passage"]["text"]
    assert set(found[0]) >= {"article", "passage", "score", "dense_rank", "lexical_rank"}


def test_pasted_text_says_its_own_title_date_and_site(client: httpx2.Client) -> None:
    text = "date 2021-03-04 Home » The old mill of Farhill opens again – Farhill Post\nIt grinds since Monday.\n"
    made = client.post("/v1/articles", json={"id": "mill", "text": text})
    assert (made.status_code, made.json()["title"]) == (201, "The old mill of Farhill opens again")
    found = client.get("/v1/articles/mill").json()
    assert (found["published"], found["source"], found["text"]) == ("2021-03-04", "Farhill Post", text)
    client.post("/v1/articles", json={"id": "mill", "text": text, "title": "Mine", "published": "2022-01-01"})
    given = client.get("/v1/articles/mill").json()
    assert (given["title"], given["published"], given["source"]) == ("Mine", "2022-01-01", "Farhill Post")
    assert client.delete("/v1/articles/mill").status_code == 204


def test_twenty_at_once_with_one_id_make_one_article(server: Server) -> None:
    def post(number: int) -> int:
        body = {"id": "same", "text": f"Version {number} of the text.", "collection": "race"}
        return httpx2.post(server.url + "/v1/articles", json=body, timeout=120).status_code

    with ThreadPoolExecutor(20) as pool:
        codes = sorted(pool.map(post, range(20)))
    assert codes == [200] * 19 + [201]
    listed = httpx2.get(server.url + "/v1/articles?collection=race").json()["articles"]
    assert [one["id"] for one in listed] == ["same"]
    httpx2.delete(server.url + "/v1/collections/race")


def test_every_reply_has_safety_headers_and_its_request_id(client: httpx2.Client) -> None:
    for path, status in (
        ("/", 200),
        ("/v1/articles", 200),
        ("/nope", 404),
        ("/v1/ask", 422),
        ("/docs", 200),
        ("/metrics", 200),
    ):
        reply = client.get(path, headers={"X-Request-ID": "abc-1"})
        assert reply.status_code == status and reply.headers["x-request-id"] == "abc-1"
        assert (
            reply.headers["x-content-type-options"] == "nosniff" and reply.headers["referrer-policy"] == "no-referrer"
        )
        assert "default-src 'none'" in reply.headers["content-security-policy"]
    assert "x-evil" not in client.get("/healthz", headers={"X-Request-ID": "a b"}).headers["x-request-id"]


def test_the_page_and_its_files(client: httpx2.Client) -> None:
    page = client.get("/")
    assert "trusted-types 'none'" in page.headers["content-security-policy"] and "http" not in page.text.replace(
        'https://"', ""
    )
    links = [part.split('"')[0] for part in page.text.split('="/static/')[1:]]
    assert len(links) == 3
    for link in links:
        reply = client.get(f"/static/{link}")
        assert reply.status_code == 200 and "immutable" in reply.headers["cache-control"]
        again = client.get(f"/static/{link}", headers={"If-None-Match": reply.headers["etag"]})
        assert again.status_code == 304


def test_the_element_for_other_pages_is_asked_for_anew_but_not_sent_anew(client: httpx2.Client) -> None:
    reply = client.get("/widget.js", headers={"Origin": "https://www.example.org"})
    assert reply.status_code == 200 and reply.headers["content-type"] == "text/javascript; charset=utf-8"
    assert reply.headers.get_list("cross-origin-resource-policy") == ["cross-origin"]
    assert (
        reply.headers["cache-control"] == "public, max-age=300" and reply.headers["x-content-type-options"] == "nosniff"
    )
    for known in (reply.headers["etag"], f'"other", W/{reply.headers["etag"]}'):
        again = client.get("/widget.js", headers={"If-None-Match": known})
        assert again.status_code == 304 and not again.content and again.headers["etag"] == reply.headers["etag"]
    assert client.get("/widget.js", headers={"If-None-Match": '"other"'}).status_code == 200


def test_metrics_count_by_route_not_by_address(client: httpx2.Client) -> None:
    for number in range(30):
        client.get(f"/nothing-{number}")
        client.get(f"/v1/articles/none-{number}")
    text = client.get("/metrics").text
    assert 'route="/v1/articles/{article_id}"' in text and "none-3" not in text and "nothing-3" not in text
    assert "citespan_answers_total" in text and "citespan_articles" in text


def test_examples_come_from_the_library(client: httpx2.Client) -> None:
    assert 1 <= len(client.get("/v1/examples").json()["questions"]) <= 6


def test_health_answers_while_questions_are_read(server: Server) -> None:
    stop = threading.Event()

    def load() -> None:
        while not stop.is_set():
            httpx2.post(server.url + "/v1/ask", json={"question": QUESTION}, timeout=120)

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        codes = [httpx2.get(server.url + "/healthz", timeout=5).status_code for _ in range(20)]
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert codes == [200] * 20


def test_the_log_is_one_json_object_a_line_without_questions_or_control_characters(
    server: Server, client: httpx2.Client
) -> None:
    client.get("/a%0ab%1b%5b2J\u2028c")
    client.post("/v1/ask", json={"question": "a secret \u001b[2J question", "passages": 1})
    text = server.log.read_text()
    lines = text.splitlines()[1:]
    assert all(isinstance(json.loads(line), dict) for line in lines) and "secret" not in text
    assert not any(ord(character) < 32 for line in lines for character in line)


def test_openapi_describes_what_is_there(client: httpx2.Client) -> None:
    facts = client.get("/openapi.json").json()
    assert {
        "/v1/ask",
        "/v1/ask/stream",
        "/v1/articles",
        "/v1/articles/{article_id}",
        "/v1/articles/batch",
        "/v1/jobs/{job_id}",
        "/v1/verify",
        "/v1/search",
        "/v1/conversations/{conversation_id}/messages",
    } <= set(facts["paths"])
    text = json.dumps(facts)
    names = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert names <= set(facts["components"]["schemas"])


@pytest.fixture(scope="module")
def squad(server: Server) -> dict[str, str]:
    """The paragraphs of the questions, some with emoji, combining marks and right-to-left text around them."""
    contexts = list(dict.fromkeys(example.context for example in load_examples(PART)))
    odd = ("🎉🚀 ", "e\u0301\u0301 ", "שלום עולם. ", "مرحبا! ", "")
    texts = {}
    for number, context in enumerate(contexts):
        texts[f"p{number}"] = odd[number % 5] + context + " " + odd[(number + 1) % 5]
        body = {"id": f"p{number}", "text": texts[f"p{number}"], "collection": "squad"}
        assert httpx2.post(server.url + "/v1/articles", json=body, timeout=60).status_code == 201
    return texts


@pytest.mark.timeout(500)
def test_three_hundred_questions_every_span_verbatim(client: httpx2.Client, squad: dict[str, str]) -> None:
    examples = load_examples(PART)
    assert len(examples) == 300
    texts: dict[str, str] = {}
    spans = right = 0
    for example in examples:
        body = {"question": example.question, "collection": "squad", "passages": 3, "limit": 3}
        facts = client.post("/v1/ask", json=body).json()
        spans += check_verbatim(client, facts, "squad", texts)
        best = facts["answers"][0]["text"].lower() if facts["answers"] else ""
        right += any(answer.lower() in best or best in answer.lower() for answer in example.answers) if best else 0
    assert texts == {name: squad[name] for name in texts}
    assert spans >= 300 and right >= 180, (spans, right)
