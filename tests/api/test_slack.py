"""Slack's slash command, against a server that stands in for Slack's and with signatures made by slack_sdk."""

import asyncio
import json
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from slack_sdk.models.blocks import Block
from slack_sdk.signature import SignatureVerifier

from api.concurrency.worker_pool import Workers
from api.errors import Problem
from api.observability.metrics import Metrics
from api.settings import Settings
from api.slack import Deliveries, Signatures, answer_message, note, read_command, read_fields
from index import Article, ArticleInfo, FetchPolicy, Library, Passage
from qa import Answer, Evidence, Item, QuestionAnswering, RankedAnswer, Support
from tests.helpers import Server, assert_problem
from tests.local import LocalServer, Quiet

PATH = "/v1/integrations/slack"
SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
QUESTION = "Which countries recognize the annexations?"
# The example of docs.slack.dev/authentication/verifying-requests-from-slack, to the letter.
RECORDED = (
    b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar"
    b"&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack"
    b".com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0"
    b"bc887a14d10d2c447fce8b6703c"
)
RECORDED_AT, RECORDED_SIGNATURE = (
    b"1531420618",
    b"v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
)


class Hooks(LocalServer):
    """Stands in for hooks.slack.com: keeps what is posted, answers with the next of `statuses` (200 once they end)."""

    def __init__(self) -> None:
        self.got: list[tuple[str, dict[str, str], Any]] = []
        self.statuses: list[int] = []
        self.came = threading.Condition()
        hooks = self

        class Handler(Quiet):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with hooks.came:
                    status = hooks.statuses.pop(0) if hooks.statuses else 200
                    heads = {name.lower(): value for name, value in self.headers.items()}
                    hooks.got.append((self.path, heads, json.loads(body)))
                    hooks.came.notify_all()
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", f"{hooks.url}/commands/elsewhere")
                self.end_headers()

        super().__init__(Handler)

    def wait(self, path: str, count: int = 1) -> list[Any]:
        """The messages that came to a path, once there are so many."""
        with self.came:
            assert self.came.wait_for(lambda: len(self.at(path)) >= count, 60), self.got
            return self.at(path)

    def at(self, path: str) -> list[Any]:
        return [message for where, _, message in self.got if where == path]

    def settings(self, **more: str) -> dict[str, str]:
        """Of a service for which this is Slack."""
        return {
            "CITESPAN_SLACK_SIGNING_SECRET": SECRET,
            "CITESPAN_SLACK_ORIGINS": json.dumps([self.url]),
            "CITESPAN_ALLOWED_NETWORKS": '["127.0.0.1/32"]',
            "CITESPAN_ALLOWED_PORTS": f"[443, {self.port}]",
            **more,
        }


@pytest.fixture(scope="module")
def hooks() -> Iterator[Hooks]:
    with Hooks() as running:
        yield running


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, sample_library: Path, hooks: Hooks) -> Iterator[Server]:
    """Connected to that Slack, and so impatient that every answer takes the long way."""
    folder = tmp_path_factory.mktemp("slack")
    shutil.copytree(sample_library, folder / "library")
    more = {"CITESPAN_SLACK_TEAMS": '["T0001"]', "CITESPAN_SLACK_WAIT_SECONDS": "0", "CITESPAN_ASK_SECONDS": "60"}
    with Server(folder / "library", folder / "log", **hooks.settings(**more)) as running:
        yield running


def form(text: str, response_url: str, **changed: str) -> bytes:
    """A command as Slack's reference shows it (docs.slack.dev/interactivity/implementing-slash-commands)."""
    fields = {
        "token": "gIkuvaNzQIHg97ATvDxqgjtO",
        "team_id": "T0001",
        "team_domain": "example",
        "enterprise_id": "E0001",
        "enterprise_name": "Globular Construct Inc",
        "channel_id": "C2147483705",
        "channel_name": "test",
        "user_id": "U2147483697",
        "user_name": "Steve",
        "command": "/ask",
        "text": text,
        "response_url": response_url,
        "trigger_id": "13345224609.738474920.8088930838d88f008e0",
        "api_app_id": "A123456",
    }
    return urlencode({**fields, **changed}).encode()


