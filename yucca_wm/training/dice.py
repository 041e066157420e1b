"""Dice from voxel counts, for what a training run logs."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def counts(logits: Tensor, target: Tensor, n_classes: int) -> tuple[Tensor, Tensor]:
    """Per sample and class [B, C]: voxels where prediction and label agree; voxels of the one plus of the other."""
    predicted = logits.argmax(1).flatten(1)
    label = target.flatten(1).long()
    sample = torch.arange(len(label), device=label.device)[:, None] * n_classes

    def count(values: Tensor) -> Tensor:
        return torch.bincount(values.flatten(), minlength=len(label) * n_classes).view(-1, n_classes).float()

    return count((label + sample)[predicted == label]), count(label + sample) + count(predicted + sample)


def epoch_dice(metric: Any) -> list[float]:
    """Dice of every class over all voxels since the last call; NaN for a class in neither label nor prediction.

    Where several processes train together, over the voxels of all of them: all must call it.
    """
    pooled = metric.__dict__.pop("pooled", None)
    if pooled is None:
        return []
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.all_reduce(pooled)
    overlap, size = pooled.cpu()
    dice: list[float] = (2 * overlap / size).tolist()  # 0 / 0 is NaN
    return dice
