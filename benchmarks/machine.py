"""What the figures were measured on."""

import os
import platform
from importlib.metadata import version
from pathlib import Path


def describe() -> str:
    """Return processor, cores, what it multiplies fast, and the versions that matter, in one line."""
    name, flags = "unknown processor", ""
    cpuinfo = Path("/proc/cpuinfo")
    for line in cpuinfo.read_text().splitlines() if cpuinfo.exists() else ():
        field, _, value = line.partition(":")
        if field.strip() == "model name":
            name = value.strip()
        elif field.strip() == "flags":
            flags = value
    fast = [flag for flag in ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "avx512_vnni", "amx_int8") if flag in flags]
    packages = ", ".join(f"{package} {version(package)}" for package in ("torch", "openvino", "transformers"))
    cores = len(os.sched_getaffinity(0))
    return (
        f"{name}, {cores} cores, {' '.join(fast)}; {platform.system()}, Python {platform.python_version()}, {packages}"
    )
