"""The tables, as files and in memory: always a row for every region, ``n/a`` only where a value is undefined."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yucca_wm.core.columns import TableForm, identity
from yucca_wm.core.regions import FORM, RegionTable
from yucca_wm.core.tsv import tsv_lines, write_tsv
from yucca_wm.localize.inputs.pairs import Maps
from yucca_wm.localize.measures import columns
from yucca_wm.localize.measures.lesions import Settings
from yucca_wm.localize.measures.load import CaseResult

if TYPE_CHECKING:
    import pandas as pd

LOAD, WIDE, LESIONS = "lesion_load.tsv", "lesion_load_wide.tsv", "lesions.tsv"
SOFT, MODALITIES, PLACES = "lesion_load_soft.tsv", "modalities.tsv", "places.tsv"
REGIONS = FORM.name
VISITS, NEW = TableForm("visits.tsv", columns.VISIT), TableForm("new_lesions.tsv", columns.NEW_LESION)
"""Made from the rows of two subjects, unlike the tables of `tables_of`."""

OPTIONAL_TABLES = {SOFT, MODALITIES, PLACES, VISITS.name, NEW.name}
ALL_TABLES = {LOAD, WIDE, LESIONS, *OPTIONAL_TABLES}
"""All tables of subjects; the table of regions is separate."""


@dataclass(frozen=True)
class Table:
    """A table of the output.

    form : its columns. of : results of one subject -> items, one per row.
    """

    form: TableForm[Any]
    of: Callable[[CaseResult], Iterable[Any]]

    @property
    def name(self) -> str:
        return self.form.name

    @property
    def columns(self) -> tuple[str, ...]:
        return self.form.header

    def rows(self, result: CaseResult) -> Iterator[list[str]]:
        """The fields of one subject's rows."""
        return (self.form.fields(row, result.subject) for row in self.of(result))

    def lines(self, result: CaseResult) -> str:
        """One subject's rows as text, as in the file."""
        return tsv_lines(self.rows(result))

    def data_frame(self, result: CaseResult) -> pd.DataFrame:
        """One subject's rows, with the values of the file."""
        return self.form.data_frame(self.rows(result))


def sidecar_name(table: str) -> str:
    """Name of the file that describes the columns of ``table``."""
    return f"{Path(table).stem}.json"


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
    ``lesion_load_wide.tsv``: one row per subject, lesion volume in ml in every region, outside and in total;
    ``lesions.tsv``, the census: one row per lesion, largest first within each subject;
    on request ``lesion_load_soft.tsv`` and ``modalities.tsv``, rows as in ``lesion_load.tsv``;
    with tissue maps ``places.tsv``: a row for every place and their total.
    """
    load = columns.LOAD + (columns.ASSIGNED if settings.assign_outside_mm > 0 else ())
    lesions = columns.LESIONS + (columns.VENTRICLES if ventricles or tissue else ())
    lesions += columns.TISSUE if tissue else ()
    tables = [
        Table(TableForm(LOAD, load), lambda result: result.load),
        Table(TableForm(WIDE, columns.wide(regions)), lambda result: [result.load]),
        Table(TableForm(LESIONS, lesions), lambda result: result.lesions),
    ]
    if soft:
        tables.append(Table(TableForm(SOFT, columns.SOFT), _soft_rows))
    if modalities:
        tables.append(Table(TableForm(MODALITIES, columns.MODALITY), lambda result: result.modalities))
    if tissue:
        tables.append(Table(TableForm(PLACES, columns.PLACE), lambda result: result.places))
    return tuple(tables)


def columns_identity(regions: RegionTable, settings: Settings) -> str:
    """`identity` of all columns that the tables may have."""
    every = tables_of(regions, settings, ventricles=True, soft=True, modalities=True, tissue=True)
    return identity(table.form for table in every)


def tables_of_subject(maps: Maps, regions: RegionTable, settings: Settings) -> tuple[Table, ...]:
    """The tables that these maps fill."""
    companions = maps.companions
    return tables_of(
        regions, settings,
        ventricles=maps.ventricles is not None,
        soft=companions.lesion_softmax is not None, modalities=companions.modalities is not None,
        tissue=companions.tissue is not None,
    )  # fmt: skip


def _soft_rows(result: CaseResult) -> list[columns.SoftLoad]:
    return [columns.SoftLoad(*rows) for rows in zip(result.load, result.soft, strict=True)]


def write_regions(path: str | os.PathLike[str], regions: RegionTable) -> Path:
    """Write a region table in the format that `yucca_wm.core.regions.read_table` reads."""
    return write_tsv(path, FORM.header, map(FORM.fields, regions))
