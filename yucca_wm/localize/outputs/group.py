"""Write tables, ``localize.json`` and heat map of a cohort from the parts of its subjects."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yucca_wm.core.files import write_json
from yucca_wm.core.regions import RegionTable
from yucca_wm.core.tsv import table_stream, tsv_lines
from yucca_wm.localize.heatmap import draw_heat_map, save_figure
from yucca_wm.localize.measures.places import PLACES
from yucca_wm.localize.outputs.parts import Parts
from yucca_wm.localize.outputs.visits import remove_transforms, write_visits
from yucca_wm.localize.summary import MANIFEST
from yucca_wm.localize.tables import (
    ALL_TABLES,
    OPTIONAL_TABLES,
    REGIONS,
    Table,
    sidecar_name,
    write_regions,
)
from yucca_wm.localize.tables import PLACES as PLACES_TABLE


def write_group(
    folder: Path,
    parts: Parts,
    files: Mapping[str, Mapping[str, Any]],
    tables: Sequence[Table],
    about: dict[str, Any],
    table: RegionTable,
    ways: Mapping[str, str] | None = None,
) -> None:
    """Write all joint outputs from the ``parts`` of the subjects, in the order of ``files``.

    files : subject -> its files, and other items of its entry in ``localize.json`` that depend on the cohort. about :
    other content of that file, from `summary`. ways : subject -> how its maps were made, to compare visits.
    """
    columns = {entry.name: entry.columns for entry in tables}
    for name in OPTIONAL_TABLES - columns.keys():  # from an earlier run
        (folder / name).unlink(missing_ok=True)
        (folder / sidecar_name(name)).unlink(missing_ok=True)
    for entry in tables:
        write_json(folder / sidecar_name(entry.name), entry.form.sidecar())
    if PLACES_TABLE in columns:
        about["places"] = {place.name: place.title for place in PLACES}
    write_regions(folder / REGIONS, table)
    loads, flags = _write_tables(parts, files, columns, about, folder)
    write_visits(parts, flags, ways or {}, columns, folder)
    _remove_heat_map(folder)  # from an earlier run
    if len(loads):
        figure = draw_heat_map(list(files), [region.name for region in table.measured], loads)
        save_figure(figure, folder / "heat_map")


def remove_group(folder: Path) -> None:
    """Remove the files of an earlier `write_group` in ``folder``, except the table of regions: its subjects are gone.
    Without ``localize.json`` beside them, files are not from this package, and stay."""
    if not (folder / MANIFEST).is_file():
        return
    for name in ALL_TABLES:
        (folder / name).unlink(missing_ok=True)
        (folder / sidecar_name(name)).unlink(missing_ok=True)
    _remove_heat_map(folder)
    remove_transforms(folder)
    (folder / MANIFEST).unlink()


def _remove_heat_map(folder: Path) -> None:
    for suffix in (".png", ".svg"):
        (folder / f"heat_map{suffix}").unlink(missing_ok=True)


def _write_tables(
    parts: Parts,
    subjects: Mapping[str, Mapping[str, Any]],
    columns: Mapping[str, Sequence[str]],
    about: Mapping[str, Any],
    folder: Path,
) -> tuple[NDArray[np.float64], dict[str, Collection[str]]]:
    """Write the tables, one subject in memory at a time, and ``localize.json``, in the order of ``subjects``.

    subjects : subject -> items of its entry in ``localize.json`` that override those of its part.
    columns : name of a table -> its columns.
    about : content of ``localize.json``; the entry "subjects" is filled in.

    Returns load in percent, float [subjects, regions of the heat map], NaN for regions without a voxel, and the flags
    of every subject.
    """
    loads = []
    entries = {}
    with ExitStack() as stack:
        tables = {name: stack.enter_context(table_stream(folder / name)) for name in columns}
        for name, stream in tables.items():
            stream.write(tsv_lines([columns[name]]))
        for subject, of_cohort in subjects.items():
            part = parts.read(subject)
            for name, stream in tables.items():
                stream.write(part.tables[name])
            entries[subject] = {**part.summary, **of_cohort}
            loads.append(np.array(part.load_percent, dtype=np.float64))
        write_json(folder / MANIFEST, {**about, "subjects": entries})
    return np.array(loads), {name: entry["flags"] for name, entry in entries.items()}
