"""What can go wrong between a program and the service.  A tree of its own: the client imports no other part.

ClientError
├── CitespanAPIError         the service answered with an error; a class for each status below
│   ├── Malformed 400, Unauthorized 401, Forbidden 403, NotFound 404, TooSlow 408, Conflict 409
│   ├── TooLarge 413, UnknownFormat 415, Invalid 422, RateLimited 429
│   └── ServerFault 500, Unavailable 503, DiskFull 507
├── ConnectionFailed         no answer, or one that was cut off
│   └── TimedOut             none in time
└── UnexpectedReply          an answer that is none of Citespan's
"""

import email.utils
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import httpx2
import msgspec

_SHOWN = 200


class ClientError(Exception):
    """The root of all errors of the client."""


class CitespanAPIError(ClientError):
    """The service answered with an error.

    Attributes:
        status: HTTP status.
        title: what kind of error it is.
        detail: what to change.
        type: address of the page that explains it; "" where the reply was not a problem of Citespan's.
        errors: for a rejected body, ``{"loc": [...], "msg": ...}`` of each field.
        request_id: under which the service's log has it, None where the reply named none.
        retry_after: seconds after which to come again, None where the service did not say.
    """

    def __init__(
        self,
        status: int,
        title: str,
        detail: str,
        *,
        type: str = "",
        errors: Sequence[Mapping[str, Any]] = (),
        request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(f"{status} {title}: {detail}" + (f" (request {request_id})" if request_id else ""))
        self.status = status
        self.title = title
        self.detail = detail
        self.type = type
        self.errors = tuple(errors)
        self.request_id = request_id
        self.retry_after = retry_after


class Malformed(CitespanAPIError):
    """400: the request is not what the service can read."""


class Unauthorized(CitespanAPIError):
    """401: a key is missing, or is none of the service's."""


class Forbidden(CitespanAPIError):
    """403: the key does not allow it."""


class NotFound(CitespanAPIError):
    """404: no such article, collection, job or conversation."""


class TooSlow(CitespanAPIError):
    """408: the body did not arrive in time."""


class Conflict(CitespanAPIError):
    """409: the request conflicts with what is there."""


class TooLarge(CitespanAPIError):
    """413: the body, a file or an article is over its limit."""


class UnknownFormat(CitespanAPIError):
    """415: nothing there reads this format."""


class Invalid(CitespanAPIError):
    """422: a field is missing or out of range; ``errors`` names each."""


class RateLimited(CitespanAPIError):
    """429: this key or address asks too much."""


class ServerFault(CitespanAPIError):
    """500: a fault of the service; its log has it under the request id."""


class Unavailable(CitespanAPIError):
    """503: starting, full, stopping, or the library cannot be used."""


class DiskFull(CitespanAPIError):
    """507: the service's disk is full; nothing of the request was kept."""


class ConnectionFailed(ClientError):
    """There was no answer, or it was cut off.

    Attributes:
        sent: whether the request may have reached the service.
    """

    def __init__(self, message: str, *, sent: bool = True) -> None:
        super().__init__(message)
        self.sent = sent


class TimedOut(ConnectionFailed):
    """There was no answer in time."""


class UnexpectedReply(ClientError):
    """What came back is no answer of Citespan's: something else listens at that address, or stands in between."""


_CLASSES: dict[int, type[CitespanAPIError]] = {
    400: Malformed,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    408: TooSlow,
    409: Conflict,
    413: TooLarge,
    415: UnknownFormat,
    422: Invalid,
    429: RateLimited,
    500: ServerFault,
    503: Unavailable,
    507: DiskFull,
}


def error_of(response: httpx2.Response) -> CitespanAPIError:
    """Return the error that a reply stands for; its body has been read."""
    try:
        facts = msgspec.json.decode(response.content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        facts = None
    if not isinstance(facts, dict):  # of a proxy, say
        facts = {"detail": response.text.strip()[:_SHOWN] or "the reply says nothing more"}
    return _made(
        response.status_code,
        {"title": response.reason_phrase or "error", **facts},
        request_id=response.headers.get("x-request-id"),
        retry_after=_retry_after(response.headers),
    )


def error_of_event(facts: Any, request_id: str | None) -> CitespanAPIError:
    """Return the error that ended a stream.

    Args:
        facts: the problem, as JSON has it.
        request_id: of the reply that the stream is.
    """
    known = facts if isinstance(facts, dict) else {}
    status = known.get("status")
    return _made(status if isinstance(status, int) else 500, known, request_id=request_id, retry_after=None)


def failure_of(error: httpx2.RequestError) -> ClientError:
    """Return the error that stands for one of the transport's."""
    said = str(error) or type(error).__name__
    never = isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout | httpx2.ProxyError)
    if isinstance(error, httpx2.TimeoutException):
        return TimedOut(f"no answer in time: {said}", sent=not never)
    if isinstance(error, httpx2.SSEError | httpx2.DecodingError):
        return UnexpectedReply(f"the reply cannot be read: {said}")
    if never:
        return ConnectionFailed(f"the service cannot be reached: {said}", sent=False)
    return ConnectionFailed(f"the connection was lost: {said}")


def _made(
    status: int, facts: Mapping[str, Any], *, request_id: str | None, retry_after: float | None
) -> CitespanAPIError:
    errors = facts.get("errors")
    return _CLASSES.get(status, CitespanAPIError)(
        status,
        str(facts.get("title", "error")),
        str(facts.get("detail", "the reply says nothing more")),
        type=str(facts.get("type", "")),
        errors=[one for one in errors if isinstance(one, dict)] if isinstance(errors, list) else [],
        request_id=request_id,
        retry_after=retry_after,
    )


def _retry_after(headers: httpx2.Headers) -> float | None:
    """Return seconds: as they are given, or until the given date by the service's own clock."""
    value = headers.get("retry-after", "").strip()
    if value.isdecimal() and len(value) < 10:
        return float(value)
    when = _instant(value)
    if when is None:
        return None
    now = _instant(headers.get("date", "")) or datetime.now(UTC)
    return max(0.0, (when - now).total_seconds())


def _instant(value: str) -> datetime | None:
    try:
        found = email.utils.parsedate_to_datetime(value)
    except (ValueError, OverflowError):  # a year, or a zone, of many digits
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
