"""Which lesion lies in which region, in voxels: the one count that every table is made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yucca_wm.core.images import count_labels
from yucca_wm.localize.components import Components

OUTSIDE = 0
"""The place of a voxel that no region covers (the background label of a region map)."""


@dataclass(frozen=True)
class Intersection:
    """Voxel counts of one subject; column p of the matrices is ``places[p]``, and ``places[0]`` is OUTSIDE.

    places : [p] region labels in table order, after OUTSIDE.
    region_voxels : [p] size of each region (of the whole background for OUTSIDE).
    overlap : [lesions, p] voxels of each lesion in each place; rows sum to the lesions' sizes.
    """

    places: NDArray[np.intp]
    region_voxels: NDArray[np.intp]
    overlap: NDArray[np.intp]

    @property
    def lesion_voxels(self) -> NDArray[np.intp]:
        """[p] lesion voxels in each place."""
        return self.overlap.sum(axis=0)

    @property
    def lesion_sizes(self) -> NDArray[np.intp]:
        """[lesions] voxels of each lesion."""
        return self.overlap.sum(axis=1)

    @property
    def main_place(self) -> NDArray[np.intp]:
        """[lesions] column of the place that holds most of each lesion; on a tie the region that comes first in the
        table, OUTSIDE last."""
        inside_first = np.roll(self.overlap, -1, axis=1)
        return (inside_first.argmax(axis=1) + 1) % len(self.places)


def intersect(components: Components, regions: NDArray[Any], indices: tuple[int, ...]) -> Intersection:
    """Count lesion voxels by lesion and region.

    regions : label map on the lesions' grid, holding only 0 and ``indices``.
    indices : the region labels, in table order; a region without voxels keeps its column.
    """
    places = np.array((OUTSIDE, *indices), dtype=np.intp)
    column = np.zeros(int(places.max()) + 1, dtype=np.intp)
    column[places] = np.arange(len(places))
    at = column[regions[tuple(components.voxels.T)]]
    overlap = np.bincount(components.lesion * len(places) + at, minlength=components.count * len(places))
    region_voxels = count_labels(regions, int(places.max()))[places]
    return Intersection(places, region_voxels, overlap.reshape(components.count, len(places)))
