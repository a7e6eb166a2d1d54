"""The chat page, the page of the API's description, their files, and the element for other pages."""

import hashlib
import mimetypes
import re
from functools import cache

from fastapi import APIRouter, Request, Response

from api.errors import Problem
from api.http.middleware.request_guard import PAGE_POLICY
from api.resources import STATIC

router = APIRouter(include_in_schema=False)
_WIDGET_SECONDS = 300
_LINK = re.compile(rb'(href|src)="static/([\w.-]+)"')


@router.get("/")
async def page() -> Response:
    """Return the chat page."""
    return _document("index.html")


@router.get("/docs")
async def docs() -> Response:
    """Return a readable form of /openapi.json, without any outside host."""
    return _document("docs.html")


@router.get("/static/{name}")
async def file(request: Request, name: str) -> Response:
    """Return a file of the page; with its hash in the address it may be kept for ever."""
    if name not in _names() or name.endswith(".html"):
        raise Problem(404, "there is nothing at this address: see /docs")
    exact = request.query_params.get("v") == _file(name)[1]
    keep = "public, max-age=31536000, immutable" if exact else "no-cache"
    return _kept(request, name, {"Cache-Control": keep, "Content-Security-Policy": PAGE_POLICY})


@router.get("/widget.js")
async def widget(request: Request) -> Response:
    """Return the element <citespan-ask>, for pages anywhere: it stays at this address when it gets better."""
    keep = f"public, max-age={_WIDGET_SECONDS}"
    return _kept(request, "widget.js", {"Cache-Control": keep, "Cross-Origin-Resource-Policy": "cross-origin"})


def _kept(request: Request, name: str, headers: dict[str, str]) -> Response:
    """Return a file, or that it is the one that the browser has."""
    data, digest = _file(name)
    headers["ETag"] = f'"{digest}"'
    known = request.headers.get("if-none-match", "").split(",")
    if any(tag.strip().removeprefix("W/") == headers["ETag"] for tag in known):
        return Response(status_code=304, headers=headers)
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    charset = "; charset=utf-8" if kind.startswith("text/") else ""
    return Response(data, headers={**headers, "Content-Type": kind + charset})


def _document(name: str) -> Response:
    data, digest = _file(name)
    linked = _LINK.sub(lambda m: b'%s="/static/%s?v=%s"' % (m[1], m[2], _file(m[2].decode())[1].encode()), data)
    headers = {"ETag": f'"{digest}"', "Cache-Control": "no-cache", "Content-Security-Policy": PAGE_POLICY}
    return Response(linked, headers=headers, media_type="text/html; charset=utf-8")


@cache
def _names() -> frozenset[str]:
    return frozenset(path.name for path in STATIC.iterdir() if path.is_file())


@cache
def _file(name: str) -> tuple[bytes, str]:
    data = (STATIC / name).read_bytes()
    return data, hashlib.sha256(data).hexdigest()[:16]
