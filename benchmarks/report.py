"""Run all benchmarks, one after another, and write docs/benchmarks.md.

    python -m benchmarks.report --data DATA/eval --work runs/development

What ran before is kept in the folder `benchmarks` beside the development library, so that a run that was stopped goes
on; `--again NAME` runs one anew.  Peers run with the Python that `--peers` names, which has benchmarks/peers.txt
installed.
"""

import argparse
import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

from benchmarks.shared import ROOT

PAGE = ROOT / "docs" / "benchmarks.md"
PARTS = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))["part"]


def run(name: str, python: str, options: argparse.Namespace, kept: Path) -> None:
    """Run one benchmark unless its figures are kept."""
    if kept.exists() and name not in options.again:
        return
    print(f"== {name}", flush=True)
    command = [python, "-m", f"benchmarks.{name}", "--data", str(options.data), "--work", str(options.work)]
    subprocess.run([*command, "--json", str(kept)], cwd=ROOT, check=True)


def page(folder: Path) -> str:
    """Return the page for the figures in a folder."""
    found = {part["name"]: json.loads((folder / f"{part['name']}.json").read_text()) for part in PARTS}
    machines = list(dict.fromkeys(figures["machine"] for figures in found.values()))
    lines = [
        "# Benchmarks",
        "",
        "Written by `make bench`; do not edit. [benchmarks/](../benchmarks) is what ran. Ratios hold on other",
        "machines, milliseconds on this one:",
        "",
        *(f"- {machine}" for machine in machines),
        "",
    ]
    for part in PARTS:
        figures = found[part["name"]]
        rows = figures.pop("rows")
        del figures["machine"]
        lines += [f"## {part['heading']}", "", part["about"].strip(), "", *table(rows), ""]
        if figures:
            lines += [*(f"- {key.replace('_', ' ')}: {value}" for key, value in figures.items()), ""]
    return "\n".join(lines)


def table(rows: list[dict[str, Any]]) -> list[str]:
    """Return a Markdown table."""
    names = list(rows[0])
    return [
        f"| {' | '.join(name.replace('_', ' ') for name in names)} |",
        f"|{' --- |' * len(names)}",
        *(f"| {' | '.join(str(row[name]) for name in names)} |" for row in rows),
    ]


def main() -> None:
    """Run and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the development sets")
    parser.add_argument("--work", type=Path, default=ROOT / "runs" / "development")
    parser.add_argument("--peers", default=sys.executable, help="a Python that has benchmarks/peers.txt installed")
    parser.add_argument("--again", nargs="*", default=[], help="benchmarks to run anew")
    options = parser.parse_args()
    folder = options.work / "benchmarks"
    folder.mkdir(parents=True, exist_ok=True)
    for name in [part["name"] for part in PARTS]:
        run(name, options.peers if name == "peers" else sys.executable, options, folder / f"{name}.json")
    PAGE.write_text(page(folder), encoding="utf-8")
    print(PAGE)


if __name__ == "__main__":
    main()
