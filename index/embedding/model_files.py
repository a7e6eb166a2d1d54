"""A folder of model weights: found, checked and described before anything of it is loaded.

Both networks go through here.  Nothing is unpickled and no code of a model folder is run: weights
must be safetensors, and a configuration that names code of its own is refused.
"""

import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from index.errors import ModelError

_PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".h5", ".msgpack")
_HUB_FILES = ["*.json", "*.txt", "*.model", "*.safetensors", "1_Pooling/*", "2_Dense/*", "2_Normalize/*"]


@dataclass(frozen=True, slots=True)
class ModelCard:
    """Where a model comes from and what may be done with it.

    Attributes:
        role: ``encoder`` or ``reader``.
        name: short name.
        origin: where the weights come from.
        licence: SPDX identifier; "unknown" for a model of the user's own.
        sha256: hexadecimal SHA-256 of the weights file; of several, of their digests in the order of their names.
        parameters: number of parameters, 0 where unknown.
        path: the folder.
        language: ISO 639 code of the one language that it reads; None where it reads several or does not say.
    """

    role: str
    name: str
    origin: str
    licence: str
    sha256: str
    parameters: int
    path: str
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Machine:
    """How a network is run.

    Attributes:
        runtime: ``auto``, ``openvino`` or ``torch``.  ``auto`` takes OpenVINO where it can run the model and no
            graphics card was asked for or found.
        device: ``auto``, ``cpu``, ``cuda`` ...
        precision: ``auto``, ``float32`` or ``bfloat16``; ``auto`` takes bfloat16 where the device computes in it.
        threads: for one forward pass; 0 leaves it to the runtime.
    """

    runtime: str = "auto"
    device: str = "auto"
    precision: str = "auto"
    threads: int = 0


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A folder of weights that passed the checks.

    Attributes:
        folder: the folder.
        card: what is known of it.
    """

    folder: Path
    card: ModelCard = field(compare=False)

    def facts(self, name: str) -> Any:
        """Return what one of the folder's JSON files says; an empty mapping where there is none."""
        path = self.folder / name
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}

    @classmethod
    def shipped(cls, manifest: Path) -> "LocalModel":
        """Return the model that a manifest of this project describes, its checksums verified.

        Raises:
            ModelError: a file is missing or differs from the manifest.
        """
        facts = json.loads(manifest.read_text(encoding="utf-8"))
        folder = manifest.parent / facts["folder"]
        for name, expected in facts["files"].items():
            path = folder / name
            if not path.is_file():
                raise ModelError(f"{facts['name']}: {name} is missing: install citespan again")
            if file_sha256(path) != expected:
                raise ModelError(f"{facts['name']}: {name} is not the file the manifest lists: install citespan again")
        _check_folder(folder)
        card = ModelCard(
            role=facts["role"],
            name=facts["name"],
            origin=facts["origin"],
            licence=facts["licence"],
            sha256=_one_digest(
                [digest for name, digest in sorted(facts["files"].items()) if name.endswith(".safetensors")]
            ),
            parameters=facts["parameters"],
            path=str(folder),
            language=facts.get("language"),
        )
        return cls(folder, card)

    @classmethod
    def find(cls, setting: str, role: str) -> "LocalModel":
        """Return the model that a setting names: a local folder, or else a hub name.

        A hub name is looked up in the local cache first and fetched only if it is not there.

        Raises:
            ModelError: nothing there, or the folder would need a pickle or code of its own.
        """
        folder = Path(setting).expanduser()
        origin = f"local folder {folder}"
        if not folder.is_dir():
            if folder.is_absolute() or setting.startswith(".") or setting.count("/") > 1:
                raise ModelError(f"no model folder at {setting}: give a folder with config.json and *.safetensors")
            folder = _from_hub(setting)
            origin = f"https://huggingface.co/{setting}"
        _check_folder(folder)
        weights = sorted(folder.glob("*.safetensors"))
        sha256 = _one_digest([file_sha256(path) for path in weights])
        return cls(folder, ModelCard(role, folder.name, origin, "unknown", sha256, 0, str(folder)))


def file_sha256(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _one_digest(digests: list[str]) -> str:
    """Return the digest of weights in one file or several: of several, that of their digests, in the files' order."""
    return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()


def _from_hub(name: str) -> Path:
    from huggingface_hub import snapshot_download

    attempts: list[dict[str, Any]] = [{"local_files_only": True}, {}]
    for options in attempts:
        try:
            return Path(snapshot_download(name, allow_patterns=_HUB_FILES, **options))
        except Exception as error:  # the hub client has no common root for its own and its transport's errors
            last = error
    raise ModelError(
        f"{name!r} is neither a folder here nor a model that could be fetched: give a local folder, "
        "or a hub name on a machine with internet"
    ) from last


def _check_folder(folder: Path) -> None:
    if not (folder / "config.json").is_file():
        raise ModelError(f"{folder.name} has no config.json: give a folder in the transformers layout")
    if not list(folder.glob("*.safetensors")):
        found = sorted(path.name for path in folder.iterdir() if path.suffix in _PICKLES)
        advice = f" ({found[0]} is a pickle and is never loaded: convert it)" if found else ""
        raise ModelError(f"{folder.name} has no *.safetensors file{advice}")
    for path in [*folder.glob("*.json"), *folder.glob("*/*.json")]:
        if path.name in ("tokenizer.json", "vocab.json"):
            continue
        try:
            facts = json.loads(path.read_text(encoding="utf-8"))
        except (ValueError, OSError) as error:
            raise ModelError(f"{folder.name}: {path.name} is not readable JSON") from error
        if isinstance(facts, dict) and ("auto_map" in facts or "custom_pipelines" in facts):
            raise ModelError(f"{folder.name}: {path.name} asks to run code of its own, which is never done")
        if path.name == "modules.json" and isinstance(facts, list):
            for module in facts:
                kind = str(module.get("type", "")) if isinstance(module, dict) else ""
                if not kind.startswith("sentence_transformers."):
                    raise ModelError(
                        f"{folder.name}: modules.json names {kind!r}, which is not of sentence-transformers"
                    )
    if os.name == "posix":
        root = folder.resolve()
        for path in folder.rglob("*"):
            if path.is_symlink() and "snapshots" not in root.parts and not path.resolve().is_relative_to(root):
                raise ModelError(f"{folder.name}: {path.name} points outside of the folder")
