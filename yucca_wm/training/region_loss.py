"""The fused loss as one differentiable function: one softmax, no one-hot arrays, gradient written in one pass.

The terms need only a few sums per sample and class: of p (S), of p at the label (I) and of p at the tube (T). The
first pass computes them block by block, so that what is read once from memory stays in the cache, and keeps the
unnormalised softmax. When the sums of all voxels are known, so is the derivative by every p, and the second pass
turns that array into the gradient in place. Peak memory above the logits: one array of their size.
"""

from __future__ import annotations

import os
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor
from torch.autograd.function import once_differentiable

SMOOTH = 1.0
WIDE = torch.float64
"""Type of sums over voxels."""
BLOCK_BYTES = 1 << 22
"""Size of the block of logits that is worked on at a time on a CPU: small enough for the cache of one core."""
BLOCK_BYTES_GPU = 1 << 28


class Sums(NamedTuple):
    """Per sample and class [B, C], float64; ``ce`` and ``n_valid`` are scalars over all voxels."""

    prob: Tensor
    prob_at_label: Tensor
    prob_at_tube: Tensor
    n_label: Tensor
    n_tube: Tensor
    ce: Tensor
    n_valid: Tensor


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
        ctx.ignore_label, ctx.fused = ignore_label, _fused_kernels(z)
        if ctx.fused is not None:
            z, y, valid = z.contiguous(), label.detach().flatten(1).contiguous(), None
            t = None if tube is None else tube.detach().flatten(1).contiguous()
            (prob, at_label, at_tube, n_label, n_tube), ce, ctx.softmax = ctx.fused.sums(z, y, t, ignore_label)
            sums = Sums(prob, at_label, at_tube, n_label, n_tube, ce, n_label.sum())
        else:
            y, t, valid = _targets(label, tube, z.shape[1], ignore_label)
            sums, ctx.softmax = _first_pass(z, y, t, valid, keep)
        loss, ctx.by_sums = _loss_and_derivatives(sums, weights, batch_dice, ignore_label is not None)
        if keep:
            ctx.save_for_backward(logits, y, t, valid)
        return loss.to(torch.promote_types(logits.dtype, torch.float32))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
        logits, y, t, valid = ctx.saved_tensors
        z = logits.detach().flatten(2)
        by_sums = [derivative * grad_output for derivative in ctx.by_sums]
        if ctx.fused is not None:
            gradient = ctx.fused.gradient(z.contiguous(), y, t, ctx.softmax, by_sums, ctx.ignore_label)
        else:
            softmax, ctx.softmax = ctx.softmax, None
            if softmax is None:  # a second backward through the same graph: the first one used the array up
                _, softmax = _first_pass(z, y, t, valid, keep=True)
            gradient = _second_pass(softmax, y, t, valid, by_sums, logits.dtype)
        return gradient.view(logits.shape), None, None, None, None, None


def _fused_kernels(z: Tensor) -> Any:
    """The module of GPU kernels where they serve: CUDA (or Triton's interpreter, for tests), up to 32 bit."""
    interpreted = os.environ.get("TRITON_INTERPRET") == "1"
    if not (z.is_cuda or interpreted) or z.dtype == torch.float64:
        return None
    try:
        from yucca_wm.training import region_loss_triton
    except ImportError:  # Triton comes with torch on Linux only
        return None
    small = z.shape[1] <= region_loss_triton.MAX_CLASSES and z[0].numel() <= region_loss_triton.MAX_LOGITS
    return region_loss_triton if small else None


