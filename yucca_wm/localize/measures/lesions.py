"""Find the lesions of one subject, and count their voxels by region.

Lesions are connected components, stored as a list of voxels, as they fill about a thousandth of a head. Lesion voxels
in regions are counted once; every table is made from that count.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from yucca_wm.imaging.images import Image, count_labels
from yucca_wm.imaging.labels import OTHER_PATHOLOGY
from yucca_wm.imaging.lesion_maps import ALL, LesionLabels

Connectivity = Literal[6, 18, 26]
"""Voxels belong to one lesion if they share a face (6), also an edge (18), also a corner (26)."""

OUTSIDE_ID = 0
"""The place of a voxel outside all regions (the background label of a region map)."""

SIZE_TOLERANCE = 0.01
"""Share of a voxel by which a lesion may miss the minimum size: voxel sizes in headers vary by 1e-4, and two subjects
of one protocol must be treated alike."""

TIE_MM = 1e-3
"""Regions whose distances differ by less are equally near; the first one in the table gets the voxel."""


@dataclass(frozen=True)
class Settings:
    """Rules for counting lesions, which every number depends on; written into the outputs.

    lesion_labels : labels of the lesion map that count as lesion; ``("all",)``: every label that is not ignored.
    ignored_labels : labels that may occur in it but do not count (2 is "other pathology" in Task001).
    connectivity : 6, 18 or 26 neighbours belong to one lesion.
    min_size_mm3 : smaller lesions are removed before anything is measured; 0 keeps all.
    assign_outside_mm : also assign lesion voxels outside every region to the nearest region within this distance;
        0: do not.
    resample : bring region maps on another grid to the lesion map's, by nearest neighbour, instead of raising an error.
    threshold : probability from which a voxel of a lesion probability map is lesion; None: maps hold labels.
    """

    lesion_labels: tuple[int | str, ...] = (1,)
    ignored_labels: tuple[int, ...] = (OTHER_PATHOLOGY,)
    connectivity: Connectivity = 26
    min_size_mm3: float = 3.0
    assign_outside_mm: float = 0.0
    resample: bool = False
    threshold: float | None = None

    def __post_init__(self) -> None:
        if self.connectivity not in get_args(Connectivity):
            raise ValueError(f"connectivity is {self.connectivity}, not one of {get_args(Connectivity)}")
        if not self.lesion_labels or min(self.labels.counted or (1,)) < 1:
            raise ValueError("lesion labels are whole numbers from 1")
        for name in ("min_size_mm3", "assign_outside_mm"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} is negative or not finite")

    @classmethod
    def stated(cls, values: dict[str, Any]) -> Settings:
        """The settings written in ``localize.json``."""
        given: dict[str, Any] = {
            name: tuple(entry) if isinstance(entry, list) else entry for name, entry in values.items()
        }
        return cls(**given)

    @property
    def labels(self) -> LesionLabels:
        """Rules for reading lesion maps."""
        counted = tuple(label for label in self.lesion_labels if isinstance(label, int))
        return LesionLabels(None if ALL in self.lesion_labels else counted, self.ignored_labels, self.threshold)

    def min_voxels(self, voxel_volume_mm3: float) -> int:
        """Smallest number of voxels that reaches ``min_size_mm3``, at least 1."""
        return max(1, math.ceil(self.min_size_mm3 / voxel_volume_mm3 - SIZE_TOLERANCE))


@dataclass(frozen=True)
class Components:
    """The lesions of one subject.

    voxels : [n, 3] array indices of the lesion voxels that are kept.
    lesion : [n] number of the lesion that each voxel belongs to, 0 .. count-1.
    count : number of lesions kept.
    removed_voxels, removed_lesions : numbers below the minimum size.
    """

    voxels: NDArray[np.intp]
    lesion: NDArray[np.intp]
    count: int
    removed_voxels: int
    removed_lesions: int


def find_lesions(mask: NDArray[Any], *, connectivity: Connectivity = 26, min_voxels: int = 1) -> Components:
    """Connected components of a mask.

    Parameters
    ----------
    mask : ndarray, bool, shape (i, j, k)
        Lesion voxels.
    connectivity : {6, 18, 26}
        Neighbours that belong to one lesion.
    min_voxels : int
        Smaller components are removed.

    Returns
    -------
    Components
        Voxels [n, 3] and lesion numbers [n], and what was removed.
    """
    import cc3d

    order: Literal["C", "F"] = "F" if mask.flags.f_contiguous else "C"
    inside = np.stack(np.unravel_index(_places(mask.ravel(order=order)), mask.shape, order=order)).T
    if not len(inside):
        return Components(inside, np.zeros(0, dtype=np.intp), 0, 0, 0)
    low, high = inside.min(axis=0), inside.max(axis=0)
    box = mask[tuple(slice(int(a), int(b) + 1) for a, b in zip(low, high, strict=True))]
    # as bytes: the boolean version of cc3d 4.1 fails on lines of voxels (1 x 1 x n)
    labels, found = cc3d.connected_components(box.astype(np.uint8), connectivity=connectivity, return_N=True)
    component = labels[tuple((inside - low).T)].astype(np.intp) - 1
    sizes = np.bincount(component, minlength=found)
    kept = sizes >= min_voxels
    number = np.cumsum(kept) - 1
    of_kept = kept[component]
    return Components(
        voxels=inside[of_kept],
        lesion=number[component[of_kept]],
        count=int(kept.sum()),
        removed_voxels=int(sizes[~kept].sum()),
        removed_lesions=int(found - kept.sum()),
    )


def lesion_mask(lesions: Image, settings: Settings) -> NDArray[np.bool_]:
    """Voxels [i, j, k] that count as lesion."""
    return settings.labels.lesion(lesions.data)


def counted_lesions(lesions: Image, settings: Settings) -> Components:
    """The lesions of a lesion map that the tables count, by ``settings``."""
    return find_lesions(
        lesion_mask(lesions, settings),
        connectivity=settings.connectivity,
        min_voxels=settings.min_voxels(lesions.voxel_volume_mm3),
    )


def _places(flat: NDArray[np.bool_]) -> NDArray[np.intp]:
    """`numpy.flatnonzero` of ``flat`` [n], skipping eight False values at once, as lesions are rare."""
    whole = flat.size - flat.size % 8
    words = np.flatnonzero(flat[:whole].view(np.uint64) != 0)
    word, bit = np.nonzero(flat[:whole].reshape(-1, 8)[words])
    return np.concatenate([8 * words[word] + bit, whole + np.flatnonzero(flat[whole:])])


@dataclass(frozen=True)
class Intersection:
    """Voxel counts of one subject; column p of arrays is for ``places[p]``, and ``places[0]`` is OUTSIDE_ID.

    places : [p] region labels in table order, after OUTSIDE_ID.
    region_voxels : [p] size of each region (of the whole background for OUTSIDE_ID).
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
        """[lesions] column of the place with the largest part of each lesion; on a tie the first region in the table,
        OUTSIDE_ID last."""
        inside_first = np.roll(self.overlap, -1, axis=1)
        return (inside_first.argmax(axis=1) + 1) % len(self.places)


