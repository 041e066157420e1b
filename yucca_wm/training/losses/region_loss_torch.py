"""The two passes of the fused loss in plain PyTorch, for CPUs and for inputs that the GPU kernels do not accept.

Block by block, so that values once read from memory stay in the cache. The first pass keeps the unnormalised softmax,
and the second turns that array into the gradient in place. Peak memory above the logits: one array of their size.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

BLOCK_BYTES = 1 << 22
"""Size of the block of logits processed at a time on a CPU: small enough for the cache of one core."""
BLOCK_BYTES_GPU = 1 << 28

Softmax = tuple[Tensor, Tensor]
"""exp(z - max) [B, C, V], and 1 / (its sum over classes) [B, V], 0 at ignored voxels."""


Targets = Sequence[Any]
"""Label and tube in the form that a module of passes uses in its two passes."""


class Sums(NamedTuple):
    """Sums over the voxels that count, of type `wide`. The second axis of ``at`` and ``n`` is label, tube."""

    prob: Tensor
    """Sum of the softmax [B, C]."""
    at: Tensor
    """Sum of the softmax at the voxels of its class [B, 2, C]."""
    n: Tensor
    """Number of voxels of each class [B, 2, C]."""
    ce: Tensor
    """Sum of the cross-entropy, a scalar."""


def wide(device: torch.device) -> torch.dtype:
    """Type for sums over voxels; Apple's GPUs have no float64."""
    return torch.float32 if device.type == "mps" else torch.float64


def targets(label: Tensor, tube: Tensor | None, n_classes: int, ignore_label: int | None) -> Targets:
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


def first(z: Tensor, targets: Targets, _ignore_label: int | None, keep: bool) -> tuple[Sums, Softmax | None]:
    """Sums of logits z [B, C, V] and, if ``keep`` (for the gradient), their softmax."""
    y, t, valid = targets
    n_samples, n_classes, n_voxels = z.shape
    real = torch.promote_types(z.dtype, torch.float32)
    sums: dict[str, Any] = {"dtype": wide(z.device), "device": z.device}
    prob, ce = torch.zeros(n_samples, n_classes, **sums), torch.zeros((), **sums)
    at, n = (torch.zeros(n_samples, 2, n_classes, **sums) for _ in range(2))
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
        ce += nll.sum(dtype=ce.dtype)
        prob[b] += e @ inverse
        at[b, 0] += torch.bincount(labels, e.gather(0, labels[None])[0] * inverse, n_classes)
        if t is not None:
            inside = t[b, start:stop].nonzero()[:, 0]
            tubes = t[b, start:stop][inside]
            at[b, 1] += torch.bincount(tubes, e[tubes, inside] * inverse[inside], n_classes)
    for which, target in enumerate((y, t)):
        if target is not None:
            for b, row in enumerate(target):
                n[b, which] = torch.bincount(row if valid is None else row[valid[b]], minlength=n_classes)
    return Sums(prob, at, n, ce), ((exp, scale) if keep else None)


def second(
    z: Tensor, targets: Targets, _ignore_label: int | None, softmax: Softmax, by_ce: Tensor, by_sums: Tensor
) -> Tensor:
    """Gradient by the logits [B, C, V], given the derivatives by CE and by the sums [B, 3, C].

    It overwrites the softmax if their types allow. With g_c the derivative by p_c, the gradient is
    p_c (g_c - sum_k p_k g_k); cross-entropy adds w (p_c - [c = y]).
    """
    y, t, valid = targets
    exp, scale = softmax
    by_ce, by_sums = by_ce.to(exp.dtype), by_sums.to(exp.dtype)
    gradient = exp if z.dtype == exp.dtype else torch.empty(exp.shape, dtype=z.dtype, device=exp.device)
    for b, start, stop in _blocks(exp):
        by_prob, by_label, by_tube = by_sums[b]
        e, inverse, labels = exp[b, :, start:stop], scale[b, start:stop], y[b, start:stop]
        at_label = e.gather(0, labels[None])[0] * inverse * by_label[labels]
        mean = (by_prob @ e) * inverse + at_label
        if t is not None:
            inside = t[b, start:stop].nonzero()[:, 0]
            tubes = t[b, start:stop][inside]
            at_tube = e[tubes, inside] * inverse[inside] * by_tube[tubes]
            mean[inside] += at_tube
        rows = torch.stack([by_prob + by_ce, torch.ones_like(by_prob)], 1) @ torch.stack([inverse, -mean * inverse])
        e.mul_(rows)
        minus_one = by_ce if valid is None else by_ce * valid[b, start:stop]
        e.scatter_add_(0, labels[None], (at_label - minus_one)[None])
        if t is not None:
            e[tubes, inside] += at_tube
        if gradient is not exp:
            gradient[b, :, start:stop] = e
    return gradient


def _blocks(z: Tensor) -> list[tuple[int, int, int]]:
    """(sample, first voxel, last voxel + 1) of every block."""
    n_samples, n_classes, n_voxels = z.shape
    block_bytes = BLOCK_BYTES if z.device.type == "cpu" else BLOCK_BYTES_GPU
    step = max(1024, block_bytes // (n_classes * z.element_size()))
    return [(b, v, min(v + step, n_voxels)) for b in range(n_samples) for v in range(0, n_voxels, step)]
