"""Which lesions of a visit are new, and which of the visit before are gone.

Two visits are laid on each other by the centres of their white-matter regions: the rigid transform that brings those of
one visit closest to those of the other. A lesion is new if no lesion of the visit before lies near any of its voxels. A
lesion of the visit before is gone if no lesion of the later visit lies near any of its voxels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from nibabel.affines import apply_affine, from_matvec, voxel_sizes
from numpy.typing import NDArray

from yucca_wm.localize.measures.positions import Positions

NEAR_MM = 3.0
"""Voxels belong to one lesion at two visits if their centres are no further apart than this along each axis of either
scan; along an axis with larger voxels, than these."""

ROUNDING = 1e-3
"""Share by which neighbouring slices may be further apart than their thickness: voxel sizes are rounded."""

ALIKE = 0.8
"""Regions are used if the smaller volume is at least this share of the larger: others are cut off at one visit. In 18
pairs of scans of one person the least was 0.88."""

FEWEST, MOST_APART_MM = 6, 1.2
"""Lesions are not compared with fewer regions, or if the centres of half of them are further apart. In those pairs it
was at most 0.5 mm; between people, and with one visit mirrored, at least 1.5."""

ROUNDS, TOLERATED = 50, 1.5
"""Repetitions of the fit, in which a centre counts a quarter if it is off by TOLERATED times the median."""


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

    matrix : [4, 4], world mm of the earlier visit -> world mm of the later one, rigid. apart_mm : median distance of
    the regions' centres after that. new, gone : lesions of the later and of the earlier visit without one at the other.
    """

    matrix: NDArray[np.float64]
    apart_mm: float
    new: Alone
    gone: Alone


def change(before: Positions, now: Positions, n_places: int) -> Change | None:
    """What differs between two visits; None if they cannot be laid on each other. Lesions that lie mostly beyond the
    other visit's field of view are neither new nor gone.

    n_places : number of regions, and outside.
    """
    aligned = align(before, now)
    if aligned is None:
        return None
    matrix, apart_mm = aligned
    moved = replace(before, affine=matrix @ before.affine)
    return Change(matrix, apart_mm, _alone(now, moved, n_places), _alone(moved, now, n_places))


def align(before: Positions, now: Positions) -> tuple[NDArray[np.float64], float] | None:
    """Rigid transform [4, 4] from world mm of one visit to world mm of the other, and the median distance of the
    regions' centres after it; None with too few regions, or if these are too far apart.

    A centre counts the less the further it is off, so that regions cut off at one visit do not pull.
    """
    from scipy.spatial.transform import Rotation

    used = ~unlike(before, now) & np.isfinite(before.region_mm + now.region_mm).all(axis=1)
    if used.sum() < FEWEST:
        return None
    volumes_ml = np.minimum(before.region_ml, now.region_ml)[used]
    old_mm, new_mm = before.region_mm[used], now.region_mm[used]
    trust = np.ones_like(volumes_ml)
    for _ in range(ROUNDS):
        weights = volumes_ml * trust
        old_centre, new_centre = (np.average(points, axis=0, weights=weights) for points in (old_mm, new_mm))
        turn = Rotation.align_vectors(new_mm - new_centre, old_mm - old_centre, weights=weights)[0].as_matrix()
        matrix = from_matvec(turn, new_centre - turn @ old_centre)
        off_mm = np.linalg.norm(apply_affine(matrix, old_mm) - new_mm, axis=1)
        trust = 1 / (1 + (off_mm / (TOLERATED * max(float(np.median(off_mm)), 1e-6))) ** 2) ** 2
    apart_mm = float(np.median(off_mm))
    return (matrix, apart_mm) if apart_mm <= MOST_APART_MM else None


def unlike(before: Positions, now: Positions) -> NDArray[np.bool_]:
    """[regions] whether the volume of a region differs more between two visits than it does unless it is cut off."""
    volumes_ml = np.stack([before.region_ml, now.region_ml])
    return np.asarray(volumes_ml.min(axis=0) < ALIKE * volumes_ml.max(axis=0))


def _alone(own: Positions, other: Positions, n_places: int) -> Alone:
    """The lesions of one visit without one of the other nearby; both are laid on each other."""
    points, others = own.lesion_mm, other.lesion_mm
    size = int(own.lesion.max(initial=0)) + 1  # lesions are numbered from 1
    seen = np.bincount(own.lesion[other.shows(points)], minlength=size)
    alone = 2 * seen > np.bincount(own.lesion, minlength=size)
    for grid, another in ((own, other), (other, own)):
        scale, left = _scale(grid.affine, another.affine), np.flatnonzero(alone[own.lesion])
        near = _distance(points[left] @ scale, others @ scale, np.inf) <= 1 + ROUNDING
        alone[own.lesion[left[near]]] = False
    lesions = np.flatnonzero(alone)
    of_alone = alone[own.lesion]
    nearest_mm = np.full(size, np.inf)
    np.minimum.at(nearest_mm, own.lesion[of_alone], _distance(points[of_alone], others, 2))
    voxels = np.bincount(own.row[of_alone], minlength=n_places)
    return Alone(lesions, nearest_mm[lesions], voxels.astype(np.float64) * own.voxel_ml)


def _scale(grid: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Matrix [3, 3] for points in world mm, after which they are near along an axis of ``grid`` if they differ by at
    most 1 along it. Grids are affines [4, 4]."""
    axes = grid[:3, :3] / voxel_sizes(grid)
    other_mm = np.abs(axes.T @ other[:3, :3]).max(axis=1)
    return axes / np.maximum.reduce([np.full(3, NEAR_MM), voxel_sizes(grid), other_mm])


def _distance(points: NDArray[np.float64], others: NDArray[np.float64], norm: float) -> NDArray[np.float64]:
    """[n] distance of each point [n, 3] to the nearest of ``others``; infinite without any. norm : 2, or infinity for
    the largest difference along an axis."""
    from scipy.spatial import KDTree

    return KDTree(others).query(points, p=norm)[0] if len(others) else np.full(len(points), np.inf)
