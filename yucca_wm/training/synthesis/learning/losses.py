"""Losses for painted samples: ``--loss`` of YuccaManager_Synthesis.

With p = softmax(logits), y the label, and sums over all voxels of the batch, the Dice of class c is
(2 sum p_c [y = c] + 1) / (sum p_c + sum [y = c] + 1).
"""

from __future__ import annotations

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from yucca_wm.models.conventions import TISSUES
from yucca_wm.training.losses import DiceCESkeletonRecall, TubedLabel


class LesionTissueLoss(nn.Module):
    """Loss for tissue and lesions in planes: cross-entropy + 1 - mean Dice + half of 1 - Dice of lesions."""

    LESION_DICE_WEIGHT: ClassVar[float] = 0.5

    def forward(self, logits: Tensor, label: Tensor) -> Tensor:
        """Loss of a batch.

        Parameters
        ----------
        logits : Tensor, float, shape (B, C, x, y)
            Before the softmax.
        label : Tensor, integer, shape (B, 1, x, y)
            Class of each pixel (`yucca_wm.models.conventions.TISSUES`); the last one is lesion.

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
    """Loss for regions in volumes: cross-entropy everywhere + cross-entropy in the brain + 1 - mean Dice in the brain.

    The mean is over the regions in the batch, and the Dice over the voxels that have a region.
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
        y = label[:, 0].long()
        rows = logits.movedim(1, -1)
        loss = F.cross_entropy(rows.flatten(0, -2).float(), y.flatten())
        inside = y > 0
        if not inside.any():
            return loss
        labels, z = y[inside], rows[inside].float()
        log_p = z.log_softmax(1)
        present = torch.bincount(labels, minlength=z.shape[1])[1:] > 0
        dice = _dice(log_p.exp(), labels)[1:][present]
        return loss + F.nll_loss(log_p, labels) + (1 - dice.mean()) + self._of_tube(z, inside, label)

    def _of_tube(self, z: Tensor, inside: Tensor, label: Tensor) -> Tensor | float:  # noqa: ARG002
        """Term for the tube of ``label``; z : logits [voxel, C], inside : position of these voxels, [B, x, y, z]."""
        return 0.0


class BrainRegionSkeletonLoss(BrainRegionLoss):
    """`BrainRegionLoss` + 1 - skeleton recall (Kirchhoff et al., ECCV 2024), averaged over all regions."""

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
        if not isinstance(label, TubedLabel):
            raise ValueError("skeleton recall needs the tube of the label: use a manager that computes it")
        return super().forward(logits, label)

    def _of_tube(self, z: Tensor, inside: Tensor, label: Tensor) -> Tensor:
        assert isinstance(label, TubedLabel)
        split = [int(n) for n in inside.flatten(1).sum(1)]
        parts = zip(
            z.split(split), label[:, 0][inside].split(split), label.tube[:, 0][inside].split(split), strict=True
        )
        recalls = [self.recall(own.T[None], y[None, None], tube[None, None]) for own, y, tube in parts]
        return 1 + torch.stack(recalls).mean()


COORDINATE_WEIGHT = 10.0


def coordinate_error(places: Tensor, truth: Tensor, label: Tensor) -> Tensor:
    """Mean absolute error of atlas coordinates in the brain.

    Parameters
    ----------
    places, truth : Tensor, float, shape (B, 3, x, y, z)
        Coordinates, in units of `yucca_wm.training.synthesis.volumes.COORDINATE_UNIT_MM`.
    label : Tensor, integer, shape (B, 1, x, y, z)
        Only nonzero voxels count.

    Returns
    -------
    Tensor, float32, scalar
        In the same units; 0 if there is no brain voxel.
    """
    inside = label[:, 0] > 0
    if not inside.any():
        return places.sum() * 0.0
    return (places.float().movedim(1, -1)[inside] - truth.movedim(1, -1)[inside]).abs().mean()


def _dice(p: Tensor, y: Tensor) -> Tensor:
    """Dice of every class [C], from probabilities [voxels, C] and labels [voxels]."""
    n_classes = p.shape[1]
    overlap = torch.zeros(n_classes, device=p.device).index_add(0, y, p.gather(1, y[:, None])[:, 0])
    count = torch.bincount(y, minlength=n_classes).to(p.dtype)
    return (2 * overlap + 1) / (p.sum(0) + count + 1)
