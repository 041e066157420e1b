"""The columns of all tables of a localization: meaning, unit and computation.

To add one, declare it here, with its value as a function of the row: it then appears in the table, in its sidecar, and
(after running `python tests/test_columns.py`) in docs/columns.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from typing import Any

from yucca_wm.core.columns import Column, Kind
from yucca_wm.core.modality import MODALITIES
from yucca_wm.core.regions import OUTSIDE, TOTAL, RegionTable
from yucca_wm.localize.measures.changes import NEAR_MM
from yucca_wm.localize.measures.expected import SoftRow, Spread
from yucca_wm.localize.measures.load import LesionRow, LoadRow, ModalityRow
from yucca_wm.localize.measures.places import PLACES, PlaceRow
from yucca_wm.localize.measures.visits import OF_VISITS, NewLesion, VisitRow

ML, MM, PERCENT = "mL", "mm", "%"
PLACE_NAMES = {place.name: place.title for place in PLACES}


@dataclass(frozen=True)
class SoftLoad:
    """One row of ``lesion_load_soft.tsv``: expected volume beside the volume from the label maps."""

    hard: LoadRow
    soft: SoftRow


def _region(row: Callable[[Any], Any] = lambda row: row) -> tuple[Column[Any], ...]:
    """Columns that identify the region of a row. row : row -> object with the names."""
    return (
        Column(
            "region_id",
            lambda of: row(of).region_id,
            "label in the region table; 0: outside every region, -1: total",
            kind=Kind.COUNT,
        ),
        Column("name", lambda of: row(of).name, "name of the region, `outside` or `total`"),
        Column("side", lambda of: row(of).side, "left, right or none"),
        Column("group", lambda of: row(of).group, "group in the region table; `remainder` is not a region"),
    )


LOAD: tuple[Column[LoadRow], ...] = (
    *_region(),
    Column(
        "region_volume_ml", lambda row: row.region_volume_ml, "volume of the region in this subject", ML,
        "in `total`: of all regions together; undefined in `outside`",
    ),
    Column("lesion_volume_ml", lambda row: row.lesion_volume_ml, "lesion volume in the region", ML),
    Column(
        "load_percent", lambda row: row.load_percent, "lesion volume in percent of the region", PERCENT,
        "undefined where the region has no voxel. In remainders: of their white matter, a rim, so no load of grey "
        "matter. In `total`: of all white matter together, that is the lesion volume in white-matter regions in "
        "percent of their volume; lesions in remainders and outside are not in it. The flag `high_load` uses it",
    ),
    Column(
        "share_percent", lambda row: row.share_percent, "in percent of the subject's lesion volume", PERCENT,
        "undefined where there is no lesion",
    ),
    Column(
        "n_lesions", lambda row: row.n_lesions, "lesions that have their largest part here",
        computed="each lesion counts once, so the column adds up to `total`", kind=Kind.COUNT,
    ),
    Column(
        "n_lesions_touching", lambda row: row.n_lesions_touching, "lesions with any voxel here",
        computed="a lesion counts in every region that it touches", kind=Kind.COUNT,
    ),
    Column(
        "largest_lesion_ml", lambda row: row.largest_lesion_ml, "whole volume of the largest of the `n_lesions`", ML,
        "0 where there is none",
    ),
    Column("region_voxels", lambda row: row.region_voxels, "the count behind `region_volume_ml`", kind=Kind.COUNT),
    Column(
        "lesion_voxels", lambda row: row.lesion_voxels, "the count behind `lesion_volume_ml`",
        computed="regions + outside = total, exactly", kind=Kind.COUNT,
    ),
    Column(
        "ignored_volume_ml", lambda row: row.ignored_volume_ml, "volume of lesion-map voxels whose label does not "
        "count", ML, "`--ignore-labels`, 2 by default; in no other column",
    ),
)  # fmt: skip

ASSIGNED: tuple[Column[LoadRow], ...] = (
    Column(
        "lesion_volume_assigned_ml", lambda row: row.lesion_volume_assigned_ml,
        "`lesion_volume_ml` once every outside voxel within MM of a region is given to the nearest one", ML,
        "only with `--assign-outside MM`",
    ),
    Column(
        "load_assigned_percent", lambda row: row.load_assigned_percent, "`load_percent` of that volume", PERCENT,
        "only with `--assign-outside MM`",
    ),
)  # fmt: skip


def _entry(values: str, place: int) -> Callable[[Any], float | None]:
    """Function row -> item ``place`` of its sequence ``values``."""
    return lambda row: getattr(row, values)[place]


def _of_lesion(column: str, row: NewLesion) -> str:
    return row.row[column]


def _volume_of(place: int) -> Callable[[list[LoadRow]], float]:
    return lambda rows: rows[place].lesion_volume_ml


def _box(name: str, values: str, what: str) -> tuple[Column[LesionRow], ...]:
    axes = enumerate(("x, to the right", "y, to the front", "z, upwards"))
    return tuple(
        Column(
            f"{name}_{along[0]}_mm", _entry(values, axis), f"{what} along {along}", MM,
            decimals=3,
        )
        for axis, along in axes
    )  # fmt: skip


LESIONS: tuple[Column[LesionRow], ...] = (
    Column("lesion", lambda row: row.lesion, "number of the lesion in this subject, largest first", kind=Kind.COUNT),
    Column("voxels", lambda row: row.voxels, "voxels of the lesion", kind=Kind.COUNT),
    Column("volume_ml", lambda row: row.volume_ml, "volume of the lesion", ML),
    *_box("centroid", "centroid_mm", "mean of its voxel centres"),
    *_box("extent", "extent_mm", "size of the box that holds it"),
    Column(
        "main_region_id", lambda row: row.main_region_id, "label of the region with its largest part; 0: outside",
        kind=Kind.COUNT,
    ),
    Column(
        "main_region", lambda row: row.main_region, "name of that region, or `outside`",
        computed="on a tie, the region first in the table",
    ),
    Column("n_regions", lambda row: len(row.regions), "regions that it touches, `outside` among them", kind=Kind.COUNT),
    Column(
        "regions",
        lambda row: ";".join(f"{name}:{percent:.3f}" for name, percent in row.regions),
        "every place that it touches, with the percentage of the lesion in it",
    ),
)  # fmt: skip

VENTRICLES: tuple[Column[LesionRow], ...] = (
    Column(
        "distance_to_ventricles_mm", lambda row: row.distance_to_ventricles_mm,
        "smallest distance between its voxel centres and those of the ventricles", MM,
        "only with `--ventricles` or `--tissue`", decimals=3,
    ),
)  # fmt: skip

TISSUE: tuple[Column[LesionRow], ...] = (
    Column(
        "place", lambda row: row.place, "place of the lesion: the first whose rule holds",
        computed="only with `--tissue`", levels=PLACE_NAMES,
    ),
    *(
        Column(
            f"touches_{what}", attrgetter(f"touches_{what}"), f"whether it touches {words}",
            computed="`yes` or `no`; only with `--tissue`", kind=Kind.ANSWER,
        )
        for what, words in {"ventricle": "a lateral ventricle", "cortex": "cortical grey matter"}.items()
    ),
)  # fmt: skip

PLACE: tuple[Column[PlaceRow], ...] = (
    Column(
        "place", lambda row: row.place, "place of these voxels, or `total`",
        levels={**PLACE_NAMES, TOTAL: "all places"},
    ),
    Column(
        "lesion_volume_ml", lambda row: row.lesion_volume_ml, "lesion volume of the voxels of this place", ML,
        "places add up to `total`, which is that of `lesion_load.tsv`, exactly; undefined where the tissue map shows "
        "no lateral ventricle or no cortex",
    ),
    Column(
        "share_percent", lambda row: row.share_percent, "in percent of the subject's lesion volume", PERCENT,
        "undefined where there is no lesion",
    ),
    Column(
        "n_lesions", lambda row: row.n_lesions, "lesions of this place", computed="each lesion counts once",
        kind=Kind.COUNT,
    ),
    Column("lesion_voxels", lambda row: row.lesion_voxels, "the count behind `lesion_volume_ml`", kind=Kind.COUNT),
)  # fmt: skip


def _spread(name: str, values: Callable[[SoftLoad], Spread], errors: str) -> tuple[Column[SoftLoad], ...]:
    return (
        Column(
            f"sd_{name}_ml", lambda row: values(row).whole, "standard deviation of the volume", ML,
            f"if the errors of voxels {errors}",
        ),
        Column(
            f"sd_{name}_lesion_ml", lambda row: values(row).lesion,
            f"`sd_{name}_ml` if only the lesion map were uncertain", ML,
        ),
        Column(
            f"sd_{name}_region_ml", lambda row: values(row).region,
            f"`sd_{name}_ml` if only the region map were uncertain", ML,
        ),
    )  # fmt: skip


SOFT: tuple[Column[SoftLoad], ...] = (
    *_region(lambda row: row.soft),
    Column("lesion_volume_ml", lambda row: row.hard.lesion_volume_ml, "of the label maps, as in `lesion_load.tsv`", ML),
    Column(
        "expected_ml", lambda row: row.soft.expected_ml, "lesion volume that the networks expect", ML,
        "sum over voxels of volume x probability of a lesion x probability of the region; regions + outside = total",
    ),
    *_spread("independent", lambda row: row.soft.independent, "have nothing to do with each other"),
    *_spread("correlated", lambda row: row.soft.correlated, "are correlated as much as they can be"),
)  # fmt: skip

MODALITY: tuple[Column[ModalityRow], ...] = (
    *_region(),
    *(
        Column(
            f"{name}_ml", _entry("volumes_ml", at), f"lesion volume by {words}", ML,
            "undefined where there is no such map",
        )
        for at, (name, words) in enumerate([("ensemble", "the ensemble"), *((m.lower(), m) for m in MODALITIES)])
    ),
    Column("range_ml", lambda row: row.range_ml, "the largest of these minus the smallest", ML),
    Column(
        "disagree", lambda row: row.disagree, "whether the modalities disagree", kind=Kind.ANSWER,
        computed="`yes` where the range is over 0.1 mL and over half of the largest",
    ),
)  # fmt: skip

VISIT: tuple[Column[VisitRow], ...] = (
    Column("previous_visit", lambda row: row.previous_visit, "the person's visit before, with which this is compared"),
    *_region(),
    Column(
        "previous_lesion_volume_ml", lambda row: row.before.volume_ml,
        "lesion volume in the region at the visit before", ML,
    ),
    Column("lesion_volume_ml", lambda row: row.now.volume_ml, "at this visit, as in `lesion_load.tsv`", ML),
    Column(
        "difference_ml", lambda row: row.difference_ml, "volume at this visit minus volume at the visit before", ML,
        "regions + outside = total; two scans without any change differ, too",
    ),
    Column(
        "n_previous_lesions", lambda row: row.before.number,
        "lesions of the visit before that have their largest part here",
        kind=Kind.COUNT,
    ),
    Column("n_lesions", lambda row: row.now.number, "the same of this visit", kind=Kind.COUNT),
    Column(
        "new_lesion_volume_ml", lambda row: row.new and row.new.volume_ml, "volume here of lesions that are new", ML,
        f"no lesion of the visit before lies within {NEAR_MM:g} mm (along thicker slices: their thickness) of any of "
        "their voxels; undefined where the visits could not be laid on each other",
    ),
    Column(
        "n_new_lesions", lambda row: row.new and row.new.number, "new lesions that have their largest part here",
        kind=Kind.COUNT,
    ),
    Column(
        "gone_lesion_volume_ml", lambda row: row.gone and row.gone.volume_ml,
        "volume here, at the visit before, of lesions that are gone", ML, "the same the other way round",
    ),
    Column(
        "n_gone_lesions", lambda row: row.gone and row.gone.number,
        "lesions that are gone and had their largest part here", kind=Kind.COUNT,
    ),
    Column(
        "regions_apart_mm", lambda row: row.apart_mm,
        "distance between the centres of the regions at both visits once these lie on each other", MM,
        "median over regions, the same in every row; a measure of how well they do", decimals=3,
    ),
    Column(
        "flags", lambda row: ";".join(row.flags), "flags of either visit that may explain the difference",
        computed="all but `high_load`; `other_voxels` and `other_scans` if they hold between these two; and "
        + "; ".join(f"`{flag}`: {meaning}" for flag, meaning in OF_VISITS.items()),
    ),
)  # fmt: skip

NEW_LESION: tuple[Column[NewLesion], ...] = (
    *(Column(column.name, partial(_of_lesion, column.name), column.description, column.unit, kind=column.kind)
      for column in LESIONS if column.name in ("lesion", "volume_ml") or column.name.startswith(("centroid", "main"))),
    Column(
        "nearest_previous_mm", lambda row: None if math.isinf(row.nearest_mm) else row.nearest_mm,
        "distance to the nearest lesion of the visit before", MM, "between voxel centres; undefined if it had none",
        decimals=3,
    ),
)  # fmt: skip


def wide(regions: RegionTable) -> tuple[Column[list[LoadRow]], ...]:
    """A column for each region, then outside and total; a row of the table is all load rows of a subject."""
    places = [
        *((region.name, region.full_name) for region in regions),
        (OUTSIDE, "no region"),
        (TOTAL, "all places"),
    ]
    return tuple(
        Column(name, _volume_of(at), f"lesion volume in {words}", ML) for at, (name, words) in enumerate(places)
    )
