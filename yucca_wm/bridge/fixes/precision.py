"""Where no GPU computes in bfloat16, training and inference compute in 32 bit.

Patches ``YuccaManager.__init__`` (yucca/pipeline/managers/YuccaManager.py), whose default is ``bf16-mixed`` everywhere.
Symptom: ``yucca_inference`` has no flag for it and runs bfloat16 on CPU, several times slower (2D U-Net, three small
volumes: not done after 560 s; 2 minutes in 32 bit).
GPUs older than 2020, and Apple's on older systems, do not have it either.
Cure: ``bf16-mixed`` becomes ``32-true`` except on CUDA GPUs of compute capability 8 and above, unless ``--precision``
was typed.
"""

from __future__ import annotations

import inspect
import sys
from functools import wraps
from typing import Any

BF16 = "bf16-mixed"
BF16_CAPABILITY = 8
"""Ampere, and AMD GPUs that ROCm reports with the same number."""


def apply(module: Any) -> bool:
    """Patch ``YuccaManager.__init__`` to compute in 32 bit without a bfloat16 GPU; False if its default is another."""
    manager = module.YuccaManager
    plain = manager.__init__
    if inspect.signature(plain).parameters["precision"].default != BF16:
        return False

    @wraps(plain)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        plain(self, *args, **kwargs)
        typed = any(word.split("=")[0] == "--precision" for word in sys.argv)
        if self.precision == BF16 and not typed and not has_bf16():
            self.precision = "32-true"

    manager.__init__ = __init__
    return True


def has_bf16() -> bool:
    """Whether there is a CUDA GPU that computes in bfloat16."""
    import torch

    return torch.cuda.is_available() and torch.cuda.get_device_capability()[0] >= BF16_CAPABILITY


def has_gpu() -> bool:
    """Whether torch can compute on CUDA or Apple's GPU."""
    import torch

    return torch.cuda.is_available() or torch.backends.mps.is_available()
