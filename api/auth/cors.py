"""Pages of other origins: which may ask here, and what their browsers are told (CORS)."""

import re
from urllib.parse import urlsplit

from starlette.types import Scope

from index import InputError

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
_ORIGIN = re.compile(r"(https?)://([a-z0-9.-]{1,253}|\[[0-9a-f:.]{2,45}\])(?::(\d{1,5}))?")
_PORTS = {"http": "80", "https": "443"}
_PREFLIGHT = (
    (b"access-control-allow-methods", b"GET, POST, PUT, PATCH, DELETE"),
    # A star covers every header but Authorization, since nothing is sent with credentials.
    (b"access-control-allow-headers", b"*, Authorization, Content-Type, X-API-Key"),
    (b"access-control-max-age", b"600"),
)
_EXPOSED = b"Retry-After, RateLimit, RateLimit-Policy, Location, X-Request-Id, WWW-Authenticate"


def check_origin(text: str) -> str:
    """Return an origin as browsers send it: lower case, without the scheme's own port.

    Raises:
        InputError: it is none; ``null`` and ``*`` never are.
    """
    match = _ORIGIN.fullmatch(text.strip().lower())
    if match is None:
        raise InputError(
            f"{text[:80]!r} is no origin: write scheme, host and port where it has one, as in https://www.example.org"
        )
    scheme, host, port = match.groups()
    return f"{scheme}://{host}" + (f":{port}" if port and port != _PORTS[scheme] else "")


def origin_of(scope: Scope) -> str | None:
    """Return the Origin header of a request; "null" where it is not one origin in ASCII, None where there is none."""
    given = [value for name, value in scope["headers"] if name == b"origin"]
    if not given:
        return None
    return given[0].decode("ascii") if len(given) == 1 and given[0].isascii() else "null"


def same_origin(origin: str, scope: Scope) -> bool:
    """Return whether an origin is the one that a request was sent to."""
    host = next((value for name, value in scope["headers"] if name == b"host"), b"").decode("latin-1")
    # Behind a proxy that ends TLS the page's scheme is https while ours is http: the host decides.
    try:
        parts = urlsplit(origin)
        return parts.scheme in ("http", "https") and parts.netloc.lower() == host.lower()
    except ValueError:
        return False


def is_from_another_site(scope: Scope) -> bool:
    """Return whether a browser says that a page of another origin made it send a request (Fetch Metadata).

    An image, a script or a frame sends no Origin header, and every browser since 2023 sends this one to 127.0.0.1 and
    over TLS.  ``same-site`` is another origin too: any port of this machine.
    """
    return any(name == b"sec-fetch-site" and value not in (b"same-origin", b"none") for name, value in scope["headers"])


def is_followed_link(scope: Scope) -> bool:
    """Return whether somebody follows a link: what comes back is shown to them alone, and can be read by no page."""
    metadata = {name: value for name, value in scope["headers"] if name.startswith(b"sec-fetch-")}
    followed = {b"sec-fetch-mode": b"navigate", b"sec-fetch-dest": b"document", b"sec-fetch-user": b"?1"}
    return scope["method"] == "GET" and followed.items() <= metadata.items()


def is_preflight(scope: Scope) -> bool:
    """Return whether a browser asks what a page may send."""
    return scope["method"] == "OPTIONS" and any(
        name == b"access-control-request-method" for name, _ in scope["headers"]
    )


def reply_headers(origin: str) -> list[tuple[bytes, bytes]]:
    """Return what lets a page of an origin read a reply; never with credentials, since keys are in headers."""
    return [(b"access-control-allow-origin", origin.encode("ascii")), (b"access-control-expose-headers", _EXPOSED)]


def preflight_headers(origin: str) -> list[tuple[bytes, bytes]]:
    """Return the answer to a preflight of an origin that is allowed."""
    return [(b"access-control-allow-origin", origin.encode("ascii")), *_PREFLIGHT]
