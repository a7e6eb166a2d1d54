"""What the Python client does when the service refuses, is lost on the way, or is not Citespan at all."""

import itertools
import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.client import (
    Citespan,
    CitespanAPIError,
    ConnectionFailed,
    Done,
    Improved,
    RateLimited,
    Retries,
    ServerFault,
    TimedOut,
    Unavailable,
    UnexpectedReply,
)
from api.client.calls import Call, nothing
from api.client.retries import Attempts
from api.service.event_stream import event_text
from tests.clients.both import KINDS, opened
from tests.clients.scripted import Reply, Scripted
from tests.helpers import free_port

ANSWER = {"id": "ans_1", "question": "Who?", "answered": True, "answer": "Ann", "confidence": 0.9, "newer": [1]}
ASKED = Reply(200, json.dumps(ANSWER).encode(), {"Content-Type": "application/json"})
JOB = {"id": "job_1", "collection": "default", "state": "running", "done": 1, "failed": 0, "total": 3}
EVENTS = {"Content-Type": "text/event-stream", "X-Request-Id": "r1"}


def problem(status: int, **headers: str) -> Reply:
    body = {"type": "https://x", "title": "a title", "status": status, "detail": "do otherwise"}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, json.dumps(body).encode(), {"Content-Type": "application/problem+json", **named})


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_refused_is_sent_again_when_the_service_says(kind: str) -> None:
    slept: list[float] = []
    now = datetime(2026, 1, 1, tzinfo=UTC)  # the service's clock counts, not ours
    dated = problem(
        503,
        Retry_After=format_datetime(now + timedelta(seconds=7), usegmt=True),
        Date=format_datetime(now, usegmt=True),
    )
    replies = (problem(429, Retry_After="3"), dated, problem(503), ASKED)
    with Scripted(*replies) as service, opened(kind, service.url, slept=slept) as client:
        assert client.ask("Who?").answer == "Ann"
    assert [request.body for request in service.requests] == [service.requests[0].body] * 4
    assert 3 <= slept[0] <= 4 and 0.5 <= slept[2] <= 2
    assert 7 <= slept[1] <= 8


@pytest.mark.parametrize("kind", KINDS)
def test_it_gives_up_after_so_many_attempts_or_so_long(kind: str) -> None:
    slept: list[float] = []
    with Scripted(problem(503, Retry_After="20")) as service:
        with opened(kind, service.url, slept=slept, retries=Retries(most=2)) as client:
            with pytest.raises(Unavailable) as refused:
                client.ask("Who?")
            assert (len(slept), len(service.requests)) == (2, 3)
        with opened(kind, service.url, slept=slept, retries=Retries(most=9, seconds=50)) as client:
            with pytest.raises(Unavailable):
                client.ask("Who?")
            assert (len(slept), len(service.requests)) == (4, 6)
        with opened(kind, service.url, slept=slept, retries=Retries(seconds=10)) as client:
            with pytest.raises(Unavailable):
                client.ask("Who?")
            assert (len(slept), len(service.requests)) == (4, 7)
    assert refused.value.retry_after == 20 and refused.value.detail == "do otherwise"


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_lost_is_sent_again_only_where_twice_is_once(kind: str) -> None:
    batch = Reply(202, json.dumps({"job": JOB}).encode())
    for asked, replies, requests in (
        (lambda client: client.ask("Who?"), (Reply(0), ASKED), 2),
        (lambda client: client.ask("Who?"), (Reply(502, b"<h1>Bad gateway</h1>"), ASKED), 2),
        (lambda client: client.add_batch(b"{}\n"), (problem(503), batch), 2),
        (lambda client: client.remove("a1"), (Reply(0), problem(404)), 2),
    ):
        with Scripted(*replies) as service, opened(kind, service.url, slept=[]) as client:
            asked(client)
            assert len(service.requests) == requests
    for asked, reply in (
        (lambda client: client.add_batch(b"{}\n"), Reply(0)),
        (lambda client: client.add_batch(b"{}\n"), Reply(504)),
        (lambda client: client.add_batch(iter([{"text": "x"}])), problem(503)),
        (lambda client: client.ask("Who?"), problem(500)),
        (lambda client: client.remove("a1"), problem(404)),
    ):
        with Scripted(reply) as service, opened(kind, service.url, slept=[]) as client:
            with pytest.raises((CitespanAPIError, ConnectionFailed)):
                asked(client)
            assert len(service.requests) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_no_service_is_an_error_of_its_own(kind: str) -> None:
    slept: list[float] = []
    with opened(kind, f"http://127.0.0.1:{free_port()}", slept=slept, retries=Retries(most=2)) as client:
        with pytest.raises(ConnectionFailed) as failed:
            client.ask("Who?")
        assert not failed.value.sent and len(slept) == 2
        with pytest.raises(ConnectionFailed):
            list(client.ask_stream("Who?"))
    with Scripted(Reply(200, b"", holds=True)) as service:
        with opened(kind, service.url, slept=slept, timeout=0.2) as client, pytest.raises(TimedOut):
            client.ask("Who?")
        assert len(service.requests) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_citespan_is_told(kind: str) -> None:
    for reply in (Reply(200, b"<html>welcome</html>"), Reply(200, b'{"hello": "world"}'), Reply(200, b"\xff\xfe")):
        with Scripted(reply) as service, opened(kind, service.url, slept=[]) as client:
            with pytest.raises(UnexpectedReply, match="base_url"):
                client.ask("Who?")
            with pytest.raises(UnexpectedReply):
                list(client.ask_stream("Who?"))
    elsewhere = Reply(302, b"", {"Location": "http://127.0.0.1:1/"})
    with (
        Scripted(elsewhere) as service,
        opened(kind, service.url, api_key="secret") as client,
        pytest.raises(CitespanAPIError, match="302"),
    ):
        client.ask("Who?")
    assert service.requests[0].headers["authorization"] == "Bearer secret"


