"""The image for the shipped models leaves torch out: they answer without it; what wants it is refused with a reason."""

import subprocess
import sys
from pathlib import Path

from tests.helpers import ROOT, clean_environment

# As if they had never been installed, for imports and for importlib.metadata alike.
_ABSENT = """
import importlib.metadata, sys
absent = ("torch", "transformers", "sentence_transformers", "sklearn", "sympy", "networkx")
sys.modules.update(dict.fromkeys(absent))
known = importlib.metadata.version
def version(name):
    if name in absent:
        raise importlib.metadata.PackageNotFoundError(name)
    return known(name)
importlib.metadata.version = version
"""


def _run(folder: Path, program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _ABSENT + program, str(folder / "library")],
        cwd=ROOT,
        env=clean_environment(**environment),
        capture_output=True,
        text=True,
        timeout=120,
    )


_ADD_AND_ASK = """
from index import Article
from qa import QuestionAnswering
with QuestionAnswering.open(sys.argv[1]) as qa:
    qa.add([Article(id="tarn", title="Tarn", text="The mill of Tarn was built in 1788 by the monks.")])
    print(qa.ask("When was the mill of Tarn built?").text)
"""
_ASK = """
from api.cli.main import main
sys.argv[1:] = ["ask", "When was the mill built?", "--library", sys.argv[1]]
main()
"""


def test_shipped_models_answer_where_torch_is_not_installed(tmp_path: Path) -> None:
    answered = _run(tmp_path, _ADD_AND_ASK)
    assert (answered.returncode, answered.stdout) == (0, "1788\n"), answered.stderr
    refused = _run(tmp_path, _ASK, CITESPAN_RUNTIME="torch")
    assert refused.returncode == 3, refused.stderr
    assert "MODELS=any" in refused.stderr and len(refused.stderr.strip().splitlines()) == 1, refused.stderr
