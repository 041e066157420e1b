"""Whole heads without lesions, painted like FLAIR from label maps never used in training."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from yucca_wm.imaging.images import Image
from yucca_wm.training.synthesis import degrade
from yucca_wm.training.synthesis.contrast import draw
from yucca_wm.training.synthesis.heads import DISTANCE_UNITS_PER_MM, Head
from yucca_wm.training.synthesis.structures import CEREBRAL_WM, CHOROID_PLEXUS, CORTEX, LATERAL_VENTRICLE, atrophied

THICK_MM = 5


def paint_healthy(head: Head, random: np.random.Generator, *, thick: bool = False) -> Image:
    """A FLAIR at 1 mm, or with slices of `THICK_MM`, without lesions.

    As `yucca_wm.training.synthesis.planes`, but in three dimensions instead of slice by slice: a contrast
    drawn at random, old or young, plexus and lining of the ventricles bright or not, uneven cortex, bias field, blur,
    noise.
    """
    contrast = draw("FLAIR", random)
    structures = np.moveaxis(head.structures, 2, 0)
    distance_mm = np.moveaxis(head.ventricle, 2, 0).astype(np.float32) / np.float32(DISTANCE_UNITS_PER_MM)
    if random.random() < 0.5:
        structures, distance_mm = atrophied(structures, distance_mm, random)
    field = _smooth(structures.shape, 16, random)
    if random.random() < 0.5:
        clumps = (structures == LATERAL_VENTRICLE) & (field > random.uniform(0.6, 1.6))
        structures = np.where(clumps, np.uint8(CHOROID_PLEXUS), structures)
    image = contrast.mean[structures]
    image += (
        contrast.spread[structures] * random.standard_normal(image.shape, dtype=np.float32) * random.uniform(0.3, 1)
    )
    image += np.where(structures == CORTEX, random.uniform(0, 0.07) * field, np.float32(0))
    white = structures == CEREBRAL_WM
    if random.random() < 0.6:  # brighter towards the ventricles, without an edge
        image += np.where(white, random.uniform(0, 0.16) * np.exp(-distance_mm / random.uniform(2, 8)), 0)
    if random.random() < 0.65:  # the bright lining of healthy ventricles
        lining = white & (distance_mm < random.uniform(0.8, 2.5) * (0.7 + 0.5 * field))
        image = np.where(lining, 1 + (contrast.lesion - 1) * np.float32(random.uniform(0.1, 0.7)), image)
    image = np.moveaxis(image, 0, 2).astype(np.float32)
    image = degrade.noisy(degrade.blurred(degrade.uneven(image, random), random.uniform(0, 0.8, 3)), random)
    if not thick:
        return Image(image.astype(np.float32), np.diag([1.0, 1, 1, 1]))
    n = image.shape[2] // THICK_MM
    slices = image[:, :, : n * THICK_MM].reshape(*image.shape[:2], n, THICK_MM).mean(3)
    return Image(slices.astype(np.float32), np.diag([1.0, 1, THICK_MM, 1]))


def _smooth(shape: tuple[int, ...], nodes: int, random: np.random.Generator) -> NDArray[np.float32]:
    """A smooth random field with mean 0 and standard deviation about 1, smoothed again where its nodes show."""
    return ndimage.uniform_filter(degrade.smooth_field(shape, nodes, random), 5)
