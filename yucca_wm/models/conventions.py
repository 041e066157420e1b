"""Inputs and outputs of the shipped networks: grids, intensities, classes, coordinates.

Training by synthesis paints samples to the same conventions (`yucca_wm.training.synthesis`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from yucca_wm.core.tissue import Tissue

TISSUES = {"background": 0, **{tissue.name.lower(): tissue.value for tissue in Tissue}, "lesion": 8}
"""Classes of the fine network: tissue and lesions."""

LESION = TISSUES["lesion"]
WHITE_MATTER, VENTRICLES = Tissue.CEREBRAL_WHITE_MATTER.value, Tissue.LATERAL_VENTRICLES.value

OUTSIDE_BRAIN, ABSENT, LARGEST = -3.0, 0.0, 8.0
"""Inputs of the fine network outside the brain mask and for a missing scan, and the largest input value."""

LEAST_SHARE_SHOWN = 0.98
"""A scan is used in a plane if it shows at least this share of the brain area that the other scan shows there."""

ROUNDING = 1e-3
"""Tolerance, in voxels, where a length or volume is a whole number of voxels: headers of 1 mm may say 1.0000001."""

SPACING_MM, SIZE = 3.0, (64, 80, 64)
"""Grid of the coarse network: left-right, back-front, bottom-top."""

ATLAS_CENTRE_MM, COORDINATE_UNIT_MM = np.array([-90.0, 110.0, 75.0]), 50.0
"""The coarse network's coordinates: atlas mm from this point on the midplane, in this unit."""


def normalised(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Normalise the intensities of a head, with or without skull, for the coarse network.

    Values are clipped at the 99th percentile of the foreground (above a tenth of the 99th percentile of positive
    values), then scaled to mean 0 and standard deviation 1 in the foreground.

    Parameters
    ----------
    image : ndarray, float, shape (i, j, k)
        Intensities of a scan; values that are not positive are outside the head.

    Returns
    -------
    ndarray, float32, shape (i, j, k)
        In standard deviations of the head; all 0 if no voxel is positive.
    """
    positive = image[image > 0]
    if not positive.size:
        return np.zeros_like(image, dtype=np.float32)
    top = np.percentile(positive[positive > 0.1 * np.percentile(positive, 99)], 99)
    clipped = np.clip(image, 0, top)
    foreground = clipped[clipped > 0.1 * top]
    return ((clipped - foreground.mean()) / (foreground.std() + 1e-6)).astype(np.float32)


def without_extremes(values: NDArray[Any]) -> NDArray[Any]:
    """``values`` [n] without the lowest and highest 1 %; their mean and spread scale the fine network's input."""
    low, high = np.percentile(values, [1, 99])
    return values[(values >= low) & (values <= high)]


def in_units(coordinates_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Atlas mm [3, ...] in units of `COORDINATE_UNIT_MM` around `ATLAS_CENTRE_MM`."""
    return (coordinates_mm - _centre_mm(coordinates_mm.ndim)) / COORDINATE_UNIT_MM


def in_mm(coordinates: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Atlas mm [3, ...] from the coarse network's units: the inverse of `in_units`."""
    return np.asarray(coordinates * COORDINATE_UNIT_MM + _centre_mm(coordinates.ndim), np.float64)


def _centre_mm(dimensions: int) -> NDArray[np.float64]:
    """`ATLAS_CENTRE_MM` along the first of this many axes, [3, 1, ...]."""
    return ATLAS_CENTRE_MM.reshape(3, *[1] * (dimensions - 1))
