"""Conversations through the Python client."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.client import Done, NotFound, Understood
from tests.clients.both import KINDS, opened
from tests.helpers import Server

MILL = "The mill of Tarn was built by Hugo Marsh in 1788. It burnt down in 1844, and nobody built it again."


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("own")
    with Server(folder / "library", folder / "log") as running:
        with opened("blocking", running.url) as client:
            client.add(MILL, id="mill", title="The mill of Tarn")
        yield running


@pytest.fixture(params=KINDS)
def client(request: pytest.FixtureRequest, own: Server) -> Iterator[Any]:
    with opened(request.param, own.url) as made:
        yield made


def test_a_follow_up_is_understood_and_kept(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = client.create_conversation(title="About the mill")
    first = client.send_message(begun, "Who built the mill of Tarn?")
    assert first.answer == "Hugo Marsh" and first.message_id
    second = client.send_message(begun, "When did he build it?")
    assert second.answer == "1788" and second.standalone_question
    kept = client.conversation(begun)
    assert kept.title == "About the mill" and [message.reply.answer for message in kept.messages] == [
        "Hugo Marsh",
        "1788",
    ]
    assert kept.messages[1].standalone_question == second.standalone_question
    assert client.export_conversation(begun).startswith("# About the mill\n")
    assert client.export_conversation(begun, form="csv", style="apa").startswith("asked,question,")
    other = client.create_conversation()
    for module in ("sync_client", "async_client"):
        monkeypatch.setattr(f"api.client.{module}.PAGE", 1)
    assert [row.id for row in client.conversations()][:2] == [other, begun]
    client.forget_conversation(begun)
    with pytest.raises(NotFound):
        client.conversation(begun)


def test_a_follow_up_is_streamed(client: Any) -> None:
    begun = client.create_conversation()
    client.send_message(begun, "Who built the mill of Tarn?")
    events = list(client.stream_message(begun, "When did he build it?"))
    (understood,) = [event for event in events if isinstance(event, Understood)]
    assert isinstance(events[-1], Done) and events[-1].answer.answer == "1788" and events[-1].answer.message_id
    assert client.conversation(begun).messages[1].standalone_question == understood.standalone_question


def test_what_was_said_can_come_along(client: Any) -> None:
    said = [{"question": "Who built the mill of Tarn?", "answer": "Hugo Marsh"}]
    assert client.ask("When did he build it?", history=said).answer == "1788"
