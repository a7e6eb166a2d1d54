"""Which work is taken when more comes than can be done: by a clock that the tests move."""

import math
import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.concurrency.work_queue import BURST, FIRST_ESTIMATE, LONGEST_RETRY, Backlog, Entry

# Seconds of the machine that a question takes: half of them less, one in twenty more than three times as much.
MEDIAN, SPREAD = 0.025, 0.7
MEAN = MEDIAN * math.exp(SPREAD**2 / 2)
P95 = MEDIAN * math.exp(1.645 * SPREAD)


@dataclass
class Machine:
    """A machine that works a backlog, sharing itself among what runs; its time is moved by the tests."""

    concurrency: int = 2
    threads: int = 4
    size: int = 32
    wait_times: float | None = 1.5
    wait_seconds: float = 0.0
    now: float = 0.0
    pause: float = 0.0
    backlog: Backlog = field(init=False)
    left: dict[int, float] = field(default_factory=dict)
    running: list[Entry] = field(default_factory=list)
    arrived: dict[int, float] = field(default_factory=dict)
    waited: dict[int, float] = field(default_factory=dict)
    took: dict[int, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.backlog = Backlog(
            self.size, self.concurrency, self.threads, self.wait_times, self.wait_seconds, clock=lambda: self.now
        )

    def come(self, name: int, seconds: float, **known: object) -> float | None:
        """Send a piece of work; return when to come again where it is refused, else None."""
        entry = Entry(name, **known)  # type: ignore[arg-type]
        refusal = self.backlog.add(entry)
        if refusal is not None:
            return refusal.seconds
        self.left[name], self.arrived[name] = seconds, self.now
        self._begin()
        return None

    def run(self, until: float) -> None:
        """Let time pass."""
        while self.now < until:
            share = len(self.running)
            ends = min((self.left[one.work] * share for one in self.running), default=math.inf)
            delay = self.backlog.delay()
            step = min(until - self.now, ends, math.inf if delay is None else delay)
            self.now += step
            for one in self.running:
                self.left[one.work] -= step / share
            for one in [one for one in self.running if self.left[one.work] <= 1e-9]:
                self.running.remove(one)
                self.backlog.end(one)
                self.took[one.work] = self.now - self.arrived[one.work]
            self._begin()

    def _begin(self) -> None:
        while (entry := self.backlog.next()) is not None:
            self.running.append(entry)
            self.waited[entry.work] = self.now - self.arrived[entry.work]


def arrive(
    machine: Machine, times: float, seconds: float, seed: int, *, first: int = 0, **known: object
) -> list[float]:
    """Send questions at a multiple of the machine's capacity, by chance; return each Retry-After."""
    chance = random.Random(seed)
    end, name, retry_afters = machine.now + seconds, first, []
    while (moment := machine.now + chance.expovariate(times / MEAN)) < end:
        machine.run(moment)
        refused = machine.come(name, chance.lognormvariate(math.log(MEDIAN), SPREAD), **known)
        if refused is not None:
            retry_afters.append(refused)
        name += 1
    machine.run(end)
    return retry_afters


def learned() -> Machine:
    """A machine that has worked and is idle."""
    machine = Machine()
    for name in range(40):
        machine.come(10_000_000 + name, MEAN)
        machine.run(machine.now + 1)
    return machine


def p95(values: list[float]) -> float:
    return sorted(values)[int(0.95 * len(values))]


@pytest.mark.parametrize("times", [2, 4, 10])
def test_backlog_keeps_the_wait_short_and_the_machine_busy_when_overloaded(times: float) -> None:
    machine = Machine()
    retry_afters = arrive(machine, times, 60, seed=int(times))
    assert len(machine.took) * MEAN / 60 >= 0.9
    assert p95(list(machine.took.values())) <= 3 * P95
    assert retry_afters and all(0 < seconds <= 1.25 * LONGEST_RETRY for seconds in retry_afters)


def test_backlog_takes_most_of_what_the_machine_can_do_at_its_capacity() -> None:
    machine = Machine()
    arrive(machine, 1, 120, seed=1)
    assert len(machine.took) * MEAN / 120 >= 0.8
    assert p95(list(machine.took.values())) <= 3 * P95


def test_a_sender_that_comes_again_and_again_delays_itself_alone() -> None:
    machine = learned()
    for name in range(400):
        machine.come(name, MEAN, sender="flood")
    own = [machine.backlog.refusal(Entry(None, "ask", sender="flood")) for _ in range(20)]
    other = [machine.backlog.refusal(Entry(None, "ask", sender="flood2")) for _ in range(20)]
    assert all(refusal is not None and refusal.seconds >= 0.7 * LONGEST_RETRY for refusal in own)
    assert all(refusal is None or refusal.seconds <= 0.3 * LONGEST_RETRY for refusal in other)


def test_backlog_refuses_nothing_at_half_of_the_capacity() -> None:
    machine = Machine()
    retry_afters = arrive(machine, 0.5, 120, seed=2)
    assert len(retry_afters) <= 0.01 * len(machine.took)


@given(
    known=st.sampled_from(["ask", "search", "task"]),
    size=st.floats(0.1, 1e4),
    patient=st.booleans(),
    history=st.lists(st.floats(0, 1e5), max_size=40),
)
def test_backlog_takes_anything_while_idle(known: str, size: float, patient: bool, history: list[float]) -> None:
    """Whatever it has learnt."""
    machine = Machine(wait_times=0.0)
    for name, seconds in enumerate(history):
        assert machine.come(name, seconds) is None
        machine.run(machine.now + seconds + 1)
    assert machine.come(-1, 1.0, kind=known, size=size, patient=patient) is None
    assert machine.waited[-1] == 0


def test_backlog_takes_a_few_at_once_after_a_pause() -> None:
    machine = learned()
    refused = [machine.come(100 + name, MEAN) for name in range(30)]
    taken = refused.count(None)
    assert BURST <= taken < 20
    assert refused[:taken] == [None] * taken


def test_backlog_recovers_after_the_machine_paused() -> None:
    machine = Machine()
    arrive(machine, 2, 20, seed=3)
    before = machine.backlog.estimate("ask")
    machine.now += 10  # nothing moves on
    machine.run(machine.now + 2)
    machine.took.clear()
    arrive(machine, 2, 20, seed=4, first=1_000_000)
    assert len(machine.took) * MEAN / 20 >= 0.85
    assert machine.backlog.estimate("ask") < 3 * before


def test_backlog_serves_who_sends_little_beside_who_floods() -> None:
    machine = learned()
    chance = random.Random(5)
    for number in range(200):
        for copy in range(8):
            machine.come(1_000_000 + 8 * number + copy, MEAN, sender="flood")
        assert machine.come(number, MEAN, sender="polite") is None
        machine.run(machine.now + chance.uniform(3, 5) * MEAN)
    machine.run(machine.now + 1)
    assert p95([machine.waited[number] for number in range(200)]) <= 2.1 * MEAN
    # The flood still gets what is left.
    assert sum(name >= 1_000_000 for name in machine.took) >= 200


def test_backlog_keeps_no_sender_waiting_behind_ever_new_ones() -> None:
    machine = learned()
    for name in range(6):
        assert machine.come(name, MEAN, sender="old") is None
    for name in range(100, 400):
        machine.come(name, MEAN, sender=f"new-{name}")
        machine.run(machine.now + MEAN / 2)
    assert max(machine.took[name] for name in range(6)) <= 100 * MEAN


def test_backlog_lets_long_work_not_stand_in_the_way() -> None:
    machine = learned()
    for name in (100, 101):
        assert machine.come(name, 60.0, kind="task", size=1_000) is None
    machine.run(machine.now + 1)
    assert machine.come(102, MEAN) is None
    machine.run(machine.now + 1)
    assert 102 in machine.took and 100 not in machine.took


def test_backlog_tells_those_it_refuses_to_come_one_after_the_other() -> None:
    machine = learned()
    retry_afters = [seconds for name in range(300) if (seconds := machine.come(1_000 + name, MEAN)) is not None]
    # No second to which they are sent is fuller than the machine can take, chance aside.
    counts = [sum(at <= seconds < at + 1 for seconds in retry_afters) for at in range(int(max(retry_afters)) + 1)]
    assert max(counts) <= 2 / MEAN
    assert max(retry_afters) >= 0.5 * len(retry_afters) * MEAN


def test_backlog_learns_each_kind_for_itself() -> None:
    machine = Machine()
    assert machine.backlog.estimate("search") == FIRST_ESTIMATE
    for name in range(60):
        machine.come(name, 0.002 if name % 2 else 0.08, kind="search" if name % 2 else "ask")
        machine.run(machine.now + 1)
    assert machine.backlog.estimate("search") == pytest.approx(0.002, rel=0.01)
    assert machine.backlog.estimate("ask") == pytest.approx(0.08, rel=0.01)


@given(st.lists(st.tuples(st.sampled_from(["add", "run", "discard", "watch"]), st.integers(0, 3)), max_size=80))
def test_backlog_loses_and_repeats_nothing(steps: list[tuple[str, int]]) -> None:
    machine = Machine(size=5)
    taken: set[int] = set()
    gone: set[int] = set()
    entries: dict[int, Entry] = {}
    for name, (step, value) in enumerate(steps):
        if step == "run":
            machine.run(machine.now + value / 10)
        elif step == "discard" and entries:
            victim = entries.pop(min(entries))
            if machine.backlog.discard(victim):
                gone.add(victim.work)
        elif step in ("add", "watch"):
            entry = Entry(name, sender=str(value), patient=step == "watch")
            if machine.backlog.add(entry) is None:
                taken.add(name)
                entries[name] = entry
                machine.left[name], machine.arrived[name] = 0.05, machine.now
                machine._begin()
        assert machine.backlog.waiting <= 5 and machine.backlog.running <= 4
        assert machine.backlog.expected_wait() >= 0
    machine.run(machine.now + 1_000)
    assert set(machine.took) == taken - gone
    assert machine.backlog.waiting == machine.backlog.running == 0
