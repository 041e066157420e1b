"""Synthetic white-matter lesions: bands and caps around the ventricles, deep spots, and occasionally an old infarct.

Everything works on scattered points (template and subject coordinates), so that a voxel's lesion fraction is the
average over the points inside it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

TOTAL_ML = (8.0, 50.0)
"""Range of a subject's lesion volume (log-uniform), in ml."""

BAND_REACH_MM = 13.0
"""Periventricular lesions lie within this distance of the ventricles."""

DEEP_RADIUS_MM = (3.5, 7.0)
INFARCT_RADIUS_MM = (9.0, 14.0)


@dataclass(frozen=True)
class Tissue:
    """Known values at N points of a subject.

    points_mm : subject world, [3, N].
    wm : cerebral white matter fraction; ventricle_distance_mm, wm_depth_mm : see `Anatomy`.
    on_left : whether each point is in the template's left half.
    volume_ml : volume that each point stands for.
    """

    points_mm: Array
    wm: Array
    ventricle_distance_mm: Array
    wm_depth_mm: Array
    on_left: Mask
    volume_ml: float


@dataclass(frozen=True)
class Lesions:
    """Point masks: white-matter lesion; other pathology and its fluid-filled core."""

    wmh: Mask
    other: Mask
    core: Mask


def grow(rng: np.random.Generator, tissue: Tissue, *, infarct: bool) -> Lesions:
    """Draw a subject's lesions; ``infarct`` adds one old infarct ("other pathology")."""
    inside = tissue.wm > 0.5
    total_ml = float(np.exp(rng.uniform(*np.log(TOTAL_ML))))
    left_bias_mm = rng.normal(0, 1.5)
    band = _bands(rng, tissue, inside, total_ml * rng.uniform(0.5, 0.75), left_bias_mm)
    wmh = _spots(rng, tissue, inside, band, total_ml)
    other = np.zeros_like(wmh)
    core = np.zeros_like(wmh)
    if infarct:
        distance, radius = _infarct(rng, tissue)
        other, core = distance < radius, distance < 0.7 * radius
    return Lesions(wmh & ~other, other, core)


def _bands(rng: np.random.Generator, tissue: Tissue, inside: Mask, volume_ml: float, left_bias_mm: float) -> Mask:
    """The white matter nearest to the ventricles, with an uneven outer border, thicker on one side."""
    score = tissue.ventricle_distance_mm + 3.5 * smooth_noise(rng, tissue.points_mm, 14.0)
    score = score + np.where(tissue.on_left, left_bias_mm, -left_bias_mm)
    candidates = np.flatnonzero(inside & (tissue.ventricle_distance_mm < BAND_REACH_MM))
    count = min(int(volume_ml / tissue.volume_ml), candidates.size)
    mask = np.zeros(inside.shape, dtype=bool)
    mask[candidates[np.argsort(score[candidates], kind="stable")[:count]]] = True
    return mask


def _spots(rng: np.random.Generator, tissue: Tissue, inside: Mask, band: Mask, total_ml: float) -> Mask:
    """``band`` with irregular spots in deep white matter added until the volume is ``total_ml``."""
    mask = band.copy()
    ragged = 0.25 * smooth_noise(rng, tissue.points_mm, 5.0)
    seeds = np.flatnonzero((tissue.wm_depth_mm > 2.5) & (tissue.ventricle_distance_mm > 8.0))
    while mask.sum() * tissue.volume_ml < total_ml:
        centre = tissue.points_mm[:, rng.choice(seeds)]
        radii = rng.uniform(*DEEP_RADIUS_MM) * rng.uniform(0.8, 1.25, 3)
        distance = np.sqrt((((tissue.points_mm - centre[:, None]) / radii[:, None]) ** 2).sum(axis=0))
        mask |= inside & (distance + ragged < 1)
    return mask


def _infarct(rng: np.random.Generator, tissue: Tissue) -> tuple[Array, float]:
    """Distance (mm) of every point to the centre of an infarct with an uneven border, and its radius (mm)."""
    seeds = np.flatnonzero((tissue.wm_depth_mm > 1) & (tissue.ventricle_distance_mm > 18))
    centre = tissue.points_mm[:, rng.choice(seeds)]
    distance = np.linalg.norm(tissue.points_mm - centre[:, None], axis=0)
    return distance + 1.5 * smooth_noise(rng, tissue.points_mm, 8.0), float(rng.uniform(*INFARCT_RADIUS_MM))


def smooth_noise(rng: np.random.Generator, points_mm: Array, scale_mm: float) -> Array:
    """A random smooth function with unit variance and features of about ``scale_mm``, at ``points_mm`` [3, N]."""
    from scipy.ndimage import map_coordinates

    low = points_mm.min(axis=1) - 2 * scale_mm
    counts = ((points_mm.max(axis=1) - low) / scale_mm).astype(int) + 4
    values = map_coordinates(
        rng.standard_normal(counts), (points_mm - low[:, None]) / scale_mm, order=3, prefilter=False, mode="nearest"
    )
    return np.asarray((values - values.mean()) / values.std())
