"""The requests of the HTTP interface, one function each: pure, and the same for both clients."""

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import IO, Any, Required, TypedDict

import httpx2

from api.client.calls import Call, StreamCall, json_body, lines_of, nothing, reader, record, segment
from api.client.models import (
    Added,
    Answer,
    Article,
    ArticlePage,
    AskEvent,
    Candidate,
    Citation,
    Collection,
    Done,
    Improved,
    Job,
    JobPage,
    Retrieved,
    Subscription,
    Understood,
    Uploaded,
    Verified,
)

DEFAULT_COLLECTION = "default"
LINES = {"Content-Type": "application/x-ndjson"}
FORMS = {"markdown": "text/markdown", "csv": "text/csv"}
# Bytes of a file that are read at a time.
_PIECE = 65_536
File = str | os.PathLike[str] | tuple[str, bytes | IO[bytes]]
Batch = Iterable[Mapping[str, Any]] | bytes | os.PathLike[str]


class Filters(TypedDict, total=False):
    """Which articles may be searched; what is left out allows all."""

    published_from: str | date
    published_to: str | date
    sources: Sequence[str]
    tags: Sequence[str]
    article_ids: Sequence[str]


class QuestionOptions(TypedDict, total=False):
    """What a question may come with, wherever it is asked; what is left out is the service's default."""

    collection: str
    limit: int
    passages: int
    filters: Filters | None
    as_of: str | date | None
    min_confidence: float
    include: Sequence[str]


class Turn(TypedDict, total=False):
    """A question that was asked before, and what was answered."""

    question: Required[str]
    answer: str | None
    standalone_question: str | None


class AskOptions(QuestionOptions, total=False):
    """What a question outside of conversations may come with: ``history`` is what was said before, in order."""

    history: Sequence[Turn]


class SearchOptions(TypedDict, total=False):
    """What a search may come with."""

    collection: str
    limit: int
    filters: Filters | None


class ArticleFields(TypedDict, total=False):
    """What is known of an article that is added."""

    html: str | None
    url: str | None
    id: str | None
    title: str | None
    source: str | None
    published: str | date | None
    author: str | None
    language: str | None
    tags: Sequence[str]
    collection: str


class FileFields(TypedDict, total=False):
    """What is known of files; it wins over what they say.  ``id``, ``title`` and ``url`` with a single file only."""

    id: str | None
    title: str | None
    url: str | None
    source: str | None
    published: str | date | None
    author: str | None
    language: str | None
    tags: Sequence[str]
    collection: str


def ask(question: str, options: AskOptions) -> Call[Answer]:
    """Return the request of a question."""
    return Call("POST", "/v1/ask", reader(Answer), json_body({"question": question, **options}))


def ask_stream(question: str, options: AskOptions) -> StreamCall[AskEvent]:
    """Return the request of a question whose answer is followed as it is found."""
    return StreamCall("POST", "/v1/ask/stream", unread, json_body({"question": question, **options}), event=ask_event)


def export_answer(question: str, form: str, style: str, options: AskOptions) -> Call[str]:
    """Return the request of a question whose answer is wanted as a text with citations.

    Raises:
        ValueError: there is no such form.
    """
    if form not in FORMS:
        raise ValueError(f"form is one of {', '.join(FORMS)}, not {form!r}")
    body = json_body({"question": question, **options}, accept=FORMS[form])
    return Call("POST", "/v1/ask", lambda response: response.text, body, query={"style": style})


def search(query: str, options: SearchOptions) -> Call[tuple[Candidate, ...]]:
    """Return the request of a search."""
    return Call("POST", "/v1/search", _member("passages", Candidate), json_body({"query": query, **options}))


def verify(article_id: str, start: int, end: int, text: str, sha256: str | None, collection: str) -> Call[Verified]:
    """Return the request that checks an answer given earlier."""
    place = {"article_id": article_id, "article_start": start, "article_end": end}
    facts = {**place, "text": text, "sha256": sha256, "collection": collection}
    return Call("POST", "/v1/verify", reader(Verified), json_body(facts))


