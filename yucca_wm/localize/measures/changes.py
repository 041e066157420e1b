"""Which lesions of a visit are new, and which of the visit before are gone.

Two visits are laid on each other by the centres of their white-matter regions: the rigid transform that brings those of
one visit closest to those of the other. A lesion is new if no lesion of the visit before lies near any of its voxels,
and gone if none of the later visit does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from nibabel.affines import apply_affine, from_matvec, voxel_sizes
from numpy.typing import NDArray

from yucca_wm.localize.measures.positions import Positions

NEAR_MM = 3.0
"""Voxel centres that are no further apart belong to one lesion at two visits; along an axis with larger voxels, those
no further apart than these."""

ALIKE = 0.7
"""Regions are used if the smaller volume is at least this share of the larger: others are cut off at one visit."""

ROUNDING = 1e-3
"""Share by which neighbouring slices may be further apart than their thickness: voxel sizes are rounded."""

FEWEST, MOST_APART_MM = 6, 3.0
"""Lesions are not compared with fewer regions, or if their centres are further apart (root mean square)."""


@dataclass(frozen=True)
class Alone:
    """The lesions of one visit without one of the other visit nearby.

    lesions : int [n], their numbers in ``lesions.tsv``. nearest_mm : [n], distance to the nearest lesion of the other
    visit; infinite without any. volume_ml : [places], their volume in every region, and outside.
    """

    lesions: NDArray[np.intp]
    nearest_mm: NDArray[np.float64]
    volume_ml: NDArray[np.float64]


@dataclass(frozen=True)
class Change:
    """What differs between two visits.

    matrix : [4, 4], world mm of the earlier visit -> world mm of the later one, rigid. apart_mm : root mean square
    distance of the regions' centres after that. new, gone : lesions of the later and of the earlier visit without one
    at the other.
    """

    matrix: NDArray[np.float64]
    apart_mm: float
    new: Alone
    gone: Alone


def change(before: Positions, now: Positions, n_places: int) -> Change | None:
    """What differs between two visits; None if they cannot be laid on each other.

    n_places : number of regions, and outside.
    """
    aligned = align(before, now)
    if aligned is None:
        return None
    matrix, apart_mm = aligned
    moved_mm = apply_affine(matrix, before.lesion_mm)
    reach = _reach(matrix @ before.affine, now.affine)
    new = _alone(now, now.lesion_mm, moved_mm, reach, n_places)
    return Change(matrix, apart_mm, new, _alone(before, moved_mm, now.lesion_mm, reach, n_places))


def align(before: Positions, now: Positions) -> tuple[NDArray[np.float64], float] | None:
    """Rigid transform [4, 4] from world mm of one visit to world mm of the other, and the root mean square distance of
    the regions' centres after it; None with too few regions, or if these are too far apart."""
    from scipy.spatial.transform import Rotation

    volumes_ml = np.stack([before.region_ml, now.region_ml])
    used = volumes_ml.min(axis=0) > ALIKE * volumes_ml.max(axis=0)
    used &= np.isfinite(before.region_mm + now.region_mm).all(axis=1)
    if used.sum() < FEWEST:
        return None
    weights = volumes_ml[:, used].min(axis=0)
    old_mm, new_mm = before.region_mm[used], now.region_mm[used]
    old_centre, new_centre = (np.average(points, axis=0, weights=weights) for points in (old_mm, new_mm))
    rotation, _ = Rotation.align_vectors(new_mm - new_centre, old_mm - old_centre, weights=weights)
    turn = rotation.as_matrix()
    matrix = from_matvec(turn, new_centre - turn @ old_centre)
    apart_mm = float(np.sqrt(((apply_affine(matrix, old_mm) - new_mm) ** 2).sum(axis=1).mean()))
    return (matrix, apart_mm) if apart_mm <= MOST_APART_MM else None


def _reach(before: NDArray[np.float64], now: NDArray[np.float64]) -> NDArray[np.float64]:
    """Matrix [3, 3] that makes 1 of the distance within which voxels are near, along each axis of ``now``: NEAR_MM, or
    the larger voxel of both visits (grids as affines [4, 4], laid on each other)."""
    axes = now[:3, :3] / voxel_sizes(now)
    along_mm = np.abs(axes.T @ before[:3, :3]).max(axis=1)
    return axes / np.maximum.reduce([np.full(3, NEAR_MM), voxel_sizes(now), along_mm])


def _alone(
    own: Positions,
    own_mm: NDArray[np.float64],
    other_mm: NDArray[np.float64],
    reach: NDArray[np.float64],
    n_places: int,
) -> Alone:
    """The lesions of one visit without one of the other nearby.

    own_mm, other_mm : [n, 3] centres of both visits' lesion voxels, laid on each other. reach : from `_reach`.
    """
    far = _nearest(own, own_mm @ reach, other_mm @ reach) > 1 + ROUNDING
    far[0] = False  # lesions are numbered from 1
    voxels = np.bincount(own.row[far[own.lesion]], minlength=n_places)
    nearest_mm = _nearest(own, own_mm, other_mm)[far]
    return Alone(np.flatnonzero(far), nearest_mm, voxels.astype(np.float64) * own.voxel_ml)


def _nearest(own: Positions, points: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """[1 + lesions] smallest distance of any of each lesion's points [n, 3] to one of ``others``; infinite without any.
    The first is of no lesion."""
    from scipy.spatial import KDTree

    nearest = np.full(int(own.lesion.max(initial=0)) + 1, np.inf)
    if len(others):
        np.minimum.at(nearest, own.lesion, KDTree(others).query(points)[0])
    return nearest
