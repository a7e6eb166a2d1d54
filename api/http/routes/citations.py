"""GET /v1/articles/{id}/citation: an article as a writer cites it."""

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from api.auth.callers import Scope
from api.http.openapi import query_of
from api.http.request_body import read_query
from api.http.request_context import collection_of, needs
from api.schemas.requests import Strict
from index import DEFAULT_COLLECTION
from qa import Style, cite

router = APIRouter(tags=["articles"], dependencies=[needs(Scope.ASK)])


class CitationQuery(Strict):
    """Which citation is wanted."""

    style: Style = "chicago"
    collection: str = DEFAULT_COLLECTION
    page: int | None = Field(None, ge=1, le=100_000, description="of an article that has pages")


class CitationOut(BaseModel):
    """An article as a writer cites it."""

    article_id: str
    style: Style
    citation: str
    markdown: str


@router.get(
    "/v1/articles/{article_id}/citation",
    response_model=CitationOut,
    openapi_extra=query_of(CitationQuery),
    operation_id="cite_article",
)
async def cite_article(request: Request, article_id: str) -> Any:
    """Return an article's citation, as plain text and as Markdown."""
    asked = read_query(request, CitationQuery, ("page",))
    collection = collection_of(request, asked.collection)
    info = (await run_in_threadpool(collection.get, article_id)).info
    today = datetime.now(UTC).date()
    return CitationOut(
        article_id=info.id,
        style=asked.style,
        citation=cite(info, asked.style, accessed=today, page=asked.page),
        markdown=cite(info, asked.style, accessed=today, page=asked.page, markdown=True),
    )
