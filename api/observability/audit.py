"""Who changed what: one JSON line for each write and each change of a key, whatever the level of the log.

A line says who (id and name of the key, never the key), what, in which collection, which article or other thing, how it
ended, and under which request id.
"""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog

from api.auth.callers import Caller
from api.errors import problem_of
from api.observability.logging import Writer

# Routes that change something that is kept, by their operation ids.
ACTIONS = frozenset(
    {
        "add_article",
        "add_batch",
        "cancel_job",
        "create_watch",
        "follow",
        "forget_conversation",
        "remove_article",
        "remove_collection",
        "remove_watch",
        "resume_job",
        "test_watch",
        "unfollow",
    }
)
# As `citespan keys list` shows them.
_ID_LENGTH = 16
# Characters of a value in a line, as in the log.
_MAX_VALUE = 200


class Audit:
    """Writes the lines.

    Args:
        file: that they are appended to; None for standard error.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file

    def write(self, action: str, outcome: str, caller: Caller | None, **known: Any) -> None:
        """Write one line; a disk that refuses it does not undo what was done.

        Args:
            action: what was done, the operation id of a route or the words of a command.
            outcome: ``done``, ``refused`` or ``failed``.
            caller: who did it; None for a user of this machine.
            **known: what else is known of it; None is left out.
        """
        line = {
            "event": "audit",
            "level": "info",
            "timestamp": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
            "action": action,
            "outcome": outcome,
            "key": None if caller is None else caller.name,
            "key_id": None if caller is None or caller.key is None else caller.key[:_ID_LENGTH],
            **{name: _cut(value) for name, value in known.items() if value is not None},
        }
        text = json.dumps(line, ensure_ascii=True)
        if self._file is None:
            Writer(sys.stderr).msg(text)
            return
        try:
            _append(self._file, text.encode("ascii") + b"\n")
        except OSError as error:
            structlog.get_logger("citespan").error("audit line not written", error=str(error))

    @contextmanager
    def of(
        self, caller: Caller, request_id: str, action: str, *, collection: str, **known: Any
    ) -> Iterator[dict[str, Any]]:
        """Write what became of the block: of a tool, whose request may be about several things.

        Args:
            caller: who asks.
            request_id: of the log.
            action: what is done.
            collection: where.
            **known: what else is known of it.

        Yields:
            What the line will say of it, to add to.
        """
        fields = {"collection": collection, "request_id": request_id, **known}
        try:
            yield fields
        except BaseException as error:
            status = problem_of(error).status if isinstance(error, Exception) else 499
            self.write(action, outcome_of(status), caller, **fields, status=status)
            raise
        self.write(action, "done", caller, **fields)


def outcome_of(status: int) -> str:
    """Return how a request ended, in a word.

    Args:
        status: of its reply, 0 where there was none.
    """
    if 200 <= status < 300:
        return "done"
    return "refused" if 400 <= status < 500 and status != 499 else "failed"


def _cut(value: Any) -> Any:
    """Return what a line says of a value: of a text that a client made long, the beginning."""
    return f"{value[:_MAX_VALUE]}…" if isinstance(value, str) and len(value) > _MAX_VALUE else value


def _append(file: Path, line: bytes) -> None:
    """Append a line whole, also where other processes write lines of theirs to the same file."""
    handle = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.write(handle, line)
    finally:
        os.close(handle)
