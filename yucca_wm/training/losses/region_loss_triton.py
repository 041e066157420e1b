"""The two passes of the fused loss as GPU kernels: logits are read twice and the gradient is written once.

A program is one warp, and each of its threads holds all classes of its voxels in registers, so that softmax and sums
over classes need no exchange between threads. Triton chooses this layout because the row stride is not known to
be a multiple of 16 (``do_not_specialize``): it then assigns neighbouring voxels to neighbouring threads, one each.

Besides the sums, the first kernel keeps only the log-sum-exp of each voxel; the second computes the softmax again
from it. Sums over the voxels of one class are fixed-point integers, or kept per program and added in a fixed order, so
that results repeat exactly.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator,misc"
from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from yucca_wm.training.losses.region_loss_torch import Sums, Targets, wide

MAX_CLASSES = 128
MAX_LOGITS = (1 << 31) - 1
"""Most logits of one sample: offsets within it fit into 32 bit."""
THREADS = 32
REGISTERS = 16
"""Logits that a thread holds at a time if there are fewer classes than this."""
PROGRAMS_PER_PROCESSOR = 8
"""Programs of the first kernel that run at a time on one multiprocessor if each thread takes 255 registers."""
VOXEL = tl.constexpr(1 << 48)
"""A fixed-point sum counts voxels from this bit up, and adds 2^32 p below it."""
ONE = tl.constexpr(float(1 << 32))
MOST_VOXELS = (1 << 15) - 1
"""Most voxels of a program, so that its fixed-point sums cannot overflow."""
LOG2E = tl.constexpr(1.4426950408889634)
NO_LABEL = -(1 << 30)


@triton.jit(do_not_specialize=["n_voxels", "ignore"])
def _sums_kernel(
    z_ptr,
    y_ptr,
    t_ptr,
    lse_ptr,
    prob_ptr,
    at_ptr,
    ce_ptr,
    n_voxels,
    ignore,
    n_classes: tl.constexpr,
    has_tube: tl.constexpr,
    padded: tl.constexpr,
    block: tl.constexpr,
):
    program = tl.program_id(0)
    n_programs = tl.num_programs(0)
    sample = tl.program_id(1).to(tl.int64)
    z_ptr += sample * n_classes * n_voxels
    y_ptr += sample * n_voxels
    t_ptr += sample * n_voxels
    lse_ptr += sample * n_voxels
    row = sample * n_programs + program
    at_ptr += row * 2 * padded
    c = tl.arange(0, padded)[:, None]
    is_class = c < n_classes
    prob = tl.zeros([padded, block], tl.float32)
    ce = tl.zeros([block], tl.float32)
    for start in range(program * block, n_voxels, n_programs * block):
        v = start + tl.arange(0, block)
        inside = v < n_voxels
        z = tl.load(z_ptr + c * n_voxels + v[None, :], mask=is_class & inside[None, :], other=float("-inf"))
        y = tl.load(y_ptr + v, mask=inside, other=0).to(tl.int32)
        valid = inside & (y != ignore)
        known = valid & (y >= 0) & (y < n_classes)
        z_label = tl.load(z_ptr + y * n_voxels + v, mask=known, other=float("nan")).to(tl.float32)
        z = z.to(tl.float32)
        highest = tl.where(inside, tl.max(z, 0), 0.0)
        e = tl.where(is_class, tl.exp2((z - highest[None, :]) * LOG2E), 0.0)
        total = tl.sum(e, 0)
        log_total = tl.log(total)
        tl.store(lse_ptr + v, highest + log_total, mask=inside)
        ce += tl.where(valid, log_total - (z_label - highest), 0.0)
        scale = tl.where(valid, 1.0 / total, 0.0)
        prob += e * scale[None, :]
        p = tl.exp2((z_label - highest) * LOG2E) * scale
        tl.atomic_add(at_ptr + y, (p * ONE).to(tl.int64) + VOXEL, mask=known, sem="relaxed")
        if has_tube:
            t = tl.load(t_ptr + v, mask=inside, other=0).to(tl.int32)
            in_tube = valid & (t > 0) & (t < n_classes)
            z_tube = tl.load(z_ptr + t * n_voxels + v, mask=in_tube, other=0.0).to(tl.float32)
            p = tl.exp2((z_tube - highest) * LOG2E) * scale
            tl.atomic_add(at_ptr + padded + t, (p * ONE).to(tl.int64) + VOXEL, mask=in_tube, sem="relaxed")
    tl.store(prob_ptr + row * padded + tl.arange(0, padded), tl.sum(prob, 1))
    tl.store(ce_ptr + row, tl.sum(ce, 0))


@triton.jit(do_not_specialize=["n_voxels", "ignore"])
def _gradient_kernel(
    z_ptr,
    y_ptr,
    t_ptr,
    lse_ptr,
    by_ce_ptr,
    by_sums_ptr,
    gradient_ptr,
    n_voxels,
    ignore,
    n_classes: tl.constexpr,
    has_tube: tl.constexpr,
    padded: tl.constexpr,
    block: tl.constexpr,
):
    sample = tl.program_id(1).to(tl.int64)
    z_ptr += sample * n_classes * n_voxels
    gradient_ptr += sample * n_classes * n_voxels
    by_sums_ptr += sample * 3 * n_classes
    c = tl.arange(0, padded)
    is_class = c < n_classes
    v = tl.program_id(0) * block + tl.arange(0, block)
    inside = v < n_voxels
    offsets = c[:, None] * n_voxels + v[None, :]
    mask = is_class[:, None] & inside[None, :]
    z = tl.load(z_ptr + offsets, mask=mask, other=float("-inf")).to(tl.float32)
    lse = tl.load(lse_ptr + sample * n_voxels + v, mask=inside, other=0.0)
    y = tl.load(y_ptr + sample * n_voxels + v, mask=inside, other=0).to(tl.int32)
    valid = inside & (y != ignore)
    known = valid & (y >= 0) & (y < n_classes)
    by_ce = tl.load(by_ce_ptr)
    by_prob = tl.load(by_sums_ptr + c, mask=is_class, other=0.0)[:, None]
    p = tl.where(is_class[:, None], tl.exp2((z - lse[None, :]) * LOG2E), 0.0)
    z_label = tl.load(z_ptr + y * n_voxels + v, mask=known, other=float("-inf")).to(tl.float32)
    by_label = tl.load(by_sums_ptr + n_classes + y, mask=known, other=0.0)
    at_label = tl.exp2((z_label - lse) * LOG2E) * by_label
    mean = tl.sum(p * by_prob, 0) + at_label
    if has_tube:
        t = tl.load(t_ptr + sample * n_voxels + v, mask=inside, other=0).to(tl.int32)
        in_tube = valid & (t > 0) & (t < n_classes)
        z_tube = tl.load(z_ptr + t * n_voxels + v, mask=in_tube, other=float("-inf")).to(tl.float32)
        by_tube = tl.load(by_sums_ptr + 2 * n_classes + t, mask=in_tube, other=0.0)
        at_tube = tl.exp2((z_tube - lse) * LOG2E) * by_tube
        mean += at_tube
        t = tl.where(in_tube, t, -1)
    gradient = p * (by_prob - (mean - by_ce)[None, :])
    gradient = tl.where(c[:, None] == y[None, :], gradient + (at_label - by_ce)[None, :], gradient)
    if has_tube:
        gradient = tl.where(c[:, None] == t[None, :], gradient + at_tube[None, :], gradient)
    gradient = tl.where(valid[None, :], gradient, 0.0).to(gradient_ptr.dtype.element_ty)
    tl.store(gradient_ptr + offsets, gradient, mask=mask)


def targets(label: Tensor, tube: Tensor | None, _n_classes: int, _ignore_label: int | None) -> Targets:
    """Label and tube [B, V]."""
    return tuple(None if target is None else target.detach().flatten(1).contiguous() for target in (label, tube))


def first(z: Tensor, targets: Targets, ignore_label: int | None, _keep: bool) -> tuple[Sums, Tensor]:
    """Sums of logits z [B, C, V], and their log-sum-exp [B, V]."""
    y, t = targets
    n_samples, n_classes, n_voxels = z.shape
    padded, block, n_blocks = _tile(n_classes, n_voxels)
    n_processors = torch.cuda.get_device_properties(z.device).multi_processor_count if z.is_cuda else 1
    n_programs = max(1, n_processors * PROGRAMS_PER_PROCESSOR // n_samples, triton.cdiv(n_blocks, MOST_VOXELS // block))
    lse = torch.empty((n_samples, n_voxels), dtype=torch.float32, device=z.device)
    prob = torch.empty((n_samples, n_programs, padded), dtype=torch.float32, device=z.device)
    at = torch.zeros((n_samples, n_programs, 2, padded), dtype=torch.int64, device=z.device)
    ce = torch.empty((n_samples, n_programs), dtype=torch.float32, device=z.device)
    _sums_kernel[(n_programs, n_samples)](
        *(z.contiguous(), y, y if t is None else t, lse, prob, at, ce, n_voxels, _number(ignore_label)),
        n_classes=n_classes,
        has_tube=t is not None,
        padded=padded,
        block=block,
        num_warps=1,
    )
    at = at[..., :n_classes]
    dtype = wide(z.device)
    p, n = (at & (VOXEL.value - 1)).sum(1, dtype=dtype) / ONE.value, (at // VOXEL.value).sum(1, dtype=dtype)
    return Sums(prob[..., :n_classes].sum(1, dtype=dtype), p, n, ce.sum(dtype=dtype)), lse


def second(
    z: Tensor, targets: Targets, ignore_label: int | None, lse: Tensor, by_ce: Tensor, by_sums: Tensor
) -> Tensor:
    """Gradient by the logits [B, C, V], given the derivatives by CE and by the sums [B, 3, C]."""
    y, t = targets
    n_samples, n_classes, n_voxels = z.shape
    padded, block, n_blocks = _tile(n_classes, n_voxels)
    gradient = torch.empty(z.shape, dtype=z.dtype, device=z.device)
    by_ce, by_sums = by_ce.float(), by_sums.float().contiguous()
    _gradient_kernel[(n_blocks, n_samples)](
        *(z.contiguous(), y, y if t is None else t, lse, by_ce, by_sums, gradient, n_voxels, _number(ignore_label)),
        n_classes=n_classes,
        has_tube=t is not None,
        padded=padded,
        block=block,
        num_warps=1,
    )
    return gradient


def _tile(n_classes: int, n_voxels: int) -> tuple[int, int, int]:
    """Number of classes, voxels of a tile, and number of tiles."""
    padded = max(2, triton.next_power_of_2(n_classes))
    block = THREADS * max(1, REGISTERS // padded)
    return padded, block, triton.cdiv(n_voxels, block)


def _number(ignore_label: int | None) -> int:
    return NO_LABEL if ignore_label is None else ignore_label
