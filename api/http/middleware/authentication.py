"""Who may come in: key, origin and rate of each request, for every entrance and whatever is mounted behind it.

Pure ASGI, inside the Gate, which makes a reply of what is raised here.
"""

import re
from collections import Counter

from starlette.types import ASGIApp, Receive, Scope, Send

from api.auth.callers import ANYBODY, NOBODY, Caller, Place
from api.auth.client_address import Address, address_of, networks_of
from api.auth.cors import (
    is_followed_link,
    is_from_another_site,
    is_preflight,
    origin_of,
    preflight_headers,
    reply_headers,
    same_origin,
)
from api.auth.key_cache import Keyring, Look
from api.auth.keys import Key
from api.auth.rate_limits import Rates, Standing, per_minute, rate_of
from api.concurrency.worker_pool import Lane
from api.errors import Problem
from api.settings import Settings

# Requests that are questions, and what kind of work they are. What an assistant sends only its body says.
_KINDS = {
    "/v1/ask": "ask",
    "/v1/ask/stream": "ask",
    "/v1/search": "search",
    "/v1/chat/completions": "ask",
    "/v1/embeddings": "embed",
    "/v1/tasks/question-answering": "task",
    "/v1/watches": "ask",
}
_MESSAGES = re.compile(r"/v1/conversations/[^/]+/messages")
_MESSAGES_ROUTE = "/v1/conversations/{conversation_id}/messages"
# What tells nothing of the library; and Slack's requests, which Slack signs: that route finds out who asks.
_OPEN = frozenset({"/", "/docs", "/openapi.json", "/healthz", "/readyz", "/widget.js", "/v1/integrations/slack"})
_OPEN_FOLDER = "/static/"
# A script that pages of others load, also with a checksum (integrity), for which they must be allowed to read it.
_FOR_ALL_PAGES = "/widget.js"
_REALM = 'Bearer realm="citespan"'
# What answers in other programs link to: an article that has no address of its own.
_LINKED = re.compile(r"/v1/articles/[^/]+")


def question_of(method: str, path: str) -> tuple[str, str] | None:
    """Return what kind of work a request is and the template of its route; None where it is no question."""
    if method == "POST" and path in _KINDS:
        return _KINDS[path], path
    if method == "POST" and _MESSAGES.fullmatch(path):
        return "follow-up", _MESSAGES_ROUTE
    return ("ask", path) if method == "GET" and path == "/v1/ask" else None


def is_open(path: str) -> bool:
    """Return whether a path is open to everyone, key or not."""
    return path in _OPEN or path.startswith(_OPEN_FOLDER)