@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_ends_with_its_last_event_an_error_or_a_cut(kind: str) -> None:
    whole = (
        event_text("answer", ANSWER) + b": still at it\n\n" + event_text("unheard_of", {}) + event_text("done", ANSWER)
    )
    for reply in (Reply(200, whole, EVENTS, cut=True), Reply(200, whole, EVENTS, holds=True)):
        with Scripted(problem(503), reply) as service, opened(kind, service.url, slept=[]) as client:
            events = list(client.ask_stream("Who?"))
            assert [type(event) for event in events] == [Improved, Done] and events[1].answer.text == "Ann"
            assert len(service.requests) == 2
    failed = event_text("answer", ANSWER) + event_text("error", {"status": 503, "title": "busy", "detail": "later"})
    with Scripted(Reply(200, failed, EVENTS, cut=True)) as service, opened(kind, service.url, slept=[]) as client:
        stream = iter(client.ask_stream("Who?"))
        assert isinstance(next(stream), Improved)
        with pytest.raises(Unavailable, match="later") as told:
            next(stream)
        assert told.value.request_id == "r1" and len(service.requests) == 1
    with Scripted(Reply(200, event_text("answer", ANSWER), EVENTS, cut=True)) as service:
        with opened(kind, service.url, slept=[]) as client, pytest.raises(ConnectionFailed, match="before its last"):
            list(client.ask_stream("Who?"))
        assert len(service.requests) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_closing_a_stream_closes_the_connection(kind: str) -> None:
    held = Reply(200, event_text("answer", ANSWER), EVENTS, holds=True)
    with Scripted(held) as service, opened(kind, service.url) as client:
        with client.ask_stream("Who?") as stream:
            assert isinstance(next(iter(stream)), Improved)
            assert not service.gone.is_set()
        assert service.gone.wait(10)


@pytest.mark.parametrize("kind", KINDS)
def test_following_a_job_goes_on_after_a_cut(kind: str) -> None:
    cut = Reply(200, event_text("progress", JOB), EVENTS, cut=True)
    end = Reply(200, event_text("end", {**JOB, "state": "done", "done": 3}), EVENTS, cut=True)
    slept: list[float] = []
    # As many cuts as one likes, as long as something comes in between.
    replies = [cut, Reply(0), problem(503), cut, Reply(0), cut, Reply(0), end]
    with Scripted(*replies) as service, opened(kind, service.url, slept=slept, retries=Retries(most=3)) as client:
        assert [job.done for job in client.follow_job("job_1")] == [1, 1, 1, 3]
        assert len(service.requests) == 8 and len(slept) == 7
    with Scripted(cut, Reply(0)) as service, opened(kind, service.url, slept=[], retries=Retries(most=2)) as client:
        with pytest.raises(ConnectionFailed):
            list(client.follow_job("job_1"))
        assert len(service.requests) == 3


@pytest.mark.parametrize("kind", KINDS)
def test_waiting_for_a_job_has_an_end(kind: str) -> None:
    slept: list[float] = []
    running = Reply(200, json.dumps(JOB).encode())
    with (
        Scripted(running) as service,
        opened(kind, service.url, slept=slept) as client,
        pytest.raises(TimedOut, match="1 of 3 lines"),
    ):
        client.wait("job_1", seconds=5)
    assert 3 <= sum(slept) <= 5


