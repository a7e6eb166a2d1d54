"""A real server process on a free port, and the one check of the one error shape."""

import contextlib
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self

import httpx2

ROOT = Path(__file__).parent.parent
SAMPLES = ROOT / "samples" / "articles"
COMMAND = [sys.executable, "-m", "api.cli"]


def clean_environment(**more: str) -> dict[str, str]:
    """The environment without settings of whoever runs the tests."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CITESPAN_", "HF_"))}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "HF_HUB_OFFLINE": "1", **more}


def citespan(*arguments: str, stdin: bytes = b"", **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Run the command to its end."""
    return subprocess.run(
        [*COMMAND, *arguments], input=stdin, capture_output=True, timeout=300, env=clean_environment(**environment)
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """`citespan serve` as a process; its output goes to a file that a failing test can show.

    Args:
        library: its folder.
        log: where the output goes.
        descriptors: that the process may have open; None for as many as this one.
        environment: its settings.
    """

    def __init__(self, library: Path, log: Path, *, descriptors: int | None = None, **environment: str) -> None:
        self.library = library
        self.descriptors = descriptors
        self.log = log
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = environment
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, *, ready: bool = True) -> None:
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                [*COMMAND, "serve", "--library", str(self.library), "--port", str(self.port)],
                stdout=out,
                stderr=out,
                env=clean_environment(**self.environment),
                preexec_fn=self._limit,
            )
        if ready:
            self.wait("/readyz")

    def _limit(self) -> None:
        if self.descriptors is not None:
            resource.setrlimit(resource.RLIMIT_NOFILE, (self.descriptors, self.descriptors))

    def open_descriptors(self) -> int:
        """Return how many descriptors the process has open now."""
        assert self.process is not None
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def wait(self, path: str, seconds: float = 120) -> None:
        assert self.process is not None
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise AssertionError(f"the server ended with {self.process.returncode}:\n{self.log.read_text()}")
            try:
                if httpx2.get(self.url + path, timeout=5).status_code == 200:
                    return
            except httpx2.TransportError:
                pass
            time.sleep(0.1)
        raise AssertionError(f"{path} was not 200 within {seconds} s:\n{self.log.read_text()}")

    def stop(self, how: int = signal.SIGTERM) -> int:
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.wait(30)

    def raw(self, data: bytes, *, seconds: float = 20, close: bool = False) -> bytes:
        """Send bytes on a socket of their own and return all that comes back."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=seconds) as link:
            link.sendall(data)
            if close:
                # A server that has refused by then has hung up; what it said is still to be read.
                with contextlib.suppress(OSError):
                    link.shutdown(socket.SHUT_WR)
            parts = []
            while True:
                try:
                    part = link.recv(65_536)
                except (TimeoutError, ConnectionResetError):
                    break
                if not part:
                    break
                parts.append(part)
            return b"".join(parts)


def assert_problem(response: Any, status: int) -> dict[str, Any]:
    """Check that a reply is an error in the one shape, and return it."""
    assert response.status_code == status, (response.status_code, response.text[:300])
    assert response.headers["content-type"] == "application/problem+json"
    assert len(response.content) <= 4096
    facts = json.loads(response.content)
    assert facts["type"].startswith("https://") and facts["status"] == status
    assert facts["title"] and facts["detail"]
    assert "Traceback" not in response.text and str(ROOT) not in response.text
    if status == 422:
        assert all(set(error) == {"loc", "msg"} for error in facts["errors"]) and facts["errors"]
    return dict(facts)
