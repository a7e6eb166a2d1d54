"""The keys as a running service asks for them: off the event loop, and with no writing in a request's way."""

import asyncio
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

import structlog

from api.auth.keys import Key, Keys
from api.errors import busy
from index import CitespanError, Library, Records, now, seconds_since

# How exact Key.last_used is, and how often it is written.
_SECONDS = 60.0
_TOGETHER = 500
KEYS_LOST = (
    "this library had keys and they are lost, so nobody is let in: restore records.db from a backup, or make a new key "
    "with citespan keys add"
)
_log = structlog.get_logger("citespan")


@dataclass(frozen=True, slots=True)
class Look:
    """What the library says about one request.

    Attributes:
        any: whether there is a key or ever was one.
        key: what was given, None where that is no key that may be used now.
        origin: whether a key is for pages of the origin that was given.
    """

    any: bool
    key: Key | None = None
    origin: bool = False


class Keyring:
    """Looks keys up for a service.

    It has a connection to the records and a thread to itself, so that whoever writes there keeps nobody waiting.

    Args:
        library: whose keys.
    """

    def __init__(self, library: Library) -> None:
        self._records = Records(library.folder, read_only=library.read_only)
        self._keys = Keys(self._records)
        self._written = Keys(library.records)
        self._thread = ThreadPoolExecutor(1, "citespan-keys")
        self._used: dict[str, str] = {}
        self._any = False
        self._note()

    async def look(self, secret: str | None, origin: str | None) -> Look:
        """Look up what a request brings.

        Args:
            secret: the key; None where there is none.
            origin: the page's, where it is another's.

        Raises:
            StorageError: the records cannot be read.
            Problem: 503, there were keys and they are lost.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._look, secret, origin)

    def _look(self, secret: str | None, origin: str | None) -> Look:
        # Once there was one there always was: revoked keys are kept.
        self._any = self._any or self._keys.any()
        if not self._any:
            if self._keys.are_lost():
                _log.error("keys lost", detail=KEYS_LOST)
                raise busy(30, KEYS_LOST)
            return Look(any=False)
        key = None if secret is None else self._keys.find(secret)
        if key is not None and _seconds_since(key.last_used) > _SECONDS:
            self._used[key.id] = now()
        return Look(True, key, origin is not None and self._keys.names_origin(origin))

    def _note(self) -> None:
        """Note that there are keys in a library of a version that did not."""
        try:
            if self._keys.any():
                self._written.note()
        except CitespanError as error:  # each request finds out anew
            _log.error("keys cannot be read", error=str(error))

    async def keep_time(self) -> None:
        """Write once a minute when keys were last used, until cancelled."""
        while True:
            await asyncio.sleep(_SECONDS)
            await asyncio.to_thread(self.write)

    def write(self) -> None:
        """Write when keys were last used since this was done before; what the disk refuses is left."""
        used, self._used = self._used, {}
        try:
            for group in _groups(used):
                self._written.used(group)
        except CitespanError as error:
            _log.warning("last use of keys not written", error=str(error))

    def close(self) -> None:
        """Write what is left, and close the file."""
        self._thread.shutdown()
        self.write()
        self._records.close()


def _groups(used: Mapping[str, str]) -> list[dict[str, str]]:
    items = list(used.items())
    return [dict(items[at : at + _TOGETHER]) for at in range(0, len(items), _TOGETHER)]


def _seconds_since(when: str | None) -> float:
    if when is None:
        return float("inf")
    return seconds_since(datetime.fromisoformat(when).timestamp(), time.time())
