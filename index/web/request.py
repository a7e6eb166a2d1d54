"""One request to one checked address → its answer.  Nothing is followed and nothing is tried again here."""

import ssl
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import TYPE_CHECKING, TypeVar, cast

from index.errors import FetchError
from index.version import release
from index.web.connection import Clock, Dialler
from index.web.policy import FetchPolicy
from index.web.urls import Target

if TYPE_CHECKING:
    from httpcore2 import NetworkBackend, Response

Read = TypeVar("Read")


def request(
    method: str,
    target: Target,
    read: "Callable[[Response], Read]",
    *,
    policy: FetchPolicy,
    clock: Clock,
    headers: Sequence[tuple[str, str]] = (),
    body: bytes | None = None,
) -> Read:
    """Send a request over a connection of its own and return what is read of the answer.

    Args:
        method: GET or POST.
        target: where to.
        read: makes something of the answer while the connection is open.
        policy: which addresses may be dialled.
        clock: the time that there is.
        headers: beside Host, User-Agent and Connection.
        body: what is sent, None for nothing.

    Raises:
        FetchError: an address that is not permitted, no connection, no time left, an answer that is no HTTP.
    """
    import httpcore2

    dialler = Dialler(policy, clock)
    connection = httpcore2.HTTPConnection(
        origin=httpcore2.Origin(target.scheme.encode(), target.host.encode(), target.port),
        ssl_context=_tls() if target.scheme == "https" else None,
        network_backend=cast("NetworkBackend", dialler),
    )
    own = [("Host", target.authority), ("User-Agent", user_agent()), ("Connection", "close")]
    length = [] if body is None else [("Content-Length", str(len(body)))]
    sent = httpcore2.Request(
        method,
        httpcore2.URL(scheme=target.scheme, host=target.host, port=target.port, target=target.path),
        headers=[*own, *length, *headers],
        content=body,
    )
    try:
        return read(connection.handle_request(sent))
    except (httpcore2.ProtocolError, httpcore2.NetworkError, httpcore2.TimeoutException) as error:
        raise FetchError(f"the server's answer is no whole HTTP ({' '.join(str(error).split())[:120]})") from None
    finally:
        dialler.close()


def user_agent() -> str:
    """Return what servers are told of who asks."""
    return f"citespan/{release()} (+https://github.com/citespan/citespan)"


def retry_after(value: str | None) -> float | None:
    """Return what Retry-After says, in seconds from now; None where it says nothing."""
    if not value:
        return None
    if value.isdecimal():
        return float(value[:9])
    try:
        when = parsedate_to_datetime(value)
    except (ValueError, OverflowError):  # a year, or a zone, of many digits
        return None
    when = when.replace(tzinfo=UTC) if when.tzinfo is None else when
    return max(0.0, (when - datetime.now(UTC)).total_seconds())


@cache
def _tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context
