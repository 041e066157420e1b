"""The tables as files: tab-separated, every region always a row, an empty field only where a value is undefined."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass
from io import StringIO
from pathlib import Path

from yucca_wm.files import atomic_path
from yucca_wm.localize.case import CaseResult
from yucca_wm.localize.census import LesionRow
from yucca_wm.localize.load import LoadRow
from yucca_wm.localize.settings import Settings
from yucca_wm.regions import RegionTable

LOAD_COLUMNS = (
    "subject", "region_id", "name", "side", "group", "region_volume_ml", "lesion_volume_ml", "load_percent",
    "share_percent", "n_lesions", "n_lesions_touching", "largest_lesion_ml", "region_voxels", "lesion_voxels",
    "ignored_volume_ml",
)  # fmt: skip
ASSIGNED_COLUMNS = ("lesion_volume_assigned_ml", "load_assigned_percent")
LESION_COLUMNS = (
    "subject", "lesion", "voxels", "volume_ml", "centroid_x_mm", "centroid_y_mm", "centroid_z_mm", "extent_x_mm",
    "extent_y_mm", "extent_z_mm", "main_region_id", "main_region", "n_regions", "regions",
)  # fmt: skip
SOFT_COLUMNS = (
    "subject", "region_id", "name", "side", "group", "lesion_volume_ml", "expected_ml",
    "sd_independent_ml", "sd_independent_lesion_ml", "sd_independent_region_ml",
    "sd_correlated_ml", "sd_correlated_lesion_ml", "sd_correlated_region_ml",
)  # fmt: skip
MODALITY_COLUMNS = (
    "subject", "region_id", "name", "side", "group", "ensemble_ml", "t1_ml", "flair_ml", "range_ml", "disagree",
)  # fmt: skip
PLACE_COLUMNS = ("subject", "place", "lesion_volume_ml", "share_percent", "n_lesions", "lesion_voxels")
REGION_COLUMNS = ("index", "name", "full_name", "side", "group", "color", "jhu_ids")
REGIONS = "regions.tsv"
SOFT, MODALITIES, PLACES = "lesion_load_soft.tsv", "modalities.tsv", "places.tsv"
OPTIONAL_TABLES = {SOFT, MODALITIES, PLACES}
VENTRICLE_COLUMN = "distance_to_ventricles_mm"
TISSUE_COLUMNS = (VENTRICLE_COLUMN, "place", "touches_ventricle", "touches_cortex")

DECIMALS = 6
"""Of volumes in ml (6: a thousandth of a mm3) and of percentages."""


ZEROS = {decimals: f"{0:.{decimals}f}" for decimals in range(DECIMALS + 1)}


def number(value: float | None, decimals: int = DECIMALS) -> str:
    """``value`` with fixed decimals, the same for two values that differ only by floating-point noise."""
    if value is None:
        return ""
    if not value:  # most of a table
        return ZEROS[decimals]
    text = f"{round(value, decimals + 4):.{decimals}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def yes_no(value: bool | None) -> str:
    """``yes`` or ``no``; empty where it is not known."""
    return "" if value is None else "yes" if value else "no"


@dataclass(frozen=True)
class Table:
    """A table of the output: ``rows`` gives the fields of one subject's rows."""

    name: str
    columns: tuple[str, ...]
    rows: Callable[[CaseResult], Iterable[Sequence[str]]]


