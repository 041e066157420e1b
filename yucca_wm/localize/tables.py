"""The tables as files: tab-separated, every region always a row, an empty field only where a value is undefined."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from yucca_wm.files import atomic_path
from yucca_wm.localize.case import CaseResult
from yucca_wm.localize.load import LoadRow
from yucca_wm.regions import RegionTable

LOAD_COLUMNS = (
    "subject", "region_id", "name", "side", "group", "region_volume_ml", "lesion_volume_ml", "load_percent",
    "share_percent", "n_lesions", "n_lesions_touching", "largest_lesion_ml", "region_voxels", "lesion_voxels",
)  # fmt: skip
ASSIGNED_COLUMNS = ("lesion_volume_assigned_ml", "load_assigned_percent")
LESION_COLUMNS = (
    "subject", "lesion", "voxels", "volume_ml", "centroid_x_mm", "centroid_y_mm", "centroid_z_mm", "extent_x_mm",
    "extent_y_mm", "extent_z_mm", "main_region_id", "main_region", "n_regions", "regions",
)  # fmt: skip
VENTRICLE_COLUMN = "distance_to_ventricles_mm"

DECIMALS = 6
"""Of volumes in ml (6: a thousandth of a mm3) and of percentages."""


def number(value: float | None, decimals: int = DECIMALS) -> str:
    """``value`` with fixed decimals, the same for two values that differ only by floating-point noise."""
    if value is None:
        return ""
    text = f"{round(value, decimals + 4):.{decimals}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def write_load(results: Iterable[CaseResult], path: str | os.PathLike[str], *, assigned: bool = False) -> Path:
    """``lesion_load.tsv``: subject by subject, a row for every region, outside and total."""
    columns = LOAD_COLUMNS + (ASSIGNED_COLUMNS if assigned else ())
    rows = (load_fields(result.subject, row, assigned=assigned) for result in results for row in result.load)
    return write_tsv(path, columns, rows)


def load_fields(subject: str, row: LoadRow, *, assigned: bool = False) -> list[str]:
    """One row of ``lesion_load.tsv``."""
    fields = [
        subject, str(row.region_id), row.name, row.side, row.group, number(row.region_volume_ml),
        number(row.lesion_volume_ml), number(row.load_percent), number(row.share_percent), str(row.n_lesions),
        str(row.n_lesions_touching), number(row.largest_lesion_ml),
        "" if row.region_voxels is None else str(row.region_voxels), str(row.lesion_voxels),
    ]  # fmt: skip
    if assigned and row.lesion_volume_assigned_ml is not None:
        volume_ml = row.lesion_volume_assigned_ml
        fields += [number(volume_ml), number(100 * volume_ml / row.region_volume_ml if row.region_volume_ml else None)]
    return fields


def write_wide(results: Iterable[CaseResult], table: RegionTable, path: str | os.PathLike[str]) -> Path:
    """``lesion_load_wide.tsv``: a row a subject, lesion volume in ml in every region, outside and in total."""
    columns = ("subject", *(region.name for region in table), "outside", "total")
    rows = ([result.subject, *(number(row.lesion_volume_ml) for row in result.load)] for result in results)
    return write_tsv(path, columns, rows)


def write_lesions(results: Iterable[CaseResult], path: str | os.PathLike[str], *, ventricles: bool = False) -> Path:
    """``lesions.tsv``, the census: a row a lesion, largest first within each subject."""
    columns = LESION_COLUMNS + ((VENTRICLE_COLUMN,) if ventricles else ())
    return write_tsv(path, columns, _lesion_fields(results, ventricles=ventricles))


def _lesion_fields(results: Iterable[CaseResult], *, ventricles: bool) -> Iterator[list[str]]:
    for result in results:
        for lesion in result.lesions:
            fields = [result.subject, str(lesion.lesion), str(lesion.voxels), number(lesion.volume_ml)]
            fields += [number(value, 3) for value in (*lesion.centroid_mm, *lesion.extent_mm)]
            fields += [str(lesion.main_region_id), lesion.main_region, str(len(lesion.regions))]
            fields.append(";".join(f"{name}:{number(percent, 3)}" for name, percent in lesion.regions))
            if ventricles:
                fields.append(number(lesion.distance_to_ventricles_mm, 3))
            yield fields


def write_tsv(path: str | os.PathLike[str], columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Path:
    """Write a table atomically: UTF-8, tabs, a header line."""
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, delimiter="\t", lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
    return Path(path)