def signed(body: bytes, *, secret: str = SECRET, age: int = 0) -> dict[str, str]:
    """The headers that Slack sends, made by its own package."""
    timestamp = str(int(time.time()) - age)
    signature = SignatureVerifier(secret).generate_signature(timestamp=timestamp, body=body)
    assert signature is not None
    return {
        "X-Slack-Request-Timestamp": timestamp,
        "X-Slack-Signature": signature,
        "Content-Type": "application/x-www-form-urlencoded",
    }


def send(service: Server, body: bytes, headers: dict[str, str] | None = None) -> httpx2.Response:
    return httpx2.post(service.url + PATH, content=body, headers=headers or signed(body), timeout=60)


def said(message: dict[str, Any]) -> str:
    """All that a message shows."""
    found: list[str] = []

    def walk(node: Any) -> None:
        for one in node.values() if isinstance(node, dict) else node if isinstance(node, list) else []:
            walk(one)
        if isinstance(node, dict) and isinstance(node.get("text"), str):
            found.append(node["text"])

    walk(message.get("blocks", []))
    return "".join(found)


def check(message: dict[str, Any]) -> None:
    """Check a message against Slack's limits and its package's idea of blocks."""
    assert message["response_type"] in ("ephemeral", "in_channel") and 0 < len(message["text"]) <= 3_000
    blocks = message.get("blocks", [])
    assert len(blocks) <= 50 and len(json.dumps(message)) < 60_000
    for block, parsed in zip(blocks, Block.parse_all(blocks), strict=True):
        parsed.validate_json()
        assert parsed.to_dict() == block
    texts: list[str] = []

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            texts.extend([node["text"]] if isinstance(node.get("text"), str) else [])
            assert len(node.get("url", "")) <= 3_000
        for one in node.values() if isinstance(node, dict) else node if isinstance(node, list) else []:
            walk(one)

    walk(blocks)
    assert all(0 < len(text) <= 3_000 for text in texts)


def test_the_answer_follows_at_the_response_url_with_its_proof(service: Server, hooks: Hooks) -> None:
    reply = send(service, form(QUESTION, f"{hooks.url}/commands/1/a"))
    assert (reply.status_code, reply.headers["content-type"]) == (200, "application/json")
    assert reply.json()["response_type"] == "ephemeral" and reply.json()["text"].startswith("Looking")
    (message,) = hooks.wait("/commands/1/a")
    check(message)
    told = httpx2.post(service.url + "/v1/ask", json={"question": QUESTION, "limit": 3}, timeout=60).json()
    evidence = told["answers"][0]["evidence"][0]
    assert message["response_type"] == "ephemeral"
    assert told["answer"] in message["text"]
    shown = said(message)
    assert all(one in shown for one in (QUESTION, told["answer"], evidence["sentence"], evidence["article"]["title"]))
    quotes = [part for block in message["blocks"] if block["type"] == "rich_text" for part in block["elements"]]
    quote = next(part for part in quotes if part["type"] == "rich_text_quote")
    assert [part["text"] for part in quote["elements"] if part.get("style")] == [told["answer"]]
    if evidence["article"]["published"]:
        assert evidence["article"]["published"][:10] in shown
    heads = next(heads for path, heads, _ in hooks.got if path == "/commands/1/a")
    assert heads["content-type"].startswith("application/json") and "authorization" not in heads


def test_a_shared_answer_is_for_the_channel_and_a_missing_one_is_not(service: Server, hooks: Hooks) -> None:
    assert send(service, form(f"Share: {QUESTION}", f"{hooks.url}/commands/2/a")).json()["response_type"] == "ephemeral"
    assert send(service, form("share: What did Tom Bombadil sing to Frodo?", f"{hooks.url}/commands/2/b")).is_success
    (shared,) = hooks.wait("/commands/2/a")
    assert shared["response_type"] == "in_channel" and "hare:" not in said(shared)
    (missing,) = hooks.wait("/commands/2/b")
    check(missing)
    assert missing["response_type"] == "ephemeral" and missing["text"].startswith("No answer found")


@pytest.mark.parametrize("text", ["", "  ", "help", "share:", "?"])
def test_nothing_asked_brings_help(service: Server, hooks: Hooks, text: str) -> None:
    reply = send(service, form(text, f"{hooks.url}/commands/3/a", command="/citespan")).json()
    check(reply)
    assert "/citespan share: " in reply["text"] and not hooks.at("/commands/3/a")


