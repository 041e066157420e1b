"""The network is summed up in one line instead of a table that can stop the training.

Patches ``YuccaLightningModule.visualize_model_with_FLOPs`` (yucca/modules/lightning_modules/YuccaLightningModule.py).
Symptom: MedNeXt dies before the first step with "IndexError: unordered_map::at" (fvcore traces through torch's
checkpointing); elsewhere a whole batch is computed on the CPU for a log entry of hundreds of lines.
Cure: parameters and operations of one patch are counted by torch on shapes alone, and a failure is only noted.
"""

from __future__ import annotations

import copy
import logging
from typing import Any


def apply(module: Any) -> bool:
    """Replace ``YuccaLightningModule.visualize_model_with_FLOPs`` by `sum_up`; False if it expects other errors."""
    lightning_module = module.YuccaLightningModule
    plain = lightning_module.visualize_model_with_FLOPs
    if "RuntimeError" not in plain.__code__.co_names:  # the only error that Yucca expects here
        return False
    lightning_module.visualize_model_with_FLOPs = sum_up
    return True


def sum_up(self: Any) -> None:
    """Log name, parameters and operations of the network of a Yucca lightning module."""
    size = " x ".join(map(str, self.patch_size))
    parameters = sum(p.numel() for p in self.model.parameters()) / 1e6
    try:
        operations = f"{_operations(self.model, (1, self.num_modalities, *self.patch_size)) / 1e9:.1f} GFLOP"
    except Exception as error:  # noqa: BLE001  (whatever an unusual layer raises: this is only a log entry)
        operations = f"operations not counted ({type(error).__name__})"
    name = type(self.model).__name__
    logging.info(f"{self.model_dimensions} {name}: {parameters:.1f} million parameters, {operations} for {size}")


def _operations(model: Any, shape: tuple[int, ...]) -> int:
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    shapes_only = copy.deepcopy(model).to("meta").eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        shapes_only(torch.empty(shape, device="meta"))
    return int(counter.get_total_flops())