def intersect(components: Components, regions: NDArray[Any], indices: tuple[int, ...]) -> Intersection:
    """Count lesion voxels by lesion and region.

    Parameters
    ----------
    components : Components
        Lesions, from `find_lesions`.
    regions : ndarray, int, shape (i, j, k)
        Label map on the lesions' grid, with only 0 and ``indices``.
    indices : tuple of int
        The region labels, in table order; a region without voxels keeps its column.

    Returns
    -------
    Intersection
        Counts, with ``overlap`` of shape (lesions, 1 + regions).
    """
    places = np.array((OUTSIDE_ID, *indices), dtype=np.intp)
    column = np.zeros(int(places.max()) + 1, dtype=np.intp)
    column[places] = np.arange(len(places))
    at = column[regions[tuple(components.voxels.T)]]
    overlap = np.bincount(components.lesion * len(places) + at, minlength=components.count * len(places))
    region_voxels = count_labels(regions, int(places.max()))[places]
    return Intersection(places, region_voxels, overlap.reshape(components.count, len(places)))


def assign_outside(
    components: Components, counts: Intersection, regions: NDArray[Any], affine: NDArray[np.float64], max_mm: float
) -> NDArray[np.intp]:
    """Lesion voxels in each place after assigning every outside voxel near a region to the nearest one.

    Compensates for the holes that white-matter masks made from T1 have at lesions. Distances are between voxel centres
    in world mm.

    Parameters
    ----------
    components : Components
        Lesions, from `find_lesions`.
    counts : Intersection
        Their counts, from `intersect`.
    regions : ndarray, int, shape (i, j, k)
        Label map on the lesions' grid.
    affine : ndarray, float, shape (4, 4)
        Voxel index -> world mm of that grid.
    max_mm : float
        Largest distance of an assigned voxel.

    Returns
    -------
    ndarray, int, shape (places,)
        Counts in the order of ``counts.places``; their sum is that of ``counts.lesion_voxels``.
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
