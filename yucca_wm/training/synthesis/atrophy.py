"""Brains of old age: the lateral ventricles wider than in the label maps, the furrows open."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from yucca_wm.training.synthesis import degrade
from yucca_wm.training.synthesis.structures import CEREBRAL_WM, CORTEX, CSF, LATERAL_VENTRICLE

WIDEST_MM = 7.0
"""How far the ventricles grow into white matter at most."""


def atrophied(
    structures: NDArray[np.uint8], distance_mm: NDArray[np.float32], random: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Structures, and every voxel's distance to the lateral ventricles, of the same head when it has grown old.

    structures, distance_mm : planes of a slab [t, x, y] of 1 mm, or a volume; both come back as new arrays.
    """
    uneven = 1 + 0.4 * degrade.smooth_field(structures.shape[-2:], 8, random)
    reach = np.maximum(np.float32(random.uniform(0.5, WIDEST_MM)) * uneven, 0)
    widened = (structures == CEREBRAL_WM) & (distance_mm < reach)
    structures = np.where(widened, np.uint8(LATERAL_VENTRICLE), structures)
    if random.random() < 0.6:
        cross = np.zeros((3,) * structures.ndim, bool)
        cross[tuple([slice(1, 2)] * (structures.ndim - 2))] = ndimage.generate_binary_structure(2, 1)
        fluid = ndimage.binary_dilation(structures == CSF, cross)
        structures = np.where(fluid & (structures == CORTEX), np.uint8(CSF), structures)
    return structures, np.maximum(distance_mm - reach, 0)
