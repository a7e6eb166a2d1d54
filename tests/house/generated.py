"""Pages made from the code: `python -m tests.house.generated` writes them anew, a test compares them."""

import json
import re
import subprocess
import tempfile
from pathlib import Path

from api import create_app
from api.settings import Settings
from qa import QuestionAnswering
from tests.helpers import COMMAND, ROOT, clean_environment
from tests.routes import routes

DOCS = ROOT / "docs"
ENVIRONMENT = clean_environment(COLUMNS="100", TERM="dumb", NO_COLOR="1")


def cli() -> str:
    """What --help says, of every command."""
    parts = [
        "# The citespan command\n",
        "Made from `--help` by `make docs`. Exit codes: 0 done; 1 no answer, or nothing matched; 2 wrong usage or",
        "input (one line says what to change); 3 anything else failed. Progress and messages go to standard error,",
        "results to standard output.\n",
    ]
    waiting: list[list[str]] = [[]]
    while waiting:
        words = waiting.pop(0)
        run = subprocess.run([*COMMAND, *words, "--help"], env=ENVIRONMENT, capture_output=True, text=True, check=True)
        title = " ".join(["citespan", *words])
        text = re.sub(r"^Usage: .*?citespan|^Usage: .*?cli(\.py)?(?= )", "Usage: citespan", run.stdout)
        parts.append(f"## {title}\n\n```text\n{text.rstrip()}\n```\n")
        names = re.findall(r"^  ([a-z]+)  ", text.partition("Commands:")[2], re.MULTILINE)
        waiting[:0] = [[*words, name] for name in names]
    return "\n".join(parts)


def settings() -> str:
    """Every setting with its default and meaning."""
    rows = ["| variable | default | meaning |", "| --- | --- | --- |"]
    for name, field in Settings.model_fields.items():
        default = "" if field.default is None else f"`{field.default}`"
        rows.append(f"| `CITESPAN_{name.upper()}` | {default} | {field.description} |")
    return (
        "# Settings\n\nMade from `api/settings.py` by `make docs`. Each is an environment variable; a flag of the "
        "command wins over it.\n\n" + "\n".join(rows) + "\n"
    )


def openapi() -> str:
    """The OpenAPI description, without the version, which changes with each release."""
    with tempfile.TemporaryDirectory() as folder, QuestionAnswering.open(folder) as qa:
        facts = create_app(qa, Settings()).openapi()
    facts["info"].pop("version")
    return json.dumps(facts, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def scopes() -> str:
    """What a key must allow, route by route."""
    rows = ["| request | key |", "| --- | --- |"]
    for route in routes():
        wanted = "none" if route.open else route.scope.value if route.scope else "**missing**"
        rows.append(f"| `{route}` | {wanted} |")
    return (
        "# What each request wants of a key\n\nMade from the routes by `make docs`; [access.md](access.md) says how "
        "keys are made. `write` includes `ask`, `admin` includes both.\n\n" + "\n".join(rows) + "\n"
    )


PAGES = {"cli.md": cli, "scopes.md": scopes, "settings.md": settings, "openapi.json": openapi}


def write(folder: Path = DOCS) -> None:
    """Write all pages."""
    folder.mkdir(exist_ok=True)
    for name, make in PAGES.items():
        (folder / name).write_text(make(), encoding="utf-8")


if __name__ == "__main__":
    write()
