"""Lesion load: one row for every region, for what lies outside, and for the total."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from yucca_wm.core.regions import RegionTable
from yucca_wm.localize.lesions import OUTSIDE, Intersection

TOTAL = -1
"""``region_id`` of the total row; OUTSIDE (0) is that of the row of lesion voxels in no region."""


@dataclass(frozen=True, slots=True)
class LoadRow:
    """One row of ``lesion_load.tsv``; None where a value is undefined (written as an empty field).

    region_volume_ml : None outside; in the total row the sum of all regions.
    load_percent : lesion volume in percent of the region; None where the region has no voxel. In the total row that of
        white matter: the lesion volume in white-matter regions in percent of their volume, remainders and what lies
        outside left out (of all regions where the table has remainders only).
    share_percent : in percent of the subject's lesion volume; None where there is no lesion.
    n_lesions : lesions with their main part here (each lesion counts once, so that rows add up to the total).
    n_lesions_touching : lesions with any voxel here.
    largest_lesion_ml : whole volume of the largest of ``n_lesions``; 0 where there is none.
    lesion_volume_assigned_ml, load_assigned_percent : the same once outside voxels near a region are given to it (on
        request).
    ignored_volume_ml : of voxels whose label may occur in the lesion map and does not count.
    """

    region_id: int
    name: str
    side: str
    group: str
    region_volume_ml: float | None
    lesion_volume_ml: float
    load_percent: float | None
    share_percent: float | None
    n_lesions: int
    n_lesions_touching: int
    largest_lesion_ml: float
    region_voxels: int | None
    lesion_voxels: int
    lesion_volume_assigned_ml: float | None = None
    load_assigned_percent: float | None = None
    ignored_volume_ml: float = 0.0


def load_rows(
    counts: Intersection, table: RegionTable, voxel_volume_mm3: float, assigned_voxels: np.ndarray | None = None
) -> list[LoadRow]:
    """Rows in table order, then outside, then total: regions + outside = total, exactly, in voxels.

    assigned_voxels : [places] lesion voxels after assignment of outside voxels, as `yucca_wm.localize.lesions.assign_outside` gives.
    """
    ml = voxel_volume_mm3 / 1000
    lesion_voxels, sizes, main = counts.lesion_voxels, counts.lesion_sizes, counts.main_place
    total_voxels = int(lesion_voxels.sum())
    touching = (counts.overlap > 0).sum(axis=0)
    mains = np.bincount(main, minlength=len(counts.places))
    largest = np.zeros(len(counts.places), dtype=np.intp)
    np.maximum.at(largest, main, sizes)
    white_matter = np.flatnonzero(np.isin(counts.places, table.white_matter.indices or table.indices)).tolist()

    def row(region_id: int, name: str, side: str, group: str, place: int | None, region_voxels: int | None) -> LoadRow:
        of_all = place is None
        voxels = total_voxels if of_all else int(lesion_voxels[place])
        assigned = None
        if assigned_voxels is not None:
            assigned = float((assigned_voxels.sum() if of_all else assigned_voxels[place]) * ml)
        filled: list[int] = white_matter if place is None else [place] if region_voxels else []
        return LoadRow(
            region_id=region_id,
            name=name,
            side=side,
            group=group,
            region_volume_ml=None if region_voxels is None else region_voxels * ml,
            lesion_volume_ml=voxels * ml,
            load_percent=_percent(lesion_voxels[filled], counts.region_voxels[filled]),
            share_percent=100 * voxels / total_voxels if total_voxels else None,
            n_lesions=len(sizes) if of_all else int(mains[place]),
            n_lesions_touching=len(sizes) if of_all else int(touching[place]),
            largest_lesion_ml=float((sizes.max(initial=0) if of_all else largest[place]) * ml),
            region_voxels=region_voxels,
            lesion_voxels=voxels,
            lesion_volume_assigned_ml=assigned,
            load_assigned_percent=(
                None if assigned_voxels is None else _percent(assigned_voxels[filled], counts.region_voxels[filled])
            ),
        )

    rows = [
        row(region.index, region.name, str(region.side), region.group, place, int(counts.region_voxels[place]))
        for place, region in enumerate(table, start=1)
    ]
    rows.append(row(OUTSIDE, "outside", "none", "outside", 0, None))
    rows.append(row(TOTAL, "total", "none", "total", None, int(counts.region_voxels[1:].sum())))
    return rows


def _percent(lesion_voxels: np.ndarray, region_voxels: np.ndarray) -> float | None:
    return float(100 * lesion_voxels.sum() / region_voxels.sum()) if region_voxels.any() else None
