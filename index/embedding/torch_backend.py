"""Any extractive reader of transformers, on a processor or a graphics card: the reference for other runtimes."""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from index.embedding.model_files import LocalModel, Machine
from index.errors import ModelError

if TYPE_CHECKING:
    import torch


class Spans:
    """A Network whose rows are start and end scores.

    Args:
        model: any extractive question-answering model of transformers.
        machine: how it is run.

    Raises:
        ModelError: it is none, or the device is not there.
    """

    def __init__(self, model: LocalModel, machine: Machine) -> None:
        require_installed()
        # Imported late: it takes seconds, which nobody else need pay.
        from transformers import AutoModelForQuestionAnswering, AutoTokenizer

        prepare(machine)
        device = choose_device(machine.device)
        try:
            tokenizer = AutoTokenizer.from_pretrained(str(model.folder), local_files_only=True, trust_remote_code=False)
            network, report = AutoModelForQuestionAnswering.from_pretrained(
                str(model.folder),
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=True,
                dtype=choose_dtype(machine.precision, device),
                output_loading_info=True,
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ModelError(f"{model.folder.name} cannot be loaded as an extractive reader: {error}") from error
        if report["missing_keys"]:
            # transformers would fill them with random numbers and go on.
            raise ModelError(
                f"{model.folder.name} is not an extractive reader: it lacks {sorted(report['missing_keys'])[0]}"
            )
        if not tokenizer.is_fast:
            raise ModelError(f"{model.folder.name} has no tokenizer.json: offsets need a fast tokenizer")
        self.tokenizer = tokenizer.backend_tokenizer
        self.tokenizer.no_padding()
        self.tokenizer.no_truncation()
        self.size = 2
        self.longest = int(getattr(network.config, "max_position_embeddings", 512))
        self._network = network.to(device).eval()
        self._typed = int(getattr(network.config, "type_vocab_size", 0) or 0) > 1

    def __call__(
        self, ids: npt.NDArray[np.int64], mask: npt.NDArray[np.int64], types: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float32]:
        """Run one batch: see index.embedding.batching.Network."""
        import torch

        device = self._network.device
        inputs = {"input_ids": torch.from_numpy(ids).to(device), "attention_mask": torch.from_numpy(mask).to(device)}
        if self._typed:
            inputs["token_type_ids"] = torch.from_numpy(types).to(device)
        with torch.inference_mode():
            output = self._network(**inputs)
        return np.stack([output.start_logits.float().cpu().numpy(), output.end_logits.float().cpu().numpy()], axis=-1)


def require_installed() -> None:
    """Check that torch and what goes with it are there, which an image for the shipped models leaves out.

    Raises:
        ModelError: one of them is not.
    """
    missing = [name for name in ("torch", "transformers", "sentence_transformers") if find_spec(name) is None]
    if missing:
        raise ModelError(
            f"this model or runtime needs {', '.join(missing)}, not installed here: install citespan with all its "
            "dependencies, or build the image with MODELS=any; the shipped models need CITESPAN_RUNTIME=auto only"
        )


def prepare(machine: Machine) -> None:
    """Set torch's threads, and keep transformers from drawing progress bars and advice on stderr."""
    import torch
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    if machine.threads:
        torch.set_num_threads(machine.threads)


def choose_device(setting: str = "auto") -> str:
    """Return the torch device for a setting: ``auto`` takes CUDA where there is one.

    Raises:
        ModelError: the device does not exist here.
    """
    import torch

    if setting == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(1, device=setting)
    except (RuntimeError, AssertionError) as error:
        raise ModelError(f"device {setting!r} is not usable here: take auto or cpu") from error
    return setting


def choose_dtype(setting: str, device: str) -> "torch.dtype":
    """Return the number format for a setting: ``auto``, ``float32`` or ``bfloat16``.

    ``auto`` takes bfloat16 where the processor computes in it (about 1.8 times as fast, same
    answers within noise) and float32 elsewhere, since emulated bfloat16 is slower.
    """
    import torch

    if setting == "auto":
        fast = torch.cuda.is_bf16_supported() if device.startswith("cuda") else _cpu_has_bfloat16()
        return torch.bfloat16 if fast else torch.float32
    return torch.bfloat16 if setting == "bfloat16" else torch.float32


def _cpu_has_bfloat16() -> bool:
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="ignore")
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags
