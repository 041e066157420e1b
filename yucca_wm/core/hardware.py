"""Choice of the device to compute on, and whether the CPU is fast with bfloat16."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

CPU_INFO = Path("/proc/cpuinfo")
BF16_FLAGS = {"avx512_bf16", "amx_bf16"}


def bf16_is_fast() -> bool:
    """Whether the CPU has bfloat16 instructions (training is then 1.5 to 2.5 times as fast); False if unknown."""
    try:
        text = CPU_INFO.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    flags = next((line for line in text.splitlines() if line.startswith("flags")), "")
    return not BF16_FLAGS.isdisjoint(flags.split())


def choose_device(wanted: str, dimensions: str) -> torch.device:
    """Resolve ``auto``: CUDA, else Apple's GPU for 2D networks (it lacks some 3D operations), else the CPU."""
    import torch

    if wanted == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() and dimensions == "2D" else "cpu")
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}.get(wanted, True)
    if not available:
        print(f"yucca-wm: there is no {wanted} device here; computing on the CPU", file=sys.stderr)
    return torch.device(wanted if available else "cpu")
