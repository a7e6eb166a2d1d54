"""Manners towards other people's servers: what robots.txt allows, and a pause between two requests to a host.

robots.txt is read as RFC 9309 has it: none there (4xx) allows everything, one that cannot be had (5xx, no connection)
allows nothing for now.  It is kept for a day, one that could not be had for five minutes.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from index.errors import FetchError
from index.web.urls import Target

AGENT = "citespan"
MAX_ROBOTS_BYTES = 500 * 1024
_KEPT_SECONDS = 24 * 3600.0
_KEPT_UNREACHABLE_SECONDS = 300.0
_MAX_HOSTS = 2_000
_MAX_HOLD_SECONDS = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Robots:
    """What a host's robots.txt says.

    Attributes:
        parsed: the rules, None where nothing is forbidden or everything is.
        reachable: whether it could be had.
        delay: seconds between two requests that it asks for, 0 where it asks for none.
        reason: why it could not be had.
    """

    parsed: Any = None
    reachable: bool = True
    delay: float = 0.0
    reason: str = ""

    def check(self, url: str) -> None:
        """Let an address pass.

        Raises:
            FetchError: it may not be fetched.
        """
        if not self.reachable:
            raise FetchError(
                f"the host's robots.txt cannot be had ({self.reason}), so nothing is fetched from it for now",
                retry_after=_KEPT_UNREACHABLE_SECONDS,
            )
        if self.parsed is not None and not self.parsed.can_fetch(url, AGENT):
            raise FetchError("the host's robots.txt forbids fetching this page: ask the site for its articles")


def parse_robots(data: bytes) -> Robots:
    """Return what a robots.txt says; lines that mean nothing are passed over."""
    from protego import Protego

    parsed = Protego.parse(data[:MAX_ROBOTS_BYTES].decode("utf-8", "replace"))
    delay = parsed.crawl_delay(AGENT) or 0.0
    return Robots(parsed, True, min(max(0.0, float(delay)), _MAX_HOLD_SECONDS))


class Hosts:
    """What is known of hosts: their robots.txt and when each may be asked again.  Safe for use from several threads.

    Args:
        pause: seconds between two requests to a host, at least.
        patience: longest wait for a turn, in seconds.
    """

    def __init__(self, pause: float, patience: float) -> None:
        self._pause = pause
        self._patience = patience
        self._lock = threading.Lock()
        self._robots: OrderedDict[str, tuple[float, Robots]] = OrderedDict()
        self._reading: dict[str, threading.Lock] = {}
        self._next: OrderedDict[str, float] = OrderedDict()

    def robots(self, target: Target, read: Callable[[], Robots]) -> Robots:
        """Return the robots.txt of a target's origin, read where it is not known; by one thread at a time."""
        origin = target.origin
        found = self._known(origin)
        if found is not None:
            return found
        with self._lock:
            reading = self._reading.setdefault(origin, threading.Lock())
        try:
            with reading:
                found = self._known(origin)
                if found is None:
                    found = read()
                    kept = _KEPT_SECONDS if found.reachable else _KEPT_UNREACHABLE_SECONDS
                    with self._lock:
                        self._robots[origin] = (time.monotonic() + kept, found)
                        self._robots.move_to_end(origin)
                        while len(self._robots) > _MAX_HOSTS:
                            self._robots.popitem(last=False)
        finally:
            with self._lock:
                self._reading.pop(origin, None)
        return found

    def wait(self, host: str, delay: float = 0.0) -> float:
        """Wait for a host's turn; return for how many seconds.

        Args:
            host: the host's name.
            delay: seconds between two requests that its robots.txt asks for.

        Raises:
            FetchError: the turn is farther off than patience reaches; retry_after says how far.
        """
        now = time.monotonic()
        with self._lock:
            at = max(now, self._next.get(host, now))
            if at - now > self._patience:
                raise FetchError(
                    f"the host wants to be asked again in {at - now:.0f} seconds: come back then", retry_after=at - now
                )
            self._next[host] = at + max(self._pause, delay)
            self._next.move_to_end(host)
            while len(self._next) > _MAX_HOSTS and next(iter(self._next.values())) < now:
                self._next.popitem(last=False)
        if at > now:
            time.sleep(at - now)
        return at - now

    def hold(self, host: str, seconds: float) -> None:
        """Leave a host alone for so long: it said Retry-After."""
        with self._lock:
            until = time.monotonic() + min(seconds, _MAX_HOLD_SECONDS)
            self._next[host] = max(until, self._next.get(host, until))

    def _known(self, origin: str) -> Robots | None:
        with self._lock:
            until, found = self._robots.get(origin, (0.0, None))
        return found if time.monotonic() < until else None
