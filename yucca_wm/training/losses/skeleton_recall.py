"""Cross-entropy + Dice + skeleton recall in one pass over the logits.

With p = softmax(logits), y the label, t the tube, per sample b and class c::

    CE     = mean over voxels of -log p[y]
    Dice   = (2 sum p_c [y = c] + 1) / (sum p_c + sum [y = c] + 1)       mean over samples and all classes
    recall = (sum p_c [t = c] + 1) / (sum [t = c] + 1)                   mean over samples and foreground classes
    loss   = weight_ce CE - weight_dice Dice - weight_srec recall

Dice as in nnU-Net and Yucca, recall as in Kirchhoff et al., ECCV 2024 (arXiv 2404.03010), with smoothing 1 in both.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from yucca_wm.training.losses.region_loss import RegionLoss


class TubedLabel(Tensor):
    """Label [B, 1, ...] with its tubed skeleton of the same shape in ``.tube``.

    Every operation on it returns a plain tensor of the label: metrics, logging and losses without a tube see only the
    label.
    """

    tube: Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]


def tubed(label: Tensor, tube: Tensor) -> TubedLabel:
    """Attach a tube to a label, for the loss.

    Parameters
    ----------
    label : Tensor, integer, shape (B, 1, ...)
        Class of each voxel; shared, not copied.
    tube : Tensor, integer, shape (B, 1, ...)
        The label on its tubed skeleton, 0 elsewhere (`yucca_wm.training.skeleton.tubed_skeleton`).

    Returns
    -------
    TubedLabel
        ``label``, with ``.tube``.

    Raises
    ------
    ValueError
        The shapes differ.
    """
    if label.shape != tube.shape:
        raise ValueError(f"label {tuple(label.shape)} and tube {tuple(tube.shape)} must have the same shape")
    carrier = label.as_subclass(TubedLabel)
    carrier.tube = tube
    return carrier


class DiceCESkeletonRecall(nn.Module):
    """CE + Dice + skeleton recall (`yucca_train --loss DiceCESkeletonRecall`); formulas: see the top of the file.

    Parameters
    ----------
    weight_ce, weight_dice, weight_srec : float
        Weights of the three terms; a term of weight 0 is left out.
    ignore_label : int, optional
        Voxels with this label are left out of all terms.
    batch_dice : bool
        Pool the sums of Dice and recall over the batch, and over all processes in multi-process training, instead of
        averaging over samples.

    References
    ----------
    Isensee et al., Nat Methods 18:203 (2021), for CE + Dice; Kirchhoff et al., ECCV 2024 (arXiv 2404.03010), for
    skeleton recall.
    """

    def __init__(
        self,
        weight_ce: float = 1.0,
        weight_dice: float = 1.0,
        weight_srec: float = 1.0,
        ignore_label: int | None = None,
        batch_dice: bool = False,
    ) -> None:
        super().__init__()
        self.weights = (float(weight_ce), float(weight_dice), float(weight_srec))
        self.ignore_label = ignore_label
        self.batch_dice = batch_dice

    def forward(self, logits: Tensor, label: Tensor, tube: Tensor | None = None) -> Tensor:
        """Loss of a batch.

        Parameters
        ----------
        logits : Tensor, float, shape (B, C, ...)
            Before the softmax, with two or three spatial axes.
        label : Tensor, integer, shape (B, 1, ...)
            Class of each voxel.
        tube : Tensor, integer, shape (B, 1, ...), optional
            Label on its tubed skeleton; may also be attached to the label (`tubed`).

        Returns
        -------
        Tensor, float, scalar
            At least -``weight_dice`` - ``weight_srec``; lower is better.

        Raises
        ------
        ValueError
            There is no tube although the recall term has a weight, shapes do not match, or (on the CPU) a label is not
            a class.
        """
        tube = label.tube if tube is None and isinstance(label, TubedLabel) else tube
        if tube is None and self.weights[2] != 0:
            raise ValueError("skeleton recall needs the tube of the label: use a manager that computes it")
        for name, target in (("label", label), ("tube", tube)):
            if target is not None and target.shape != (logits.shape[0], 1, *logits.shape[2:]):
                raise ValueError(f"{name} {tuple(target.shape)} does not fit logits {tuple(logits.shape)}")
        loss: Tensor = RegionLoss.apply(
            logits, label, tube if self.weights[2] != 0 else None, self.weights, self.ignore_label, self.batch_dice
        )
        return loss


class DiceCE(DiceCESkeletonRecall):
    """CE + Dice (Yucca's loss of this name, fused). Accepts labels with or without a tube.

    Parameters
    ----------
    weight_ce, weight_dice, ignore_label, batch_dice
        As for `DiceCESkeletonRecall`.
    """

    def __init__(
        self,
        weight_ce: float = 1.0,
        weight_dice: float = 1.0,
        ignore_label: int | None = None,
        batch_dice: bool = False,
    ) -> None:
        super().__init__(weight_ce, weight_dice, 0.0, ignore_label, batch_dice)


DC_SkelREC_and_CE_loss = DiceCESkeletonRecall
"""Yucca's name for the loss with these three terms."""
