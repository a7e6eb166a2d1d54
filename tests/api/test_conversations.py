"""Conversations over HTTP, against a real server: understood, streamed, kept, corrected, withdrawn, forgotten."""

import json
import shutil
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest

from api.auth.callers import Scope
from api.auth.keys import Keys
from index import Records
from tests.helpers import Server, assert_problem

FIRST = "Which countries accepted that the regions were annexed?"


def begin(client: httpx2.Client, **body: str) -> str:
    made = client.post("/v1/conversations", json=body) if body else client.post("/v1/conversations")
    assert made.status_code == 201 and set(made.json()) == {"id"}
    return str(made.json()["id"])


def say(client: httpx2.Client, conversation: str, question: str, **more: object) -> dict:
    reply = client.post(f"/v1/conversations/{conversation}/messages", json={"question": question, **more})
    assert reply.status_code == 200, reply.text
    return dict(reply.json())


def events(text: str) -> list[tuple[str, dict]]:
    blocks = [block.split("\n") for block in text.strip().split("\n\n") if block.startswith("event: ")]
    return [(name.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for name, data in blocks]


def test_a_follow_up_is_understood_and_kept(client: httpx2.Client) -> None:
    conversation = begin(client)
    one = say(client, conversation, "Who confessed that he had started the Great Fire of London?")
    assert one["answer"] == "Robert Hubert" and one["standalone_question"] == one["question"]
    two = say(client, conversation, "And where was he hanged?")
    assert two["standalone_question"] == "where was Robert Hubert hanged?" and "Tyburn" in two["answer"]
    assert two["question"] == "And where was he hanged?"

    shown = client.get(f"/v1/conversations/{conversation}").json()
    assert shown["title"] == one["question"]
    assert [message["id"] for message in shown["messages"]] == [one["message_id"], two["message_id"]]
    for message, reply in zip(shown["messages"], (one, two), strict=True):
        stored = {name: value for name, value in reply.items() if name not in ("message_id", "kept")}
        assert message["reply"] == stored and reply["kept"] and not message["withdrawn"]
        assert message["standalone_question"] == reply["standalone_question"]


def test_the_same_over_a_stream(client: httpx2.Client) -> None:
    conversation = begin(client)
    say(client, conversation, "What is the first medicine built on CRISPR called?")
    reply = client.post(
        f"/v1/conversations/{conversation}/messages",
        json={"question": "When was it approved in Britain?"},
        headers={"Accept": "text/event-stream"},
    )
    assert reply.headers["content-type"].startswith("text/event-stream")
    found = events(reply.text)
    names = [name for name, _ in found]
    assert names[0] == "retrieved" and names[-3:] == ["understood", "answer", "done"]
    done = found[-1][1]
    assert found[-3][1] == {"standalone_question": done["standalone_question"]}
    assert "Casgevy" in done["standalone_question"] and done["answer"] == "16 November 2023"
    (_, kept) = client.get(f"/v1/conversations/{conversation}").json()["messages"]
    assert kept["id"] == done["message_id"] and kept["reply"]["id"] == done["id"]


def test_a_question_is_corrected_in_its_place(client: httpx2.Client) -> None:
    conversation = begin(client)
    say(client, conversation, FIRST)
    wrong = say(client, conversation, "When was it opened?")
    after = say(client, conversation, "Who designed the new churches after the Great Fire of London?")
    right = say(
        client,
        conversation,
        "When was it opened?",
        standalone_question="When was the Suez Canal opened?",
        replaces=wrong["message_id"],
    )
    assert right["message_id"] == wrong["message_id"] and right["answer"] == "1869"
    assert right["standalone_question"] == "When was the Suez Canal opened?"
    messages = client.get(f"/v1/conversations/{conversation}").json()["messages"]
    assert [message["id"] for message in messages][1:] == [wrong["message_id"], after["message_id"]]
    assert messages[1]["reply"]["answer"] == "1869"
    other = begin(client)
    refused = client.post(
        f"/v1/conversations/{other}/messages", json={"question": "When?", "replaces": wrong["message_id"]}
    )
    assert_problem(refused, 404)
    assert client.get(f"/v1/conversations/{other}").json()["messages"] == []


def test_listed_page_by_page_and_forgotten(client: httpx2.Client) -> None:
    made = [begin(client, title=f"talk {number}") for number in range(3)]
    page = client.get("/v1/conversations", params={"limit": 2}).json()
    assert [one["id"] for one in page["conversations"]] == made[:0:-1]
    assert [one["title"] for one in page["conversations"]] == ["talk 2", "talk 1"]
    rest = client.get("/v1/conversations", params={"limit": 1, "cursor": page["next_cursor"]}).json()
    assert rest["conversations"][0]["id"] == made[0]
    say(client, made[0], FIRST)
    assert client.delete(f"/v1/conversations/{made[0]}").status_code == 204
    for reply in (
        client.get(f"/v1/conversations/{made[0]}"),
        client.delete(f"/v1/conversations/{made[0]}"),
        client.post(f"/v1/conversations/{made[0]}/messages", json={"question": "Why?"}),
    ):
        assert_problem(reply, 404)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"question": " "}, 422),
        ({"question": "Why?", "history": []}, 422),
        ({"question": "Why?", "standalone_question": "x" * 1_001}, 422),
        ({"question": "Why?", "replaces": ""}, 422),
        ({"question": "Why?", "collection": "nowhere"}, 404),
        ({"question": "Why?", "limit": 0}, 422),
    ],
)
def test_a_bad_message_is_refused_and_leaves_nothing(client: httpx2.Client, body: dict, status: int) -> None:
    conversation = begin(client)
    assert_problem(client.post(f"/v1/conversations/{conversation}/messages", json=body), status)
    assert client.get(f"/v1/conversations/{conversation}").json()["messages"] == []


