"""A message → a web address of somebody who wants it: within the same policy as fetching, and nothing followed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from index.web.connection import Clock, NotPermitted
from index.web.policy import FetchPolicy
from index.web.request import request, retry_after
from index.web.urls import parse_target

if TYPE_CHECKING:
    from httpcore2 import Response


@dataclass(frozen=True, slots=True)
class Posted:
    """What the receiver answered.

    Attributes:
        status: HTTP status.
        retry_after: seconds after which to come again, None where nothing was said.
    """

    status: int
    retry_after: float | None = None


def check_receiver(url: str, policy: FetchPolicy) -> None:
    """Refuse an address that post() would refuse before it looks its host up.

    Raises:
        FetchError: no http or https address, a user name in it, a port that is not allowed, or an IP address that is
            not; what a name leads to is known once it is looked up.
    """
    target = parse_target(url, policy)
    if target.is_address and not policy.permits(target.host):
        raise NotPermitted


def post(url: str, body: bytes, headers: Mapping[str, str], *, policy: FetchPolicy, seconds: float) -> Posted:
    """Send a message once; a redirect is an answer like any other and is not followed.

    Of the answer only the head is read: what the receiver says beside it is of no use here.

    Args:
        url: http or https.
        body: the message.
        headers: beside those that every request has.
        policy: where it may go.
        seconds: for all of it.

    Raises:
        FetchError: an address that is not permitted, no connection, no answer in time.
    """

    def head(response: "Response") -> Posted:
        found = {name.lower(): value for name, value in reversed(response.headers)}
        return Posted(response.status, retry_after(found.get(b"retry-after", b"").decode("ascii", "replace").strip()))

    target = parse_target(url, policy)
    return request("POST", target, head, policy=policy, clock=Clock(seconds), headers=[*headers.items()], body=body)
