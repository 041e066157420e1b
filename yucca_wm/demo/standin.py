"""A geometric stand-in for the 34-region atlas, used if the real one, which cannot be shipped, is not available.

It is not anatomical: each hemisphere of MNI space is cut into cells of the points nearest to one of a few seeds. The
seeds are the rounded centres of the 17 real regions of a side (so that label k lies about where the real region k
lies) and, for the two remainders, of deep grey matter, hippocampus, cerebellum and brainstem.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from yucca_wm.core.regions import Region, RegionTable, regions

SEEDS_MM: tuple[tuple[float, float, float], ...] = (
    (34, -48, 41),
    (11, -2, 34),
    (15, 31, 36),
    (34, 30, 27),
    (41, 26, 9),
    (34, -17, 46),
    (13, -72, 16),
    (31, -47, -15),
    (31, -79, 13),
    (48, -25, -8),
    (18, 39, -14),
    (28, -12, 31),
    (30, -48, 12),
    (20, 28, 7),
    (32, 6, 0),
    (28, -24, -3),
    (8, -10, 20),
)
"""MNI coordinates (mm) of the cells of regions 1..17 on the right; x is mirrored for the left."""

DEEP_GREY_SEEDS_MM = ((11, -18, 7), (22, 2, 2), (24, -16, -16))
"""Thalamus, lentiform nucleus and hippocampus: remainder cells that hold a little cerebral white matter."""

INFRATENTORIAL_SEEDS_MM = ((8, -28, -22), (6, -34, -46), (26, -60, -36), (10, -62, -26), (40, -62, -38))
"""Brainstem and cerebellum: remainder cells outside the cerebral white matter."""


def cells(shape: tuple[int, ...], affine: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Cell number of every voxel: 1..N on the left (x < 0), N + 1..2N on the right, in the order of the seeds."""
    from scipy.spatial import cKDTree

    seeds = np.array(SEEDS_MM + DEEP_GREY_SEEDS_MM + INFRATENTORIAL_SEEDS_MM, dtype=np.float64)
    index = np.indices(shape).reshape(3, -1)
    world = (affine[:3, :3] @ index + affine[:3, 3:]).T.astype(np.float32)
    right = world[:, 0] > 0
    world[:, 0] = np.abs(world[:, 0])
    nearest = cKDTree(seeds).query(world, workers=-1)[1]
    return np.asarray((nearest + 1 + right * len(seeds)).reshape(shape), dtype=np.uint8)


def labels(cell_map: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Region labels 1..36 of a map of `cells`."""
    count = len(SEEDS_MM + DEEP_GREY_SEEDS_MM + INFRATENTORIAL_SEEDS_MM)
    lookup = np.zeros(2 * count + 1, dtype=np.uint8)
    for cell in range(1, count + 1):
        region = cell if cell <= len(SEEDS_MM) else None
        lookup[cell] = region or 35
        lookup[cell + count] = region + 17 if region else 36
    return lookup[cell_map]


def is_cerebral(cell_map: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Voxels of a map of `cells` that are neither cerebellum nor brainstem."""
    count = len(SEEDS_MM + DEEP_GREY_SEEDS_MM + INFRATENTORIAL_SEEDS_MM)
    position = (cell_map.astype(np.int16) - 1) % count
    return np.asarray(position < count - len(INFRATENTORIAL_SEEDS_MM))


def table() -> RegionTable:
    """The region table, with every name marked as a stand-in."""
    return RegionTable(
        [
            Region(
                index=region.index,
                name=f"standin_{region.name}",
                full_name=f"Stand-in cell for: {region.full_name}",
                side=region.side,
                group=region.group,
                color=region.color,
            )
            for region in regions()
        ]
    )
