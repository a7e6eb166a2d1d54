"""How long each stage of an answer took."""

import time

from qa.types import Timings


class Stopwatch:
    """Laps in milliseconds, by name."""

    def __init__(self) -> None:
        self._begun = self._last = time.perf_counter()
        self._laps = {"embed": 0.0, "retrieve": 0.0, "read": 0.0}

    def lap(self, name: str) -> None:
        """End a stage: ``embed``, ``retrieve`` or ``read``."""
        now = time.perf_counter()
        self._laps[name] += (now - self._last) * 1000
        self._last = now

    def timings(self) -> Timings:
        """Return the laps so far."""
        return Timings(**self._laps, total=(self._last - self._begun) * 1000)
