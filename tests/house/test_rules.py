"""The house's rules that no linter knows, read from the code itself."""

import ast
import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers import ROOT, clean_environment

MODULES = sorted(path for room in ("index", "qa", "api") for path in (ROOT / room).rglob("*.py"))
# Who alone may do what.
OWNERS = {
    "read the environment": ({"api/settings.py"}, lambda node: _names(node, "os", ("environ", "getenv", "putenv"))),
    "print": (set(), lambda node: _calls(node, "print")),
    "write to a standard stream": (
        {"api/cli/terminal.py", "api/http/server.py"},
        lambda node: isinstance(node, ast.Call) and _names(node.func, "stdout", ("write",), "stderr"),
    ),
    "run text as code": (set(), lambda node: _calls(node, "eval", "exec", "compile", "__import__")),
}
# What is never loaded: formats that run code when they are read.
PICKLES = {"pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}


def _names(node: ast.AST, owner: str, attributes: tuple[str, ...], *more: str) -> bool:
    if not isinstance(node, ast.Attribute) or node.attr not in attributes:
        return False
    value = node.value
    return (value.attr if isinstance(value, ast.Attribute) else getattr(value, "id", "")) in (owner, *more)


def _calls(node: ast.AST, *names: str) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names


def _nodes() -> Iterator[tuple[str, ast.AST]]:
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            yield str(path.relative_to(ROOT)), node


@pytest.mark.parametrize("deed", OWNERS)
def test_only_its_owner_does(deed: str) -> None:
    allowed, found = OWNERS[deed]
    doers = {module for module, node in _nodes() if found(node)}
    assert doers <= allowed
    assert doers == allowed, f"a rule that nobody needs: {allowed - doers}"


def test_nothing_is_unpickled() -> None:
    for module, node in _nodes():
        imported = (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
        assert not {name.split(".")[0] for name in imported} & PICKLES, module
        assert not _names(node, "torch", ("load",)), module
        if isinstance(node, ast.keyword) and node.arg == "trust_remote_code":
            assert isinstance(node.value, ast.Constant) and node.value.value is False, module
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            raise AssertionError(module)


def test_every_module_says_what_it_is_for_and_stays_one_noun() -> None:
    for path in MODULES:
        text = path.read_text(encoding="utf-8")
        assert ast.get_docstring(ast.parse(text)), path
        assert len(text.splitlines()) <= 400, f"{path}: is there a second noun in it?"


@pytest.mark.parametrize("door", ["index", "qa", "api"])
def test_the_door_is_sorted_and_complete(door: str) -> None:
    module = importlib.import_module(door)
    names = [name for name in module.__all__ if name != "__version__"]
    # ruff's order: CONSTANTS, Classes, functions
    assert names == sorted(names, key=lambda name: (not name.isupper(), not name[0].isupper(), name))
    assert all(hasattr(module, name) for name in names)
    # Typing names aside, what the door imports is what it offers.
    tree = ast.parse((ROOT / door / "__init__.py").read_text(encoding="utf-8"))
    imported = {
        alias.asname or alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module != "typing"
        for alias in node.names
    }
    assert imported <= set(module.__all__)


@pytest.mark.parametrize("user", ["qa", "api"])
def test_rooms_are_entered_by_the_door(user: str) -> None:
    inside = {"qa": ("index.",), "api": ("index.", "qa.")}[user]
    for path in (ROOT / user).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(inside):
                # The errors are light; the door behind them loads the world, which --help need not.
                assert (path.name, node.module) == ("main.py", "index.errors"), f"{path}: {node.module}"


@pytest.mark.parametrize("module", ["index", "qa", "api", "api.cli.main"])
def test_importing_does_no_work(module: str, tmp_path: Path) -> None:
    code = f"""
import sys, threading, os
before = dict(os.environ), threading.active_count()
import {module}
assert (dict(os.environ), threading.active_count()) == before
print(*(name for name in ("torch", "transformers", "sentence_transformers") if name in sys.modules))
"""
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning", "-c", code],
        cwd=tmp_path,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stdout.strip(), ran.stderr) == (0, "", "")
    assert not list(tmp_path.iterdir())
