"""What is shipped: version, wheel, installed packages, generated pages."""

import importlib.metadata
import json
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.helpers import ROOT, clean_environment
from tests.house.generated import DOCS, PAGES

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_is_up_to_date(name: str) -> None:
    assert (DOCS / name).read_text(encoding="utf-8") == PAGES[name](), "run make docs"


def test_version_and_changelog_agree() -> None:
    newest = re.search(r"^## \[?(\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest and newest[1] == PROJECT["version"] == importlib.metadata.version("citespan")


def test_each_dependency_has_its_reason_beside_it() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    named = [*PROJECT["dependencies"], *(one for extra in PROJECT["optional-dependencies"].values() for one in extra)]
    for one in named:
        assert re.search(re.escape(f'"{one}",') + r"\s+# \S+", text), one


def test_links_in_the_pages_lead_somewhere() -> None:
    pages = [*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *(ROOT / "deploy").glob("*.md")]
    assert len(pages) > 4
    for page in pages:
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
            if not target.startswith(("http://", "https://")):
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_problem_type_is_explained() -> None:
    from api.errors import Problem

    headings = {
        line[3:].strip().lower().replace(" ", "-")
        for line in (DOCS / "errors.md").read_text().splitlines()
        if line.startswith("## ")
    }
    titles = (ROOT / "api" / "errors.py").read_text().split("_TITLES = {")[1].split("}")[0]
    statuses = [int(number) for number in re.findall(r"(\d{3}):", titles)]
    assert len(statuses) >= 15
    for status in statuses:
        assert Problem(status, "detail").body()["type"].partition("#")[2] in headings, status


@pytest.mark.parametrize(("home", "recipe"), [("qa", "reader.toml"), ("index", "retriever.toml")])
def test_a_model_card_says_what_ships_and_what_it_learnt_from(home: str, recipe: str) -> None:
    page = (DOCS / "models.md").read_text(encoding="utf-8")
    manifest = json.loads((ROOT / home / "weights" / "manifest.json").read_text())
    layers = max(name for name in manifest["files"] if name.endswith(".safetensors"))
    assert f": {manifest['name']}\n" in page and f"`{manifest['files'][layers]}`" in page
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    learnt = {
        whole if not whole.startswith("_") else names[0].rpartition("_")[0] + whole
        for row in rows
        for names in [re.findall(r"`(\w+)`", row.split("|")[1])]
        for whole in names
    }
    assert set(tomllib.loads((ROOT / "training" / recipe).read_text())["mixture"]) <= learnt
    assert all(row.split("|")[3].strip() for row in rows)


def test_no_cuda_package_is_installed() -> None:
    names = {(found.metadata["Name"] or "").lower() for found in importlib.metadata.distributions()}
    assert "torch" in names
    assert not [name for name in names if name.startswith(("nvidia", "cuda"))]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built of what git would give: no build folder of an earlier day in it."""
    copy = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy / name)
    for room in ("index", "qa", "api", "tests"):
        shutil.copytree(ROOT / room, copy / room, ignore=shutil.ignore_patterns("__pycache__"))
    out = copy / "out"
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(copy)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout[-2000:] + ran.stderr[-2000:]
    return next(out.glob("*.whl"))


def test_the_wheel_holds_all_that_runs_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {name.split("/")[0] for name in names} <= {"index", "qa", "api", f"citespan-{PROJECT['version']}.dist-info"}
    for room in ("index", "qa", "api"):
        shipped = {
            str(path.relative_to(ROOT))
            for path in (ROOT / room).rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }
        assert shipped <= names, shipped - names


def test_the_wheel_answers_in_a_foreign_folder(wheel: Path, tmp_path: Path) -> None:
    """Unpacked alone, without the checkout on the path."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    (tmp_path / "note.txt").write_text("The lighthouse of Hook Head was built by William Marshal.")
    environment = {**clean_environment(), "PYTHONPATH": str(tmp_path / "installed")}
    for words in (["add", "note.txt"], ["ask", "Who built the lighthouse of Hook Head?"]):
        ran = subprocess.run(
            [sys.executable, "-m", "api.cli", *words],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines()[0] == "William Marshal"
