"""Stored times against a clock that may have been wrong when they were stored, or may be wrong now.

Nothing that waits for a stored time may wait longer than it was put off by: what lies further ahead was written while
the clock was ahead.  Waits inside one process use time.monotonic() instead.
"""

# A clock that is set back by less than this is being corrected, not wrong.
SLACK_SECONDS = 60.0


def seconds_left(due: float, wait: float, now: float) -> float:
    """Return the seconds until something is due.

    Args:
        due: Unix time that was stored.
        wait: seconds that it was put off by, at most, when that was stored.
        now: Unix time.

    Returns:
        0.0 where it is due: its time has come, or lies further ahead than it can.
    """
    left = due - now
    return left if 0.0 < left <= wait + SLACK_SECONDS else 0.0


def seconds_since(moment: float, now: float) -> float:
    """Return the seconds since a stored Unix time; infinity where it lies ahead, so that nothing waits for it."""
    passed = now - moment
    return passed if passed >= -SLACK_SECONDS else float("inf")