def test_what_goes_wrong_is_told_to_whoever_asked(service: Server, hooks: Hooks) -> None:
    url = f"{hooks.url}/commands/4/a"
    stranger = send(service, form(QUESTION, url, team_id="T0002"))
    assert stranger.status_code == 200 and "CITESPAN_SLACK_TEAMS" in stranger.json()["text"]
    long = send(service, form("why " * 300, url))
    assert long.status_code == 200 and "1,000" in long.json()["text"]
    assert not hooks.at("/commands/4/a")


def test_slack_that_fails_is_asked_again_and_then_given_up(service: Server, hooks: Hooks) -> None:
    hooks.statuses = [500, 503]
    send(service, form(QUESTION, f"{hooks.url}/commands/5/a"))
    assert len({json.dumps(message) for message in hooks.wait("/commands/5/a", 3)}) == 1
    # An address that has been used up, or leads elsewhere, gets nothing more.
    for status, path in ((404, "/commands/5/b"), (302, "/commands/5/c")):
        hooks.statuses = [status]
        send(service, form(QUESTION, hooks.url + path))
        hooks.wait(path)
    hooks.statuses = [500] * 3
    send(service, form(QUESTION, f"{hooks.url}/commands/5/d"))
    hooks.wait("/commands/5/d", 3)
    finished(service, lost=3)
    assert [len(hooks.at(f"/commands/5/{one}")) for one in "abcd"] == [3, 1, 1, 3]
    assert not hooks.at("/commands/elsewhere")
    log = service.log.read_text()
    assert "Slack answered 404" in log and "Slack answered 302" in log and "/commands/" not in log


