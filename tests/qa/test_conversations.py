"""Conversations in the library: kept in order, bounded, apart by owner, and without what was removed."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from index import Article, Library, QueryError, RecordNotFound
from qa import Conversations, QuestionAnswering, Turn
from tests.helpers import ROOT

# Development dialogues whose follow-ups lean on what was said in all the ways that there are.
DOZEN = ("d007", "d011", "d016", "d027", "d040", "d051", "d065", "d076", "d107", "d117", "d118", "d154")
SECRET = "Ludmilla Quarrenfield"


@pytest.fixture
def own(qa: QuestionAnswering, library: Library) -> Iterator[QuestionAnswering]:
    yield QuestionAnswering(library, qa.reader)


def test_a_dozen_dialogues_are_understood_where_the_bare_questions_are_not(qa: QuestionAnswering) -> None:
    from benchmarks.dialogues import outcomes

    lines = (ROOT / "tests" / "data" / "dialogues" / "development.jsonl").read_text(encoding="utf-8").splitlines()
    chosen = [one for one in map(json.loads, lines) if one["id"] in DOZEN]
    assert len(chosen) == 12
    found = outcomes(qa, chosen)
    right = {way: sum(one["right"][way] for one in found) for way in found[0]["right"]}
    assert right["in conversation"] >= 0.75 * len(found) and right["in conversation"] > 1.5 * right["alone"], right


def test_without_history_nothing_is_changed(qa: QuestionAnswering) -> None:
    question = "When was the Suez Canal opened?"
    plain, with_none = qa.ask(question), qa.ask(question, history=())
    assert plain == with_none and plain.standalone_question is None
    after = qa.ask(question, history=[Turn("Who won the first Olympic marathon?", answer="Spyridon Louis")])
    assert after.text == plain.text and after.standalone_question == question


def test_the_work_is_checked_between_the_readings_of_a_question(qa: QuestionAnswering) -> None:
    class Enough(Exception):
        pass

    asked = 0

    def check() -> None:
        nonlocal asked
        asked += 1
        if asked > 2:
            raise Enough

    history = [Turn("Who nationalised the Suez Canal?", answer="Gamal Abdel Nasser")]
    with pytest.raises(Enough):
        list(qa.steps("How old was he then?", history=history, check=check))


def test_at_most_about_twice_as_much_is_read(qa: QuestionAnswering, monkeypatch: pytest.MonkeyPatch) -> None:
    read = []
    before = qa.reader.read
    monkeypatch.setattr(qa.reader, "read", lambda question, texts: read.extend(texts) or before(question, texts))
    history = [Turn("Who nationalised the Suez Canal?", answer="Gamal Abdel Nasser", title="The Suez crisis of 1956")]
    qa.ask("What did he say about it?", history=history, passages=4)
    assert 0 < len(read) <= 2 * 4 + 3


def test_messages_are_kept_in_order_and_the_oldest_go(own: QuestionAnswering) -> None:
    own.add(Article(id="mill", title="The mill", text="The mill of Tarn was built by Hugo Marsh in 1788."))
    conversations = Conversations(own, size=2, messages=3)
    first = conversations.create(title="first")
    for owner in ("a key", None):
        made = [conversations.create(owner=owner) for _ in range(2)]
        assert [one.id for one in conversations.list(owner=owner)] == [one.id for one in reversed(made)]
    with pytest.raises(RecordNotFound):
        conversations.get(first.id)

    talk = conversations.create()
    asked = ["Who built the mill of Tarn?", "When did he do that?", "Why?", "Who built the mill of Tarn?"]
    said = [conversations.ask(talk.id, question) for question in asked]
    assert said[1].standalone_question == "When did Hugo Marsh build the mill of Tarn?"
    assert said[1].reply and said[1].reply["answer"] == "1788"
    assert [one.id for one in conversations.messages(talk.id)] == [one.id for one in said[1:]]
    assert conversations.get(talk.id).title == asked[0]
    with pytest.raises(QueryError):
        conversations.ask(talk.id, " ")
    with pytest.raises(RecordNotFound):
        conversations.ask("conv_none", "Why?")
    conversations.forget(talk.id)
    with pytest.raises(RecordNotFound):
        conversations.messages(talk.id)


def test_what_was_removed_is_in_no_message_and_in_no_file(own: QuestionAnswering) -> None:
    own.add(Article(id="a", title="Harbour", text=f"The old harbour of Brenwick was drawn by {SECRET} in 1911."))
    own.add(Article(id="b", title="Bridge", text="The bridge of Tarn was opened by the mayor in 1950."))
    conversations = Conversations(own)
    talk = conversations.create()
    one = conversations.ask(talk.id, "Who drew the old harbour of Brenwick?")
    two = conversations.ask(talk.id, "When did she do that?")
    three = conversations.ask(talk.id, "When was the bridge of Tarn opened?")
    assert one.turn.answer == SECRET and SECRET in (two.standalone_question or "")
    own.library.collection().remove("a")
    kept = conversations.messages(talk.id)
    assert [message.withdrawn for message in kept] == [True, True, False]
    assert kept[0].standalone_question == one.question and kept[1].standalone_question is None
    assert kept[2].reply == three.reply
    assert conversations.ask(talk.id, "Who opened it?").standalone_question == "Who opened the bridge of Tarn?"
    folder: Path = own.library.folder
    own.library.close()
    assert not any(SECRET.encode() in path.read_bytes() for path in folder.rglob("*") if path.is_file())
