"""Validation with deep supervision looks at the finest output.

Patches ``BaseLightningModule.forward`` (yucca/modules/lightning_modules/BaseLightningModule.py).
Symptom: with ``-ds``, networks that give all scales at all times (UXNet, and plain MedNeXt) end in the first
validation with "'list' object has no attribute 'shape'".
Cure: while no gradient is wanted only the finest output is passed on.
"""

from __future__ import annotations

from functools import wraps
from typing import Any


def apply(module: Any) -> bool:
    """Patch ``BaseLightningModule.forward`` to return only the finest output without gradients; False if it does."""
    lightning_module = module.BaseLightningModule
    plain = lightning_module.forward
    if "is_grad_enabled" in plain.__code__.co_names:
        return False

    @wraps(plain)
    def forward(self: Any, inputs: Any) -> Any:
        import torch

        output = plain(self, inputs)
        return output[0] if isinstance(output, list) and not torch.is_grad_enabled() else output

    lightning_module.forward = forward
    return True
