"""The page about checking and backups: what it shows is what is printed."""

import shlex
import shutil
import subprocess
from pathlib import Path

from index.audit.defects import KINDS
from tests import pages
from tests.helpers import COMMAND, ROOT, clean_environment

PAGE = (ROOT / "docs" / "guide" / "backup.md").read_text(encoding="utf-8")


def test_what_is_shown_is_what_is_printed(tmp_path: Path, sample_library: Path) -> None:
    folder = tmp_path / "here"
    shutil.copytree(sample_library, folder / "library")
    for path in [folder / "library", *(folder / "library").rglob("*")]:
        path.chmod(0o700 if path.is_dir() else 0o600)
    shown = pages.texts(PAGE, "console")
    assert shown
    for block in shown:
        command, _, printed = block.partition("\n")
        words = shlex.split(command.removeprefix("$ "))[1:]
        ran = subprocess.run(
            [*COMMAND, *words], cwd=folder, env=clean_environment(), capture_output=True, text=True, check=False
        )
        assert pages.as_shown(ran.stdout, printed), f"{command}\n{ran.stdout}\n{ran.stderr}"


def test_every_layer_is_explained() -> None:
    for layer in {kind.layer for kind in KINDS.values()}:
        assert layer in PAGE, layer
