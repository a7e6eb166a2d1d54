"""A web address → its bytes: redirects, robots.txt, manners, limits, and what is asked only if it has changed."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from index.errors import FetchError
from index.stages import stage
from index.web.connection import Clock, NotPermitted
from index.web.decompression import inflated
from index.web.policy import MIB, FetchPolicy
from index.web.politeness import MAX_ROBOTS_BYTES, Hosts, Robots, parse_robots
from index.web.request import request, retry_after
from index.web.urls import Target, parse_target, redirected

if TYPE_CHECKING:
    from httpcore2 import Response

_REDIRECTS = (301, 302, 303, 307, 308)
_ROBOTS_SECONDS = 10.0
_REASONS = {
    401: "it wants a password",
    403: "it does not let this page be read",
    404: "there is no such page",
    410: "the page is gone for good",
    429: "too many requests",
    451: "withheld for legal reasons",
    503: "not available at the moment",
}
_VALIDATOR = re.compile(r"[\x21-\x7e ]{1,500}")


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a server answered.

    Attributes:
        url: the address that answered, after redirects, without a fragment.
        status: 200, or 304 where nothing has changed since etag and modified.
        content_type: the Content-Type header with its charset, None where there was none.
        data: the body, decompressed; empty for 304.
        etag: what to hand in the next time, None where there is none.
        modified: Last-Modified, to hand in the next time, None where there is none.
    """

    url: str
    status: int
    content_type: str | None
    data: bytes
    etag: str | None = None
    modified: str | None = None

    @property
    def unchanged(self) -> bool:
        """Whether nothing has changed since the last time."""
        return self.status == 304


def fetch(url: str, *, policy: FetchPolicy, etag: str | None = None, modified: str | None = None) -> Fetched:
    """Fetch a web address; see Fetcher.fetch.  All calls with equal policies share what is known of hosts.

    Raises:
        FetchError: it cannot be fetched; the message says why.
    """
    return shared_fetcher(policy).fetch(url, etag=etag, modified=modified)


@lru_cache(maxsize=16)
def shared_fetcher(policy: FetchPolicy) -> "Fetcher":
    """Return the one fetcher of this process for a policy, so that manners hold over all that it fetches."""
    return Fetcher(policy)


