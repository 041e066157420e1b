"""What of an image is worth showing: the head and the lesions, not the air around."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

MARGIN = 4
"""Voxels kept around."""

DARK = 0.12
"""Voxels fainter than this share of the bright ones are air ..."""

SPECKLES = 0.005
"""... and so is a slice with no more than this share of brighter voxels: noise reaches far."""


def head_box(data: NDArray[Any], lesions: NDArray[Any] | None = None) -> tuple[slice, slice, slice]:
    """The box of a scan or label map that holds its head and all ``lesions``, with a margin."""
    strength = np.abs(data)
    there = strength > DARK * np.percentile(strength[strength > 0], 99) if strength.any() else np.ones(data.shape, bool)
    box = []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        filled = there.mean(axis=others) > SPECKLES
        if not filled.any():
            filled = there.any(axis=others)
        if lesions is not None:
            filled |= lesions.any(axis=others)
        inside = np.flatnonzero(filled)
        box.append(slice(max(int(inside[0]) - MARGIN, 0), int(inside[-1]) + MARGIN + 1))
    return box[0], box[1], box[2]
