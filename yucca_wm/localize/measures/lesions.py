"""The lesions of one person: which voxels are a lesion, and in which region each of them lies.

Lesions are connected components, kept as a list of voxels, as they fill a thousandth of a head. What regions hold of
them is counted once, in voxels; every table is made from that count.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from yucca_wm.imaging.images import Image, count_labels
from yucca_wm.imaging.lesion_maps import ALL, OTHER_PATHOLOGY, LesionLabels

Connectivity = Literal[6, 18, 26]
"""Voxels belong to one lesion when they share a face (6), also an edge (18), also a corner (26)."""

OUTSIDE = 0
"""The place of a voxel that no region covers (the background label of a region map)."""

SIZE_TOLERANCE = 0.01
"""Share of a voxel by which a lesion may miss the minimum size: voxel sizes in headers jitter at 1e-4, and two
subjects of one protocol must be treated alike."""

TIE_MM = 1e-3
"""Regions whose distances differ by less are equally near; the one that comes first in the table takes the voxel."""


@dataclass(frozen=True)
class Settings:
    """How lesions are counted: the choices that every number depends on, written into the outputs.

    lesion_labels : labels of the lesion map that count as lesion; ``("all",)``: every label that is not ignored.
    ignored_labels : labels that may occur in it and do not count (2 is "other pathology" in Task001).
    connectivity : 6, 18 or 26 neighbours make one lesion.
    min_size_mm3 : smaller lesions are removed before anything is measured; 0 keeps all.
    assign_outside_mm : also give lesion voxels outside every region to the nearest region within this distance;
        0 does not.
    resample : bring region maps on another grid to the lesion map's, nearest neighbour, instead of refusing them.
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
        if self.threshold is not None and not 0 < self.threshold <= 1:
            raise ValueError("the threshold of a probability lies between 0 and 1")
        if self.threshold is not None and self.lesion_labels != (1,):
            raise ValueError("a probability map that is cut at a threshold has no other lesion label than 1")
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
        """How lesion maps are read."""
        counted = tuple(label for label in self.lesion_labels if isinstance(label, int))
        return LesionLabels(None if ALL in self.lesion_labels else counted, self.ignored_labels, self.threshold)

    def min_voxels(self, voxel_volume_mm3: float) -> int:
        """Smallest number of voxels that reaches ``min_size_mm3``, at least 1."""
        return max(1, math.ceil(self.min_size_mm3 / voxel_volume_mm3 - SIZE_TOLERANCE))


@dataclass(frozen=True)
class Components:
    """The lesions of one subject.

    voxels : [n, 3] array indices of the lesion voxels that are kept.
    lesion : [n] the lesion each voxel belongs to, 0 .. count-1.
    count : number of lesions kept.
    removed_voxels, removed_lesions : what fell below the minimum size.
    """

    voxels: NDArray[np.intp]
    lesion: NDArray[np.intp]
    count: int
    removed_voxels: int
    removed_lesions: int


def find_lesions(mask: NDArray[Any], *, connectivity: Connectivity = 26, min_voxels: int = 1) -> Components:
    """Connected components of a 3D boolean ``mask`` that have at least ``min_voxels`` voxels."""
    import cc3d

    order: Literal["C", "F"] = "F" if mask.flags.f_contiguous else "C"
    inside = np.stack(np.unravel_index(_places(mask.ravel(order=order)), mask.shape, order=order)).T
    if not len(inside):
        return Components(inside, np.zeros(0, dtype=np.intp), 0, 0, 0)
    low, high = inside.min(axis=0), inside.max(axis=0)
    box = mask[tuple(slice(int(a), int(b) + 1) for a, b in zip(low, high, strict=True))]
    # as bytes: cc3d 4.1's path for booleans fails on lines of voxels (1 x 1 x n)
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
    """Voxels that count as lesion."""
    return settings.labels.lesion(lesions.data)


def counted_lesions(lesions: Image, settings: Settings) -> Components:
    """The lesions of a lesion map that the tables count."""
    return find_lesions(
        lesion_mask(lesions, settings),
        connectivity=settings.connectivity,
        min_voxels=settings.min_voxels(lesions.voxel_volume_mm3),
    )


def _places(flat: NDArray[np.bool_]) -> NDArray[np.intp]:
    """`numpy.flatnonzero`, with runs of eight False skipped at once: lesions are rare."""
    whole = flat.size - flat.size % 8
    words = np.flatnonzero(flat[:whole].view(np.uint64) != 0)
    word, bit = np.nonzero(flat[:whole].reshape(-1, 8)[words])
    return np.concatenate([8 * words[word] + bit, whole + np.flatnonzero(flat[whole:])])


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


def assign_outside(
    components: Components, counts: Intersection, regions: NDArray[Any], affine: NDArray[np.float64], max_mm: float
) -> NDArray[np.intp]:
    """[places] lesion voxels in each place after every outside voxel within ``max_mm`` of a region went to the
    nearest one; distances are between voxel centres in world mm. The sum is that of ``counts.lesion_voxels``.

    White-matter masks made from T1 leave holes at lesions.
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
