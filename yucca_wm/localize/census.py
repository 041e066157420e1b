"""The census: one row for every lesion, largest first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from yucca_wm.core.regions import RegionTable
from yucca_wm.localize.lesions import Components, Intersection
from yucca_wm.localize.places import PLACES, Placed


@dataclass(frozen=True, slots=True)
class LesionRow:
    """One row of ``lesions.tsv``. Places are world mm, RAS+ (x grows to the subject's right).

    centroid_mm : mean of the voxel centres.
    extent_mm : size of the box along world x, y and z that holds all its voxels whole.
    regions : name and percent of the lesion, for every place that it touches, most first.
    distance_to_ventricles_mm : smallest distance between voxel centres; None without a ventricle or tissue map.
    place, touches_ventricle, touches_cortex : as `yucca_wm.localize.places` has them; None without a tissue map.
    """

    lesion: int
    voxels: int
    volume_ml: float
    centroid_mm: tuple[float, float, float]
    extent_mm: tuple[float, float, float]
    main_region_id: int
    main_region: str
    regions: tuple[tuple[str, float], ...]
    distance_to_ventricles_mm: float | None = None
    place: str | None = None
    touches_ventricle: bool | None = None
    touches_cortex: bool | None = None


def census(
    components: Components,
    counts: Intersection,
    table: RegionTable,
    affine: NDArray[np.float64],
    ventricle_distance_mm: NDArray[np.float64] | None = None,
    placed: Placed | None = None,
) -> list[LesionRow]:
    """One row a lesion, by size and then by place, so that the order does not depend on the file's orientation.

    ventricle_distance_mm : [voxels] distance of each lesion voxel to the ventricles.
    """
    if not components.count:
        return []
    world = components.voxels @ affine[:3, :3].T + affine[:3, 3]
    order = np.argsort(components.lesion, kind="stable")
    starts = np.searchsorted(components.lesion[order], np.arange(components.count))
    sizes = counts.lesion_sizes
    world = world[order]
    centroids = np.add.reduceat(world, starts) / sizes[:, None]
    voxel_box = np.abs(affine[:3, :3]).sum(axis=1)
    extents = np.maximum.reduceat(world, starts) - np.minimum.reduceat(world, starts) + voxel_box
    nearest = None if ventricle_distance_mm is None else np.minimum.reduceat(ventricle_distance_mm[order], starts)
    volume_ml = abs(np.linalg.det(affine[:3, :3])) / 1000
    names = ["outside", *(region.name for region in table)]
    main = counts.main_place
    by_size = np.lexsort((*np.round(centroids, 6).T[::-1], -sizes))
    rows = []
    for number, lesion in enumerate(by_size.tolist(), start=1):
        overlap = counts.overlap[lesion]
        touched = sorted(np.flatnonzero(overlap).tolist(), key=lambda place: (-overlap[place], place == 0, place))
        x, y, z = centroids[lesion].tolist()
        wide, deep, high = extents[lesion].tolist()
        rows.append(
            LesionRow(
                lesion=number,
                voxels=int(sizes[lesion]),
                volume_ml=float(sizes[lesion] * volume_ml),
                centroid_mm=(x, y, z),
                extent_mm=(wide, deep, high),
                main_region_id=int(counts.places[main[lesion]]),
                main_region=names[main[lesion]],
                regions=tuple((names[place], 100 * int(overlap[place]) / int(sizes[lesion])) for place in touched),
                distance_to_ventricles_mm=None if nearest is None else float(nearest[lesion]),
                place=None if placed is None else PLACES[placed.of_lesion[lesion]].name,
                touches_ventricle=None if placed is None else bool(placed.surroundings.lesions_at_ventricle[lesion]),
                touches_cortex=None if placed is None else bool(placed.surroundings.lesions_at_cortex[lesion]),
            )
        )
    return rows