class Fetcher:
    """Fetches web addresses within a policy.  Safe for use from several threads.

    Args:
        policy: where it may go and how far.
    """

    def __init__(self, policy: FetchPolicy) -> None:
        self.policy = policy
        self._hosts = Hosts(policy.pause_seconds, policy.patience_seconds)

    @stage("fetch")
    def fetch(self, url: str, *, etag: str | None = None, modified: str | None = None) -> Fetched:
        """Fetch a web address with its redirects, if robots.txt allows it and when the host's turn comes.

        Args:
            url: http or https.
            etag: from the last time; with it, or with modified, the answer may be 304.
            modified: from the last time.

        Raises:
            FetchError: an address that is not permitted, a refusal, a limit, no connection; the message says which.
        """
        clock = Clock(self.policy.seconds)
        conditions = {"If-None-Match": etag, "If-Modified-Since": modified}
        headers = {name: value for name, value in conditions.items() if value and _VALIDATOR.fullmatch(value)}
        target = parse_target(url, self.policy)
        seen: set[str] = set()
        while True:
            robots = self._hosts.robots(target, partial(self._robots, target, clock))
            robots.check(target.url)
            clock.extend(self._hosts.wait(target.host, robots.delay))
            reply = self._request(target, clock, headers, self.policy.max_bytes)
            if reply.location is None:
                return self._finished(target, reply, conditional=bool(headers))
            target = self._followed(target, reply.location, seen)

    def _finished(self, target: Target, reply: "_Reply", *, conditional: bool) -> Fetched:
        if reply.status == 304 and conditional:
            return Fetched(target.url, 304, reply.content_type, b"", reply.etag, reply.modified)
        if not 200 <= reply.status < 300:
            after = retry_after(reply.retry_after) if reply.status in (429, 503) else None
            if after:
                self._hosts.hold(target.host, after)
            raise FetchError(_refusal(reply.status), status=reply.status, retry_after=after)
        return Fetched(target.url, 200, reply.content_type, reply.data, reply.etag, reply.modified)

    def _followed(self, target: Target, location: str, seen: set[str]) -> Target:
        seen.add(target.url)
        if len(seen) > self.policy.max_redirects:
            raise FetchError(f"the server redirects more than {self.policy.max_redirects} times: give the last address")
        following = redirected(target, location, self.policy)
        if following.url in seen:
            raise FetchError("the server redirects in a circle: give the address of the page itself")
        return following

    def _robots(self, target: Target, page: Clock) -> Robots:
        at = Target(target.scheme, target.host, target.port, "/robots.txt")
        clock = Clock(min(_ROBOTS_SECONDS, page.left()))
        seen: set[str] = set()
        try:
            while True:
                waited = self._hosts.wait(at.host)
                page.extend(waited)
                clock.extend(waited)
                reply = self._request(at, clock, {}, MAX_ROBOTS_BYTES, cut=True)
                if reply.location is None:
                    break
                at = self._followed(at, reply.location, seen)
        except FetchError as error:
            # Where the page itself could not be had either, that is what is said.
            if error.retry_after is not None or (isinstance(error, NotPermitted) and not seen):
                raise
            return Robots(reachable=False, reason=str(error))
        if reply.status == 429 or reply.status >= 500:
            return Robots(reachable=False, reason=_refusal(reply.status))
        return parse_robots(reply.data) if reply.status < 300 else Robots()

    def _request(
        self, target: Target, clock: Clock, headers: dict[str, str], limit: int, *, cut: bool = False
    ) -> "_Reply":
        sent = {
            "Accept": "text/html,application/xhtml+xml,application/atom+xml,application/rss+xml,*/*;q=0.5",
            "Accept-Encoding": "gzip",
            **headers,
        }
        read = partial(_read, limit=limit, cut=cut)
        return request("GET", target, read, policy=self.policy, clock=clock, headers=[*sent.items()])


@dataclass(frozen=True, slots=True)
class _Reply:
    """One answer: a redirect has a location and no data."""

    status: int
    content_type: str | None
    location: str | None
    etag: str | None
    modified: str | None
    retry_after: str | None
    data: bytes


def _read(response: "Response", limit: int, *, cut: bool) -> _Reply:
    headers = {name.lower().decode("latin-1"): value for name, value in reversed(response.headers)}

    def text(name: str) -> str | None:
        value = headers.get(name)
        return None if value is None else value.decode("utf-8", "replace").strip() or None

    location = text("location") if response.status in _REDIRECTS else None
    data = b""
    if location is None and 200 <= response.status < 300:
        declared = text("content-length") or ""
        if declared.isdecimal() and int(declared) > limit and not cut:
            raise _too_large(limit)
        data = _body(inflated(_counted(response, limit, cut=cut), text("content-encoding") or ""), limit, cut=cut)
    return _Reply(
        response.status,
        text("content-type"),
        location,
        _validator(text("etag")),
        _validator(text("last-modified")),
        text("retry-after"),
        data,
    )


def _counted(response: "Response", limit: int, *, cut: bool) -> Iterator[bytes]:
    """Yield the body as it comes in: compressed, too, it may not be larger than the limit."""
    size = 0
    for part in response.iter_stream():
        yield part
        size += len(part)
        if size > limit:
            if cut:
                return
            raise _too_large(limit)


def _body(parts: Iterator[bytes], limit: int, *, cut: bool) -> bytes:
    data = bytearray()
    for part in parts:
        data += part
        if len(data) > limit:
            if cut:
                return bytes(data[:limit])
            raise _too_large(limit)
    return bytes(data)


def _too_large(limit: int) -> FetchError:
    return FetchError(f"the page is larger than {limit / MIB:g} MiB: save it and add what is needed of it")


def _refusal(status: int) -> str:
    reason = _REASONS.get(status)
    return f"the server answered {status}" + (f": {reason}" if reason else "")


def _validator(value: str | None) -> str | None:
    """An ETag or date that can be sent back, None for one that is none."""
    return value if value and _VALIDATOR.fullmatch(value) else None