def test_bad_beginnings_and_listings_are_refused(client: httpx2.Client) -> None:
    assert_problem(client.post("/v1/conversations", json={"titel": "x"}), 422)
    assert_problem(client.post("/v1/conversations", content=b"{}", headers={"content-type": "text/plain"}), 415)
    assert_problem(client.get("/v1/conversations", params={"cursor": "x"}), 400)
    assert_problem(client.get("/v1/conversations/nothing"), 404)


def test_ask_takes_the_history_of_who_keeps_it_elsewhere(client: httpx2.Client) -> None:
    history = [{"question": "Who won the first Olympic marathon?", "answer": "Spyridon Louis"}]
    reply = client.post("/v1/ask", json={"question": "What was his time?", "history": history}).json()
    assert reply["standalone_question"] == "What was Spyridon Louis's time?" and "58 minutes" in reply["answer"]
    assert "standalone_question" not in client.post("/v1/ask", json={"question": "What was his time?"}).json()
    streamed = client.post("/v1/ask/stream", json={"question": "What was his time?", "history": history})
    assert ("understood", {"standalone_question": reply["standalone_question"]}) in events(streamed.text)
    assert_problem(client.post("/v1/ask", json={"question": "Why?", "history": history * 21}), 422)
    assert_problem(client.get("/v1/ask", params={"question": "Why?", "history": "[]"}), 422)


def test_a_conversation_is_its_keys_own(sample_library: Path, tmp_path: Path) -> None:
    shutil.copytree(sample_library, tmp_path / "library")
    records = Records(tmp_path / "library")
    keys = Keys(records)
    made = {
        "mine": keys.add("mine", Scope.ASK)[1],
        "other": keys.add("other", Scope.WRITE)[1],
        "elsewhere": keys.add("elsewhere", Scope.ADMIN, collections=["elsewhere"])[1],
        "page": keys.add("page", Scope.ASK, origins=["https://reader.example"])[1],
        "admin": keys.add("admin", Scope.ADMIN)[1],
    }
    records.close()
    with (
        Server(tmp_path / "library", tmp_path / "log") as server,
        httpx2.Client(base_url=server.url, timeout=60) as client,
    ):

        def send(key: str, method: str, path: str = "", **more: object) -> httpx2.Response:
            headers = {"Authorization": f"Bearer {made[key]}"}
            if key == "page":
                headers["Origin"] = "https://reader.example"
            return client.request(method, f"/v1/conversations{path}", headers=headers, **more)  # type: ignore[arg-type]

        conversation = send("mine", "POST").json()["id"]
        assert send("mine", "POST", f"/{conversation}/messages", json={"question": FIRST}).status_code == 200
        for key in ("other", "elsewhere", "page"):
            assert_problem(send(key, "POST", f"/{conversation}/messages", json={"question": "Why?"}), 404)
            assert_problem(send(key, "GET", f"/{conversation}"), 404)
            assert_problem(send(key, "DELETE", f"/{conversation}"), 404)
        assert send("other", "GET").json()["conversations"] == []
        assert [one["id"] for one in send("mine", "GET").json()["conversations"]] == [conversation]
        assert_problem(send("page", "GET"), 403)
        own = send("elsewhere", "POST").json()["id"]
        assert_problem(send("elsewhere", "POST", f"/{own}/messages", json={"question": "Why?"}), 403)
        assert len(send("admin", "GET", f"/{conversation}").json()["messages"]) == 1
        assert send("admin", "DELETE", f"/{conversation}").status_code == 204


def test_two_at_once_are_put_in_order_and_none_is_lost(client: httpx2.Client) -> None:
    conversation = begin(client)
    questions = [f"Who nationalised the Suez Canal in {year}?" for year in range(1950, 1962)]
    with ThreadPoolExecutor(6) as pool:
        said = list(pool.map(lambda question: say(client, conversation, question), questions))
    messages = client.get(f"/v1/conversations/{conversation}").json()["messages"]
    assert sorted(message["question"] for message in messages) == questions
    assert {message["id"] for message in messages} == {one["message_id"] for one in said}


def test_what_was_acknowledged_outlives_kills_and_what_quoted_a_removed_article_does_not(
    sample_library: Path, tmp_path: Path
) -> None:
    shutil.copytree(sample_library, tmp_path / "library")
    server = Server(tmp_path / "library", tmp_path / "log", CITESPAN_CONVERSATION_MESSAGES="3")
    said = []
    with server, httpx2.Client(base_url=server.url, timeout=60) as client:
        conversation = begin(client)
        for question in (
            "Who confessed that he had started the Great Fire of London?",
            "When was the Suez Canal opened?",
        ):
            said.append(say(client, conversation, question))
            server.stop(signal.SIGKILL)
            server.start()
        shown = client.get(f"/v1/conversations/{conversation}").json()["messages"]
        assert [message["reply"]["answer"] for message in shown] == [one["answer"] for one in said]

        article = said[0]["answers"][0]["evidence"][0]["article"]["id"]
        assert client.delete(f"/v1/articles/{article}").status_code == 204
        gone, kept = client.get(f"/v1/conversations/{conversation}").json()["messages"]
        assert gone["withdrawn"] and gone["reply"] is None and gone["question"] == gone["standalone_question"]
        assert not kept["withdrawn"] and kept["reply"]["answer"] == "1869"
        # What is left is still understood, and of a conversation only the last messages are kept.
        assert say(client, conversation, "Who nationalised it?")["answer"] == "Gamal Abdel Nasser"
        say(client, conversation, "When?")
        questions = [one["question"] for one in client.get(f"/v1/conversations/{conversation}").json()["messages"]]
        assert questions == ["When was the Suez Canal opened?", "Who nationalised it?", "When?"]
