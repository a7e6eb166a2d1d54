"""A process that has everything imported, and forks for each run: with the layer under it, or to look at what is left.

    FAULT_ROOT=... FAULT_CONTROL=... LD_PRELOAD=... python -m tests.torture.server VECTORS CONTROL

Each line on standard input is a command, {"do": "run" or "look", "operation": ..., "folder": ...}; each line on
standard output its report.
"""

import json
import logging
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasketch  # noqa: F401  (here once, not in each run)
import faiss  # noqa: F401  (the same)

from index import CitespanError, Library, Record, StorageError
from tests.crash.child import StoredEncoder
from tests.torture.control import Control
from tests.torture.operations import LATER, OPERATIONS, Scene
from tests.torture.state import problems_of, state_of, strays_of

# A run takes milliseconds; one that takes this long hangs.
SECONDS = 60
Report = Callable[..., None]


def run(scene: Scene, name: str, control: Control, report: Report) -> None:
    """Run an operation with the layer armed; say what came of it, and what the same process can do afterwards."""
    operation = OPERATIONS[name]
    operation.arrange(scene)
    report(begun=True)
    control.arm(True)
    try:
        operation.act(scene)
        outcome: dict[str, Any] = {"outcome": "done"}
    except CitespanError as error:
        is_uncertain = type(error).__name__ == "CommitUncertain"
        outcome = {"outcome": "uncertain" if is_uncertain else "refused", "error": f"{type(error).__name__}: {error}"}
    except Exception:
        outcome = {"outcome": "raised", "error": traceback.format_exc()[-1500:]}
    finally:
        control.arm(False)
    report(**outcome)
    report(state=state_of(scene.opened), problems=problems_of(scene.opened))
    try:
        scene.opened.collection().add_one(LATER)
    except StorageError:
        # Files that could be opened for reading only at the time of the fault are opened anew after one refusal.
        scene.opened.collection().add_one(LATER)
    scene.opened.records.put(Record("later", "later", {}))
    report(
        later=any(
            candidate.article.id == LATER.id for candidate in scene.opened.collection().search(LATER.title, limit=200)
        )
    )
    scene.opened.close()
    report(closed=True)


def look(scene: Scene, report: Report) -> None:
    """Open what a run has left, without the layer; say what is there."""
    with Library.open(scene.folder, encoder=scene.encoder) as library:
        library.warm_up()
        state, problems = state_of(library), problems_of(library)
        has_later = any(info.id == LATER.id for info in library.collection().list(limit=100).articles)
    report(state=state, problems=problems, later=has_later, strays=strays_of(scene.folder))


def in_a_fork(work: Callable[[Report], None]) -> dict[str, Any]:
    """Do something in a process of its own; return what it reported, and how it ended."""
    out, into = os.pipe()
    child = os.fork()
    if not child:
        os.close(out)

        def report(**values: Any) -> None:
            os.write(into, json.dumps(values).encode() + b"\n")

        try:
            work(report)
            os._exit(0)
        except BaseException:
            report(fault=traceback.format_exc()[-1500:])
            os._exit(1)
    os.close(into)
    data, end = b"", time.monotonic() + SECONDS
    while True:
        if not select.select([out], [], [], max(0.0, end - time.monotonic()))[0]:
            os.kill(child, signal.SIGKILL)
            break
        piece = os.read(out, 65_536)
        if not piece:
            break
        data += piece
    os.close(out)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    together: dict[str, Any] = {"acknowledged": 0, "hung": time.monotonic() >= end, "status": status}
    for line in data.splitlines():
        values = json.loads(line)
        together["acknowledged"] += values.pop("step", 0)
        together |= values
    return together


def main(vectors: str, control_path: str) -> None:
    logging.disable(logging.CRITICAL)
    encoder, control = StoredEncoder(vectors), Control(Path(control_path))
    for line in sys.stdin:
        command = json.loads(line)

        def work(report: Report, command: dict[str, str] = command) -> None:
            scene = Scene(Path(command["folder"]), encoder, lambda: report(step=1))
            if command["do"] == "run":
                run(scene, command["operation"], control, report)
            else:
                look(scene, report)

        print(json.dumps(in_a_fork(work)), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
