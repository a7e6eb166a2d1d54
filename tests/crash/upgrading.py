"""Upgrades libraries, each in a process of its own that is killed after a number of steps of SQLite's machine.

    python -m tests.crash.upgrading LIBRARY=STEPS...

Prints a line for each: the signal that ended it, or 0 and the steps that it took.
"""

import os
import signal
import sqlite3
import sys
from pathlib import Path
from typing import Any

from index.storage.upgrade import upgrade

_connect = sqlite3.connect


def upgrade_and_die(folder: str, steps: int) -> None:
    left = steps

    def count() -> int:
        nonlocal left
        left -= 1
        if left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return 0

    def connect(*arguments: Any, **options: Any) -> sqlite3.Connection:
        database = _connect(*arguments, **options)
        database.set_progress_handler(count, 1)
        return database

    sqlite3.connect = connect  # type: ignore[assignment]
    upgrade(Path(folder) / "default" / "articles.db")
    sys.stdout.write(f"0 {steps - left}\n")


def main(*runs: str) -> None:
    for run in runs:
        folder, steps = run.rsplit("=", 1)
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            upgrade_and_die(folder, int(steps))
            sys.stdout.flush()
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            sys.stdout.write(f"{os.WTERMSIG(status)} {steps}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
