"""A library on a medium that cannot be written: it answers, and whatever would write says so."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.helpers import COMMAND, citespan, clean_environment

MOUNT = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"'


def mounted(library: Path, *command: str) -> subprocess.CompletedProcess[bytes]:
    """Run a command that sees a folder as a medium that cannot be written."""
    words = ["unshare", "-m", "sh", "-c", MOUNT, str(library), *command]
    return subprocess.run(words, capture_output=True, timeout=300, env=clean_environment(), check=False)


@pytest.fixture
def library(tmp_path: Path) -> Path:
    folder, text = tmp_path / "library", tmp_path / "a.txt"
    text.write_text("The harbour of Tarn was built in 1788.\n")
    assert citespan("add", str(text), "--library", str(folder)).returncode == 0
    if shutil.which("unshare") is None or mounted(folder, "true").returncode != 0:
        pytest.skip("this machine allows no mounts")
    return folder


def test_a_library_that_cannot_be_written_answers(library: Path) -> None:
    before = {path.name for path in library.rglob("*")}
    assert mounted(library, "touch", str(library / "x")).returncode != 0
    where = ("--library", str(library))
    for words in (("ask", "When was the harbour of Tarn built?"), ("search", "harbour"), ("list",)):
        done = mounted(library, *COMMAND, *words, *where)
        assert done.returncode == 0 and done.stdout, (words, done.stderr)
    article = mounted(library, *COMMAND, "list", *where).stdout.split()[0].decode()
    assert b"harbour" in mounted(library, *COMMAND, "show", article, *where).stdout
    for words in (("serve", "--port", "0"), ("remove", article)):
        refused = mounted(library, *COMMAND, *words, *where)
        assert refused.returncode == 3 and b"cannot be written" in refused.stderr
        assert len(refused.stderr.splitlines()) == 1
    assert {path.name for path in library.rglob("*")} == before
