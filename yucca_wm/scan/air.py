"""Shift intensities so that air is 0, as scanners store it: head detection and resampling assume that air is 0.

Some scans differ: scaled to mean 0 and standard deviation 1, or with an offset that was never removed.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from yucca_wm.core.notes import Note
from yucca_wm.imaging.images import Image
from yucca_wm.scan.notes import NORMALISED, OFFSET

EXTREMES = (0.1, 99.9)
"""Percentiles taken as the range of a scan's values."""

LEAST_OFFSET = 0.05
"""Air further from 0 than this share of the range is not at 0. In all of 54 raw scans it is exactly 0; resampling
leaves single values below."""

ROUNDING = 1e-5
"""Tolerance as a share of the range: normalised values that were stored again differ in the last digits."""

BLANK = 0.1
"""A value that at least this share of the voxels have exactly was filled in around a brain."""


LARGEST_VALUES = (1.0, 2.0**24)
"""Range of a scan's largest values outside which single precision would lose steps or overflow in sums of squares."""


def in_usual_range(image: Image) -> Image:
    """The scan, multiplied by a power of 2 (which loses no precision) if its values are very small or very large."""
    high = float(np.percentile(np.abs(image.data), EXTREMES[1]))
    if not high or LARGEST_VALUES[0] <= high <= LARGEST_VALUES[1]:
        return image
    exponent = 10 - int(np.floor(np.log2(high)))
    return replace(image, data=np.ldexp(image.data.astype(np.float64), exponent).astype(np.float32))


def with_air_at_zero(image: Image) -> tuple[Image, list[Note]]:
    """The scan with air at 0, and sentences on what was done to it; the scan itself if air is already at 0.

    A brain that was normalised without its surroundings has 0 outside, in the middle of its values: filled-in voxels
    stay 0, all others are shifted above 0.
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
            NORMALISED.note(fill=float(fill))
        ]
    return replace(image, data=_above(data, low, high)), [OFFSET.note(air=float(low))]


def _above(data: NDArray[np.float32], low: float, high: float) -> NDArray[np.float32]:
    """``data`` minus ``low``; values below it, or equal up to rounding, become exactly 0: later steps test for > 0."""
    lifted = data - np.float32(low)
    lifted[lifted <= ROUNDING * (high - low)] = 0
    return lifted
