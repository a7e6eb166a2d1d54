"""api.client against the real service: every method, blocking and asynchronous."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.client import (
    CitespanAPIError,
    Done,
    Forbidden,
    Improved,
    Invalid,
    Malformed,
    NotFound,
    Retrieved,
    TooLarge,
    Unauthorized,
    UnknownFormat,
)
from tests.clients.both import KINDS, opened
from tests.helpers import SAMPLES, Server, citespan, clean_environment

QUESTION = "Which countries recognize the annexations?"
MILL = "The mill of Tarn was built by Hugo Marsh in 1788. It burnt down in 1844, and nobody built it again."


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A service that these tests may change."""
    folder = tmp_path_factory.mktemp("own")
    limits = {"CITESPAN_ARTICLE_BODY_BYTES": "100000", "CITESPAN_BATCH_BODY_BYTES": "200000"}
    with Server(folder / "library", folder / "log", **limits) as running:
        yield running


@pytest.fixture(params=KINDS)
def samples(request: pytest.FixtureRequest, server: Server) -> Iterator[Any]:
    with opened(request.param, server.url) as client:
        yield client


@pytest.fixture(params=KINDS)
def writer(request: pytest.FixtureRequest, own: Server) -> Iterator[Any]:
    with opened(request.param, own.url) as client:
        yield client


def test_importing_it_loads_nothing_heavy(tmp_path: Path) -> None:
    code = "import sys; import api.client; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=tmp_path,
        env=clean_environment(),
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    loaded = set(ran.stdout.split()) - set(sys.stdlib_module_names)
    assert {"httpx2", "msgspec"} <= loaded
    foreign = {"fastapi", "starlette", "pydantic", "torch", "numpy", "index", "qa", "typer", "rich", "orjson", "httpx"}
    assert not loaded & foreign


def test_a_question_is_answered_with_its_proof(samples: Any) -> None:
    answer = samples.ask(QUESTION, limit=3, include=["passages"])
    assert answer.answered and answer.text and answer.confidence > 0.5 and answer.passages
    for ranked in answer.answers:
        for piece in ranked.evidence:
            text = samples.article(piece.article.id).text
            assert text[piece.article_start : piece.article_end] == piece.quote
            assert piece.quote in piece.sentence
    first = answer.evidence[0]
    assert first == answer.answers[0].evidence[0]
    verified = samples.verify(first.article.id, first.article_start, first.article_end, first.quote)
    assert (verified.status, verified.article_start) == ("valid", first.article_start)
    moved = samples.verify(first.article.id, first.article_start + 1, first.article_end + 1, first.quote)
    assert (moved.status, moved.article_end) == ("moved", first.article_end)


def test_filters_and_dates_reach_the_service(samples: Any) -> None:
    import datetime

    day = datetime.date(1800, 1, 1)
    assert samples.ask(QUESTION, as_of=day).answer != samples.ask(QUESTION).answer
    found = samples.search("annexation", limit=5, filters={"published_from": day, "tags": ["no such tag"]})
    assert found == ()
    assert 0 < len(samples.search("annexation", limit=2)) <= 2


def test_an_answer_is_followed_as_it_is_found(samples: Any) -> None:
    events = list(samples.ask_stream(QUESTION))
    assert isinstance(events[0], Retrieved) and events[0].passages
    assert all(isinstance(event, Improved) for event in events[1:-1])
    assert isinstance(events[-1], Done) and events[-1].answer.answer == samples.ask(QUESTION).answer
    with samples.ask_stream(QUESTION) as stream:
        assert isinstance(next(iter(stream)), Retrieved)
    assert list(stream) == []


def test_answers_and_articles_are_cited(samples: Any) -> None:
    answer = samples.ask(QUESTION)
    text = samples.export_answer(QUESTION, style="apa")
    assert answer.evidence[0].quote in text and text.lstrip().startswith(("#", "*", ">"))
    assert samples.export_answer(QUESTION, form="csv", limit=1).count("\r\n") >= 2
    cited = samples.cite(answer.evidence[0].article.id, style="mla")
    assert cited.style == "mla" and answer.evidence[0].article.title[:12] in cited.citation
    with pytest.raises(ValueError, match="markdown, csv"):
        samples.export_answer(QUESTION, form="docx")
    with pytest.raises(Invalid):
        samples.cite(answer.evidence[0].article.id, style="napkin")


