"""Pages of Markdown: their fenced blocks, and a place to run them in as a reader would."""

import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.helpers import clean_environment

ADDRESS = "http://127.0.0.1:8000"
_FENCE = re.compile(
    r"^(?P<fence>```+)(?P<language>[\w-]*)[^\n]*\n(?P<text>.*?)^(?P=fence)[ \t]*$", re.MULTILINE | re.DOTALL
)
# One block after the other in one namespace, as in a reader's session; a record separator ends the output of each.
_SESSION = """
import sys, traceback
names = {"__name__": "__main__"}
for line in sys.stdin:
    path = line.rstrip("\\n")
    failed = 0
    try:
        exec(compile(open(path, encoding="utf-8").read(), path, "exec"), names)
    except BaseException:
        failed = 1
        traceback.print_exc(file=sys.stdout)
    print(f"\\x1e{failed}", flush=True)
"""


@dataclass(frozen=True)
class Block:
    """One fenced block.

    Attributes:
        language: what it is said to be.
        text: what it holds.
        line: of the page, on which it begins.
        shown: the ``text`` block directly below it, None where there is none: what it prints.
    """

    language: str
    text: str
    line: int
    shown: str | None = None


def blocks(page: str) -> list[Block]:
    """The fenced blocks of a page, in order; what a block prints belongs to that block."""
    found = list(_FENCE.finditer(page))
    made: list[Block] = []
    for number, match in enumerate(found):
        below = found[number + 1] if number + 1 < len(found) else None
        shown = None
        if below is not None and below["language"] == "text" and not page[match.end() : below.start()].strip():
            shown = below["text"]
        above = found[number - 1] if number else None
        if match["language"] == "text" and above is not None and not page[above.end() : match.start()].strip():
            continue
        made.append(Block(match["language"], match["text"], page.count("\n", 0, match.start()) + 1, shown))
    return made


def texts(page: str, language: str) -> list[str]:
    """What the blocks of one language hold."""
    return [block.text for block in blocks(page) if block.language == language]


def service_settings(page: str) -> dict[str, str]:
    """What a page says of the service that its blocks want: ``<!-- service: CITESPAN_X=1 CITESPAN_Y=2 -->``."""
    words = " ".join(re.findall(r"<!-- service: (.*?) -->", page)).split()
    return dict(word.split("=", 1) for word in words)


def as_shown(printed: str, shown: str) -> bool:
    """Whether what was printed is what a page shows; ``...`` stands for anything."""
    pattern = ".*".join(re.escape(part) for part in shown.strip().split("..."))
    return re.fullmatch(pattern, printed.strip(), re.DOTALL) is not None


class Reader:
    """Someone who runs a page's blocks one after the other: sh each in a shell, python all in one session.

    Args:
        folder: where they stand.
        url: of the service that is meant by the address on the page.
        environment: more variables.
    """

    def __init__(self, folder: Path, url: str, **environment: str) -> None:
        self.folder = folder
        self.url = url
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        # The hub's client, told to stay offline, would not ask a service of ours either.
        hosts = {"HAYSTACK_TELEMETRY_ENABLED": "False", "HF_HUB_OFFLINE": "0"}
        self.environment = clean_environment(PATH=path, **hosts, **environment)
        self._session: subprocess.Popen[str] | None = None
        self._scratch = tempfile.TemporaryDirectory()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._session is not None:
            assert self._session.stdin is not None and self._session.stdout is not None
            self._session.stdin.close()
            self._session.wait(60)
            self._session.stdout.close()
        self._scratch.cleanup()

    def run(self, block: Block) -> str:
        """Run a block and return what it prints.

        Raises:
            AssertionError: it failed; the message holds its output.
        """
        text = block.text.replace(ADDRESS, self.url)
        printed, failed = self._python(text, block.line) if block.language == "python" else self._shell(text)
        assert not failed, f"line {block.line}:\n{text}\nprinted:\n{printed}"
        return printed

    def _shell(self, text: str) -> tuple[str, bool]:
        ran = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        return (ran.stdout + ran.stderr, True) if ran.returncode else (ran.stdout, False)

    def _python(self, text: str, line: int) -> tuple[str, bool]:
        if self._session is None:
            self._session = subprocess.Popen(
                [sys.executable, "-u", "-c", _SESSION],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        assert self._session.stdin is not None and self._session.stdout is not None
        script = Path(self._scratch.name) / f"line{line}.py"
        script.write_text(text, encoding="utf-8")
        self._session.stdin.write(f"{script}\n")
        self._session.stdin.flush()
        printed = []
        for out in self._session.stdout:
            before, mark, status = out.partition("\x1e")
            printed.append(before)
            if mark:
                return "".join(printed), status.strip() != "0"
        return "".join(printed) + "(the session ended)", True
