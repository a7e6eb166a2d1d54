"""POST /mcp: the Model Context Protocol, streamable HTTP."""

from fastapi import APIRouter, Request, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.auth.callers import Scope as Allowed
from api.errors import Problem
from api.http.request_body import check_declared, check_encoding, content_type, pieces
from api.http.request_context import caller_of, needs, state_of
from api.mcp.http_transport import Exchange

router = APIRouter(tags=["mcp"], dependencies=[needs(Allowed.ASK)])


# The protocol describes itself, tools included: an OpenAPI description of it would be of no use.
@router.post("/mcp", include_in_schema=False)
async def mcp(request: Request) -> Response:
    """Answer a message of the Model Context Protocol."""
    settings = state_of(request).settings
    if content_type(request) != "application/json":
        raise Problem(415, "send application/json in the Content-Type header and the body")
    check_encoding(request)
    writes = settings.mcp_writes and caller_of(request).may(Allowed.WRITE)
    limit = settings.article_body_bytes if writes else settings.ask_body_bytes
    check_declared(request, limit)
    body = b"".join([part async for part in pieces(request, limit)])
    exchange: Exchange = request.app.state.mcp
    handle = (await exchange.manager()).handle_request
    from api.mcp.messages import refusal_of  # as the exchange: loaded once somebody asks

    refusal = refusal_of(body)
    if refusal is not None:
        return Response(refusal.model_dump_json(exclude_unset=True), 400, media_type="application/json")
    return _Answered(body, request, handle)


class _Answered(Response):
    """A reply that the protocol's own application sends, to a body that was read within limits."""

    def __init__(self, body: bytes, request: Request, handle: ASGIApp) -> None:
        super().__init__()
        self._given: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]
        self._request = request
        self._handle = handle

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Which origins may ask is for keys to say too, and has been checked: the protocol's own list knows no keys.
        headers = [(name, value) for name, value in scope["headers"] if name != b"origin"]
        await self._handle({**scope, "headers": headers}, self._next, send)

    async def _next(self) -> Message:
        return self._given.pop() if self._given else await self._request.receive()