def add(text: str | None, fields: ArticleFields) -> Call[Added]:
    """Return the request that adds an article.

    The service makes the id of one that has none out of its url, else of its title and text, so that the same
    article sent twice is there once.
    """
    return Call("POST", "/v1/articles", reader(Added), json_body({"text": text, **fields}))


def upload(files: Sequence[File], fields: FileFields) -> Call[Uploaded]:
    """Return the request that adds files.

    Raises:
        ValueError: there is no file.
    """
    if not files:
        raise ValueError("give at least one file: a path, or a pair of its name and its bytes")
    # What can only be read once from where it stands is rewound for another attempt, if that can be.
    starts = [one[1].tell() if isinstance(one, tuple) and _seekable(one[1]) else 0 for one in files]  # type: ignore[union-attr]

    def body(opened: contextlib.ExitStack) -> dict[str, Any]:
        parts: list[tuple[str, tuple[str, Any]]] = []
        for one, start in zip(files, starts, strict=True):
            if isinstance(one, tuple):
                name, data = one
                if _seekable(data):
                    data.seek(start)  # type: ignore[union-attr]
                parts.append(("file", (name, data)))
            else:
                parts.append(("file", (Path(one).name, _opened(one, opened))))
        known = {name: value for name, value in fields.items() if value is not None}
        return {"files": parts, "data": {name: _form_value(value) for name, value in known.items()}}

    once = all(not isinstance(one, tuple) or isinstance(one[1], bytes) or _seekable(one[1]) for one in files)
    return Call("POST", "/v1/articles", _uploaded, body, replayable=once)


def add_batch(articles: Batch, collection: str) -> Call[Job]:
    """Return the request that hands in many articles at once; each attempt that comes in whole makes a job.

    Raises:
        TypeError: articles is a text, which could be meant as a path or as NDJSON.
    """
    if isinstance(articles, str):
        raise TypeError("give pathlib.Path(...) for a file, bytes for NDJSON, or an iterable of mappings")

    def body(opened: contextlib.ExitStack) -> dict[str, Any]:
        headers = dict(LINES)
        if isinstance(articles, os.PathLike):
            file = _opened(articles, opened)
            headers["Content-Length"] = str(os.fstat(file.fileno()).st_size)
            return {"content": iter(lambda: file.read(_PIECE), b""), "headers": headers}
        return {"content": articles if isinstance(articles, bytes) else lines_of(articles), "headers": headers}

    return Call(
        "POST",
        "/v1/articles/batch",
        lambda response: record(response.content, dict[str, Job])["job"],
        body,
        query={"collection": collection},
        repeatable=False,
        replayable=not isinstance(articles, Iterator),
    )


def articles(collection: str, limit: int, cursor: str | None) -> Call[ArticlePage]:
    """Return the request of one page of articles."""
    query: dict[str, str | int | None] = {"collection": collection, "limit": limit, "cursor": cursor}
    return Call("GET", "/v1/articles", reader(ArticlePage), query=query)


def article(article_id: str, start: int, end: int | None, collection: str) -> Call[Article]:
    """Return the request of one article, or of a stretch of it."""
    query: dict[str, str | int | None] = {"start": start or None, "end": end, "collection": collection}
    return Call("GET", f"/v1/articles/{segment(article_id)}", reader(Article), query=query)


def cite(article_id: str, style: str, page: int | None, collection: str) -> Call[Citation]:
    """Return the request of an article's citation."""
    query: dict[str, str | int | None] = {"style": style, "page": page, "collection": collection}
    return Call("GET", f"/v1/articles/{segment(article_id)}/citation", reader(Citation), query=query)


def remove(article_id: str, collection: str) -> Call[None]:
    """Return the request that removes an article."""
    return Call("DELETE", f"/v1/articles/{segment(article_id)}", nothing, query={"collection": collection})


def collections() -> Call[tuple[Collection, ...]]:
    """Return the request of all collections."""
    return Call("GET", "/v1/collections", _member("collections", Collection))