@pytest.mark.parametrize(
    "wrong",
    [
        {"base_url": "127.0.0.1:8000"},
        {"base_url": "ftp://x"},
        {"base_url": "http://user:word@x"},
        {"base_url": "http://x/?a=b"},
        {"api_key": "two\r\nlines"},
        {"api_key": "ключ"},
        {"api_key": ""},
    ],
)
def test_an_address_or_key_that_cannot_be_one_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Citespan(**wrong)


def test_the_key_is_not_shown() -> None:
    with Citespan("https://example.org/citespan/", api_key="secret") as client:
        assert repr(client) == "Citespan('https://example.org/citespan')"


def test_a_service_may_stand_under_a_path() -> None:
    with Scripted(ASKED) as service, Citespan(service.url + "/news/") as client:
        client.ask("Who?")
    assert service.requests[0].path == "/news/v1/ask"


@pytest.mark.parametrize("status", [429, 500, 418])
@pytest.mark.parametrize("after", ["soon", f"Mon, 01 Jan {'9' * 30} 00:00:00 GMT"])
def test_errors_of_something_in_between_have_the_same_shape(status: int, after: str) -> None:
    reply = Reply(status, b"[not json", {"Retry-After": after})
    with (
        Scripted(reply) as service,
        Citespan(service.url, retries=Retries(most=0)) as client,
        pytest.raises(CitespanAPIError) as told,
    ):
        client.ask("Who?")
    expected = {429: RateLimited, 500: ServerFault}.get(status, CitespanAPIError)
    assert type(told.value) is expected and told.value.detail == "[not json" and told.value.retry_after is None


REFUSED = st.builds(
    lambda status, told: CitespanAPIError(status, "a title", "do otherwise", retry_after=told),
    st.sampled_from([429, 503, 502, 504, 500, 404]),
    st.none() | st.floats(0, 100),
)
LOST = st.builds(ConnectionFailed, st.just("lost"), sent=st.booleans()) | st.builds(TimedOut, st.just("late"))
ALLOWED = st.builds(Retries, st.integers(0, 6), st.floats(0, 200), st.floats(0.01, 5), st.floats(0.01, 60))


@given(ALLOWED, st.booleans(), st.booleans(), st.lists(REFUSED | LOST, min_size=7, max_size=12))
def test_attempts_keep_within_what_is_allowed(
    retries: Retries, repeatable: bool, replayable: bool, failures: list[CitespanAPIError | ConnectionFailed]
) -> None:
    call = Call("POST", "/", nothing, repeatable=repeatable, replayable=replayable)
    attempts = Attempts(retries, call, clock=lambda: 0.0)
    pauses: list[float] = []
    with pytest.raises((CitespanAPIError, ConnectionFailed)) as given_up:
        for failure in failures:
            pauses.append(attempts.pause(failure))
            refused = isinstance(failure, CitespanAPIError) and failure.status in (429, 503)
            unsent = isinstance(failure, ConnectionFailed) and not failure.sent
            assert replayable and (repeatable or refused or unsent)
            told = failure.retry_after if isinstance(failure, CitespanAPIError) else None
            assert pauses[-1] >= told if told is not None else 0 < pauses[-1] <= retries.longest
    assert given_up.value is failures[len(pauses)]
    assert len(pauses) <= retries.most and sum(pauses) <= retries.seconds + 1e-6


class _Pieces(httpx2.BaseTransport, httpx2.SyncByteStream):
    """Gives one reply in the given pieces."""

    def __init__(self, pieces: list[bytes]) -> None:
        self.pieces = pieces

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers=EVENTS, stream=self)

    def __iter__(self) -> Any:
        yield from self.pieces


@given(st.text(), st.lists(st.integers(0, 400), max_size=12))
def test_events_are_read_however_they_are_cut(text: str, cuts: list[int]) -> None:
    whole = event_text("answer", {**ANSWER, "answer": text}) + b": ping\n\n" + event_text("done", ANSWER)
    places = sorted({0, len(whole), *(cut for cut in cuts if cut < len(whole))})
    pieces = [whole[start:end] for start, end in itertools.pairwise(places)]
    with httpx2.Client(transport=_Pieces(pieces)) as http, Citespan(http_client=http) as client:
        first, last = client.ask_stream("Who?")
    assert isinstance(first, Improved) and first.answer.answer == text and isinstance(last, Done)