class Admission:
    """Finds out who sent a request (``scope["state"]["caller"]``), and refuses whoever may not come in.

    Args:
        app: the application.
        settings: which keys, origins and rates.
        keyring: the library's keys.
        questions: where questions wait; those that would wait too long are turned away here.
    """

    def __init__(self, app: ASGIApp, *, settings: Settings, keyring: Keyring, questions: Lane) -> None:
        self._app = app
        self._questions = questions
        self._keyring = keyring
        self._wanted = settings.keys
        self._reachable = not settings.loopback and not settings.insecure
        self._origins = frozenset(settings.allowed_origins)
        self._proxies = networks_of(settings.trusted_proxies)
        self._rate = rate_of(settings.rate)
        self._address_rate = rate_of(settings.address_rate)
        self._bad_rate = per_minute(settings.bad_keys)
        self._of_keys, self._of_addresses = Rates("key"), Rates("address")
        self._of_bad_keys = Rates("bad-keys", 10_000)
        self._most_asks = settings.key_asks
        self._asking: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope["state"]
        added: list[tuple[bytes, bytes]] = state.setdefault("reply_headers", [])
        if is_open(scope["path"]):
            state["caller"] = NOBODY
            if scope["path"] == _FOR_ALL_PAGES:
                added.append((b"access-control-allow-origin", b"*"))
            await self._app(scope, receive, send)
            return
        added.append((b"vary", b"Origin"))
        origin = origin_of(scope)
        foreign = origin if origin is not None and not same_origin(origin, scope) else None
        address = address_of(scope, self._proxies)
        secret = _secret_of(scope)
        look = Look(any=False) if self._wanted == "off" else await self._keyring.look(secret, foreign)
        wanted = self._wanted == "required" or (self._wanted == "auto" and (look.any or self._reachable))
        if foreign is not None:
            allowed = foreign in self._origins or (wanted and look.origin)
            if allowed and is_preflight(scope):
                await send({"type": "http.response.start", "status": 204, "headers": preflight_headers(foreign)})
                await send({"type": "http.response.body"})
                return
            if not allowed:
                raise _foreign()
            added += reply_headers(foreign)
        elif is_from_another_site(scope) and not (_LINKED.fullmatch(scope["path"]) and is_followed_link(scope)):
            raise _foreign()
        if not wanted:
            await self._serve(scope, receive, send, ANYBODY, None, address)
            return
        key = self._checked(look.key, secret, address)
        _check_pages(key, origin, foreign, self._origins)
        await self._serve(scope, receive, send, key.caller, key, address)

    def _checked(self, key: Key | None, secret: str | None, address: Address) -> Key:
        """Return the key that was given.

        Raises:
            Problem: 401, there is none or it is none that is good now; 429, the last of too many such.
        """
        if key is not None:
            return key
        if secret is None:
            detail = "send a key in the Authorization header, as in: Authorization: Bearer cs_..."
            raise Problem(401, detail, headers={"WWW-Authenticate": _REALM})
        # A good key is taken all the same: neighbours behind one address must not shut each other out, and what is
        # guessed of 256 bits in a minute does not matter.
        standing = self._of_bad_keys.hit(self._bad_rate, address.identity)
        if not standing.allowed:
            raise _too_many(standing, "too many keys from this address were not good ones: check yours", "bad_key")
        raise Problem(
            401,
            "this is no key that may be used here: check it, or ask whoever runs this service for another",
            headers={"WWW-Authenticate": f'{_REALM}, error="invalid_token"'},
        )

    async def _serve(
        self, scope: Scope, receive: Receive, send: Send, caller: Caller, key: Key | None, address: Address
    ) -> None:
        state = scope["state"]
        state["caller"] = caller
        sender = None
        if key is None or key.origins:  # whoever opens a page has its key: its readers are told apart by address
            sender = None if address.loopback else address.identity
            if sender is not None and self._address_rate is not None:
                self._count(scope, self._of_addresses.hit(self._address_rate, sender))
        if key is not None:
            rate = self._rate if key.rate is None else rate_of(key.rate)
            if rate is not None:
                self._count(scope, self._of_keys.hit(rate, key.id))
            sender = key.id if not key.origins else f"{key.id} {address.identity}"
        place = Place(self._asking, sender, self._most_asks)
        state["place"], state["sender"] = place, sender
        question = question_of(scope["method"], scope["path"])
        if question is not None:
            kind, state["route"] = question
            place.check()
            # Before the body is read and anything is looked up: who is turned away should cost next to nothing.
            self._questions.check(kind, sender)
        try:
            await self._app(scope, receive, send)
        finally:
            place.leave()

    def _count(self, scope: Scope, standing: Standing) -> None:
        scope["state"]["reply_headers"] += standing.headers()
        if not standing.allowed:
            detail = f"{standing.quota:,} requests in {standing.window:,} s are served: send fewer"
            raise _too_many(standing, detail, "rate" if standing.policy == "key" else "address_rate")


def _foreign() -> Problem:
    named = "CITESPAN_ALLOWED_ORIGINS names those that may"
    return Problem(403, f"a page of another origin may not ask, read or change anything here: {named}")


def _too_many(standing: Standing, detail: str, reason: str) -> Problem:
    return Problem(429, detail, headers={"Retry-After": str(standing.seconds)}, reason=reason)


def _check_pages(key: Key, origin: str | None, foreign: str | None, origins: frozenset[str]) -> None:
    """Refuse a key that is not for the page on which it is used.

    Raises:
        Problem: 403.
    """
    if key.origins:
        if origin not in key.origins:
            raise Problem(403, "this key is for the pages that it was made for: use it there, or another one here")
    elif foreign is not None and foreign not in origins:
        raise Problem(403, "this key is not for pages of other origins: make one that names them with --origin")


def _secret_of(scope: Scope) -> str | None:
    """Return the key that a request brings; None where it brings none, "" where it brings what cannot be one."""
    found: set[bytes] = set()
    for name, value in scope["headers"]:
        if name == b"authorization":
            scheme, _, rest = value.partition(b" ")
            # Another scheme is another's, such as a proxy's that asks for a password.
            if scheme.lower() == b"bearer":
                found.add(rest.strip())
        elif name == b"x-api-key":
            found.add(value.strip())
    if not found:
        return None
    value = found.pop()
    return "" if found or not value.isascii() else value.decode("ascii")
