"""Write the outputs: one part per subject, and tables, ``localize.json`` and heat map made from all parts.

Parts are kept, one file per subject, so that memory does not grow with the cohort, and a resumed run, or one run per
subject and one for the group, produces the same files as a single run.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from yucca_wm.core.columns import number
from yucca_wm.core.errors import InputError
from yucca_wm.core.files import atomic_path, write_json
from yucca_wm.core.regions import RegionTable
from yucca_wm.core.tsv import tsv_lines, tsv_rows
from yucca_wm.imaging.images import name_of
from yucca_wm.localize.heatmap import draw_heat_map, save_figure
from yucca_wm.localize.inputs.pairs import Maps
from yucca_wm.localize.measures.load import CaseResult
from yucca_wm.localize.measures.places import PLACES
from yucca_wm.localize.measures.visits import doubts, visit_rows, visits_before
from yucca_wm.localize.summary import MANIFEST
from yucca_wm.localize.tables import (
    ALL_TABLES,
    LOAD,
    OPTIONAL_TABLES,
    REGIONS,
    VISITS,
    Table,
    sidecar_name,
    write_regions,
)
from yucca_wm.localize.tables import PLACES as PLACES_TABLE


@dataclass(frozen=True)
class Part:
    """Contribution of one subject to the outputs.

    tables : name of a table -> the subject's lines, as in the file.
    summary : the subject's entry in ``localize.json``.
    load_percent : load of each region of the heat map, None for regions without a voxel.
    """

    tables: dict[str, str]
    summary: dict[str, Any]
    load_percent: list[float | None]


@dataclass(frozen=True)
class Parts:
    """The parts of a cohort, one file each; may be written by several threads or processes."""

    folder: Path

    def path(self, subject: str) -> Path:
        """Path of a subject's part."""
        return self.folder / f"{subject}.json"

    def write(self, subject: str, part: Part) -> None:
        """Write a subject's part."""
        with atomic_path(self.path(subject), sync=False) as temporary:
            temporary.write_text(json.dumps(vars(part), ensure_ascii=False), encoding="utf-8")

    def read(self, subject: str) -> Part:
        """Read a subject's part. Raises InputError if the file is damaged."""
        try:
            return Part(**json.loads(self.path(subject).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise InputError(self.path(subject), f"is damaged ({error})", "remove it, and run again") from error

    def of_others(self, subjects: Collection[str]) -> dict[str, Path]:
        """Subject -> part, for subjects that are not among ``subjects``: they have left the cohort."""
        return {path.stem: path for path in self.folder.glob("*.json") if path.stem not in subjects}


def part_of(result: CaseResult, maps: Maps, table: RegionTable, lines: dict[str, str]) -> Part:
    """Contribution of one subject to the outputs. lines : name of a table -> the subject's lines."""
    shown = set(table.measured.indices)
    load_percent = [row.load_percent for row in result.load if row.region_id in shown]
    return Part(lines, _subject_summary(result, maps), load_percent)


def files_of(maps: Maps) -> dict[str, str]:
    """Absolute paths of a subject's maps, or names of maps in memory."""
    given = {"lesions": maps.lesions, "regions": maps.regions, "tissue": maps.companions.tissue}
    return {
        what: str(source.absolute()) if isinstance(source, Path) else name_of(source)
        for what, source in given.items()
        if source is not None
    }


SUMMARY_FORM = 2
"""Raised when summaries hold something new, so that subjects that were done before are done again."""


def _subject_summary(result: CaseResult, maps: Maps) -> dict[str, Any]:
    total, outside = result.total, result.outside
    volume_by_place = (
        {row.place: float(number(row.lesion_volume_ml)) for row in result.places[:-1]} if result.shows_places else {}
    )
    return {
        **files_of(maps),
        "voxel_volume_mm3": round(result.voxel_volume_mm3, 6),
        "spacing_mm": [round(mm, 6) for mm in result.spacing_mm],
        "lesion_volume_ml": float(number(total.lesion_volume_ml)),
        "n_lesions": total.n_lesions,
        "voxels": {
            "total": total.lesion_voxels,
            "in_regions": total.lesion_voxels - outside.lesion_voxels,
            "outside": outside.lesion_voxels,
            "removed_below_min_size": result.removed_voxels,
        },
        "n_lesions_removed_below_min_size": result.removed_lesions,
        **({"lesion_volume_ml_by_place": volume_by_place} if volume_by_place else {}),
        "flags": result.flags,
    }


def write_group(
    folder: Path,
    parts: Parts,
    files: Mapping[str, Mapping[str, Any]],
    tables: Sequence[Table],
    about: dict[str, Any],
    table: RegionTable,
) -> None:
    """Write all joint outputs from the ``parts`` of the subjects, in the order of ``files``.

    files : subject -> its files, and other items of its entry in ``localize.json`` that depend on the cohort. about :
    other content of that file, from `summary`.
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
    _write_visits(parts, flags, columns[LOAD], folder)
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
        tables = {name: stack.enter_context(_stream(folder / name)) for name in columns}
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


def _write_visits(parts: Parts, flags: Mapping[str, Collection[str]], columns: Sequence[str], folder: Path) -> None:
    """Write ``visits.tsv`` if a person was scanned more than once. flags : subject -> its flags. columns : of
    ``lesion_load.tsv``."""
    if not (before := visits_before(flags)):
        return
    write_json(folder / sidecar_name(VISITS.name), VISITS.sidecar())
    with _stream(folder / VISITS.name) as stream:
        stream.write(tsv_lines([VISITS.header]))
        for name in (name for name in flags if name in before):
            visits = before[name], name
            old, now = (tsv_rows(parts.read(visit).tables[LOAD], columns) for visit in visits)
            rows = visit_rows(before[name], old, now, doubts(flags, *visits))
            stream.write(tsv_lines(VISITS.fields(row, name) for row in rows))


@contextmanager
def _stream(path: Path) -> Iterator[TextIO]:
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
        yield stream
