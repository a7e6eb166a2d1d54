"""Several models of one recipe → the mean of their weights (Wortsman et al. 2022, arXiv:2203.05482).

    python -m training.average RUN [RUN ...] --out RUN

Fine-tuned from the same weights, by other seeds or for longer, they lie in one basin: their mean is better than any.
"""

import argparse
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file


def average(models: Sequence[Path], out: Path) -> None:
    """Write a model whose weights are the mean of others'; all else of it is the first one's.

    Args:
        models: their folders.
        out: the new model's folder.

    Raises:
        SystemExit: a folder holds no weights.
    """
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(models[0], out)
    parts = sorted(out.glob("*.safetensors"))
    if not parts:
        raise SystemExit(f"{models[0]} holds no weights")
    for part in parts:
        if all((model / part.name).read_bytes() == part.read_bytes() for model in models):
            continue  # the word embeddings, which must stay the file that others share
        several = [load_file(model / part.name) for model in models]
        mean = {
            name: torch.stack([one[name].float() for one in several]).mean(0).to(tensor.dtype).contiguous()
            for name, tensor in several[0].items()
        }
        save_file(mean, part, metadata={"format": "pt"})
        part.chmod(0o644)


def main(arguments: Sequence[str] | None = None) -> None:
    """Average."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True, help="folder like a run's: it will hold model")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    average([run / "model" for run in options.runs], options.out / "model")
    recipe = json.loads((options.runs[0] / "recipe.json").read_text())
    (options.out / "recipe.json").write_text(json.dumps({**recipe, "mean of": [str(run) for run in options.runs]}))


if __name__ == "__main__":
    main()
