"""Without a GPU, training and inference compute in 32 bit.

Mends ``YuccaManager.__init__`` (yucca/pipeline/managers/YuccaManager.py), whose default is ``bf16-mixed`` everywhere.
Symptom: ``yucca_inference`` has no flag for it and runs bfloat16 on CPU, several times slower (2D U-Net, three small
volumes: not done after 560 s; 2 minutes in 32 bit).
Cure: where no accelerator is found, ``bf16-mixed`` becomes ``32-true``, unless ``--precision`` was typed.
"""

from __future__ import annotations

import inspect
import sys
from functools import wraps
from typing import Any

SLOW_ON_CPU = "bf16-mixed"


def apply(module: Any) -> bool:
    manager = module.YuccaManager
    plain = manager.__init__
    if inspect.signature(plain).parameters["precision"].default != SLOW_ON_CPU:
        return False

    @wraps(plain)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        plain(self, *args, **kwargs)
        typed = any(word.split("=")[0] == "--precision" for word in sys.argv)
        if self.precision == SLOW_ON_CPU and not typed and not has_gpu():
            self.precision = "32-true"

    manager.__init__ = __init__
    return True


def has_gpu() -> bool:
    """Whether torch can compute on CUDA or Apple's GPU."""
    import torch

    return torch.cuda.is_available() or torch.backends.mps.is_available()
