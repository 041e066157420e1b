"""A label that carries its tube, so that both travel as one ``target`` through Yucca's training step."""

from __future__ import annotations

import torch
from torch import Tensor


class TubedLabel(Tensor):
    """Label [B, 1, ...] with its tubed skeleton of the same shape in ``.tube``.

    Every operation on it gives a plain tensor of the label: metrics, logging and losses that know nothing of tubes
    see the label alone.
    """

    tube: Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]


def tubed(label: Tensor, tube: Tensor) -> TubedLabel:
    """``label`` (shared, not copied) carrying ``tube``; raises ValueError when their shapes differ."""
    if label.shape != tube.shape:
        raise ValueError(f"label {tuple(label.shape)} and tube {tuple(tube.shape)} must have the same shape")
    carrier = label.as_subclass(TubedLabel)
    carrier.tube = tube
    return carrier
