"""Positions where white matter and its lesions can occur, from the heads that the models were trained on.

Bright neck muscle, scalp and eyes lie where no head has white matter. A person's regions, as the coarse network sees
them, are mapped to the mean head by one affine transform; there the distance is looked up.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from nibabel.affines import apply_affine
from numpy.typing import NDArray
from scipy import ndimage

from yucca_wm.core.files import atomic_path
from yucca_wm.core.regions import regions

if TYPE_CHECKING:
    from yucca_wm.models.brain import Brain
    from yucca_wm.models.canonical import Canonical

NEAR_MM = 3.0
"""Lesions can occur within this distance: 99.8 % of the manually drawn lesion volume of 27 patients (Lesjak et al.
2018) does, and 99.9 % of the manually drawn white matter of 12 people."""

TOP_MM = 130.0
"""Height in the mean head above which gyri are isolated in their planes, 17 mm below the highest; 1 % of those lesions
lie above it."""

FEWEST_REGIONS, WORST_FIT_MM = 20, 8.0
"""With fewer regions, or a larger mean distance of their centroids after the fit, positions are not judged."""

STEP_MM, REACH_MM, UNITS_PER_MM = 4.0, np.array([96.0, 112.0, 104.0]), 4
FILE = Path(__file__).parent / "weights" / "positions.npz"


@dataclass(frozen=True)
class Positions:
    """Distances to tissue that lesions occur in, in the space of the mean head (mm, right, front, top).

    centroids_mm : [region, 3], of the white-matter regions in the order of the region table.
    distance_mm : [x, y, z], on a grid of `STEP_MM` whose first voxel is at ``origin_mm`` [3]; 63 means 63 or more.
    """

    centroids_mm: NDArray[np.float64]
    origin_mm: NDArray[np.float64]
    distance_mm: NDArray[np.float32]

    def to_mean_head(self, centroids_mm: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """The affine [4, 4] that best maps a person's centroids [region, 3] to these; None if the fit is poor.

        centroids_mm : in mm; rows of NaN for absent regions.
        """
        affine, misfit_mm = self._fit(centroids_mm)
        return affine if misfit_mm <= WORST_FIT_MM else None

    def misfit_mm(self, centroids_mm: NDArray[np.float64]) -> float:
        """Mean distance (mm) of a person's centroids [region, 3] from these after that affine; infinite if too few."""
        return self._fit(centroids_mm)[1]

    def _fit(self, centroids_mm: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
        present = np.isfinite(centroids_mm).all(1)
        if present.sum() < FEWEST_REGIONS:
            return np.eye(4), math.inf
        affine = affine_between(centroids_mm[present], self.centroids_mm[present])
        off_mm = np.linalg.norm(apply_affine(affine, centroids_mm[present]) - self.centroids_mm[present], axis=1)
        return affine, float(off_mm.mean())

    def can_hold_lesions(self, points_mm: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether lesions can occur at ``points_mm`` [point, 3] in the mean head, bool [point]."""
        index = (points_mm - self.origin_mm) / STEP_MM
        distance_mm = ndimage.map_coordinates(self.distance_mm, index.T, order=1, mode="nearest")
        return np.asarray(distance_mm <= NEAR_MM)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write an ``.npz`` file, with distances in units of 0.25 mm."""
        distance = np.minimum(np.rint(self.distance_mm * UNITS_PER_MM), 255).astype(np.uint8)
        with atomic_path(path) as temporary:
            np.savez_compressed(
                temporary, centroids_mm=self.centroids_mm, origin_mm=self.origin_mm, quarters_mm=distance
            )
        return Path(path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Positions:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as found:
            distance_mm = found["quarters_mm"].astype(np.float32) / UNITS_PER_MM
            return cls(found["centroids_mm"], found["origin_mm"], distance_mm)


@cache
def shipped_positions() -> Positions:
    """The distances for the 20 heads that the shipped models were trained on, loaded once."""
    return Positions.load(FILE)


def lesion_bearing(brain: Brain, grid: Canonical, voxels: tuple[NDArray[np.intp], ...]) -> NDArray[np.bool_]:
    """Whether lesions can occur at ``voxels`` (3 index arrays [voxel]) of ``grid``, bool [voxel]; True if unknown."""
    points_mm = _in_mean_head(brain, grid, np.stack(voxels, 1))
    return np.ones(len(voxels[0]), bool) if points_mm is None else shipped_positions().can_hold_lesions(points_mm)


def at_the_top(brain: Brain, grid: Canonical, points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether ``points`` [point, 3], voxels of ``grid``, lie above `TOP_MM`, bool [point]; False if unknown."""
    points_mm = _in_mean_head(brain, grid, points)
    return np.zeros(len(points), bool) if points_mm is None else np.asarray(points_mm[:, 2] > TOP_MM)


def _in_mean_head(brain: Brain, grid: Canonical, points: NDArray[Any]) -> NDArray[np.float64] | None:
    """``points`` [point, 3], voxels of ``grid``, in mm of the mean head; None if the brain does not fit it."""
    affine = shipped_positions().to_mean_head(brain.centroids_mm)
    return None if affine is None else np.asarray(apply_affine(affine, points * grid.spacing_mm))


def centroids(labels: NDArray[np.integer[Any]], voxels_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Centroid [region, 3] in mm of each white-matter region of the table, NaN for absent regions.

    labels : region label [voxel]. voxels_mm : positions [voxel, 3].
    """
    wanted = [region.index for region in regions().white_matter]
    count = np.bincount(labels, minlength=max(wanted) + 1)[wanted]
    sums = np.stack([np.bincount(labels, axis, max(wanted) + 1)[wanted] for axis in voxels_mm.T], 1)
    return np.where(count[:, None] > 0, sums / np.maximum(count, 1)[:, None], np.nan)


def affine_between(points: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """The affine [4, 4] that maps ``points`` [point, 3] to ``others`` [point, 3] by least squares."""
    design = np.column_stack([points, np.ones(len(points))])
    affine = np.eye(4)
    affine[:3] = np.linalg.lstsq(design, others, rcond=None)[0].T
    return affine
