"""The fused loss as one differentiable function: one softmax, no one-hot arrays, gradient written in one pass.

The terms need only a few sums per sample and class: of p, of p at the voxels of the label, and of p at those of the
tube. A first pass over the logits computes them; from the sums over all voxels follows the derivative by every p, and
a second pass writes the gradient. The passes are those of region_loss_triton on a GPU, of region_loss_torch elsewhere.
"""

from __future__ import annotations

import functools
import os
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.autograd.function import once_differentiable

from yucca_wm.training.losses import region_loss_torch
from yucca_wm.training.losses.region_loss_torch import Sums, wide

SMOOTH = 1.0


class RegionLoss(torch.autograd.Function):
    """``apply(logits, label, tube or None, (ce, dice, recall weights), ignore_label, batch_dice)`` -> scalar."""

    @staticmethod
    def forward(
        ctx: Any,
        logits: Tensor,
        label: Tensor,
        tube: Tensor | None,
        weights: tuple[float, float, float],
        ignore_label: int | None,
        batch_dice: bool,
    ) -> Tensor:
        z = logits.detach().flatten(2)
        keep = ctx.needs_input_grad[0]
        passes = _passes(z)
        targets = passes.targets(label, tube, z.shape[1], ignore_label)
        sums, softmax = passes.first(z, targets, ignore_label, keep)
        loss, by_ce, by_sums = _loss_and_derivatives(sums, weights, batch_dice, ignore_label is not None)
        if keep:
            ctx.passes, ctx.softmax, ctx.ignore_label, ctx.by = passes, softmax, ignore_label, (by_ce, by_sums)
            ctx.save_for_backward(logits, *targets)
        return loss.to(torch.promote_types(logits.dtype, torch.float32))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
        logits, *targets = ctx.saved_tensors
        z = logits.detach().flatten(2)
        softmax, ctx.softmax = ctx.softmax, None
        if softmax is None:  # a second backward pass through the same graph: the first one consumed the array
            _, softmax = ctx.passes.first(z, targets, ctx.ignore_label, True)
        by_ce, by_sums = (derivative * grad_output for derivative in ctx.by)
        gradient = ctx.passes.second(z, targets, ctx.ignore_label, softmax, by_ce, by_sums)
        return gradient.view(logits.shape), None, None, None, None, None


def _passes(z: Tensor) -> Any:
    """The module of GPU kernels where it applies: CUDA (or Triton's interpreter, for tests), up to 32 bit."""
    interpreted = os.environ.get("TRITON_INTERPRET") == "1"
    if not (z.is_cuda or interpreted) or z.dtype == torch.float64:
        return region_loss_torch
    try:
        from yucca_wm.training.losses import region_loss_triton
    except ImportError:  # Triton comes with torch on Linux only
        return region_loss_torch
    small = z.shape[1] <= region_loss_triton.MAX_CLASSES and z[0].numel() <= region_loss_triton.MAX_LOGITS
    return region_loss_triton if small else region_loss_torch


def _loss_and_derivatives(
    sums: Sums, weights: tuple[float, float, float], batch_dice: bool, some_ignored: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """The loss, its derivative by CE, and those by the sums of p, of p at the label and at the tube [B, 3, C].

    With several processes, each returns the loss of its own samples such that the mean over processes is the loss of
    all samples (what DistributedDataParallel averages); pooled sums and voxel counts are taken over all processes.
    """
    n_samples, n_classes = sums.prob.shape
    n_processes = dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1
    n_valid = sums.n[:, 0].sum()
    if some_ignored and n_processes > 1:
        n_valid = _over_processes(n_valid) / n_processes
    by_ce = weights[0] / n_valid.clamp(min=1)
    prob, at, n = sums.prob, sums.at, sums.n
    if batch_dice:
        pooled = torch.cat([prob[:, None], at, n], 1).sum(0, keepdim=True)
        pooled = _over_processes(pooled) if n_processes > 1 else pooled
        prob, at, n = pooled[:, 0], pooled[:, 1:3], pooled[:, 3:]
    factor, share = _factor_and_share(weights[1:], len(prob), n_classes, prob.device)
    # Dice and recall are both (factor * at + 1) / (n + 1), except that Dice also has the sum of p in the denominator
    below = n + SMOOTH
    below[:, 0] += prob
    ratio = (at * factor + SMOOTH) / below
    loss = by_ce * sums.ce - (ratio * share).sum()
    # sums pooled over processes: every process holds the whole loss, and averaging the gradients would divide it
    gain = share / below if not batch_dice else share / below * n_processes
    by_sums = torch.cat([(gain * ratio)[:, :1], -gain * factor], 1)
    return loss, by_ce, by_sums.expand(n_samples, 3, n_classes)


@functools.cache
def _factor_and_share(
    weights: tuple[float, ...], n_rows: int, n_classes: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """For Dice and recall: the factor before p [2, 1], and the weight of each class's value in the loss [2, C]."""
    factor = torch.tensor([[2.0], [1.0]], dtype=wide(device))
    share = torch.tensor(weights, dtype=wide(device))[:, None].repeat(1, n_classes) / n_rows
    share[0] /= n_classes
    share[1] /= max(n_classes - 1, 1)
    share[1, 0] = 0  # recall covers the foreground only
    return factor.to(device), share.to(device)


def _over_processes(value: Tensor) -> Tensor:
    total = value.clone()
    dist.all_reduce(total)
    return total
