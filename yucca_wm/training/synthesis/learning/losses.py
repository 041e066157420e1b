"""What painted samples are learned by: ``--loss`` of YuccaManager_Synthesis.

With p = softmax(logits), y the label, and sums over all voxels of the batch, the Dice of class c is
(2 sum p_c [y = c] + 1) / (sum p_c + sum [y = c] + 1).
"""

from __future__ import annotations

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from yucca_wm.training.losses import DiceCESkeletonRecall
from yucca_wm.training.synthesis.structures import TISSUES


class LesionTissueLoss(nn.Module):
    """Tissue and lesions in planes: cross-entropy + 1 - mean Dice + half of 1 - Dice of lesions."""

    LESION_DICE_WEIGHT: ClassVar[float] = 0.5

    def forward(self, logits: Tensor, label: Tensor) -> Tensor:
        """Loss of a batch.

        Parameters
        ----------
        logits : Tensor, float, shape (B, C, x, y)
            Before the softmax.
        label : Tensor, integer, shape (B, 1, x, y)
            Class of each pixel (`yucca_wm.training.synthesis.structures.TISSUES`); the last is the lesions'.

        Returns
        -------
        Tensor, float32, scalar
            0 at best.
        """
        z, y = logits.float(), label[:, 0].long()
        n_classes, lesion = z.shape[1], TISSUES["lesion"]
        p = z.softmax(1).movedim(1, -1).reshape(-1, n_classes)
        dice = _dice(p, y.flatten())
        return F.cross_entropy(z, y) + (1 - dice.mean()) + self.LESION_DICE_WEIGHT * (1 - dice[lesion])


class BrainRegionLoss(nn.Module):
    """Regions in volumes: cross-entropy everywhere + cross-entropy in the brain + 1 - mean Dice in the brain.

    The Dice is that of the regions that are in the batch, over the voxels that have one.
    """

    def forward(self, logits: Tensor, label: Tensor) -> Tensor:
        """Loss of a batch.

        Parameters
        ----------
        logits : Tensor, float, shape (B, C, x, y, z)
            Before the softmax.
        label : Tensor, integer, shape (B, 1, x, y, z)
            Region of each voxel; 0 is outside the brain.

        Returns
        -------
        Tensor, float32, scalar
            0 at best.
        """
        z, y = logits.float(), label[:, 0].long()
        loss = F.cross_entropy(z, y)
        inside = y > 0
        if not inside.any():
            return loss
        zb, yb = z.movedim(1, -1)[inside], y[inside]
        present = torch.bincount(yb, minlength=z.shape[1])[1:] > 0
        dice = _dice(zb.softmax(1), yb)[1:][present]
        return loss + F.cross_entropy(zb, yb) + (1 - dice.mean())


class BrainRegionSkeletonLoss(BrainRegionLoss):
    """`BrainRegionLoss` + 1 - skeleton recall (Kirchhoff et al., ECCV 2024), the mean over all regions."""

    def __init__(self) -> None:
        super().__init__()
        self.recall = DiceCESkeletonRecall(0, 0, 1)

    def forward(self, logits: Tensor, label: Tensor) -> Tensor:
        """Loss of a batch.

        Parameters
        ----------
        logits : Tensor, float, shape (B, C, x, y, z)
            Before the softmax.
        label : Tensor, integer, shape (B, 1, x, y, z)
            Region of each voxel, 0 outside the brain, with its tube (`yucca_wm.training.losses.tubed`).

        Returns
        -------
        Tensor, float32, scalar
            0 at best.

        Raises
        ------
        ValueError
            The label has no tube.
        """
        recall: Tensor = self.recall(logits.float(), label)
        return super().forward(logits, label) + 1 + recall


COORDINATE_WEIGHT = 10.0


def coordinate_error(places: Tensor, truth: Tensor, label: Tensor) -> Tensor:
    """Mean absolute error of atlas coordinates in the brain.

    Parameters
    ----------
    places, truth : Tensor, float, shape (B, 3, x, y, z)
        Coordinates, in units of `yucca_wm.training.synthesis.volumes.COORDINATE_UNIT_MM`.
    label : Tensor, integer, shape (B, 1, x, y, z)
        Voxels that are not 0 count.

    Returns
    -------
    Tensor, float32, scalar
        In the same units; 0 without a brain voxel.
    """
    inside = label[:, 0] > 0
    if not inside.any():
        return places.sum() * 0.0
    return (places.float().movedim(1, -1)[inside] - truth.movedim(1, -1)[inside]).abs().mean()


def _dice(p: Tensor, y: Tensor) -> Tensor:
    """Dice of every class, of probabilities [voxels, C] and labels [voxels]."""
    n_classes = p.shape[1]
    overlap = torch.zeros(n_classes, device=p.device).index_add(0, y, p.gather(1, y[:, None])[:, 0])
    count = torch.bincount(y, minlength=n_classes).to(p.dtype)
    return (2 * overlap + 1) / (p.sum(0) + count + 1)
