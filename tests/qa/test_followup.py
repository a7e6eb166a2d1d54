"""How follow-ups are understood: what stands alone is left alone, what leans on what was said is put anew."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa import MAX_QUESTION_CHARACTERS, Turn
from qa.followups.rewriter import READINGS, variants
from qa.followups.verbs import plain_form

SUEZ = Turn(
    "Who nationalised the Suez Canal?",
    answer="Gamal Abdel Nasser",
    sentence="On 26 July 1956 Gamal Abdel Nasser announced it at Alexandria.",
    title="The Suez crisis",
)
SUMMIT = Turn("When did Kim meet Putin?", answer="April 2019", title="Pyongyang and Moscow")
CLAIM = Turn(
    "Which countries recognised the annexations?", answer="North Korea and Syria", items=("North Korea", "Syria")
)


def first(question: str, *history: Turn) -> str:
    return variants(question, history)[0].question


@pytest.mark.parametrize(
    ("question", "turn", "understood"),
    [
        ("When?", SUEZ, "When did Gamal Abdel Nasser nationalise the Suez Canal?"),
        ("Why?", SUEZ, "Why did Gamal Abdel Nasser nationalise the Suez Canal?"),
        ("ok, and in which year?", SUEZ, "in which year did Gamal Abdel Nasser nationalise the Suez Canal?"),
        ("When did he do that?", SUEZ, "When did Gamal Abdel Nasser nationalise the Suez Canal?"),
        ("How old was he?", SUEZ, "How old was Gamal Abdel Nasser?"),
        ("Who were his enemies?", SUEZ, "Who were Gamal Abdel Nasser's enemies?"),
        ("How long is it?", SUEZ, "How long is the Suez Canal?"),
        ("Where?", SUMMIT, "Where did Kim meet Putin?"),
        ("Where did they do it?", CLAIM, "Where did North Korea and Syria recognise the annexations?"),
        ("What did they gain?", CLAIM, "What did North Korea and Syria gain?"),
        ("What happened that year?", Turn("When did it end?", answer="1956"), "What happened in 1956?"),
        ("And in 1957?", Turn("Who won the prize in 1956?", answer="Ann Lee"), "Who won the prize in 1957?"),
        ("And Syria?", Turn("When did Egypt sign the treaty?", answer="1979"), "When did Syria sign the treaty?"),
        ("What about the Moon?", Turn("How far is Mars from us?", answer="far"), "How far is the Moon from us?"),
        ("I mean Sadat, not Nasser", Turn("When did Nasser die?", answer="1970"), "When did Sadat die?"),
        ("The canal, how long is it?", SUEZ, "how long is The canal?"),
        (
            "how high?",
            Turn("How long is the Aswan High Dam?", answer="3,830 metres"),
            "how high is the Aswan High Dam?",
        ),
        ("waht was he by trade?", SUEZ, "what was Gamal Abdel Nasser by trade?"),
        ("whats its depth", Turn("How long is the Suez Canal?", answer="193 km"), "what is the Suez Canal's depth"),
        ("His home?", SUEZ, "What is Gamal Abdel Nasser's home?"),
        ("And the visitors, how many came that day?", SUEZ, "how many visitors came that day?"),
        ("How old was he? Nasser, I mean.", CLAIM, "How old was Nasser?"),
        ("When did the latter join?", CLAIM, "When did Syria join?"),
        ("How large is the first one?", CLAIM, "How large is North Korea?"),
        (
            "I meant the older act",
            Turn("When was the Rent Act passed?", answer="2019"),
            "When was the older act passed?",
        ),
        ("the first, actually", Turn("When was the last mission?", answer="2009"), "When was the first mission?"),
        ("the repair one", Turn("Which shuttle came first?", answer="Discovery"), "Which repair shuttle came first?"),
        ("height, not length", Turn("What is the length of the dam?", answer="3 km"), "What is the height of the dam?"),
        ("Did anyone else sign it?", Turn("Who signed the pact?", answer="Ann Lee"), "Who did sign the pact?"),
    ],
)
def test_what_leans_on_what_was_said_is_put_anew(question: str, turn: Turn, understood: str) -> None:
    assert first(question, turn) == understood


@pytest.mark.parametrize(
    "question",
    [
        "When did the Great Fire of London begin?",
        "Who ran the Boston marathon under her initials?",
        "Who was furious because nobody had told him of the attack on Suez?",
        "When did Nasser say he would nationalise the canal?",
        "In which city did Pacini see the germ that nobody took notice of?",
    ],
)
def test_what_stands_alone_is_asked_as_it_is(question: str) -> None:
    assert question in [one.question for one in variants(question, [CLAIM])]
    assert first(question, CLAIM) == question


def test_else_asks_again_and_leaves_out_what_was_answered() -> None:
    (again, *_) = variants("Who else?", [Turn("Who shared the Nobel Prize?", answer="Ann Lee", items=())])
    assert again.question == "Who shared the Nobel Prize?" and "Ann Lee" in again.without


def test_the_answer_before_is_not_the_answer_to_what_asks_for_something_else() -> None:
    assert "Gamal Abdel Nasser" in variants("When?", [SUEZ])[0].without


def test_without_history_nothing_is_changed() -> None:
    (only,) = variants("When did he do it?", ())
    assert (only.question, only.query, only.without, only.leans) == ("When did he do it?",) * 2 + ((), False)


def test_only_the_last_turns_count() -> None:
    old = Turn("Who founded Rome?", answer="Romulus")
    assert first("When did he die?", old, *[CLAIM] * 6) != "When did Romulus die?"


def test_other_languages_pass_through_with_the_topic_looked_for() -> None:
    question = "Wann hat er den Kanal verstaatlicht und warum wurde das nicht verhindert?"
    found = variants(question, [SUEZ])
    assert {one.question for one in found} == {question}
    assert any("Suez" in one.query for one in found)


WORDS = (
    "Who what? When did he she it they that this his her their there then else And not no, I mean Kim Putin in 1956 "
    "the Suez Canal do so Why which countries were 's How many"
)
texts = st.one_of(
    st.text(max_size=60),
    st.lists(
        st.sampled_from(WORDS.split(" ")),
        max_size=14,
    ).map(" ".join),
)
turns = st.builds(
    Turn,
    question=texts,
    standalone_question=st.none() | texts,
    answer=st.none() | texts,
    items=st.lists(texts, max_size=3).map(tuple),
    sentence=st.none() | texts,
    title=st.none() | texts,
)


@given(texts.filter(str.strip), st.lists(turns, max_size=8))
def test_whatever_was_said_there_are_a_few_readings_and_always_the_same(question: str, history: list[Turn]) -> None:
    found = variants(question.strip(), history)
    assert 1 <= len(found) <= READINGS and found == variants(question.strip(), history)
    assert found[0].weight == 1.0
    for one in found:
        assert 1 <= len(one.question.strip()) <= MAX_QUESTION_CHARACTERS
        assert one.query.strip() and 0 < one.weight <= 1


@pytest.mark.parametrize("question", [", not a", "not", "no, not", "not ,b", " , and not him", "not him, but"])
def test_half_a_correction_is_no_fault(question: str) -> None:
    assert variants(question.strip(), [SUEZ])


@pytest.mark.parametrize(
    "piece",
    ["that ", "A ", "the a", "he, ", "no, ", "in 1956 ", "(", "Aa of ", "x-", "not ", "and ", "'s ", "A.", "how many "],
)
def test_hostile_lengths_are_read_in_linear_time(piece: str) -> None:
    """Nothing in it grows faster than the text; the bound is generous, for busy machines."""
    long = (piece * 1_000)[:1_000]
    history = [Turn(long, long, long * 20, (long,) * 50, long * 20, long)] * 50
    begun = time.process_time()
    found = variants(long.strip(), history)
    assert time.process_time() - begun < 2.0
    assert all(len(one.question) <= MAX_QUESTION_CHARACTERS for one in found)


@pytest.mark.parametrize(
    ("past", "plain"),
    [("opened", "open"), ("nationalised", "nationalise"), ("carried", "carry"), ("stopped", "stop"), ("sold", "sell")],
)
def test_the_plain_form_of_a_verb(past: str, plain: str) -> None:
    assert plain_form(past) == plain