def remove_collection(name: str) -> Call[None]:
    """Return the request that removes a collection."""
    return Call("DELETE", f"/v1/collections/{segment(name)}", nothing)


def jobs(limit: int, cursor: str | None) -> Call[JobPage]:
    """Return the request of one page of jobs."""
    return Call("GET", "/v1/jobs", reader(JobPage), query={"limit": limit, "cursor": cursor})


def job(job_id: str, limit: int, cursor: str | None) -> Call[Job]:
    """Return the request of one job with a page of its failures."""
    return Call("GET", f"/v1/jobs/{segment(job_id)}", reader(Job), query={"limit": limit, "cursor": cursor})


def resume_job(job_id: str) -> Call[Job]:
    """Return the request that lets a stopped job continue."""
    return Call("POST", f"/v1/jobs/{segment(job_id)}/resume", reader(Job))


def cancel_job(job_id: str) -> Call[Job]:
    """Return the request that cancels a job."""
    return Call("DELETE", f"/v1/jobs/{segment(job_id)}", reader(Job))


def follow_job(job_id: str) -> StreamCall[Job]:
    """Return the request that follows a job to its end."""
    path = f"/v1/jobs/{segment(job_id)}/events"
    return StreamCall("GET", path, unread, event=_job_event, last=("end",), resumes=True)


def subscriptions(collection: str) -> Call[tuple[Subscription, ...]]:
    """Return the request of what a collection follows."""
    read = _member("subscriptions", Subscription)
    return Call("GET", "/v1/subscriptions", read, query={"collection": collection})


def follow(url: str, every_seconds: int | None, collection: str) -> Call[Subscription]:
    """Return the request that follows a feed or sitemap."""
    facts = {"url": url, "every_seconds": every_seconds, "collection": collection}
    return Call("POST", "/v1/subscriptions", reader(Subscription), json_body(facts))


def unfollow(url: str, collection: str) -> Call[None]:
    """Return the request that ends a subscription."""
    return Call("DELETE", "/v1/subscriptions", nothing, query={"collection": collection, "url": url})


def health() -> Call[str]:
    """Return the request that asks whether the process lives."""
    return Call("GET", "/healthz", _status)


def ready() -> Call[str]:
    """Return the request that asks whether a question would be taken now."""
    return Call("GET", "/readyz", _status)


def examples() -> Call[tuple[str, ...]]:
    """Return the request of questions worth trying."""
    return Call("GET", "/v1/examples", _member("questions", str))


def _status(response: httpx2.Response) -> str:
    return record(response.content, dict[str, str]).get("status", "")


def _member(name: str, kind: type[Any]) -> Any:
    """Return what reads the one list that a reply holds."""

    def read(response: httpx2.Response) -> tuple[Any, ...]:
        return record(response.content, dict[str, tuple[kind, ...]]).get(name, ())  # type: ignore[valid-type]

    return read


def _uploaded(response: httpx2.Response) -> Uploaded:
    """Read what became of files; a single article is answered as one that was added alone."""
    either = record(response.content, dict[str, Any])
    if "articles" in either:
        return record(response.content, Uploaded)
    return Uploaded((record(response.content, Added),))


def unread(response: httpx2.Response) -> Any:
    """Refuse to read a stream as a whole."""
    raise AssertionError("a stream is read event by event")


def ask_event(name: str, data: str) -> AskEvent | None:
    """Return an event of an answer that is streamed, None where it is of another kind."""
    if name == "retrieved":
        return record(data, Retrieved)
    if name == "answer":
        return Improved(record(data, Answer))
    if name == "understood":
        return record(data, Understood)
    return Done(record(data, Answer)) if name == "done" else None


def _job_event(name: str, data: str) -> Job | None:
    return record(data, Job) if name in ("progress", "end") else None


def _opened(path: str | os.PathLike[str], opened: contextlib.ExitStack) -> IO[bytes]:
    return opened.enter_context(open(path, "rb"))


def _seekable(data: bytes | IO[bytes]) -> bool:
    return not isinstance(data, bytes) and data.seekable()


def _form_value(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else value
