"""The tools that change the library, there only if a setting turns them on: add_article, remove_article."""

from typing import Annotated, Any

from mcp.server.mcpserver import Context
from mcp_types import CallToolResult, ToolAnnotations
from pydantic import Field

from api.auth.callers import Scope
from api.concurrency.worker_pool import WRITE, Job
from api.mcp.arguments import ArticleId, CollectionName
from api.mcp.calls import Calls
from api.mcp.read_tools import result
from api.mcp.results import RemovedOut
from api.schemas.requests import ArticleIn
from api.schemas.responses import AddedOut
from index import DEFAULT_COLLECTION, MAX_ARTICLE_CHARACTERS, Added, check_collection_name

# The same id again replaces an article: that destroys what stood there.
ADDS = ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=False)
REMOVES = ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=False)


class Writing:
    """The tools, bound to a service.

    Args:
        calls: begins their calls.
    """

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def add_article(
        self,
        text: Annotated[
            str, Field(min_length=1, max_length=MAX_ARTICLE_CHARACTERS, description="The article's whole text.")
        ],
        context: Context[Any, Any],
        title: Annotated[str | None, Field(description="Its title; found in the text where left out.")] = None,
        article_id: Annotated[
            str | None, Field(description="An id of your own; one is made where left out. One in use is replaced.")
        ] = None,
        url: Annotated[str | None, Field(description="Where it is published; it is not fetched.")] = None,
        source: Annotated[str | None, Field(description="Site or publisher.")] = None,
        published: Annotated[str | None, Field(description="ISO 8601 date of publication.")] = None,
        tags: Annotated[list[str], Field(max_length=64, description="Words to filter by.")] = [],  # noqa: B006
        collection: Annotated[str, Field(description="Made where there is none of that name.")] = DEFAULT_COLLECTION,
    ) -> Annotated[CallToolResult, AddedOut]:
        """Add an article, or replace the one with the same id. Once this returns, its text answers questions.

        Use it only when the user asks for it.
        """
        call = await self._calls.begin(context, Scope.WRITE)
        given = ArticleIn(
            text=text,
            id=article_id,
            title=title,
            url=url,
            source=source,
            published=published,
            tags=tags,
            collection=collection,
        )
        check_collection_name(collection)
        call.caller.check_collection(collection)

        def work(job: Job) -> Added:
            article = given.to_article()  # before the collection: a bad one leaves no empty collection behind
            return call.collection(collection, create=True).add_one(article)

        with call.audited("add_article", collection, article_id) as line:
            reply = AddedOut.from_added(await call.run(WRITE, work))
            line["article_id"] = reply.id
        return result(f"Article {reply.id} is {'added' if reply.created else 'replaced'}.", reply)

    async def remove_article(
        self, article_id: ArticleId, context: Context[Any, Any], collection: CollectionName = DEFAULT_COLLECTION
    ) -> Annotated[CallToolResult, RemovedOut]:
        """Remove an article and everything made of it, for good. Use it only when the user asks for it."""
        call = await self._calls.begin(context, Scope.WRITE)
        place = call.collection(collection)
        with call.audited("remove_article", collection, article_id):
            await call.run(WRITE, lambda job: place.remove(article_id))
        return result(f"Article {article_id} is removed.", RemovedOut(id=article_id, removed=True))
