"""How finely probabilities are stored: as finely as the size of a softmax file allows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from yucca_wm.ensemble import codec

TARGET_SHARE = 1 / 13
"""Precision is lowered, down to `codec.MIN_BITS`, until a file takes no more than this share of float32 values ..."""

FREE_BYTES_PER_VOXEL, FREE_BYTES_PER_SLAB = 6.0, 8192
"""... or no more than this, so that files of few classes or voxels, which are small anyway, stay precise."""

Slabs = Callable[[int, int], NDArray[np.float32]]
"""Planes ``lo`` to ``hi`` of the box along the first axis: probabilities [class, i, j, k]."""


def choose_bits(slabs: Slabs, starts: range, planes: int, max_share: float) -> int:
    """The finest precision at which the first planes of two slabs, a third from either end, would be small enough.

    Their size is measured at the finest precision; each bit less saves about a bit for each value that is not zero.
    """
    if not starts:
        return codec.MAX_BITS
    looked_at = -(-starts.step // 4)
    size, values, budget = 0, 0, 0.0
    for lo in {starts[len(starts) // 3], starts[2 * len(starts) // 3]}:
        levels = codec.quantise(slabs(lo, min(lo + looked_at, planes)), codec.MAX_BITS)
        size += len(codec.pack(levels))
        values += int(np.count_nonzero(levels))
        budget += levels[0].size * max(max_share * 4 * len(levels), FREE_BYTES_PER_VOXEL)
        budget += FREE_BYTES_PER_SLAB * looked_at / starts.step
    excess_bits = 8 * max(0.0, size - budget)
    return max(codec.MIN_BITS, codec.MAX_BITS - int(np.ceil(excess_bits / max(1, values))))
