"""from qa import pipeline: called as transformers' was, offsets that hold, scores that mean something."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from index import CitespanError, InputError, QueryError
from qa import QuestionAnswering, QuestionAnsweringTask, TaskOptions, TextReading, load_examples, pipeline
from qa.evaluation.metrics import auroc, calibration_error, f1
from qa.hf_pipeline import stretches
from tests.helpers import ROOT

CLARA = "My name is Clara and I live in Berkeley."
BRIDGE = "The old bridge 🌉 at Łódź, built by Zoë Ångström in 1911, was torn down in 1987 after a flood."


@pytest.fixture(scope="module")
def ask(qa: QuestionAnswering) -> QuestionAnsweringTask:
    return QuestionAnsweringTask(TextReading(qa.reader))


def test_pipeline_is_called_as_transformers_was() -> None:
    answerer = pipeline("question-answering")
    reply = answerer(question="What's my name?", context=CLARA)
    assert isinstance(reply, dict)
    assert (reply["answer"], reply["start"], reply["end"]) == ("Clara", 11, 16)
    assert 0.5 < reply["score"] <= 1


def test_every_way_to_hand_in_a_question_gives_the_same(ask: QuestionAnsweringTask) -> None:
    name, place = "What's my name?", "Where do I live?"
    one = ask(question=name, context=CLARA)
    two = ask(question=place, context=CLARA)
    assert two["answer"] == "Berkeley"
    example = {"question": name, "context": CLARA}
    assert ask(example) == one
    assert ask(name, CLARA) == one
    assert ask(SimpleNamespace(question_text=name, context_text=CLARA)) == one
    both = [one, two]
    assert ask([example, {"question": place, "context": CLARA}]) == both
    assert ask(example, {"question": place, "context": CLARA}) == both
    assert ask(data=[example, {"question": place, "context": CLARA}]) == both
    assert ask(question=[name, place], context=CLARA) == both
    assert ask(question=[name, place], context=[CLARA, CLARA]) == both
    assert ask(question=name, context=[CLARA]) == [one]
    assert ask([]) == []


def test_offsets_count_code_points(ask: QuestionAnsweringTask) -> None:
    reply = ask(question="Who built the bridge?", context=BRIDGE)
    assert reply["answer"] == "Zoë Ångström" == BRIDGE[reply["start"] : reply["end"]]


def test_several_answers_are_ranked_and_do_not_overlap(ask: QuestionAnsweringTask) -> None:
    replies = ask(question="In which year?", context=BRIDGE, top_k=4)
    assert isinstance(replies, list) and len(replies) >= 2
    assert {"1911", "1987"} <= {one["answer"] for one in replies}
    assert [one["score"] for one in replies] == sorted((one["score"] for one in replies), reverse=True)
    places = sorted((one["start"], one["end"]) for one in replies)
    assert all(left[1] <= right[0] for left, right in itertools.pairwise(places))
    assert ask(question="In which year?", context=BRIDGE, topk=4) == replies
    assert isinstance(ask(question="In which year?", context="1911", top_k=3), list)


def test_what_has_no_letter_or_digit_is_no_answer(ask: QuestionAnsweringTask) -> None:
    replies = ask(question="Where do I live?", context=CLARA, top_k=5)
    assert replies[0]["answer"] == "Berkeley"
    assert all(any(character.isalnum() for character in one["answer"]) for one in replies)
    assert ask(question="Who?", context="🤔🤔 ... !") == {"answer": "", "score": 1.0, "start": 0, "end": 0}


def test_no_answer_is_an_answer_where_it_is_allowed(ask: QuestionAnsweringTask) -> None:
    asked = {"question": "How much did the engineer earn?", "context": BRIDGE}
    forced = ask(**asked)
    assert forced["answer"] and forced["score"] < 0.5
    free = ask(**asked, handle_impossible_answer=True)
    assert (free["answer"], free["start"], free["end"]) == ("", 0, 0)
    assert free["score"] == pytest.approx(1 - forced["score"])
    several = ask(**asked, handle_impossible_answer=True, top_k=2)
    assert several == [free, forced]
    sure = ask(question="Who built the bridge?", context=BRIDGE, handle_impossible_answer=True)
    assert sure["answer"] == "Zoë Ångström"


def test_an_answer_is_no_longer_than_wanted(ask: QuestionAnsweringTask) -> None:
    asked = {"question": "Who built the bridge?", "context": BRIDGE}
    assert len(ask(**asked, max_answer_len=1)["answer"].split()) == 1
    # How a text is cut is the reader's affair: what others tune changes nothing.
    cut = {"doc_stride": 8, "max_seq_len": 32, "max_question_len": 8, "align_to_words": False}
    assert ask(**asked, **cut) == ask(**asked)


@pytest.mark.parametrize("place", [0, 15_000, 15_990, 31_000, 44_000])
def test_a_long_text_is_read_to_its_end(ask: QuestionAnsweringTask, place: int) -> None:
    dull = "It rained for most of the day and nobody went out. "
    filler = dull * 900
    fact = "The lighthouse keeper of Vorland was called Ottoline Brask. "
    text = filler[:place] + fact + filler[place:]
    reply = ask(question="Who was the lighthouse keeper of Vorland?", context=text)
    assert reply["answer"] == "Ottoline Brask" == text[reply["start"] : reply["end"]]


@given(st.integers(0, 200_000))
def test_stretches_cover_a_text_and_overlap(length: int) -> None:
    cut = stretches("x" * length)
    assert cut[0][0] == 0 and cut[-1][1] == length
    assert all(begin < after < end < last for (begin, end), (after, last) in itertools.pairwise(cut))


def test_reading_stops_when_nobody_waits(qa: QuestionAnswering) -> None:
    class Gone(Exception):
        pass

    calls = 0

    def check() -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise Gone

    with pytest.raises(Gone):
        TextReading(qa.reader).read("Who?", "Nobody came. " * 10_000, check=check)
    assert calls == 2


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(min_size=1, max_size=60), st.text(min_size=1, max_size=400), st.integers(1, 5), st.booleans())
def test_whatever_comes_in_offsets_hold_or_it_is_refused(
    ask: QuestionAnsweringTask, question: str, context: str, top_k: int, impossible: bool
) -> None:
    try:
        found = ask(question=question, context=context, top_k=top_k, handle_impossible_answer=impossible)
    except QueryError:
        assert not question.strip() or not context.strip()
        return
    answers = found if isinstance(found, list) else [found]
    assert 1 <= len(answers) <= top_k
    for one in answers:
        assert context[one["start"] : one["end"]] == one["answer"]
        assert 0.0 <= one["score"] <= 1.0


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"question": "", "context": CLARA}, "question"),
        ({"question": "Who?", "context": " \n "}, "context"),
        ({"question": "Who?"}, "question"),
        ({"question": "Who?" * 5_000, "context": CLARA}, "question"),
        ({"question": "Who?", "context": "a" * 2_000_001}, "context"),
        ({"question": 3, "context": CLARA}, "question"),
        ({"question": ["Who?", "Where?"], "context": [CLARA]}, "context"),
        ({"question": "Who?", "context": CLARA, "top_k": 0}, "top_k"),
        ({"question": "Who?", "context": CLARA, "top_k": True}, "top_k"),
        ({"question": "Who?", "context": CLARA, "top_k": "3"}, "top_k"),
        ({"question": "Who?", "context": CLARA, "max_answer_len": 10**6}, "max_answer_len"),
        ({"question": "Who?", "context": CLARA, "temperature": 1}, "temperature"),
        ({"data": [{"question": "Who?"}]}, "context"),
        ({"data": CLARA}, "question"),
        ({"data": {"question": "Who?", "context": CLARA}, "question": "Who?"}, "question"),
    ],
)
def test_what_cannot_be_used_is_named(ask: QuestionAnsweringTask, arguments: dict, field: str) -> None:
    with pytest.raises(QueryError) as caught:
        ask(**arguments)
    assert caught.value.field == field and str(caught.value)


def test_an_unknown_task_says_what_there_is() -> None:
    with pytest.raises(InputError, match="question-answering"):
        pipeline("summarization")
    assert issubclass(InputError, CitespanError)
    with pytest.raises(QueryError, match="top_k"):
        TaskOptions(top_k=101)


def test_the_score_is_about_how_often_it_is_right(ask: QuestionAnsweringTask) -> None:
    # The file has an answer to each of its questions: another question's text stands for one that has none.
    examples = load_examples(ROOT / "tests" / "data" / "squad-part.json.gz")[::3]
    texts = [one.context for one in examples]
    scores, right = [], []
    for place, example in enumerate(examples):
        own = place % 2 == 0
        context = example.context if own else texts[(place + 37) % len(texts)]
        reply = ask(question=example.question, context=context)
        scores.append(reply["score"])
        right.append(f1(reply["answer"], example.references) >= 0.5 if own else False)
    assert calibration_error(np.array(scores), np.array(right, float)) < 0.2
    assert (auroc(np.array(scores), np.array(right)) or 0) > 0.9


def test_reading_stops_between_windows_when_its_time_is_over(qa: QuestionAnswering) -> None:
    text = "The old mill by the river was built of stone. " * 300
    looks = 0

    def check() -> None:
        nonlocal looks
        looks += 1
        if looks == 3:
            raise TimeoutError

    with pytest.raises(TimeoutError):
        TextReading(qa.reader).read("Who built the mill?", text, check=check)
    # Nothing is left in the network's queue: the next text is read at once.
    assert TextReading(qa.reader).read("What is the mill built of?", "The mill is built of stone.")[0].answer == "stone"
