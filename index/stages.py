"""The stages of work, reported to metrics and traces: each once it has ended.

Costs nothing while nobody observes.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

STAGES = ("queue", "embed", "retrieve", "read", "write", "snapshot", "parse", "fetch")
"""All there are: waiting for a thread, texts to vectors, the search, the reader, the transaction, the vectors'
snapshot, an untrusted format in its subprocess, a web address."""

# Stage, when it began and ended in nanoseconds of Unix time, and whether it failed.
StageObserver = Callable[[str, int, int, bool], None]
_observers: tuple[StageObserver, ...] = ()


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Report the block as a stage.

    Args:
        name: one of STAGES.
    """
    if not _observers:
        yield
        return
    begun, failed = time.time_ns(), True
    try:
        yield
        failed = False
    finally:
        report_stage(name, begun, time.time_ns(), failed)


def report_stage(name: str, begun: int, ended: int, failed: bool = False) -> None:
    """Report a stage that has ended.

    Args:
        name: one of STAGES.
        begun: when it began, in nanoseconds of Unix time.
        ended: when it ended.
        failed: whether something was raised.
    """
    for observer in _observers:
        observer(name, begun, ended, failed)


def observe_stages(observer: StageObserver) -> Callable[[], None]:
    """Report stages of this process to an observer from now on, in the thread that did the work.

    Args:
        observer: called with the stage, its begin and end in nanoseconds of Unix time, and whether it failed; it must
            not raise.

    Returns:
        What ends that.
    """
    global _observers
    _observers = (*_observers, observer)

    def end() -> None:
        global _observers
        # The very one: two observers may be equal.
        _observers = tuple(one for one in _observers if one is not observer)

    return end
