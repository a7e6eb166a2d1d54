"""/v1/articles: add, list, get, delete; /v1/verify."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from api.auth.callers import Scope
from api.concurrency.worker_pool import FETCH, WRITE, Job
from api.errors import Problem, problem_of
from api.http.openapi import body_of, body_or_files, query_of
from api.http.request_body import content_type, read_body, read_query, until_gone
from api.http.request_context import caller_of, collection_of, needs, note, ready_state, state_of
from api.http.uploads import MAX_ARTICLES, problem_of_failure, uploaded
from api.schemas.requests import ArticleIn, ArticleQuery, CollectionQuery, PageQuery, UploadIn, VerifyIn
from api.schemas.responses import AddedOut, ArticleOut, ArticleRow, ArticlesOut, FailureOut, UploadOut, VerifyOut
from api.service.context import State
from api.service.verify import verified
from index import (
    Added,
    Article,
    Failure,
    StorageError,
    check_collection_name,
)

# Articles of one upload that are named in its audit line.
_MOST_NOTED = 100
router = APIRouter(tags=["articles"])
# Articles of an upload that are written in one go.
_TOGETHER = 16


class ListQuery(PageQuery, CollectionQuery):
    """What a listing takes."""


@router.post(
    "/v1/articles",
    response_model=AddedOut | UploadOut,
    status_code=201,
    dependencies=[needs(Scope.WRITE)],
    openapi_extra=body_or_files(ArticleIn, UploadIn),
    operation_id="add_article",
    responses={200: {"model": AddedOut, "description": "an article with this id was there: it was replaced"}},
)
async def add_article(request: Request, response: Response) -> Any:
    """Add an article, or replace the one with the same id (200); once answered, it survives a crash.

    With a url and neither text nor html, the page there is fetched.
    As multipart/form-data, files: one with one article is answered as that article is, others with what became of each.
    """
    state = ready_state(request)
    if content_type(request) == "multipart/form-data":
        return await _add_files(request, response, state)
    given = await read_body(request, ArticleIn, state.settings.article_body_bytes)
    page = given.text is None and given.html is None and given.url is not None
    if (given.text is None) == (given.html is None) and not page:
        message = "give either text or html, or only the url of a page"
        raise Problem(422, message, errors=[{"loc": ["body", "text"], "msg": message}])
    if given.text is not None and not given.text.strip():
        message = "text is empty: give the article's text"
        raise Problem(422, message, errors=[{"loc": ["body", "text"], "msg": message}])
    if given.id == "":
        raise Problem(
            422, "id is empty: leave it out to have one made", errors=[{"loc": ["body", "id"], "msg": "empty"}]
        )
    check_collection_name(given.collection)
    caller_of(request).check_collection(given.collection)

    # Before the write lane is entered: others write while a slow server is waited for, or an odd page is parsed.
    read = None
    if given.text is None:
        read = await state.workers.run(
            FETCH,
            lambda job: given.fetched(state.policy) if page else given.to_article(),
            gone=lambda: until_gone(request),
        )

    def work(job: Job) -> Added:
        article = read or given.to_article()
        return state.qa.library.collection(given.collection, create=True).add_one(article)

    note(request, given.collection, article_id=given.id)
    added = await state.workers.run(WRITE, work)
    note(request, article_id=added.id)
    response.status_code = 201 if added.created else 200
    return AddedOut.from_added(added)


async def _add_files(request: Request, response: Response, state: State) -> AddedOut | UploadOut:
    with state.upload():
        async with uploaded(request, state.settings) as (files, known):
            check_collection_name(known.collection)
            caller_of(request).check_collection(known.collection)
            found: list[tuple[str, Article | Failure]] = []
            for file in files:
                items = await run_in_threadpool(file.articles, known)
                found += [(file.name, item) for item in items]
                if len(found) > MAX_ARTICLES:
                    raise Problem(
                        413, f"the files hold over {MAX_ARTICLES:,} articles: send them to /v1/articles/batch"
                    )
        note(request, known.collection, files=len(files))
        outcome = await _add_found(state, known.collection, found)
        note(request, article_ids=[one.id for one in outcome.added][:_MOST_NOTED], articles=len(outcome.added))
    if len(files) == len(found) == 1:
        if outcome.failures:
            raise problem_of_failure(outcome.failures[0])
        response.status_code = 201 if outcome.added[0].created else 200
        return AddedOut.from_added(outcome.added[0])
    shown = [FailureOut(source=one.source, reason=str(one.error)) for one in outcome.failures]
    if not outcome.added:
        errors = [{"loc": ["body", "file"], "msg": f"{one.source}: {one.reason}"[:300]} for one in shown]
        raise Problem(422, "none of the files could be used: errors says why of each", errors=errors)
    return UploadOut(articles=[AddedOut.from_added(one) for one in outcome.added], failures=shown)


@dataclass
class _Outcome:
    added: list[Added]
    failures: list[Failure]


async def _add_found(state: State, name: str, found: Sequence[tuple[str, Article | Failure]]) -> _Outcome:
    """Add articles a few at a time, so that other writes get in between; what cannot be added becomes a failure.

    Raises:
        Problem: nothing could be added, for a reason that is none of the articles.
        StorageError: the disk refused, and nothing was added.
    """
    outcome = _Outcome([], [item for _, item in found if isinstance(item, Failure)])
    articles = [(source, item) for source, item in found if isinstance(item, Article)]
    for at in range(0, len(articles), _TOGETHER):
        group = articles[at : at + _TOGETHER]
        names = {article.origin or article.id: source for source, article in group}

        def work(job: Job, group: Sequence[tuple[str, Article]] = group) -> tuple[list[Added], list[Failure]]:
            unusable: list[Failure] = []
            collection = state.qa.library.collection(name, create=True)
            return list(collection.add([article for _, article in group], unusable=unusable.append)), unusable

        try:
            added, unusable = await state.workers.run(WRITE, work)
        except (Problem, StorageError) as error:
            if not outcome.added:
                raise
            # What is in stays in, so the reply must say which that is.
            reason = StorageError(problem_of(error).detail)
            outcome.failures += [Failure(source, reason) for source, _ in articles[at:]]
            break
        outcome.added += added
        outcome.failures += [Failure(names[one.source], one.error) for one in unusable]
    return outcome


@router.get(
    "/v1/articles",
    response_model=ArticlesOut,
    dependencies=[needs(Scope.ASK)],
    openapi_extra=query_of(ListQuery),
    operation_id="list_articles",
)
async def list_articles(request: Request) -> Any:
    """List articles in order of arrival."""
    asked = read_query(request, ListQuery, ("limit",))
    collection = collection_of(request, asked.collection)
    page = await run_in_threadpool(collection.list, limit=asked.limit, cursor=asked.cursor)
    return ArticlesOut(articles=[ArticleRow.from_info(info) for info in page.articles], next_cursor=page.next_cursor)


@router.get(
    "/v1/articles/{article_id}",
    response_model=ArticleOut,
    dependencies=[needs(Scope.ASK)],
    openapi_extra=query_of(ArticleQuery),
    operation_id="get_article",
)
async def get_article(request: Request, article_id: str) -> Response:
    """Return an article with its text, whole or from start to end, and the masked ranges and passages in it."""
    asked = read_query(request, ArticleQuery, ("start", "end"))
    collection = collection_of(request, asked.collection)

    def read() -> bytes:
        stored = collection.get(article_id)
        if asked.start > len(stored.text):
            message = f"start is beyond the end of the article, which has {len(stored.text):,} characters"
            raise Problem(422, message, errors=[{"loc": ["query", "start"], "msg": message}])
        out = ArticleOut.from_stored(stored, asked.start, asked.end)
        # One copy of what may be 20 MiB, where going through dicts and strings would make four.
        return ArticleOut.__pydantic_serializer__.to_json(out)

    async with state_of(request).reading:
        body = await run_in_threadpool(read)
    return Response(body, media_type="application/json")


@router.delete(
    "/v1/articles/{article_id}",
    status_code=204,
    dependencies=[needs(Scope.WRITE)],
    openapi_extra=query_of(CollectionQuery),
    operation_id="remove_article",
)
async def remove_article(request: Request, article_id: str) -> Response:
    """Remove an article and everything made of it."""
    state = ready_state(request)
    asked = read_query(request, CollectionQuery)
    collection = collection_of(request, asked.collection)
    note(request, asked.collection)
    await state.workers.run(WRITE, lambda job: collection.remove(article_id))
    return Response(status_code=204)


@router.post(
    "/v1/verify",
    response_model=VerifyOut,
    dependencies=[needs(Scope.ASK)],
    openapi_extra=body_of(VerifyIn),
    operation_id="verify",
)
async def verify(request: Request) -> Any:
    """Say whether an answer given earlier still stands in its source."""
    state = state_of(request)
    given = await read_body(request, VerifyIn, state.settings.ask_body_bytes)
    collection = collection_of(request, given.collection)
    return await run_in_threadpool(verified, collection, given)
