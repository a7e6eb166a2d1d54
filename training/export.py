"""A run's model → the files that ship: weights beside their manifest with origin, licence and checksums.

python -m training.export reader RUN --name citespan-reader-2
"""

import argparse
import json
import shutil
from pathlib import Path

from safetensors import safe_open

from index.embedding.model_files import file_sha256

ROOT = Path(__file__).resolve().parents[1]
HOMES = {"reader": ROOT / "qa" / "weights", "encoder": ROOT / "index" / "weights"}
# What neither the tokenizer nor the network reads.
_LEFT_OUT = ("*.md", ".gitattributes", "vocab.txt", "special_tokens_map.json")


def export(role: str, run: Path, name: str) -> Path:
    """Copy a run's model to where it ships from and write its manifest; return the manifest.

    Args:
        role: ``reader`` or ``encoder``.
        run: the run's folder, which holds ``model`` once it has ended.
        name: of the model, with a number that grows.

    Raises:
        SystemExit: the run has not ended.
    """
    source = run / "model"
    if not (source / "model.safetensors.index.json").exists():
        raise SystemExit(f"{source} holds no weights: let the run end first")
    folder = HOMES[role] / role
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns(*_LEFT_OUT))
    parameters = 0
    for part in folder.glob("*.safetensors"):
        with safe_open(part, framework="numpy") as weights:
            parameters += sum(_size(weights.get_slice(key).get_shape()) for key in weights.keys())  # noqa: SIM118
    mixture = json.loads((run / "recipe.json").read_text(encoding="utf-8"))["config"]["mixture"]
    facts = {
        "format": 1,
        "role": role,
        "name": name,
        "folder": role,
        "origin": (
            "trained by this project's recipe (training/) from all-MiniLM-L6-v2 (Apache-2.0) on openly licensed "
            f"question-answering data: {', '.join(mixture)}; see docs/models.md"
        ),
        "licence": "Apache-2.0",
        "language": "en",
        "parameters": parameters,
        "files": {
            str(path.relative_to(folder)): file_sha256(path) for path in sorted(folder.rglob("*")) if path.is_file()
        },
    }
    manifest = HOMES[role] / "manifest.json"
    manifest.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    return manifest


def _size(shape: list[int]) -> int:
    size = 1
    for side in shape:
        size *= side
    return size


def main() -> None:
    """Export."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("role", choices=sorted(HOMES))
    parser.add_argument("run", type=Path)
    parser.add_argument("--name", required=True)
    options = parser.parse_args()
    print(export(options.role, options.run, options.name))


if __name__ == "__main__":
    main()
