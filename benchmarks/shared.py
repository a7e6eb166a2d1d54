"""What the benchmarks share: their arguments, questions and paragraphs, and how figures are shown."""

import argparse
import json
import os
import platform
import random
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from index import SentenceEncoder
from qa import Example, load_examples
from training.development_data import CORPUS, SQUAD
from training.jsonl import read_lines

# Of tables in a file, which breaks no line.
_WIDTH = 200
ROOT = Path(__file__).resolve().parents[1]


def arguments(about: str | None, *, data: bool = True) -> argparse.ArgumentParser:
    """Return a parser of what every benchmark is told; data says whether this one needs the development sets."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=data, help="folder of the development sets")
    parser.add_argument("--work", type=Path, default=ROOT / "runs" / "development")
    parser.add_argument("--json", type=Path, help="where the figures are kept too")
    return parser


def questions(data: Path, seed: int) -> list[Example]:
    """Return the development questions of SQuAD in an order by chance."""
    examples = load_examples(data / SQUAD)
    random.Random(seed).shuffle(examples)
    return examples


def paragraphs(data: Path, work: Path, encoder: SentenceEncoder) -> tuple[list[str], np.ndarray]:
    """Return the development paragraphs and their vectors, float32 (n, dimension), which are kept in a folder."""
    texts = [row["text"] for row in read_lines(data / CORPUS)]
    kept = work / f"plain-{encoder.fingerprint}.npy"
    if not kept.exists():
        work.mkdir(parents=True, exist_ok=True)
        np.save(kept, encoder.encode_passages(texts))
    return texts, np.load(kept)


def show(rows: Sequence[Mapping[str, Any]], more: Mapping[str, Any], path: Path | None) -> None:
    """Print the machine, a table of figures and what else there is to say; write it all to a file if one is given."""
    table = Table(*rows[0])
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH)
    console.print(describe())
    console.print(table)
    for what, value in more.items():
        console.print(f"{what}: {value}")
    if path is not None:
        path.write_text(json.dumps({"machine": describe(), **more, "rows": rows}, indent=1) + "\n", encoding="utf-8")


def memory_bytes(field: str = "VmRSS", pid: int | None = None) -> int:
    """Return a process's memory in bytes, as Linux counts it.

    Args:
        field: ``VmRSS``, what is resident now, or ``VmHWM``, the most that ever was.
        pid: of the process; None for this one.
    """
    lines = Path(f"/proc/{pid or 'self'}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))


def rate() -> float:
    """Return this machine's floating-point operations a second in matrix products of the networks' own sizes.

    By torch, in float32 or, where the processor has it, bfloat16, whichever is faster.
    """
    import torch

    from index.embedding.batching import BATCH_TOKENS

    kinds = [torch.float32] + ([torch.bfloat16] if {"avx512_bf16", "amx_bf16"} & _processor()[1] else [])
    best = 0.0
    for kind in kinds:
        left, right = torch.randn(BATCH_TOKENS, 384).to(kind), torch.randn(384, 1536).to(kind)
        for _ in range(5):
            left @ right
        for _ in range(5):
            begun = time.perf_counter()
            for _ in range(20):
                left @ right
            best = max(best, 20 * 2 * BATCH_TOKENS * 384 * 1536 / (time.perf_counter() - begun))
    return best


def _processor() -> tuple[str, set[str]]:
    """Name of the processor and its flags, as Linux tells them."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    said = {field.strip(): value.strip() for field, _, value in (line.partition(":") for line in lines)}
    return said.get("model name", "unknown processor"), set(said.get("flags", "").split())


def describe() -> str:
    """Return processor, cores, what it multiplies fast, and the versions that matter, in one line."""
    name, flags = _processor()
    fast = [flag for flag in ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "avx512_vnni", "amx_int8") if flag in flags]
    packages = ", ".join(f"{package} {version(package)}" for package in ("torch", "openvino", "transformers"))
    cores = len(os.sched_getaffinity(0))
    return (
        f"{name}, {cores} cores, {' '.join(fast)}; {platform.system()}, Python {platform.python_version()}, {packages}"
    )
