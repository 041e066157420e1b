"""Lesion voxels outside every region, given to the nearest one: WM masks made from T1 leave holes at lesions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from yucca_wm.localize.components import Components
from yucca_wm.localize.intersect import Intersection

TIE_MM = 1e-3
"""Regions whose distances differ by less are equally near; the one that comes first in the table takes the voxel."""


def assign_outside(
    components: Components, counts: Intersection, regions: NDArray[Any], affine: NDArray[np.float64], max_mm: float
) -> NDArray[np.intp]:
    """[places] lesion voxels in each place after every outside voxel within ``max_mm`` of a region went to the
    nearest one; distances are between voxel centres in world mm. The sum is that of ``counts.lesion_voxels``.
    """
    from scipy.spatial import KDTree

    assigned = counts.lesion_voxels.copy()
    outside = components.voxels[regions[tuple(components.voxels.T)] == 0]
    if not len(outside):
        return assigned
    reach = np.ceil(max_mm * np.sqrt((np.linalg.inv(affine)[:3, :3] ** 2).sum(axis=1))).astype(int) + 1
    low = np.maximum(outside.min(axis=0) - reach, 0)
    box = tuple(slice(int(a), int(b)) for a, b in zip(low, outside.max(axis=0) + reach + 1, strict=True))
    near = np.argwhere(regions[box]) + low
    if not len(near):
        return assigned
    column = {int(label): place for place, label in enumerate(counts.places)}
    place_of = np.array([column[int(label)] for label in regions[tuple(near.T)]])
    to_world = affine[:3, :3].T
    tree, points = KDTree(near @ to_world), outside @ to_world
    distance, _ = tree.query(points, distance_upper_bound=max_mm + TIE_MM)
    reached = np.isfinite(distance)
    equally_near = tree.query_ball_point(points[reached], distance[reached] + TIE_MM)
    gained = np.bincount([place_of[close].min() for close in equally_near], minlength=len(assigned))
    assigned += gained
    assigned[0] -= reached.sum()
    return assigned
