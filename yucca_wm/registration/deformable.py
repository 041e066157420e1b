"""Deformable refinement of an affine: local translations fitted to smoothed masks, composed without folding.

At every lattice point, least squares find the translation that best explains the remaining difference in a Gaussian
window around it (Lucas and Kanade 1981, in 3D). It is composed with the field so far, whose fluctuations are
smoothed away (as in diffeomorphic demons, Vercauteren et al. 2009). Windows and voxels shrink from level to level.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from yucca_wm.core.errors import InputError
from yucca_wm.imaging.images import Image
from yucca_wm.imaging.reading import spelled
from yucca_wm.registration.smoothed_masks import Blurred, blur, coarser, edges
from yucca_wm.registration.warp import Field, Warp

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Level:
    """One resolution level.

    spacing_mm, sigma_mm : sampling and smoothing of the masks.
    window_mm : standard deviation of the local fit's Gaussian window.
    smooth_mm : smoothing of the field after each step.
    steps : number of steps.
    surround_mm : if not 0, compare `edges`, so that masks of different thickness do not push.
    """

    spacing_mm: float
    sigma_mm: float
    window_mm: float
    smooth_mm: float
    steps: int
    surround_mm: float = 0.0


LEVELS = (Level(4, 4, 16, 8, 12), Level(4, 3, 12, 6, 12, 8), Level(2, 1, 6, 5, 7, 4))
"""Stiff on purpose: looser settings follow the atlas's own warps better, but real anatomy worse."""

MARGIN_MM = 16.0
STIFFNESS = 0.05
"""Weight of zero displacement relative to the mean squared gradient of the data; decisive where there is no edge."""

MAX_STEP = 0.3
"""Longest displacement of one step, relative to the window: a smooth step below it cannot fold."""


def refine(atlas: Image, subject: Image, matrix: NDArray[np.float64], levels: tuple[Level, ...] | None = None) -> Warp:
    """Refine an affine by a displacement field in the subject's space that is applied before ``matrix``.

    atlas, subject : masks [i, j, k] (nonzero is white matter), on any grids.
    matrix : 4x4, subject world mm -> atlas world mm.

    Raises InputError if the field folds anywhere: labels transferred through it would overlap themselves.
    """
    field: Field | None = None
    for level in levels or LEVELS:
        fixed, atlas_level = _at_level(subject, level), _at_level(atlas, level)
        moving = _through(atlas_level, fixed, matrix)
        vectors = np.zeros((3, *fixed.data.shape), np.float32) if field is None else _resampled(field, fixed)
        field = Field(_fit(fixed, moving, vectors, level), fixed.affine)
    if field is not None and (folds := field.folds()):
        problem = f"cannot be reached from the atlas without folding ({folds} points)"
        affine = spelled("--transform affine", 'transform="affine"')
        raise InputError(subject.name, problem, f"look at its white matter, or use {affine}")
    return Warp(matrix, field)


def displacement(fixed: Blurred, moving: Blurred, levels: tuple[Level, ...]) -> Vectors:
    """Displacement from each point of ``fixed`` to the matching point of ``moving``, [3, x, y, z] in mm.

    Both are on one lattice, which stays at every level: a level's ``spacing_mm`` is ignored. Each level first smooths
    them by its ``sigma_mm``.
    """
    vectors = np.zeros((3, *fixed.data.shape), np.float32)
    for level in levels:
        here, there = (_compared(coarser(mask, 1, level.sigma_mm), level) for mask in (fixed, moving))
        vectors = _fit(here, there.data, vectors, level)
    return vectors


def _at_level(mask: Image, level: Level) -> Blurred:
    return _compared(blur(mask, level.spacing_mm, level.sigma_mm, MARGIN_MM), level)


def _compared(image: Blurred, level: Level) -> Blurred:
    return edges(image, level.surround_mm) if level.surround_mm else image


def _through(atlas: Blurred, like: Blurred, matrix: NDArray[np.float64]) -> NDArray[np.float32]:
    to_index = np.linalg.inv(atlas.affine) @ matrix @ like.affine
    return ndimage.affine_transform(
        atlas.data, to_index[:3, :3], to_index[:3, 3], output_shape=like.data.shape, order=1
    )


def _resampled(field: Field, like: Blurred) -> Vectors:
    to_index = np.linalg.inv(field.affine) @ like.affine
    return np.stack(
        [
            ndimage.affine_transform(v, to_index[:3, :3], to_index[:3, 3], output_shape=like.data.shape, order=1)
            for v in field.vectors_mm
        ]
    )


def _fit(fixed: Blurred, moving: NDArray[np.float32], vectors: Vectors, level: Level) -> Vectors:
    spacing = np.float32(fixed.spacing_mm)
    index = np.indices(fixed.data.shape, dtype=np.float32)
    gradient = fixed.gradient()
    window = level.window_mm / fixed.spacing_mm
    inverse = _local_inverse(gradient, window)
    longest = MAX_STEP * level.window_mm
    for _ in range(level.steps):
        residual = _sample(moving, index + vectors / spacing) - fixed.data
        pull = np.stack([_smooth(component * residual, window) for component in gradient])
        step = -np.einsum("ij...,j...->i...", inverse, pull)
        length = np.sqrt((step**2).sum(axis=0))
        step *= np.minimum(1, longest / np.maximum(length, 1e-6))
        composed = np.stack([_sample(v, index + step / spacing) for v in vectors]) + step
        vectors = np.stack([_smooth(v, level.smooth_mm / fixed.spacing_mm) for v in composed])
    return vectors


def _local_inverse(gradient: Vectors, window: float) -> NDArray[np.float32]:
    """Inverse of the windowed structure tensor plus stiffness at every point, [3, 3, x, y, z]."""
    tensor = np.empty((3, 3, *gradient.shape[1:]), np.float32)
    for i in range(3):
        for j in range(i, 3):
            tensor[i, j] = tensor[j, i] = _smooth(gradient[i] * gradient[j], window)
    trace = tensor[0, 0] + tensor[1, 1] + tensor[2, 2]
    stiff = STIFFNESS * float(trace[trace > 1e-3 * trace.max()].mean())
    for i in range(3):
        tensor[i, i] += stiff
    inverse = np.linalg.inv(np.moveaxis(tensor, (0, 1), (-2, -1)))
    return np.moveaxis(inverse, (-2, -1), (0, 1)).astype(np.float32, copy=False)


def _smooth(values: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    return ndimage.gaussian_filter(values, sigma, mode="constant", truncate=2.5)


def _sample(values: NDArray[np.float32], index: NDArray[np.float32]) -> NDArray[np.float32]:
    return ndimage.map_coordinates(values, index, output=np.float32, order=1, prefilter=False)
