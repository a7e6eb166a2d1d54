"""When a request is sent again, and how long after: pure, but for the clock."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from api.client.calls import Call, nothing
from api.client.errors import CitespanAPIError, ClientError, ConnectionFailed, TimedOut

# The service refused before it began anything.
_REFUSED = frozenset({429, 503})
# Something in between did not get an answer.
_LOST = frozenset({502, 504})


@dataclass(frozen=True, slots=True)
class Retries:
    """How often and how long a request is tried again.

    What the service refused (429, 503) is sent again once ``Retry-After`` has passed, and what never reached it at
    once; what was lost on the way only where twice leaves what once does: everything but a batch, a new
    conversation and its messages.  Without ``Retry-After`` the pause doubles from attempt to attempt (Jacobson
    1988), and a random share is taken off, so that many clients do not come back together.

    Attributes:
        most: further attempts after the first; 0 for none.
        seconds: all attempts together may take so long; a pause that would end later is not begun.
        first: longest pause before the second attempt, in seconds.
        longest: longest pause that is of our own making, in seconds.
    """

    most: int = 3
    seconds: float = 60.0
    first: float = 0.5
    longest: float = 15.0


class Attempts:
    """The attempts at one request.

    Args:
        retries: what is allowed.
        call: the request.
        clock: seconds that only grow.
    """

    def __init__(self, retries: Retries, call: Call[Any], clock: Callable[[], float] = time.monotonic) -> None:
        self._retries = retries
        self._call = call
        self._clock = clock
        self._begun = clock()
        self._paused = 0.0
        self._made = 0
        self.lost = False

    def pause(self, failure: ClientError) -> float:
        """Return the seconds to wait before the next attempt.

        Args:
            failure: of the attempt before.

        Raises:
            ClientError: that failure, where there is to be no other attempt.
        """
        self.lost = self.lost or (isinstance(failure, ConnectionFailed) and failure.sent)
        self._made += 1
        if self._made > self._retries.most or not self._may_follow(failure):
            raise failure
        wait = self._wait(failure)
        spent = max(self._clock() - self._begun, self._paused)
        if spent + wait > self._retries.seconds:
            raise failure
        self._paused += wait
        return wait

    def settles(self, failure: ClientError) -> bool:
        """Return whether a failure only says that an attempt whose reply was lost has done its work: removed it."""
        missing = isinstance(failure, CitespanAPIError) and failure.status == 404
        return missing and self.lost and self._call.read is nothing

    def _may_follow(self, failure: ClientError) -> bool:
        if not self._call.replayable:
            return False
        if isinstance(failure, CitespanAPIError):
            return failure.status in _REFUSED or (failure.status in _LOST and self._call.repeatable)
        if isinstance(failure, ConnectionFailed):
            # What took too long once would do so again.
            return not failure.sent or (self._call.repeatable and not isinstance(failure, TimedOut))
        return False

    def _wait(self, failure: ClientError) -> float:
        told = failure.retry_after if isinstance(failure, CitespanAPIError) else None
        own: float = min(self._retries.longest, self._retries.first * 2.0 ** (self._made - 1))
        share = random.random()  # noqa: S311 - nothing secret
        # Never before the service says; after it, spread out.
        return own * (0.5 + share / 2) if told is None else told + share * min(own, 1.0)