def test_listings_go_through_all_pages(samples: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = list(samples.articles())
    (shown,) = [one for one in samples.collections() if one.name == "default"]
    assert len(whole) == shown.articles > 3
    for module in ("sync_client", "async_client"):
        monkeypatch.setattr(f"api.client.{module}.PAGE", 2)
    assert list(samples.articles()) == whole


def test_the_service_is_asked_how_it_is(samples: Any) -> None:
    assert (samples.health(), samples.ready()) == ("alive", "ready")
    assert samples.examples()


def test_errors_say_what_to_change(samples: Any) -> None:
    with pytest.raises(NotFound) as missing:
        samples.article("no-such-article")
    assert missing.value.status == 404 and missing.value.request_id and "#not-found" in missing.value.type
    assert missing.value.detail in str(missing.value)
    with pytest.raises(Invalid) as wrong:
        samples.ask(QUESTION, limit=0)
    assert wrong.value.errors[0]["loc"] == ["body", "limit"]
    with pytest.raises(Invalid, match="unknown field"):
        samples.ask(QUESTION, limt=3)
    with pytest.raises(NotFound):
        samples.ask(QUESTION, collection="no-such-collection")
    with pytest.raises(NotFound):
        list(samples.ask_stream(QUESTION, collection="no-such-collection"))
    with pytest.raises(ValueError, match="a/b"):
        samples.article("a/b")
    with pytest.raises(CitespanAPIError):
        samples.article("white space and ünïcode ?#%")


def test_an_article_comes_and_goes(writer: Any) -> None:
    writer.remove_collection("default")
    added = writer.add(MILL, id="mill", title="The mill", tags=["tarn"])
    assert (added.id, added.created) == ("mill", True)
    assert not writer.add(MILL, id="mill", title="The mill again").created
    assert writer.ask("Who built the mill of Tarn?").answer == "Hugo Marsh"
    unnamed = writer.add(html=f"<article><h1>Tarn</h1><p>{MILL}</p></article>", collection="default")
    assert not writer.add(html=f"<article><h1>Tarn</h1><p>{MILL}</p></article>").created
    assert {row.id for row in writer.articles()} == {"mill", unnamed.id}
    writer.remove("mill")
    with pytest.raises(NotFound):
        writer.remove("mill")
    with pytest.raises(TooLarge):
        writer.add("a sentence of no worth. " * 10_000)
    with pytest.raises(Invalid, match="private or reserved"):
        writer.add(url="http://127.0.0.1/")


def test_files_are_uploaded(writer: Any) -> None:
    writer.remove_collection("default")
    path = SAMPLES / "great-fire.html"
    one = writer.upload(path)
    assert len(one.articles) == 1 and not one.failures
    with path.open("rb") as file:
        again = writer.upload((path.name, file))
    assert again.articles[0].id == one.articles[0].id and not again.articles[0].created
    several = writer.upload(
        ("mill.md", f"# The mill\n\n{MILL}".encode()), ("broken.pdf", b"%PDF-1.7 nothing"), tags=["x", "y"]
    )
    assert [article.title for article in several.articles] == ["The mill"]
    assert [failure.source for failure in several.failures] == ["broken.pdf"]
    assert writer.article(several.articles[0].id).tags == ("x", "y")
    with pytest.raises(UnknownFormat):
        writer.upload(("broken.bin", bytes(range(256)) * 8))
    with pytest.raises(ValueError, match="at least one file"):
        writer.upload()


def test_batches_and_their_jobs(writer: Any, tmp_path: Path) -> None:
    articles = [{"id": f"b{number}", "title": f"Mill {number}", "text": MILL} for number in range(3)]
    lines = "".join(json.dumps(article) + "\n" for article in articles).encode() + b"{not json}\n"
    (tmp_path / "batch.ndjson").write_bytes(lines)
    for batch in (articles, iter(articles), lines, tmp_path / "batch.ndjson"):
        job = writer.add_batch(batch, collection="briefs")
        states = list(writer.follow_job(job.id))
        assert states[-1].state == "done" and not states[-1].open and states[-1].id == job.id
        assert states[-1].done == 3
        assert writer.wait(job.id).done == 3
    assert states[-1].failed == 1
    (failure,) = writer.job_failures(job.id)
    assert failure.source == "line 4" and writer.job(job.id).failures == (failure,)
    assert next(one.id for one in writer.jobs()) == job.id
    assert writer.cancel_job(job.id).state == "done"
    assert len(list(writer.articles(collection="briefs"))) == 3
    writer.remove_collection("briefs")
    assert "briefs" not in [one.name for one in writer.collections()]
    with pytest.raises(NotFound):
        list(writer.follow_job("job_0"))
    with pytest.raises(TypeError, match=r"pathlib\.Path"):
        writer.add_batch("articles.ndjson")
    with pytest.raises(TypeError, match="mapping"):
        writer.add_batch(["text"])


def test_why_a_body_was_refused_is_read_while_it_is_still_being_sent(writer: Any, tmp_path: Path) -> None:
    with pytest.raises(TooLarge, match="200,000 bytes"):
        writer.add_batch({"text": MILL * 50} for _ in range(5_000))
    (tmp_path / "large.ndjson").write_bytes(b'{"text": "x"}\n' * 1_500_000)
    with pytest.raises(TooLarge, match="200,000 bytes"):
        writer.add_batch(tmp_path / "large.ndjson")
    assert writer.health() == "alive"


def test_what_is_followed(writer: Any) -> None:
    assert writer.subscriptions() == ()
    with pytest.raises(Invalid):
        writer.follow("http://127.0.0.1/feed", every_seconds=3600)
    with pytest.raises(NotFound):
        writer.unfollow("https://example.org/feed")


def test_a_key_goes_along(tmp_path: Path) -> None:
    library = tmp_path / "library"
    made = citespan("keys", "add", "reader", "--scope", "ask", "--library", str(library), "--json")
    key = json.loads(made.stdout)["key"]
    with Server(library, tmp_path / "log") as running:
        for kind in KINDS:
            with opened(kind, running.url) as client, pytest.raises(Unauthorized):
                client.ask(QUESTION)
            with opened(kind, running.url, api_key=key) as client:
                assert client.ask(QUESTION).reason == "empty_collection"
                assert list(client.ask_stream(QUESTION))[-1].answer.reason == "empty_collection"
                with pytest.raises(Forbidden):
                    client.add(MILL)


def test_a_cursor_of_its_own_is_refused(own: Server) -> None:
    from api.client import Citespan
    from api.client.requests import articles

    with Citespan(own.url) as client, pytest.raises(Malformed):
        client._send(articles("default", 5, "no cursor"))
