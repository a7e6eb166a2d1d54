"""Keeps a library well in processes that are killed just before the n-th time that they touch the disk.

    python -m tests.crash.dying TASK VECTORS N=ARGUMENT,ARGUMENT...

TASK is backup, restore or repair.  Prints a line a process: the signal that ended it, or 0 and how often it touched the
disk.  What counts is what Python reports to audit hooks: files that are opened, renamed or removed, folders that are
made, SQLite connections.
"""

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import datasketch  # noqa: F401  (imported once, before there are processes to kill)
import faiss  # noqa: F401

import index.maintenance as maintenance
from tests.crash.child import StoredEncoder

_TOUCHES = {
    "open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.chmod", "shutil.rmtree", "sqlite3.connect",
}  # fmt: skip


def tasks(vectors: str) -> dict[str, Callable[..., object]]:
    encoder = StoredEncoder(vectors)
    return {
        "backup": maintenance.back_up_library,
        "restore": lambda source, folder: maintenance.restore_library(source, folder, replace=True, check=False),
        "repair": lambda folder: maintenance.repair_library(folder, encoder=encoder),
    }


def die_at(number: int, task: Callable[..., object], arguments: list[str]) -> None:
    count = 0

    def touched(event: str, _: tuple[Any, ...]) -> None:
        nonlocal count
        if event in _TOUCHES:
            count += 1
            if count == number:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(touched)
    task(*arguments)
    number = -1
    sys.stdout.write(f"0 {count}\n")
    sys.stdout.flush()


def main(name: str, vectors: str, *runs: str) -> None:
    task = tasks(vectors)[name]
    for run in runs:
        number, arguments = run.split("=", 1)
        child = os.fork()
        if child == 0:
            die_at(int(number), task, arguments.split(","))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if status:
            sys.stdout.write(f"{os.WTERMSIG(status)} {number}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
