"""Write the lock files of the image: every package with its version and the hashes of its wheels.

    make image-lock

The versions are those of constraints.txt, so that the image holds what the tests ran with. No address of an index is
written: pip takes its default, PyPI.
"""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
# What runs models other than the shipped ones. torch itself is in no lock file: PyPI's build for Linux brings CUDA
# along, and the build without it comes from torch's own index, whose files are not those of PyPI.
OTHER_MODELS = ("torch", "transformers", "sentence-transformers")
# What torch needs beside itself.
WITH_TORCH = ("filelock", "fsspec", "jinja2", "networkx", "setuptools", "sympy", "typing-extensions")
BUILD = ("setuptools", "wheel")


def name_of(requirement: str) -> str:
    return re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0].lower()


def lock(name: str, requirements: list[str], *options: str) -> None:
    """Resolve requirements for Linux and Python 3.11, and write them with their hashes."""
    target = ROOT / "deploy" / name
    command = ["uv", "pip", "compile", "-", "--output-file", str(target), "--constraint", str(ROOT / "constraints.txt")]
    command += ["--generate-hashes", "--no-emit-index-url", "--no-emit-find-links", "--no-header", "--no-annotate"]
    command += ["--python-version", "3.11", "--python-platform", "x86_64-manylinux_2_28", "--only-binary", ":all:"]
    subprocess.run(
        [*command, *options], input="\n".join(requirements), text=True, check=True, stdout=subprocess.DEVNULL
    )
    print(f"{target.relative_to(ROOT)}: {target.read_text().count('==')} packages")


def main() -> None:
    dependencies = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    shipped = [each for each in dependencies if name_of(each) not in OTHER_MODELS]
    others = [each for each in dependencies if name_of(each) in OTHER_MODELS and name_of(each) != "torch"]
    lock("requirements.lock", shipped)
    without_torch = ROOT / "deploy" / "without-torch.txt"
    without_torch.write_text("torch; sys_platform == 'none'\n")
    try:
        lock("requirements-models.lock", [*shipped, *others, *WITH_TORCH], "--override", str(without_torch))
    finally:
        without_torch.unlink()
    lock("requirements-build.lock", list(BUILD))


if __name__ == "__main__":
    sys.exit(main())
