"""How much a key or an address may ask in a time: moving windows in bounded memory."""

import math
import time
from array import array
from bisect import bisect_right
from collections import OrderedDict
from dataclasses import dataclass
from functools import lru_cache

from limits import RateLimitItem, RateLimitItemPerMinute, parse
from limits.storage.base import MovingWindowSupport, Storage
from limits.strategies import MovingWindowRateLimiter

from index import InputError

MAX_AMOUNT = 100_000


@lru_cache(1_024)
def rate_of(text: str) -> RateLimitItem | None:
    """Return a rate such as ``120/minute``; None for ``off``.

    Raises:
        InputError: it is none.
    """
    if text.strip().lower() == "off":
        return None
    try:
        item = parse(text)
    except ValueError:
        item = None
    if item is None or not 1 <= item.amount <= MAX_AMOUNT or item.get_expiry() < 1:
        raise InputError(f"{text[:40]!r} is no rate: write it like 120/minute, up to {MAX_AMOUNT:,}, or off")
    return item


def per_minute(amount: int) -> RateLimitItem:
    """Return a rate of so many a minute."""
    return RateLimitItemPerMinute(amount)


class Windows(Storage, MovingWindowSupport):
    """The storage of a MovingWindowRateLimiter: instants in memory, of bounded size; for one thread.

    The storage that comes with limits keeps each identity for ever, and starts a thread that walks through all of them.
    When it is full, whoever was not heard of for the longest time is forgotten.

    Args:
        identities: it remembers at most.
        instants: it remembers at most, of all identities together; 8 bytes each.
    """

    STORAGE_SCHEME = None

    def __init__(self, identities: int = 50_000, instants: int = 1_000_000) -> None:
        super().__init__()
        self._identities = identities
        self._instants = instants
        self._count = 0
        # monotonic seconds in order of arrival
        self._seen: OrderedDict[str, array[float]] = OrderedDict()

    def __len__(self) -> int:
        """Return how many identities are remembered."""
        return len(self._seen)

    @property
    def base_exceptions(self) -> type[Exception]:
        """What limits would wrap: nothing here fails."""
        return ValueError

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Count something that happens now, unless that would be over the limit; return whether it was counted."""
        now = time.monotonic()
        seen = self._fresh(key, now - expiry)
        if len(seen) + amount > limit:
            return False
        seen.extend([now] * amount)
        self._count += amount
        self._seen[key] = seen
        self._seen.move_to_end(key)
        while len(self._seen) > self._identities or self._count > self._instants:
            self._count -= len(self._seen.popitem(last=False)[1])
        return True

    def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        """Return when the oldest of what counts happened, in monotonic seconds, and how many count."""
        now = time.monotonic()
        seen = self._fresh(key, now - expiry)
        return (seen[0] if seen else now), len(seen)

    def _fresh(self, key: str, since: float) -> "array[float]":
        seen = self._seen.get(key)
        if seen is None:
            return array("d")
        stale = bisect_right(seen, since)
        if stale:
            del seen[:stale]
            self._count -= stale
        return seen

    def clear(self, key: str) -> None:
        """Forget one identity."""
        self._count -= len(self._seen.pop(key, ()))

    def reset(self) -> int | None:
        """Forget all; return how many there were."""
        found = len(self._seen)
        self._seen.clear()
        self._count = 0
        return found

    def check(self) -> bool:
        """Return that it works."""
        return True

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Refuse: only moving windows are kept."""
        raise TypeError("only moving windows are kept: the other strategies of limits want another storage")

    get = get_expiry = incr  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class Standing:
    """What a sender has left of a rate.

    Attributes:
        policy: which rate it is: ``key`` or ``address``.
        allowed: whether the request fits.
        quota: requests in a window.
        window: seconds.
        left: requests that still fit.
        seconds: until one more fits.
    """

    policy: str
    allowed: bool
    quota: int
    window: int
    left: int
    seconds: int

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Return what a reply says of it, after draft-ietf-httpapi-ratelimit-headers-10."""
        return [
            (b"ratelimit-policy", f'"{self.policy}";q={self.quota};w={self.window}'.encode()),
            (b"ratelimit", f'"{self.policy}";r={self.left};t={self.seconds}'.encode()),
        ]


class Rates:
    """Counts requests of keys, or of addresses; called in the event loop only.

    Args:
        policy: what the rate is called in replies.
        identities: it remembers at most.
    """

    def __init__(self, policy: str, identities: int = 50_000) -> None:
        self._policy = policy
        self.windows = Windows(identities)
        self._limiter = MovingWindowRateLimiter(self.windows)

    def hit(self, rate: RateLimitItem, identity: str) -> Standing:
        """Count a request, unless it is one too many, and return how its sender stands."""
        return self._standing(rate, identity, self._limiter.hit(rate, identity))

    def full(self, rate: RateLimitItem, identity: str) -> Standing:
        """Return how a sender stands, counting nothing; allowed says whether one more would fit."""
        return self._standing(rate, identity, self._limiter.test(rate, identity))

    def _standing(self, rate: RateLimitItem, identity: str, allowed: bool) -> Standing:
        reset, left = self._limiter.get_window_stats(rate, identity)
        seconds = max(1, math.ceil(reset - time.monotonic()))
        return Standing(self._policy, allowed, rate.amount, rate.get_expiry(), left, seconds)
