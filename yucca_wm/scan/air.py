"""Air at 0, as scanners store it: what finds heads and brains, and pads a scan that is moved, takes 0 for air.

Scans come otherwise too: scaled to mean 0 and standard deviation 1, or with an offset that was never taken off.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from yucca_wm.imaging.images import Image
from yucca_wm.scan.done import NORMALISED, OFFSET

EXTREMES = (0.1, 99.9)
"""Percentiles between which a scan's values lie."""

LEAST_OFFSET = 0.05
"""Air further from 0 than this share of the range is not at 0. In all of 54 scans as they come it is at 0 exactly;
resampling leaves single values below."""

ROUNDING = 1e-5
"""Of the range; what is normalised and stored again differs in the last digits."""

BLANK = 0.1
"""A value that this share of the voxels has exactly was filled in, around a brain."""


LARGEST_VALUES = (1.0, 2.0**24)
"""Range of a scan's largest values outside which single precision would lose steps or overflow in sums of squares."""


def in_usual_range(image: Image) -> Image:
    """The scan times a power of 2, which keeps every step, if its values are very small or very large."""
    high = float(np.percentile(np.abs(image.data), EXTREMES[1]))
    if not high or LARGEST_VALUES[0] <= high <= LARGEST_VALUES[1]:
        return image
    exponent = 10 - int(np.floor(np.log2(high)))
    return replace(image, data=np.ldexp(image.data.astype(np.float64), exponent).astype(np.float32))


def with_air_at_zero(image: Image) -> tuple[Image, list[str]]:
    """The scan with air at 0, and what was done to it in words; the scan itself where it is so already.

    Outside a brain that was normalised by itself lies 0, in the middle of its values: what was filled in stays 0, the
    rest is moved above it.
    """
    low, high = np.percentile(image.data, EXTREMES)
    if abs(low) <= LEAST_OFFSET * (high - low):
        return image, []
    values, counts = np.unique(image.data, return_counts=True)
    fill = values[counts.argmax()]
    filled = counts.max() >= BLANK * image.data.size and low + LEAST_OFFSET * (high - low) < fill < high
    data = image.data.astype(np.float32)
    if filled:
        outside = image.data == fill
        low = np.percentile(image.data[~outside], EXTREMES[0])
        return replace(image, data=np.where(outside, np.float32(0), _above(data, low, high))), [
            NORMALISED.format(fill=float(fill))
        ]
    return replace(image, data=_above(data, low, high)), [OFFSET.format(air=float(low))]


def _above(data: NDArray[np.float32], low: float, high: float) -> NDArray[np.float32]:
    """``data`` less ``low``; what is below or rounds to it is 0 exactly: other steps ask for what is more than air."""
    lifted = data - np.float32(low)
    lifted[lifted <= ROUNDING * (high - low)] = 0
    return lifted
