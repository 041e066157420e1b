"""Measurements of one subject: load of every region, census of lesions, and volumes by modality.

Each is a list of rows, as in the tables; `CaseResult` holds them all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from nibabel.affines import apply_affine
from numpy.typing import NDArray

from yucca_wm.core.modality import MODALITIES
from yucca_wm.core.regions import OUTSIDE, TOTAL, RegionTable
from yucca_wm.imaging.images import Image
from yucca_wm.localize.measures.lesions import OUTSIDE_ID, Components, Intersection, Settings
from yucca_wm.localize.measures.places import PLACES, Placed, PlaceRow
from yucca_wm.localize.measures.positions import Positions

if TYPE_CHECKING:
    from yucca_wm.localize.measures.expected import SoftRow

TOTAL_ID = -1
"""``region_id`` of the total row; OUTSIDE_ID (0) is that of the row of lesion voxels in no region."""

APART = 0.5
"""In a region, modalities disagree if their volumes differ by more than this share of the largest ..."""

APART_ML = 0.1
"""... and by more than this (about 36 voxels of 1 x 1 x 3 mm)."""


@dataclass(frozen=True, slots=True)
class LoadRow:
    """One row of ``lesion_load.tsv``; None where a value is undefined (``n/a`` in the file).

    region_volume_ml : None outside; in the total row the sum of all regions.
    load_percent : lesion volume in percent of the region; None if the region has no voxel. In the total row: lesion
        volume in white-matter regions in percent of their volume, without remainders and outside (of all regions if the
        table has only remainders).
    share_percent : in percent of the subject's lesion volume; None if there is no lesion.
    n_lesions : lesions with their largest part here (each lesion counts once, so that rows add up to the total).
    n_lesions_touching : lesions with any voxel here.
    largest_lesion_ml : whole volume of the largest of ``n_lesions``; 0 if there is none.
    lesion_volume_assigned_ml, load_assigned_percent : the same after assigning outside voxels near a region to it (on
        request).
    ignored_volume_ml : volume of voxels whose label may occur in the lesion map but does not count.
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

    assigned_voxels : [places] lesion voxels after assignment of outside voxels, from
        `yucca_wm.localize.measures.lesions.assign_outside`.
    """
    ml = voxel_volume_mm3 / 1000
    lesion_voxels, sizes, main = counts.lesion_voxels, counts.lesion_sizes, counts.main_place
    total_voxels = int(lesion_voxels.sum())
    touching = (counts.overlap > 0).sum(axis=0)
    mains = np.bincount(main, minlength=len(counts.places))
    largest = np.zeros(len(counts.places), dtype=np.intp)
    np.maximum.at(largest, main, sizes)
    white_matter = np.flatnonzero(np.isin(counts.places, table.measured.indices)).tolist()

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
    rows.append(row(OUTSIDE_ID, OUTSIDE, "none", OUTSIDE, 0, None))
    rows.append(row(TOTAL_ID, TOTAL, "none", TOTAL, None, int(counts.region_voxels[1:].sum())))
    return rows


def _percent(lesion_voxels: np.ndarray, region_voxels: np.ndarray) -> float | None:
    return float(100 * lesion_voxels.sum() / region_voxels.sum()) if region_voxels.any() else None


def with_ignored(rows: list[LoadRow], lesions: Image, regions: Image, settings: Settings) -> list[LoadRow]:
    """``rows`` with ``ignored_volume_ml``, the volume of the voxels whose label does not count."""
    left_out = regions.data[settings.labels.left_out(lesions.data)]
    if not left_out.size:
        return rows
    largest = max(row.region_id for row in rows)
    voxels = np.bincount(left_out.astype(np.intp, copy=False), minlength=largest + 1).tolist()
    ml = lesions.voxel_volume_ml
    *places, total = rows
    return [
        *(replace(row, ignored_volume_ml=voxels[row.region_id] * ml) for row in places),
        replace(total, ignored_volume_ml=left_out.size * ml),
    ]


@dataclass(frozen=True, slots=True)
class LesionRow:
    """One row of ``lesions.tsv``. Coordinates are world mm, RAS+ (x grows to the subject's right).

    centroid_mm : [x, y, z], mean of the voxel centres.
    extent_mm : size of the bounding box of its whole voxels along world x, y and z.
    regions : (name, percent of the lesion) of every place that it touches, largest first.
    distance_to_ventricles_mm : smallest distance between voxel centres; None without a ventricle or tissue map.
    place, touches_ventricle, touches_cortex : as defined in `yucca_wm.localize.measures.places`; None without a tissue
        map.
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


def census_order(components: Components, counts: Intersection, affine: NDArray[np.float64]) -> NDArray[np.intp]:
    """[lesions] components by size and then by position, independently of the file's orientation. affine : [4, 4],
    voxel index -> world mm."""
    world = apply_affine(affine, components.voxels)
    sums = [np.bincount(components.lesion, along, minlength=components.count) for along in world.T]
    return np.lexsort((*np.round(np.array(sums) / counts.lesion_sizes, 6)[::-1], -counts.lesion_sizes))


def census(
    components: Components,
    counts: Intersection,
    order: NDArray[np.intp],
    table: RegionTable,
    affine: NDArray[np.float64],
    ventricle_distance_mm: NDArray[np.float64] | None = None,
    placed: Placed | None = None,
) -> list[LesionRow]:
    """One row per lesion, in the ``order`` of `census_order`.

    affine : [4, 4], voxel index -> world mm. ventricle_distance_mm : [voxels] distance of each lesion voxel to the
    ventricles.
    """
    if not components.count:
        return []
    world = apply_affine(affine, components.voxels)
    by_lesion = np.argsort(components.lesion, kind="stable")
    starts = np.searchsorted(components.lesion[by_lesion], np.arange(components.count))
    sizes = counts.lesion_sizes
    world = world[by_lesion]
    centroids = np.add.reduceat(world, starts) / sizes[:, None]
    voxel_box = np.abs(affine[:3, :3]).sum(axis=1)
    extents = np.maximum.reduceat(world, starts) - np.minimum.reduceat(world, starts) + voxel_box
    nearest = None if ventricle_distance_mm is None else np.minimum.reduceat(ventricle_distance_mm[by_lesion], starts)
    volume_ml = abs(np.linalg.det(affine[:3, :3])) / 1000
    names = [OUTSIDE, *(region.name for region in table)]
    main = counts.main_place
    rows = []
    for number, lesion in enumerate(order.tolist(), start=1):
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


@dataclass(frozen=True, slots=True)
class ModalityRow:
    """One row of ``modalities.tsv``.

    volumes_ml : lesion volume by ensemble, T1, FLAIR; None if not available.
    range_ml : largest minus smallest of these.
    """

    region_id: int
    name: str
    side: str
    group: str
    volumes_ml: tuple[float | None, ...]
    range_ml: float
    disagree: bool


def modality_rows(ensemble: Sequence[LoadRow], others: Mapping[str, Sequence[LoadRow]]) -> list[ModalityRow]:
    """The loads of one subject (rows of `load_rows`) by ensemble and by modality, side by side.

    others : modality -> rows from its own maps.
    """
    rows = []
    for number, row in enumerate(ensemble):
        alone = [others[name][number].lesion_volume_ml if name in others else None for name in MODALITIES]
        known = [row.lesion_volume_ml, *(volume for volume in alone if volume is not None)]
        apart_ml = max(known) - min(known)
        disagree = apart_ml > APART_ML and apart_ml > APART * max(known)
        volumes_ml = (row.lesion_volume_ml, *alone)
        rows.append(ModalityRow(row.region_id, row.name, row.side, row.group, volumes_ml, apart_ml, disagree))
    return rows


@dataclass(frozen=True)
class CaseResult:
    """Measurements of one subject.

    load : a row for each region, outside and total.
    lesions : a row for each lesion.
    flags : name -> what to know before trusting the numbers.
    soft : expected volumes, a row for each region, outside and total; empty without softmaxes.
    modalities : volumes by modality, rows as in ``load``; empty without maps of one modality.
    places : a row for each place and their total; empty without a tissue map.
    removed_voxels, removed_lesions : numbers below the minimum size, not in any table.
    positions : where lesions and regions are.
    """

    subject: str
    voxel_volume_mm3: float
    spacing_mm: tuple[float, ...]
    load: list[LoadRow]
    lesions: list[LesionRow]
    removed_voxels: int
    removed_lesions: int
    positions: Positions
    flags: dict[str, str] = field(default_factory=dict)
    soft: list[SoftRow] = field(default_factory=list)
    modalities: list[ModalityRow] = field(default_factory=list)
    places: list[PlaceRow] = field(default_factory=list)

    @property
    def shows_places(self) -> bool:
        """Whether places are known: there is a tissue map, with ventricles and cortex."""
        return any(row.n_lesions is not None for row in self.places[:-1])

    @property
    def total(self) -> LoadRow:
        return self.load[-1]

    @property
    def outside(self) -> LoadRow:
        return self.load[-2]