def tables_of(
    regions: RegionTable,
    settings: Settings,
    *,
    ventricles: bool = False,
    soft: bool = False,
    modalities: bool = False,
    tissue: bool = False,
) -> tuple[Table, ...]:
    """``lesion_load.tsv``: subject by subject, a row for every region, outside and total;
    ``lesion_load_wide.tsv``: a row a subject, lesion volume in ml in every region, outside and in total;
    ``lesions.tsv``, the census: a row a lesion, largest first within each subject;
    on request ``lesion_load_soft.tsv`` and ``modalities.tsv``, rows as in ``lesion_load.tsv``;
    with tissue maps ``places.tsv``: a row for every place and their total.
    """
    assigned = settings.assign_outside_mm > 0
    tables = [
        Table(
            "lesion_load.tsv",
            LOAD_COLUMNS + (ASSIGNED_COLUMNS if assigned else ()),
            lambda result: [load_fields(result.subject, row, assigned=assigned) for row in result.load],
        ),
        Table(
            "lesion_load_wide.tsv",
            ("subject", *(region.name for region in regions), "outside", "total"),
            lambda result: [[result.subject, *(number(row.lesion_volume_ml) for row in result.load)]],
        ),
        Table(
            "lesions.tsv",
            LESION_COLUMNS + (TISSUE_COLUMNS if tissue else (VENTRICLE_COLUMN,) if ventricles else ()),
            lambda result: [
                lesion_fields(result.subject, row, ventricles=ventricles, tissue=tissue) for row in result.lesions
            ],
        ),
    ]
    if soft:
        tables.append(Table(SOFT, SOFT_COLUMNS, _soft_rows))
    if modalities:
        tables.append(Table(MODALITIES, MODALITY_COLUMNS, _modality_rows))
    if tissue:
        tables.append(Table(PLACES, PLACE_COLUMNS, _place_rows))
    return tuple(tables)


def _soft_rows(result: CaseResult) -> Iterator[list[str]]:
    for hard, row in zip(result.load, result.soft, strict=True):
        volumes_ml = hard.lesion_volume_ml, row.expected_ml, *astuple(row.independent), *astuple(row.correlated)
        yield [result.subject, str(row.region_id), row.name, row.side, row.group, *map(number, volumes_ml)]


def _modality_rows(result: CaseResult) -> Iterator[list[str]]:
    for row in result.modalities:
        place = [result.subject, str(row.region_id), row.name, row.side, row.group]
        yield [*place, *map(number, (*row.volumes_ml, row.range_ml)), yes_no(row.disagree)]


def _place_rows(result: CaseResult) -> Iterator[list[str]]:
    for row in result.places:
        measured = [number(row.lesion_volume_ml), number(row.share_percent)]
        yield [result.subject, row.place, *measured, str(row.n_lesions), str(row.lesion_voxels)]


def load_fields(subject: str, row: LoadRow, *, assigned: bool = False) -> list[str]:
    """One row of ``lesion_load.tsv``."""
    fields = [
        subject, str(row.region_id), row.name, row.side, row.group, number(row.region_volume_ml),
        number(row.lesion_volume_ml), number(row.load_percent), number(row.share_percent), str(row.n_lesions),
        str(row.n_lesions_touching), number(row.largest_lesion_ml),
        "" if row.region_voxels is None else str(row.region_voxels), str(row.lesion_voxels),
        number(row.ignored_volume_ml),
    ]  # fmt: skip
    if assigned:
        fields += [number(row.lesion_volume_assigned_ml), number(row.load_assigned_percent)]
    return fields


def lesion_fields(subject: str, lesion: LesionRow, *, ventricles: bool = False, tissue: bool = False) -> list[str]:
    """One row of ``lesions.tsv``."""
    fields = [subject, str(lesion.lesion), str(lesion.voxels), number(lesion.volume_ml)]
    fields += [number(value, 3) for value in (*lesion.centroid_mm, *lesion.extent_mm)]
    fields += [str(lesion.main_region_id), lesion.main_region, str(len(lesion.regions))]
    fields.append(";".join(f"{name}:{number(percent, 3)}" for name, percent in lesion.regions))
    if ventricles or tissue:
        fields.append(number(lesion.distance_to_ventricles_mm, 3))
    if tissue:
        fields += [lesion.place or "", yes_no(lesion.touches_ventricle), yes_no(lesion.touches_cortex)]
    return fields


def write_regions(path: str | os.PathLike[str], regions: RegionTable) -> Path:
    """Write a region table as `yucca_wm.regions.read_table` reads it."""
    rows = [[*map(str, astuple(region)[:-1]), ",".join(map(str, region.jhu_ids))] for region in regions]
    return write_tsv(path, REGION_COLUMNS, rows)


def tsv_lines(rows: Iterable[Sequence[str]]) -> str:
    """Rows as lines of a table."""
    text = StringIO()
    csv.writer(text, delimiter="\t", lineterminator="\n").writerows(rows)
    return text.getvalue()


def write_tsv(path: str | os.PathLike[str], columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Path:
    """Write a table atomically: UTF-8, tabs, a header line."""
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
        stream.write(tsv_lines([columns, *rows]))
    return Path(path)