def _targets(
    label: Tensor, tube: Tensor | None, n_classes: int, ignore_label: int | None
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Label and tube as int64 [B, V] and, with an ignore label, which voxels count (bool [B, V])."""
    y = label.detach().flatten(1).long()
    t = None if tube is None else tube.detach().flatten(1).long()
    valid = None
    if ignore_label is not None:
        valid = y != ignore_label
        y = torch.where(valid, y, 0)
        t = None if t is None else torch.where(valid, t, 0)
    if y.device.type == "cpu" and y.numel():
        for name, target in (("label", y), ("tube", t)):
            if target is not None and (int(target.min()) < 0 or int(target.max()) >= n_classes):
                raise ValueError(
                    f"{name} holds values {int(target.min())}..{int(target.max())}, the network has classes "
                    f"0..{n_classes - 1}"
                )
    return y, t, valid


def _blocks(z: Tensor) -> list[tuple[int, int, int]]:
    """(sample, first voxel, last voxel + 1) of every block."""
    n_samples, n_classes, n_voxels = z.shape
    block_bytes = BLOCK_BYTES if z.device.type == "cpu" else BLOCK_BYTES_GPU
    step = max(1024, block_bytes // (n_classes * z.element_size()))
    return [(b, v, min(v + step, n_voxels)) for b in range(n_samples) for v in range(0, n_voxels, step)]


def _first_pass(
    z: Tensor, y: Tensor, t: Tensor | None, valid: Tensor | None, keep: bool
) -> tuple[Sums, tuple[Tensor, Tensor] | None]:
    """The sums, and exp(z - max) [B, C, V] with 1 / (its sum over classes) [B, V] (0 at ignored voxels)."""
    n_samples, n_classes, n_voxels = z.shape
    real = torch.promote_types(z.dtype, torch.float32)
    prob, at_label, at_tube = (torch.zeros(n_samples, n_classes, dtype=WIDE, device=z.device) for _ in range(3))
    ce = torch.zeros((), dtype=WIDE, device=z.device)
    exp = torch.empty(z.shape if keep else (1, 1, 1), dtype=real, device=z.device)
    scale = torch.empty((n_samples, n_voxels), dtype=real, device=z.device)
    for b, start, stop in _blocks(z):
        block, labels = z[b, :, start:stop].to(real), y[b, start:stop]
        highest = block.amax(0)
        z_label = block.gather(0, labels[None])[0]
        e = torch.sub(block, highest, out=exp[b, :, start:stop]) if keep else block - highest
        e.exp_()
        total = e.sum(0)
        nll = total.log() + highest - z_label
        inverse = total.reciprocal_()
        if valid is not None:
            nll = torch.where(valid[b, start:stop], nll, 0)
            inverse *= valid[b, start:stop]
        scale[b, start:stop] = inverse
        ce += nll.sum(dtype=WIDE)
        prob[b] += e @ inverse
        at_label[b] += torch.bincount(labels, e.gather(0, labels[None])[0] * inverse, n_classes)
        if t is not None:
            inside = t[b, start:stop].nonzero()[:, 0]
            tubes = t[b, start:stop][inside]
            at_tube[b] += torch.bincount(tubes, e[tubes, inside] * inverse[inside], n_classes)
    n_label = _count(y, valid, n_classes)
    n_tube = torch.zeros_like(n_label) if t is None else _count(t, valid, n_classes)
    n_valid = n_label.sum()
    return Sums(prob, at_label, at_tube, n_label, n_tube, ce, n_valid), ((exp, scale) if keep else None)


def _count(target: Tensor, valid: Tensor | None, n_classes: int) -> Tensor:
    """Voxels of each class [B, C] that are not ignored."""
    rows = [row if valid is None else row[valid[b]] for b, row in enumerate(target)]
    return torch.stack([torch.bincount(row, minlength=n_classes) for row in rows]).to(WIDE)


def _loss_and_derivatives(
    sums: Sums, weights: tuple[float, float, float], batch_dice: bool, some_ignored: bool
) -> tuple[Tensor, list[Tensor]]:
    """The loss and its derivatives by CE, S, I and T (the last three [B, C]).

    With several processes, each returns the loss of its own samples where the mean over processes is the loss of all
    samples (what DistributedDataParallel averages); pooled sums and voxel counts are taken over all processes.
    """
    weight_ce, weight_dice, weight_srec = weights
    n_samples, n_classes = sums.prob.shape
    n_processes = dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1
    n_valid = sums.n_valid.clamp(min=1)
    if some_ignored and n_processes > 1:
        n_valid = (_over_processes(sums.n_valid) / n_processes).clamp(min=1)
    per_class = [sums.prob, sums.prob_at_label, sums.prob_at_tube, sums.n_label, sums.n_tube]
    if batch_dice:
        per_class = [value.sum(0, keepdim=True) for value in per_class]
        if n_processes > 1:
            per_class = list(_over_processes(torch.stack(per_class)))
    prob, at_label, at_tube, n_label, n_tube = per_class
    numerator, denominator = 2 * at_label + SMOOTH, prob + n_label + SMOOTH
    dice = numerator / denominator
    recall = (at_tube[:, 1:] + SMOOTH) / (n_tube[:, 1:] + SMOOTH)
    loss = weight_ce * sums.ce / n_valid
    if weight_dice != 0:
        loss = loss - weight_dice * dice.mean()
    if weight_srec != 0:
        loss = loss - weight_srec * recall.mean()
    # sums pooled over processes: every process holds the whole loss, and averaging gradients would divide it
    share = n_processes if batch_dice else 1
    by_label = -weight_dice * share / dice.numel() * 2 / denominator
    by_prob = weight_dice * share / dice.numel() * numerator / denominator**2
    by_tube = torch.zeros_like(prob)
    by_tube[:, 1:] = -weight_srec * share / max(recall.numel(), 1) / (n_tube[:, 1:] + SMOOTH)
    shape = (n_samples, n_classes)
    return loss, [weight_ce / n_valid, by_prob.expand(shape), by_label.expand(shape), by_tube.expand(shape)]


def _over_processes(value: Tensor) -> Tensor:
    total = value.clone()
    dist.all_reduce(total)
    return total


def _second_pass(
    softmax: tuple[Tensor, Tensor],
    y: Tensor,
    t: Tensor | None,
    valid: Tensor | None,
    by_sums: list[Tensor],
    dtype: torch.dtype,
) -> Tensor:
    """Gradient by the logits [B, C, V] of type ``dtype``, written over the softmax where the type allows it.

    With g_c the derivative by p_c, the gradient is p_c (g_c - sum_k p_k g_k); cross-entropy adds w (p_c - [c = y]).
    """
    exp, scale = softmax
    by_ce, by_prob, by_label, by_tube = (value.to(exp.dtype) for value in by_sums)
    gradient = exp if dtype == exp.dtype else torch.empty(exp.shape, dtype=dtype, device=exp.device)
    ones = torch.ones_like(by_prob[0])
    for b, start, stop in _blocks(exp):
        e, inverse, labels = exp[b, :, start:stop], scale[b, start:stop], y[b, start:stop]
        at_label = e.gather(0, labels[None])[0] * inverse * by_label[b][labels]
        mean = (by_prob[b] @ e) * inverse + at_label
        if t is not None:
            inside = t[b, start:stop].nonzero()[:, 0]
            tubes = t[b, start:stop][inside]
            at_tube = e[tubes, inside] * inverse[inside] * by_tube[b][tubes]
            mean[inside] += at_tube
        rows = torch.stack([by_prob[b] + by_ce, ones], 1) @ torch.stack([inverse, -mean * inverse])
        e.mul_(rows)
        minus_one = by_ce if valid is None else by_ce * valid[b, start:stop]
        e.scatter_add_(0, labels[None], (at_label - minus_one)[None])
        if t is not None:
            e[tubes, inside] += at_tube
        if gradient is not exp:
            gradient[b, :, start:stop] = e
    return gradient
