"""Events of standing questions reach their receivers: retried, in order, and through restarts and kills."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.helpers import Server, citespan
from tests.receiver import Message, Receiver
from tests.site import until

QUESTION = "Who built the lighthouse at Varn?"
OLGA = "The lighthouse at Varn was built in 1893 by Olga Tamm."
PETER = "The lighthouse at Varn was built in 1893 by Peter Holm."


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as opened:
        yield opened


def put(server: Server, receiver: Receiver) -> dict[str, Any]:
    reply = httpx2.post(f"{server.url}/v1/watches", json={"question": QUESTION, "webhook": receiver.url}, timeout=60)
    assert reply.status_code == 201, reply.text
    return dict(reply.json())


def add(server: Server, name: str, text: str) -> None:
    reply = httpx2.post(f"{server.url}/v1/articles", json={"id": name, "text": text}, timeout=60)
    assert reply.status_code in (200, 201), reply.text


def recorded(server: Server, watch: dict[str, Any], count: int) -> list[dict[str, Any]]:
    def look() -> Any:
        found = httpx2.get(f"{server.url}/v1/watches/{watch['id']}/events", timeout=60).json()["events"]
        return len(found) >= count and found

    return list(until(look))


def webhook(server: Server, watch: dict[str, Any]) -> dict[str, Any]:
    return dict(httpx2.get(f"{server.url}/v1/watches/{watch['id']}", timeout=60).json()["webhook"])


def taken(receiver: Receiver, count: int) -> list[Message]:
    return list(until(lambda: len(receiver.messages) >= count and receiver.messages))


def test_a_failed_delivery_is_tried_again_with_the_same_id_and_order_is_kept(
    tmp_path: Path, receiver: Receiver
) -> None:
    with Server(tmp_path / "library", tmp_path / "log", **receiver.environment) as server:
        watch = put(server, receiver)
        receiver.answers += [(500, {}), (503, {"Retry-After": "1"})]
        add(server, "a", OLGA)
        recorded(server, watch, 1)
        add(server, "a", "The lighthouse at Varn is closed.")
        both = recorded(server, watch, 2)
        messages = taken(receiver, 4)
        assert [one.type for one in messages] == ["answer.new"] * 3 + ["answer.gone"]
        assert [one.id for one in messages] == [both[0]["id"]] * 3 + [both[1]["id"]]
        stamps = [int(one.headers["webhook-timestamp"]) for one in messages]
        assert stamps[2] - stamps[1] >= 1, "Retry-After is heeded"
        for message, event in zip(messages[2:], both, strict=True):
            said = message.verified(watch["secret"])
            assert said == {name: value for name, value in event.items() if name != "id"}
        assert until(lambda: webhook(server, watch)["error"] is None)

        address = f"{server.url}/v1/watches/{watch['id']}/events"
        with httpx2.stream("GET", address, headers={"Accept": "text/event-stream"}, timeout=60) as stream:
            lines = stream.iter_lines()
            assert next(lines) == ": following"
            assert server.stop() == 0, "whoever follows holds up no end"
            assert [line for line in lines if line.startswith("id: ")] == [f"id: {one['id']}" for one in both]


def test_a_receiver_that_wants_no_more_or_never_answers_is_left_alone_until_a_test(
    tmp_path: Path, receiver: Receiver
) -> None:
    with Server(tmp_path / "library", tmp_path / "log", **receiver.environment) as server:
        watch = put(server, receiver)
        receiver.answers += [(410, {})]
        add(server, "a", OLGA)
        until(lambda: not webhook(server, watch)["on"])
        assert "410" in webhook(server, watch)["error"]
        httpx2.delete(f"{server.url}/v1/articles/a")
        events = recorded(server, watch, 2)
        assert len(receiver.messages) == 1, "what it is not told is recorded all the same"
        tested = httpx2.post(f"{server.url}/v1/watches/{watch['id']}/test", timeout=60).json()
        assert tested["delivered"] is True
        assert [one.id for one in taken(receiver, 4)[2:]] == [one["id"] for one in events], "what it missed comes then"

        receiver.messages.clear()
        receiver.answers += [(500, {})] * 4
        add(server, "a", OLGA)
        until(lambda: not webhook(server, watch)["on"])
        assert webhook(server, watch)["tries"] == len(receiver.messages) == 4


def test_what_came_while_the_service_was_down_is_told_once(tmp_path: Path, receiver: Receiver) -> None:
    folder = tmp_path / "library"
    with Server(folder, tmp_path / "log", **receiver.environment) as server:
        watch = put(server, receiver)
        add(server, "a", OLGA)
        taken(receiver, 1)
    story = tmp_path / "story.txt"
    story.write_text(PETER)
    assert citespan("remove", "a", "--library", str(folder)).returncode == 0
    assert citespan("add", str(story), "--library", str(folder)).returncode == 0
    with Server(folder, tmp_path / "log", **receiver.environment) as server:
        events = recorded(server, watch, 2)
        taken(receiver, 2)
    with Server(folder, tmp_path / "log", **receiver.environment) as server:
        add(server, "b", "Bread is made of flour and water.")
        assert recorded(server, watch, 2) == events
    assert [one["type"] for one in events] == ["answer.new", "answer.different"]
    assert events[1]["data"]["old"]["text"] == "Olga Tamm" and events[1]["data"]["new"]["text"] == "Peter Holm"
    assert [one.id for one in receiver.messages] == [one["id"] for one in events]


def test_a_kill_between_event_and_delivery_loses_and_doubles_no_event(tmp_path: Path, receiver: Receiver) -> None:
    folder = tmp_path / "library"
    with Server(folder, tmp_path / "log", **receiver.environment) as server:
        watch = put(server, receiver)
        receiver.hold.clear()  # the receiver has the message, and does not answer
        add(server, "a", OLGA)
        taken(receiver, 1)
        events = recorded(server, watch, 1)
        server.stop(signal.SIGKILL)
        receiver.hold.set()
        server.start()
        messages = taken(receiver, 2)
        assert {one.id for one in messages} == {events[0]["id"]}, "sent again with the same webhook-id"
        assert recorded(server, watch, 1) == events
        assert all(one.verified(watch["secret"])["type"] == "answer.new" for one in messages)
        until(lambda: webhook(server, watch) == {"url": receiver.url, "on": True, "tries": 0, "error": None})


def test_a_kill_at_any_moment_leaves_each_change_told_once(tmp_path: Path, receiver: Receiver) -> None:
    folder = tmp_path / "library"
    server = Server(folder, tmp_path / "log", **receiver.environment)
    server.start()
    try:
        watch = put(server, receiver)
        for number, text in enumerate((OLGA, PETER)):
            add(server, "a", text)
            if number:
                until(lambda: len(receiver.messages) >= 1)
            server.stop(signal.SIGKILL)
            server.start()
            events = recorded(server, watch, number + 1)
        assert [one["type"] for one in events] == ["answer.new", "answer.different"]
        until(lambda: {one.id for one in receiver.messages} == {one["id"] for one in events})
    finally:
        server.stop()
