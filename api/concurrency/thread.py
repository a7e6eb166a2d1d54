"""A thread that a service keeps from its start to its end."""

import threading
from abc import ABC, abstractmethod


class Background(ABC):
    """Runs beside the service; it looks by itself at whether the service is stopping.

    Args:
        name: of the thread.
    """

    def __init__(self, name: str) -> None:
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def join(self, seconds: float) -> None:
        """Wait for the end of what is being done, for at most so long."""
        if self._thread.is_alive():
            self._thread.join(seconds)

    @abstractmethod
    def _run(self) -> None:
        """Do the work until the service stops."""
