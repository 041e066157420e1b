"""Dice during training is counted, without one-hot arrays, and is that of all voxels of an epoch.

Patches ``GeneralizedDiceScore.forward`` (yucca/modules/metrics/training_metrics.py).
Symptom: each of its three uses makes two dense one-hot arrays of 64-bit integers (for 37 classes and two patches of
128^3 voxels 2 x 1.2 GB); a class that is in neither label nor prediction of a batch counts as Dice 0.
Cure: the same numbers from voxel counts. The counts are also summed up, for the Dice of an epoch in ``metrics.csv``.
"""

from __future__ import annotations

from functools import wraps
from typing import Any


def apply(module: Any) -> bool:
    """Patch ``GeneralizedDiceScore.forward`` to count voxels; False if it makes no one-hot arrays."""
    score = module.GeneralizedDiceScore
    plain = score.forward
    if "one_hot" not in plain.__code__.co_names:
        return False

    @wraps(plain)
    def forward(self: Any, input: Any, target: Any) -> Any:
        import torch

        from yucca_wm.training.run_log import counts

        if self.multilabel or self.method.weight_type != "linear":
            return plain(self, input, target)
        overlap, size = counts(input, target, self.num_classes)
        self.pooled = getattr(self, "pooled", 0) + torch.stack([overlap.sum(0), size.sum(0)]).double()
        if not self.method.include_background:
            overlap, size = overlap[:, 1:], size[:, 1:]
        if not (self.per_class or self.average):
            overlap, size = overlap.sum(1, keepdim=True), size.sum(1, keepdim=True)
        dice = (2 * overlap / size.clamp(min=1)).mean(0)
        return dice.mean() if self.average or dice.numel() == 1 else dice

    score.forward = forward
    return True
