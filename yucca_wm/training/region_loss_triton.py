"""The two passes of the fused loss as GPU kernels: logits are read twice and the gradient is written once.

The first kernel keeps, beside the sums, only the log-sum-exp of each voxel; the second computes the softmax again
from it. Sums are kept per program and added in a fixed order, so that results repeat exactly.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator,misc"
from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

MAX_CLASSES = 256
MAX_LOGITS = (1 << 31) - 1
"""Logits of one sample."""
TILE = 2048
"""Classes (padded to a power of two) times voxels that a program holds at a time."""
PROGRAMS_PER_SAMPLE = 1056
"""Programs of the first kernel for each sample: 8 for each processor of a large GPU."""
MOST_BLOCKS = 32767
"""Blocks a program may take before its 16-bit counts could overflow."""
N_SUMS = 5
NO_LABEL = -(1 << 30)


@triton.jit
def _sums_kernel(
    z_ptr,
    y_ptr,
    t_ptr,
    lse_ptr,
    partial_ptr,
    ce_ptr,
    n_voxels,
    n_classes,
    ignore,
    has_tube: tl.constexpr,
    padded: tl.constexpr,
    block: tl.constexpr,
):
    program = tl.program_id(0)
    n_programs = tl.num_programs(0)
    sample = tl.program_id(1).to(tl.int64)
    c = tl.arange(0, padded)
    is_class = (c < n_classes)[:, None]
    z_ptr += sample * n_classes * n_voxels  # offsets within a sample fit into 32 bit
    # one accumulator for each class and place in the block: they are added up once, after the last block
    prob = tl.zeros([padded, block], tl.float32)
    at_label = tl.zeros([padded, block], tl.float32)
    at_tube = tl.zeros([padded, block], tl.float32)
    n_both = tl.zeros([padded, block], tl.int32)  # voxels of the label, and 2^16 times those of the tube
    ce = tl.zeros([block], tl.float32)
    for start in range(program * block, n_voxels, n_programs * block):
        v = start + tl.arange(0, block)
        inside = v < n_voxels
        z = tl.load(z_ptr + c[:, None] * n_voxels + v[None, :], mask=is_class & inside[None, :], other=0.0).to(
            tl.float32
        )
        z = tl.where(is_class, z, float("-inf"))
        y = tl.load(y_ptr + sample * n_voxels + v, mask=inside, other=0).to(tl.int32)
        valid = inside & (y != ignore)
        known = (y >= 0) & (y < n_classes)
        z_label = tl.load(z_ptr + y * n_voxels + v, mask=valid & known, other=0.0).to(tl.float32)
        highest = tl.max(z, 0)
        p = tl.exp(z - highest[None, :])
        total = tl.sum(p, 0)
        lse = highest + tl.log(total)
        tl.store(lse_ptr + sample * n_voxels + v, lse, mask=inside)
        ce += tl.where(valid, tl.where(known, lse - z_label, float("nan")), 0.0)
        p = p * tl.where(valid, 1.0 / total, 0.0)[None, :]
        is_label = c[:, None] == tl.where(valid, y, -1)[None, :]
        prob += p
        at_label += tl.where(is_label, p, 0.0)
        n_both += is_label.to(tl.int32)
        if has_tube:
            t = tl.load(t_ptr + sample * n_voxels + v, mask=inside, other=0).to(tl.int32)
            is_tube = c[:, None] == tl.where(valid & (t > 0), t, -1)[None, :]
            at_tube += tl.where(is_tube, p, 0.0)
            n_both += is_tube.to(tl.int32) * 65536
    row = (sample * n_programs + program) * 5
    tl.store(partial_ptr + (row + 0) * padded + c, tl.sum(prob, 1))
    tl.store(partial_ptr + (row + 1) * padded + c, tl.sum(at_label, 1))
    tl.store(partial_ptr + (row + 2) * padded + c, tl.sum(at_tube, 1))
    tl.store(partial_ptr + (row + 3) * padded + c, tl.sum(n_both & 65535, 1).to(tl.float32))
    tl.store(partial_ptr + (row + 4) * padded + c, tl.sum(n_both >> 16, 1).to(tl.float32))
    tl.store(ce_ptr + sample * n_programs + program, tl.sum(ce, 0))


@triton.jit
def _gradient_kernel(
    z_ptr,
    y_ptr,
    t_ptr,
    lse_ptr,
    by_ce_ptr,
    by_prob_ptr,
    by_label_ptr,
    by_tube_ptr,
    gradient_ptr,
    n_voxels,
    n_classes,
    ignore,
    has_tube: tl.constexpr,
    padded: tl.constexpr,
    block: tl.constexpr,
):
    sample = tl.program_id(1).to(tl.int64)
    c = tl.arange(0, padded)
    v = tl.program_id(0) * block + tl.arange(0, block)
    is_class = c < n_classes
    inside = v < n_voxels
    mask = is_class[:, None] & inside[None, :]
    offsets = c[:, None] * n_voxels + v[None, :]
    z = tl.load(z_ptr + sample * n_classes * n_voxels + offsets, mask=mask, other=0.0).to(tl.float32)
    lse = tl.load(lse_ptr + sample * n_voxels + v, mask=inside, other=0.0)
    y = tl.load(y_ptr + sample * n_voxels + v, mask=inside, other=0).to(tl.int32)
    valid = inside & (y != ignore)
    p = tl.where(mask, tl.exp(z - lse[None, :]), 0.0)
    by_prob = tl.load(by_prob_ptr + sample * n_classes + c, mask=is_class, other=0.0)
    by_label = tl.load(by_label_ptr + sample * n_classes + c, mask=is_class, other=0.0)
    is_label = c[:, None] == y[None, :]
    g = by_prob[:, None] + tl.where(is_label, by_label[:, None], 0.0)
    if has_tube:
        t = tl.load(t_ptr + sample * n_voxels + v, mask=inside, other=0).to(tl.int32)
        by_tube = tl.load(by_tube_ptr + sample * n_classes + c, mask=is_class, other=0.0)
        g += tl.where((c[:, None] == t[None, :]) & (t > 0)[None, :], by_tube[:, None], 0.0)
    by_ce = tl.load(by_ce_ptr)
    mean = tl.sum(p * g, 0)
    gradient = p * (g - mean[None, :] + by_ce) - tl.where(is_label, by_ce, 0.0)
    gradient = tl.where(valid[None, :], gradient, 0.0)
    tl.store(
        gradient_ptr + sample * n_classes * n_voxels + offsets, gradient.to(gradient_ptr.dtype.element_ty), mask=mask
    )


def _shape(n_classes: int, n_voxels: int) -> tuple[int, int, int]:
    padded = max(2, triton.next_power_of_2(n_classes))
    block = max(16, TILE // padded)
    return padded, block, triton.cdiv(n_voxels, block)


def sums(z: Tensor, y: Tensor, t: Tensor | None, ignore_label: int | None) -> tuple[list[Tensor], Tensor, Tensor]:
    """Of contiguous z [B, C, V] and y, t [B, V]: five sums [B, C] in float64, the summed CE, log-sum-exp [B, V]."""
    n_samples, n_classes, n_voxels = z.shape
    padded, block, n_blocks = _shape(n_classes, n_voxels)
    n_programs = max(min(n_blocks, PROGRAMS_PER_SAMPLE), triton.cdiv(n_blocks, MOST_BLOCKS))
    lse = torch.empty((n_samples, n_voxels), dtype=torch.float32, device=z.device)
    partial = torch.empty((n_samples, n_programs, N_SUMS, padded), dtype=torch.float32, device=z.device)
    ce = torch.empty((n_samples, n_programs), dtype=torch.float32, device=z.device)
    ignore = NO_LABEL if ignore_label is None else ignore_label
    _sums_kernel[(n_programs, n_samples)](
        *(z, y, y if t is None else t, lse, partial, ce, n_voxels, n_classes, ignore),
        has_tube=t is not None,
        padded=padded,
        block=block,
    )
    total = partial.sum(1, dtype=torch.float64)[..., :n_classes]
    return list(total.unbind(1)), ce.sum(dtype=torch.float64), lse


def gradient(
    z: Tensor, y: Tensor, t: Tensor | None, lse: Tensor, by_sums: list[Tensor], ignore_label: int | None
) -> Tensor:
    """Gradient by z, given the derivatives by CE and by the first three sums [B, C]."""
    n_samples, n_classes, n_voxels = z.shape
    padded, block, n_blocks = _shape(n_classes, n_voxels)
    by_ce, by_prob, by_label, by_tube = (value.float().contiguous() for value in by_sums)
    result = torch.empty_like(z)
    ignore = NO_LABEL if ignore_label is None else ignore_label
    _gradient_kernel[(n_blocks, n_samples)](
        *(z, y, y if t is None else t, lse, by_ce, by_prob, by_label, by_tube, result, n_voxels, n_classes, ignore),
        has_tube=t is not None,
        padded=padded,
        block=block,
    )
    return result