def finished(service: Server, *, lost: int) -> None:
    """Wait until nothing is on its way any more."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        text = httpx2.get(service.url + "/metrics", timeout=60).text
        if "citespan_slack_pending 0.0" in text and f'citespan_slack_answers_total{{outcome="lost"}} {lost}.0' in text:
            return
        time.sleep(0.05)
    raise AssertionError(text)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{other}/commands/6",
        "http://127.0.0.1:{port}@evil.example/commands/6",
        "http://127.0.0.1:{port}",
        "http://127.0.0.1:{port}.evil.example/commands/6",
        "http://127.0.0.1:{port}\\@evil.example/",
        "https://hooks.slack.com.evil.example/commands/6",
        "http://169.254.169.254/latest/meta-data/",
        "HTTP://127.0.0.1:{port}/commands/6",
        "file:///etc/passwd",
        "",
    ],
)
def test_answers_go_to_slack_only(service: Server, hooks: Hooks, url: str) -> None:
    with Hooks() as other:
        body = form(QUESTION, url.format(port=hooks.port, other=other.port))
        problem = assert_problem(send(service, body), 422)
        assert problem["errors"][0]["loc"] == ["body", "response_url"]
        assert not other.got and not hooks.at("/commands/6")


def test_only_what_slack_signed_is_taken_and_once(service: Server, hooks: Hooks) -> None:
    body = form("", f"{hooks.url}/commands/7/a")
    good = signed(body)
    assert send(service, body, good).status_code == 200
    assert "before" in assert_problem(send(service, body, good), 403)["detail"]
    assert "minutes" in assert_problem(send(service, body, signed(body, age=301)), 403)["detail"]
    assert "minutes" in assert_problem(send(service, body, signed(body, age=-310)), 403)["detail"]
    assert send(service, body, signed(body, age=290)).status_code == 200
    form_only = {"Content-Type": good["Content-Type"]}
    for changed in (
        signed(body, secret="another secret of Slack"),
        signed(body + b"&x=1"),
        form_only,
        good | {"X-Slack-Signature": "v0=é".encode().decode("latin-1")},
        good | {"X-Slack-Signature": ""},
        good | {"X-Slack-Signature": good["X-Slack-Signature"].upper()},
        good | {"X-Slack-Request-Timestamp": "now"},
        good | {"X-Slack-Request-Timestamp": "9" * 5_000},
        good | {"X-Slack-Request-Timestamp": f"{good['X-Slack-Request-Timestamp']}.0"},
    ):
        raw = [(name.encode(), value.encode("latin-1")) for name, value in changed.items()]
        assert_problem(httpx2.post(service.url + PATH, content=body, headers=raw, timeout=60), 403)
    twice = [*good.items(), ("X-Slack-Signature", good["X-Slack-Signature"])]
    assert_problem(httpx2.post(service.url + PATH, content=body, headers=twice, timeout=60), 403)


def test_bodies_that_are_no_form_of_slack(service: Server, hooks: Hooks) -> None:
    url = f"{hooks.url}/commands/8/a"
    huge = form("x" * 70_000, url)
    assert_problem(send(service, huge), 413)
    pieces = (huge[at : at + 1_000] for at in range(0, len(huge), 1_000))
    assert_problem(httpx2.post(service.url + PATH, content=pieces, headers=signed(huge), timeout=60), 413)
    body = form(QUESTION, url)
    assert_problem(send(service, body, signed(body) | {"Content-Type": "application/json"}), 415)
    assert_problem(send(service, body, signed(body) | {"Content-Encoding": "gzip"}), 415)
    for bad in (body + b"&text=again", b"text=%ff&team_id=T0001", b"&".join(b"a%d=1" % n for n in range(101))):
        assert_problem(send(service, bad), 400)
    for missing in (b"team_id=T0001", form(QUESTION, url, team_id=""), b"text=why"):
        assert assert_problem(send(service, missing), 422)["errors"]
    assert_problem(httpx2.get(service.url + PATH, timeout=60), 405)
    assert not hooks.at("/commands/8/a")


def test_slack_may_look_at_the_certificate(service: Server) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    reply = send(service, b"ssl_check=1&token=gIkuvaNzQIHg97ATvDxqgjtO", headers)
    assert (reply.status_code, reply.content) == (200, b"")


def test_there_is_nothing_while_no_secret_is_set(server: Server) -> None:
    body = form(QUESTION, "https://hooks.slack.com/commands/1/2")
    assert "CITESPAN_SLACK_SIGNING_SECRET" in assert_problem(send(server, body), 404)["detail"]


def test_every_command_gets_one_answer_also_under_pressure_and_at_the_end(
    tmp_path: Path, sample_library: Path, hooks: Hooks
) -> None:
    shutil.copytree(sample_library, tmp_path / "library")
    narrow = {"CITESPAN_QUEUE_SIZE": "1", "CITESPAN_CONCURRENCY": "1", "CITESPAN_SLACK_COLLECTION": "news"}
    count = 12
    with Server(tmp_path / "library", tmp_path / "log", **hooks.settings(**narrow)) as service:
        absent = send(service, form(QUESTION, f"{hooks.url}/commands/9/absent")).json()
        [absent] = hooks.wait("/commands/9/absent") if absent["text"].startswith("Looking") else [absent]
        assert "CITESPAN_SLACK_COLLECTION" in absent["text"]
        text = "Ada Quill opened the glass market of Ostrava in 1931. People came from far away to see it."
        article = {"text": text, "collection": "news"}
        assert httpx2.post(service.url + "/v1/articles", json=article, timeout=60).status_code == 201
        replies: dict[int, dict[str, Any]] = {}

        def ask(number: int) -> None:
            body = form(f"Who opened the glass market ({number})?", f"{hooks.url}/commands/9/{number}")
            replies[number] = send(service, body).json()

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert service.stop() == 0
    # At the end whatever was taken has been answered: as the reply, or later and after a word.
    for number in range(count):
        later = hooks.at(f"/commands/9/{number}")
        looking = replies[number]["text"].startswith("Looking")
        assert len(later) == (1 if looking else 0)
        final = later[0] if later else replies[number]
        check(final)
        assert (
            "Ada Quill" in final["text"]
            or "waiting" in final["text"]
            or "in time" in final["text"]
            or "soon" in final["text"]
        )
    assert any(
        "Ada Quill" in replies[number]["text"] + str(hooks.at(f"/commands/9/{number}")) for number in range(count)
    )
    patient = {"CITESPAN_SLACK_COLLECTION": "news", "CITESPAN_SLACK_WAIT_SECONDS": "0"}
    with Server(tmp_path / "library", tmp_path / "log", **hooks.settings(**patient)) as service:
        for number in range(4):
            assert send(service, form("Who opened the glass market?", f"{hooks.url}/commands/10/{number}")).is_success
        assert service.stop() == 0
    assert all("Ada Quill" in hooks.at(f"/commands/10/{number}")[0]["text"] for number in range(4))
    assert SECRET not in (tmp_path / "log").read_text()


def test_the_recorded_request_of_slacks_documentation_is_right() -> None:
    signatures = Signatures(SECRET)
    signatures.take([RECORDED_AT], [RECORDED_SIGNATURE], RECORDED, now=1531420618.5)
    command = read_command(read_fields(RECORDED))
    assert (command.name, command.question, command.team) == ("/webhook-collect", "", "T1DC2JH3J")
    with pytest.raises(Problem, match="before"):
        signatures.take([RECORDED_AT], [RECORDED_SIGNATURE], RECORDED, now=1531420918)
    with pytest.raises(Problem, match="minutes"):
        signatures.take([RECORDED_AT], [RECORDED_SIGNATURE], RECORDED, now=1531420919)


def test_signatures_are_kept_while_they_are_good_and_not_beyond() -> None:
    signatures = Signatures(SECRET, most=3)
    verifier = SignatureVerifier(SECRET)

    def take(second: int, now: int) -> None:
        signature = verifier.generate_signature(timestamp=str(second), body=b"a=1")
        assert signature is not None
        signatures.take([str(second).encode()], [signature.encode()], b"a=1", now=now)

    for second in (1_000, 1_001, 1_002):
        take(second, 1_002)
    with pytest.raises(Problem) as full:
        take(1_003, 1_003)
    assert full.value.status == 503 and full.value.headers["Retry-After"]
    with pytest.raises(Problem, match="before"):
        take(1_000, 1_300)
    take(1_003, 1_301)


@pytest.mark.parametrize(
    ("text", "question", "share"),
    [
        ("Who built AT&amp;T &lt;Tower&gt;?", "Who built AT&T <Tower>?", False),
        ("What is &amp;lt;?", "What is &lt;?", False),
        (
            "Did <@U012AB3CD|maria> visit <https://example.org/a|example.org>?",
            "Did maria visit example.org?",
            False,
        ),
        ("Who writes in <#C012AB3CD|general>, <#C012AB3CD>?", "Who writes in general, C012AB3CD?", False),
        ("share prices of Elb?", "share prices of Elb?", False),
        ("SHARE : why?", "why?", True),
        ("share:\nwhy?", "why?", True),
    ],
)
def test_what_was_typed(text: str, question: str, share: bool) -> None:
    command = read_command(read_fields(form(text, "https://hooks.slack.com/x")))
    assert (command.question, command.share) == (question, share)


@given(st.binary(max_size=300))
def test_any_body_is_a_command_or_a_problem(body: bytes) -> None:
    try:
        read_command(read_fields(body))
    except Problem as problem:
        assert problem.status in (400, 422)


@given(st.text(min_size=1))
def test_any_note_is_a_message(text: str) -> None:
    check(note("a" + text))
    assert "<" not in note(text)["text"] and "\x00" not in note(text)["text"]


@pytest.fixture
def answered(qa: QuestionAnswering, library: Library) -> Callable[[Article, str], dict[str, Any]]:
    def ask(article: Article, question: str) -> dict[str, Any]:
        own = QuestionAnswering(library, qa.reader)
        own.add(article)
        return answer_message(own.ask(question))

    return ask


def test_what_an_article_says_is_shown_as_it_stands(answered: Callable[[Article, str], dict[str, Any]]) -> None:
    sentence = (
        "The *Ada* _Quill_ `code` <!channel> &amp; <http://evil.example|click> ferry was built by Ada Quill in 1931."
    )
    article = Article(id="a", text=sentence, title="<!here> *T* & co", url="https://example.org/?a=<b>", source="x")
    message = answered(article, "Who built the ferry?")
    check(message)
    assert sentence in said(message) and "<!here> *T* & co" in said(message)
    # Nothing is left to be interpreted: no mrkdwn anywhere, and a link only where its address is one.
    assert "mrkdwn" not in json.dumps(message["blocks"]) and message["mrkdwn"] is False
    assert "<" not in message["text"] and "&lt;!channel&gt;" in message["text"]
    assert '"url"' not in json.dumps(message["blocks"])


@given(
    before=st.text(max_size=40),
    inside=st.text(min_size=1, max_size=40),
    after=st.text(max_size=40),
    times=st.tuples(*[st.integers(1, 200)] * 3),
    title=st.text(max_size=300),
    url=st.text(max_size=60),
    others=st.text(max_size=20),
)
def test_any_sentence_is_cut_around_its_answer(
    before: str, inside: str, after: str, times: tuple[int, int, int], title: str, url: str, others: str
) -> None:
    before, inside, after = (part * many for part, many in zip((before, inside, after), times, strict=True))
    sentence = before + inside + after
    text = f"{others}{sentence}{others}"
    start = len(others) + len(before)
    article = ArticleInfo(id="a", title=title, url=url, source=others, published=None, tags=(), sha256="")
    passage = Passage("a", 0, 7, 7 + len(text), text)
    ends = (start, start + len(inside))
    evidence = Evidence(article, passage, sentence, *ends, ends[0] + 7, ends[1] + 7, 1.0)
    ranked = RankedAnswer(inside, 0.5, (evidence,), (), Support(1, 1))
    message = answer_message(Answer("Why?", True, None, (ranked,), "medium", ()), share=True)
    check(message)
    quote = message["blocks"][1]["elements"][1]["elements"]
    shown = ["".join(part["text"] for part in quote if bool(part.get("style")) == bold) for bold in (True, False)]
    whole = "".join(part["text"] for part in quote)
    assert len(whole) <= 1_210
    if len(sentence) <= 1_200:
        assert (shown[0], whole) == (safe(inside), safe(sentence))
    elif len(inside) <= 1_000:
        # The answer whole, and around it what is around it there.
        assert shown[0] == safe(inside)
        left, right = whole.removeprefix("… "), whole.removesuffix("…")
        assert any(one in safe(sentence) for one in (left, right, left.removesuffix("…")))


def safe(text: str) -> str:
    """What is shown of a text: characters that steer or turn it round are replaced, one for one."""
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", "\ufffd", text)


def test_a_list_whose_members_stand_apart_and_what_is_known_of_an_article(
    qa: QuestionAnswering, library: Library
) -> None:
    own = QuestionAnswering(library, qa.reader)
    text = "The ferry was built by Ada Quill in 1931. It was paid for by the town of Ostrava."
    url, published = "https://news.example.org/ferry", "2023-06-24T10:00:00Z"
    own.add(Article(id="a", text=text, title="The ferry", url=url, source="Harbour Dispatch", published=published))
    answer = own.ask("Who built the ferry?")
    assert answer.text == "Ada Quill"
    message = answer_message(answer)
    link = {"type": "link", "url": url, "text": "The ferry"}
    assert link in message["blocks"][1]["elements"][2]["elements"]
    assert " (Harbour Dispatch, 2023-06-24)" in said(message)
    items = [Item(one, "a", text.index(one), text.index(one) + len(one)) for one in ("Ada Quill", "town of Ostrava")]
    several = replace(answer, answers=(replace(answer.answers[0], items=tuple(items)), *answer.answers[1:]))
    assert answer_message(several)["text"].startswith("Ada Quill · town of Ostrava — ")


@pytest.mark.parametrize("opened", [True, False])
def test_an_address_of_slacks_that_leads_inside_is_not_dialled(hooks: Hooks, opened: bool) -> None:
    """What Slack's name stands for is looked at too, as it is whenever this service asks somebody else."""
    networks = ("127.0.0.1/32",) if opened else ()
    policy = FetchPolicy(allowed_networks=networks, allowed_ports=(hooks.port,))
    metrics, workers, path = Metrics(), Workers(Settings()), f"/commands/11/{opened}"

    async def message() -> dict[str, Any]:
        return note("here it is")

    async def deliver() -> None:
        deliveries = Deliveries(workers, policy, [hooks.url], metrics)
        assert deliveries.permits(hooks.url + path)
        deliveries.later(hooks.url + path, message(), request_id="1")
        await deliveries.close(30)
        assert deliveries.pending == 0 and deliveries.full

    asyncio.run(deliver())
    workers.close(5)
    assert len(hooks.at(path)) == opened
    assert f'outcome="{"delivered" if opened else "lost"}"}} 1.0' in metrics.text().decode()
