"""Planes of real scans among the painted ones: their scaling and random variation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from yucca_wm.models.conventions import without_extremes
from yucca_wm.training.synthesis import degrade
from yucca_wm.training.synthesis.structures import lookup

REACHES_MM = (0, 1, 2, 3)
"""Distances by which the assumed brain reaches into the fluid around tissue when a scan is scaled."""

N_VALUES = 5000


def drawn_gamma(random: np.random.Generator) -> np.float32:
    """Random exponent that makes a real scan lighter or darker between black and white; often 1."""
    return np.float32(random.uniform(0.75, 1.35) if random.random() < 0.7 else 1)


def core_values(structures: NDArray[np.uint8], scan: NDArray[np.float16]) -> list[NDArray[np.float32]]:
    """Intensities by which a scan is scaled: a sample from the brain, for each of `REACHES_MM`."""
    inside = lookup().brain[structures]
    found = []
    for reach in REACHES_MM:
        core = ndimage.binary_dilation(inside, iterations=reach) if reach else inside
        values = scan[core].astype(np.float32)
        values = without_extremes(values[values > 0])
        found.append(values[:: max(1, values.size // N_VALUES)])
    return found


def real_channel(
    scan: NDArray[np.float32], values: NDArray[np.float32], random: np.random.Generator
) -> tuple[NDArray[np.float32], float, float]:
    """A plane of a scan as another scanner might have made it, and the mean and deviation of the brain in it.

    scan : float32 [x, y], white matter about 1. values : some intensities of the whole brain, as `core_values`.
    """
    gamma = drawn_gamma(random)
    image, values = np.maximum(scan, 0) ** gamma, values**gamma
    if random.random() < 0.5:
        image = degrade.uneven(image, random)
    if random.random() < 0.5:
        image = degrade.blurred(image, random.uniform(0, 1.0, 2))
    if random.random() < 0.4:
        image = degrade.noisy(image, random)
    if random.random() < 0.1:
        image = degrade.ghosted(image, random)
    return image, float(values.mean()), float(values.std())
