"""Lint, types and who may import whom: what `make check` runs."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers import ROOT

BIN = Path(sys.executable).parent


@pytest.mark.parametrize(
    "words", ["ruff check .", "ruff format --check .", "mypy", "lint-imports --no-cache"], ids=lambda words: words
)
def test_check_passes(words: str) -> None:
    program, *arguments = words.split()
    assert words in (ROOT / "Makefile").read_text() or program == "lint-imports"
    ran = subprocess.run([BIN / program, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
