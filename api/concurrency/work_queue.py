"""What waits and what runs in a queue of work, and whether one more is taken: a matter of how long it would wait.

A count says nothing of the wait: thirty searches are done sooner than two questions about a long text. So each kind of
work has an estimate of the time that it takes the machine, learnt from what ended, and a newcomer is taken while its
turn would come soon enough. Without threads and a clock of its own, so that its rules can be tested.
"""

import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

# Seconds that a piece of work, of whatever size, is taken to need before any of its kind has ended.
FIRST_ESTIMATE = 0.3
# An estimate is the mean of at most this many; newer ones count more.
_SAMPLES = 20
# A sample counts as at most this many times the estimate: one pause of the machine says nothing of what comes next.
_OUTLIER = 4.0
# After an idle time as long, this many pieces of work of usual length may come at once beyond what is taken otherwise.
BURST = 8.0
_BURST_SECONDS = 0.25
# Work that has run for this many times the usual, alone or beside others, is long: others no longer wait for it.
_LONG = 8.0
_LONG_SECONDS = 0.25
# The longest Retry-After, in seconds: short, since the senders on this machine are not distinguished.
LONGEST_RETRY = 10.0
# Senders of whom it is known that they were refused.
_MAX_TURNED_AWAY = 1_000


@dataclass(eq=False, slots=True)
class Entry:
    """One piece of work, from its arrival to its end.

    Attributes:
        work: whatever the owner of the queue keeps.
        kind: of work; those of one kind take about the same time for each unit of size.
        size: units of work, such as texts.
        sender: who sent it; None where senders are not distinguished.
        patient: whether nobody waits for it: it comes after all others, and is never refused for its wait.
        tag: virtual time of its turn, in seconds.
        order: number of its arrival.
        seconds: that it is expected to take the machine.
        begun: when it began, None while it waits.
        share: seconds of the whole machine that it has had.
    """

    work: Any
    kind: str = "ask"
    size: float = 1.0
    sender: str | None = None
    patient: bool = False
    tag: float = 0.0
    order: int = 0
    seconds: float = FIRST_ESTIMATE
    begun: float | None = None
    share: float = 0.0

    @property
    def rank(self) -> tuple[bool, float, int]:
        """What decides whose turn it is: the least comes first."""
        return self.patient, self.tag, self.order


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a piece of work is not taken.

    Attributes:
        reason: ``full`` (as many wait as may) or ``wait`` (its turn would come too late).
        seconds: after which it is worth another try.
    """

    reason: str
    seconds: float


@dataclass(slots=True)
class _Estimate:
    """The mean of what work of one kind took, in seconds for a unit of size."""

    seconds: float = FIRST_ESTIMATE
    samples: int = 0

    def learn(self, seconds: float) -> None:
        """Take in what one took."""
        self.samples = min(self.samples + 1, _SAMPLES)
        if self.samples == _SAMPLES:
            seconds = min(seconds, _OUTLIER * self.seconds)
        self.seconds += (seconds - self.seconds) / self.samples


@dataclass(slots=True)
class Backlog:
    """What waits and what runs. For one thread at a time.

    What runs shares the machine, so that a second of two at a time counts as half a second for each. Senders take
    turns (start-time fair queueing): who sends much waits behind what others send less of.

    Args:
        size: pieces of work that may wait.
        concurrency: pieces of work at a time; those that take long do not count.
        threads: pieces of work at a time, long ones included; at least concurrency.
        wait_times: wait that is accepted, in multiples of what work of its kind, or any, takes; None for any wait.
        wait_seconds: the same in seconds, where that is more.
        clock: monotonic seconds.
    """

    size: int
    concurrency: int
    threads: int
    wait_times: float | None
    wait_seconds: float
    clock: Callable[[], float]
    _waiting: list[Entry] = field(default_factory=list)
    _running: list[Entry] = field(default_factory=list)
    _estimates: dict[str, _Estimate] = field(default_factory=dict)
    _usual: _Estimate = field(default_factory=_Estimate)
    _ends: dict[str | None, float] = field(default_factory=dict)
    _virtual: float = 0.0
    _credit: float = float("inf")
    _turned_away: dict[str | None, float] = field(default_factory=dict)
    _moment: float | None = None
    _order: "itertools.count[int]" = field(default_factory=itertools.count)

    @property
    def waiting(self) -> int:
        """Pieces of work that wait."""
        return len(self._waiting)

    @property
    def running(self) -> int:
        """Pieces of work that have begun and not ended."""
        return len(self._running)

    def refusal(self, entry: Entry) -> Refusal | None:
        """Return why a piece of work would not be taken now, None where it would be; changes nothing that matters.

        One that could begin at once is always taken.
        """
        self._advance()
        self._place(entry)
        wait = self._wait(entry)
        limit = self._limit(entry)
        if self.waiting >= self.size:
            reason = "full"
        elif not entry.patient and wait > limit and entry.seconds > self._credit:
            reason = "wait"
        else:
            return None
        return Refusal(reason, self._retry(entry, wait - limit))

    def add(self, entry: Entry) -> Refusal | None:
        """Take a piece of work, or return why it is not taken; who is refused is expected to come again."""
        refusal = self.refusal(entry)
        if refusal is not None:
            self.turn_away(entry)
            return refusal
        entry.order = next(self._order)
        if not entry.patient:
            if self._wait(entry) > self._limit(entry):
                self._credit -= entry.seconds  # that idle times have given
            self._ends[entry.sender] = entry.tag + entry.seconds
        self._waiting.append(entry)
        return None

    def turn_away(self, entry: Entry) -> None:
        """Note that a request was refused and will come again: those refused after it get a later Retry-After."""
        before = self._turned_away.get(entry.sender)
        if before is not None or len(self._turned_away) < _MAX_TURNED_AWAY:
            self._turned_away[entry.sender] = min(LONGEST_RETRY, (before or 0.0) + entry.seconds)

    def next(self) -> Entry | None:
        """Take the piece of work whose turn it is and begin it; None where none may begin now."""
        self._advance()
        if not self._waiting or self._delay() > 0:
            return None
        entry = min(self._waiting, key=lambda one: one.rank)
        self._waiting.remove(entry)
        self._running.append(entry)
        entry.begun = self.clock()
        if not entry.patient:
            self._virtual = max(self._virtual, entry.tag)
        return entry

    def delay(self) -> float | None:
        """Return the seconds until more may begin though nothing ends; None where that is not to be waited for."""
        self._advance()
        delay = self._delay()
        return delay if self._waiting and delay < float("inf") else None

    def end(self, entry: Entry, *, learn: bool = True) -> None:
        """End a piece of work.

        Args:
            entry: which; it runs.
            learn: whether it went to its end; what was given up says something only if it took longer than expected.
        """
        self._advance()
        self._running.remove(entry)
        if learn or entry.share > entry.seconds:
            self._estimates.setdefault(entry.kind, _Estimate()).learn(entry.share / entry.size)
            if not entry.patient:
                self._usual.learn(entry.share)

    def discard(self, entry: Entry) -> bool:
        """Take a piece of work out that nobody waits for any more; return whether it had not begun."""
        if entry not in self._waiting:
            return False
        self._waiting.remove(entry)
        return True

    def expected_wait(self, kind: str = "ask") -> float:
        """Return how long a newcomer's turn would be in coming, in seconds."""
        self._advance()
        entry = Entry(None, kind, sender=None)
        self._place(entry)
        return self._wait(entry)

    def estimate(self, kind: str, size: float = 1.0) -> float:
        """Return how many seconds of the machine work of a kind takes."""
        known = self._estimates.get(kind)
        return known.seconds * size if known else FIRST_ESTIMATE

    def _place(self, entry: Entry) -> None:
        """Say what an entry is expected to take, and when its turn is among those that wait."""
        entry.seconds = self.estimate(entry.kind, entry.size)
        entry.tag = max(self._virtual, self._ends.get(entry.sender, 0.0))

    def _wait(self, entry: Entry) -> float:
        """Return the seconds until an entry's turn, had it come now."""
        if self._delay() == 0.0 and len(self._waiting) < self.concurrency - self._young():
            return 0.0
        ahead = sum(one.seconds for one in self._waiting if one.rank[:2] <= entry.rank[:2])
        full = len(self._running) >= self.threads
        # One that has run longer than expected may still take a while.
        left = sum(
            max(one.seconds - one.share, one.seconds / 4) for one in self._running if full or not self._is_long(one)
        )
        return ahead + left / self.concurrency

    def _limit(self, entry: Entry) -> float:
        if self.wait_times is None:
            return float("inf")
        return max(self.wait_seconds, self.wait_times * max(entry.seconds, self._usual.seconds))

    def _retry(self, entry: Entry, excess: float) -> float:
        """Return after how long it is worth coming again: once those who were refused before have had their turn.

        Of another sender one request counts: senders take turns, so one that comes again and again delays itself alone.
        A little more or less for each, so that they do not all come at once.
        """
        others = sum(min(time, entry.seconds) for name, time in self._turned_away.items() if name != entry.sender)
        own = self._turned_away.get(entry.sender, 0.0)
        chance = random.uniform(0.75, 1.25)  # noqa: S311
        return min(LONGEST_RETRY, max(0.0, excess) + own + others) * chance

    def _is_long(self, entry: Entry) -> bool:
        return entry.begun is not None and self.clock() - entry.begun >= self._long()

    def _long(self) -> float:
        return max(_LONG_SECONDS, _LONG * self._usual.seconds)

    def _young(self) -> int:
        return sum(not self._is_long(one) for one in self._running)

    def _delay(self) -> float:
        """Return the seconds until one more may begin: 0 for now, infinite where something must end first."""
        if len(self._running) >= self.threads:
            return float("inf")
        if self._young() < self.concurrency:
            return 0.0
        if self.threads == self.concurrency:
            return float("inf")
        oldest = min(one.begun or 0.0 for one in self._running if not self._is_long(one))
        return max(1e-3, oldest + self._long() - self.clock())

    def _advance(self) -> None:
        """Share out the time since this was last done."""
        now = self.clock()
        passed = 0.0 if self._moment is None else max(0.0, now - self._moment)
        self._moment = now
        refused = sum(self._turned_away.values())
        if refused:
            share = max(0.0, 1.0 - passed / refused)
            self._turned_away = {name: time * share for name, time in self._turned_away.items() if share > 0.0}
        burst = max(_BURST_SECONDS, BURST * self._usual.seconds)
        if not self._running:
            self._credit = min(burst, self._credit + passed)
        else:
            self._credit = min(burst, self._credit)
            for one in self._running:
                one.share += passed / len(self._running)
            senders = {one.sender for one in (*self._waiting, *self._running)}
            # As in weighted fair queueing, or ever new senders would keep those who came before waiting for ever.
            self._virtual += passed / len(senders)
        if len(self._ends) > 2 * (self.size + self.threads):
            self._ends = {sender: end for sender, end in self._ends.items() if end > self._virtual}
