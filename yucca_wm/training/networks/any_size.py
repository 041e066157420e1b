"""Any patch size for networks that halve their input four times: pad inside, crop outside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

STRIDE = 16
"""All networks of this package halve their input four times."""
SMALLEST = 32
"""Below this the deepest features would be a single voxel, which has no variance to normalise by."""
SCALES = (1.0, 0.5, 0.25, 0.125, 0.0625)
"""Factors by which Yucca downsamples the label for deep supervision, rounding sizes down."""

if TYPE_CHECKING:
    _Base = nn.Module
else:
    _Base = object


def padded_size(size: Sequence[int]) -> tuple[int, ...]:
    """Smallest size accepted by the networks that holds ``size``.

    Parameters
    ----------
    size : sequence of int
        Voxels along each axis of a patch, two or three.

    Returns
    -------
    tuple of int
        Multiples of 16, at least 32.
    """
    return tuple(max(SMALLEST, -(-n // STRIDE) * STRIDE) for n in size)


class AnySize(_Base):
    """Mixin, placed before the network class: any input size [B, C, ...], output logits of the same size.

    The input is padded at its far ends by repeating its border.
    """

    def forward(self, x: Tensor) -> Tensor | list[Tensor]:
        """Logits of a batch.

        Parameters
        ----------
        x : Tensor, float, shape (B, channels, ...)
            Patches of any size, with two or three spatial axes.

        Returns
        -------
        Tensor, float, shape (B, classes, ...)
            Before the softmax, with the size of ``x``. With deep supervision, while gradients are enabled, a list of
            five: full size first, then 1/2, 1/4, 1/8 and 1/16 of the size, rounded down.
        """
        size = tuple(x.shape[2:])
        padded = padded_size(size)
        if padded != size:
            far_ends = [(0, p - n) for n, p in zip(size, padded, strict=True)]
            x = F.pad(x, [n for pair in reversed(far_ends) for n in pair], mode="replicate")
        output: Any = super().forward(x)
        logits: list[Tensor] = output if isinstance(output, list) else [output]
        if not torch.is_grad_enabled():
            logits = logits[:1]
        if padded != size:
            logits = [_cropped(z, scale, size, padded) for z, scale in zip(logits, SCALES, strict=False)]
        return logits if isinstance(output, list) and torch.is_grad_enabled() else logits[0]


def _cropped(logits: Tensor, scale: float, size: tuple[int, ...], padded: tuple[int, ...]) -> Tensor:
    """Part of ``logits`` over the unpadded input, sampled as Yucca samples the label at this scale."""
    if scale == 1.0:
        inside: tuple[Any, ...] = (..., *(slice(n) for n in size))
        return logits[inside]
    target = [max(1, int(n * scale)) for n in size]
    kept = [n / p for n, p in zip(size, padded, strict=True)]
    matrix = torch.zeros(len(size), len(size) + 1, device=logits.device)
    for axis, part in enumerate(kept):  # affine_grid counts axes from the last
        matrix[len(size) - 1 - axis, len(size) - 1 - axis] = part
        matrix[len(size) - 1 - axis, -1] = part - 1
    theta = matrix.expand(logits.shape[0], -1, -1)
    grid = F.affine_grid(theta, [logits.shape[0], 1, *target], align_corners=False).to(logits.dtype)
    return F.grid_sample(logits, grid, mode="bilinear", padding_mode="border", align_corners=False)
