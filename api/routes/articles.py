"""/v1/articles: add, list, get, delete; /v1/verify."""

from typing import Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from api.bodies import read_body, read_query
from api.openapi import body_of, query_of
from api.problems import Problem
from api.replies import AddedOut, ArticleOut, ArticleRow, ArticlesOut, VerifyOut
from api.requests import ArticleIn, Strict, VerifyIn
from api.state import ready_state, state_of
from api.workers import WRITE, Job
from index import DEFAULT_COLLECTION, Added, ArticleNotFound, check_collection_name

router = APIRouter(tags=["articles"])


class ListQuery(Strict):
    """What a listing takes."""

    limit: int = Field(50, ge=1, le=1_000)
    cursor: str | None = Field(None, max_length=100)
    collection: str = DEFAULT_COLLECTION


class WhichQuery(Strict):
    """Which collection is meant."""

    collection: str = DEFAULT_COLLECTION


@router.post(
    "/v1/articles",
    response_model=AddedOut,
    status_code=201,
    openapi_extra=body_of(ArticleIn),
    operation_id="add_article",
)
async def add_article(request: Request, response: Response) -> Any:
    """Add an article, or replace the one with the same id (200); once answered, it survives a crash."""
    state = ready_state(request)
    given = await read_body(request, ArticleIn, state.settings.article_body_bytes)
    if (given.text is None) == (given.html is None):
        message = "give either text or html"
        raise Problem(422, message, errors=[{"loc": ["body", "text"], "msg": message}])
    if given.text is not None and not given.text.strip():
        message = "text is empty: give the article's text"
        raise Problem(422, message, errors=[{"loc": ["body", "text"], "msg": message}])
    if given.id == "":
        raise Problem(
            422, "id is empty: leave it out to have one made", errors=[{"loc": ["body", "id"], "msg": "empty"}]
        )
    check_collection_name(given.collection)

    def work(job: Job) -> Added:
        article = given.to_article()
        return state.qa.library.collection(given.collection, create=True).add_one(article)

    added = await state.workers.run(WRITE, work)
    response.status_code = 201 if added.created else 200
    return AddedOut.from_added(added)


@router.get("/v1/articles", response_model=ArticlesOut, openapi_extra=query_of(ListQuery), operation_id="list_articles")
async def list_articles(request: Request) -> Any:
    """List articles in order of arrival."""
    asked = read_query(request, ListQuery, ("limit",))
    collection = state_of(request).qa.library.collection(asked.collection)
    page = await run_in_threadpool(collection.list, limit=asked.limit, cursor=asked.cursor)
    return ArticlesOut(articles=[ArticleRow.from_info(info) for info in page.articles], next_cursor=page.next_cursor)


@router.get(
    "/v1/articles/{article_id}",
    response_model=ArticleOut,
    openapi_extra=query_of(WhichQuery),
    operation_id="get_article",
)
async def get_article(request: Request, article_id: str) -> Any:
    """Return an article with its whole text, masked ranges and passages."""
    asked = read_query(request, WhichQuery)
    collection = state_of(request).qa.library.collection(asked.collection)
    return ArticleOut.from_stored(await run_in_threadpool(collection.get, article_id))


@router.delete(
    "/v1/articles/{article_id}", status_code=204, openapi_extra=query_of(WhichQuery), operation_id="remove_article"
)
async def remove_article(request: Request, article_id: str) -> Response:
    """Remove an article and everything made of it."""
    state = ready_state(request)
    collection = state.qa.library.collection(read_query(request, WhichQuery).collection)
    await state.workers.run(WRITE, lambda job: collection.remove(article_id))
    return Response(status_code=204)


@router.post("/v1/verify", response_model=VerifyOut, openapi_extra=body_of(VerifyIn), operation_id="verify")
async def verify(request: Request) -> Any:
    """Say whether an answer given earlier still stands in its source."""
    state = state_of(request)
    given = await read_body(request, VerifyIn, state.settings.ask_body_bytes)
    collection = state.qa.library.collection(given.collection)
    try:
        text = (await run_in_threadpool(collection.get, given.article_id)).text
    except ArticleNotFound:
        return VerifyOut(status="deleted")
    status: Literal["valid", "moved"] = "valid"
    start = given.article_start
    if text[given.article_start : given.article_end] != given.text:
        status, start = "moved", _nearest(text, given.text, given.article_start)
        if start < 0:
            return VerifyOut(status="changed")
    return VerifyOut(status=status, article_start=start, article_end=start + len(given.text))


def _nearest(text: str, wanted: str, place: int) -> int:
    """Return where the wanted text stands nearest to a place, -1 where it does not."""
    before = text.rfind(wanted, 0, place + len(wanted))
    after = text.find(wanted, place)
    found = [at for at in (before, after) if at >= 0]
    return min(found, key=lambda at: abs(at - place), default=-1)
