"""Read the results of `yucca_wm.localize`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yucca_wm.core.errors import InputError, some_of
from yucca_wm.core.notes import Note
from yucca_wm.core.predictions import FRAME, PREDICTIONS, By, PredictionRecord, prediction_record, read_predictions
from yucca_wm.core.regions import NOT_REGIONS, TOTAL, RegionTable, read_table, regions
from yucca_wm.core.tsv import read_rows
from yucca_wm.localize.inputs.records import notes_of
from yucca_wm.localize.measures.lesions import OUTSIDE_ID
from yucca_wm.localize.measures.load import TOTAL_ID
from yucca_wm.localize.measures.visits import VisitRow
from yucca_wm.localize.outputs.visits import transform_path
from yucca_wm.localize.summary import MANIFEST, Summary
from yucca_wm.localize.tables import LOAD, NEW, PLACES, REGIONS, VISITS
from yucca_wm.report.flagged import Flags

Row = dict[str, str]

EXTRA = {
    "lesion_load_soft.tsv": "Soft localization: expected volumes and how sure they are",
    "modalities.tsv": "T1, FLAIR and both, side by side",
    NEW.name: "New lesions",
    "template/template.tsv": "Lesion volume in the subject's space and in the template's",
}
"""Tables that localize writes on request, in the order of the pages."""


@dataclass(frozen=True)
class Results:
    """folder : of the tables; summary : content of localize.json; load : subject -> its rows of lesion_load.tsv;
    lesions : subject -> its rows of lesions.tsv; extra : title -> subject -> rows, of the tables made on request;
    places : subject -> its rows of places.tsv; notes : subject -> notes of yucca_wm.predict;
    not_predicted : subject that yucca_wm.predict failed on -> reason; alignments : subject -> picture of one scan's
    edges on the other; regions_by : subject -> source of the regions, if the package's models found the lesions;
    scans : subject -> modality -> scan given to yucca_wm.predict; visits : visit of a person -> rows that compare it
    with the visit before; to_previous : such a visit -> transform from its world to that of the visit before;
    anonymous : names are replaced, and no path may be shown."""

    folder: Path
    summary: dict[str, Any]
    load: dict[str, list[Row]]
    lesions: dict[str, list[Row]]
    extra: dict[str, dict[str, list[Row]]]
    places: dict[str, list[Row]] = field(default_factory=dict)
    notes: dict[str, list[Note]] = field(default_factory=dict)
    not_predicted: dict[str, str] = field(default_factory=dict)
    alignments: dict[str, Path] = field(default_factory=dict)
    regions_by: dict[str, str] = field(default_factory=dict)
    scans: dict[str, dict[str, str]] = field(default_factory=dict)
    visits: dict[str, list[VisitRow]] = field(default_factory=dict)
    to_previous: dict[str, Path] = field(default_factory=dict)
    anonymous: bool = False

    @property
    def subjects(self) -> list[str]:
        return list(self.load)

    @property
    def failures(self) -> dict[str, str]:
        """Subject missing from the tables -> reason."""
        return {**self.not_predicted, **self.summary["failures"]}

    @property
    def regions(self) -> list[Row]:
        """The rows of one subject that are white-matter regions (for names, sides and groups)."""
        return [row for row in next(iter(self.load.values())) if is_region(row)]

    def of(self, subject: str) -> Results:
        """The results of one subject only, small enough to send to another process."""
        summary = {**self.summary, "subjects": {subject: self.summary["subjects"][subject]}, "failures": {}}
        extra = {title: {subject: rows[subject]} for title, rows in self.extra.items() if subject in rows}
        return replace(
            self, summary=summary, load={subject: self.load[subject]}, extra=extra,
            lesions=_only(self.lesions, subject), places=_only(self.places, subject),
            notes=_only(self.notes, subject), not_predicted={}, alignments=_only(self.alignments, subject),
            regions_by=_only(self.regions_by, subject), scans=_only(self.scans, subject),
            visits=_only(self.visits, subject), to_previous=_only(self.to_previous, subject),
        )  # fmt: skip

    @property
    def flags(self) -> Flags:
        return Summary(self.summary).flags

    def loads_percent(self) -> NDArray[np.float64]:
        """[subjects, regions] load in percent; NaN if undefined."""
        return np.array([[value(row, "load_percent") for row in rows if is_region(row)] for rows in self.load.values()])

    def shown_path(self, path: object) -> str:
        """Text to show for a path."""
        return "not shown" if self.anonymous else str(path)


def is_region(row: Row) -> bool:
    return row["group"] not in NOT_REGIONS


def value(row: Row, column: str) -> float:
    """A number of a row; NaN for an empty field."""
    return float(row[column]) if row[column] else float("nan")


def read_results(folder: str | os.PathLike[str]) -> Results:
    """Read the tables of a localization. Raises InputError if a file is missing, damaged or has no subject."""
    folder = Path(folder)
    try:
        summary = Summary.read(folder)
        if summary is None:
            raise InputError(folder, f"holds no {MANIFEST}")
        summary = summary.with_maps_in(folder)
        load, lesions = _by_subject(folder / LOAD, "region_id"), _by_subject(folder / "lesions.tsv", "lesion")
        extra = {title: _by_subject(folder / name) for name, title in EXTRA.items() if (folder / name).is_file()}
        places = _by_subject(folder / PLACES, "place") if (folder / PLACES).is_file() else {}
        lesions = {name: sorted(rows, key=lambda row: int(row["lesion"])) for name, rows in lesions.items()}
        ids = sorted({int(row["region_id"]) for rows in load.values() for row in rows} - {OUTSIDE_ID, TOTAL_ID})
    except (InputError, OSError, ValueError, KeyError) as error:
        raise InputError(folder, f"is not a folder of yucca_wm.localize ({error})", "run it first") from error
    if not load:
        raise InputError(folder, "holds no subject", "see the failures in localize.json")
    order_of_rows = [*ids, OUTSIDE_ID, TOTAL_ID]
    load = _in_order(folder / LOAD, load, "region_id", order_of_rows, list(summary.subjects))
    pictures = {name: folder / FRAME / f"{name}.png" for name in load}
    alignments = {name: path for name, path in pictures.items() if path.is_file()}
    try:
        order = [*dict(summary.content.get("places", {})), TOTAL]
        predicted = _predicted(folder / PREDICTIONS, summary.subjects)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(folder / MANIFEST, f"is damaged ({error})", "localize again") from error
    places = _in_order(folder / PLACES, places, "place", order, list(places))
    visits = _visits(folder / VISITS.name, order_of_rows) if (folder / VISITS.name).is_file() else {}
    return Results(
        folder,
        summary.content,
        load,
        lesions,
        extra,
        places,
        alignments=alignments,
        visits=visits,
        to_previous={name: path for name in visits if (path := transform_path(folder, name)).is_file()},
        **predicted,
    )


def region_table(folder: str | os.PathLike[str]) -> RegionTable:
    """The region table beside the results of a localization; the built-in one if there is none."""
    own = Path(folder) / REGIONS
    return read_table(own) if own.is_file() else regions()


def _in_order(
    path: Path, load: Mapping[str, list[Row]], column: str, values: Sequence[object], subjects: Sequence[str]
) -> dict[str, list[Row]]:
    """``load`` (subject -> rows of ``path``) with ``subjects``, and with the rows of each, as they were written: a
    spreadsheet may have sorted them.

    column, values : the column that tells what a row is of, and its values in order.

    Raises InputError if there are other rows or subjects.
    """
    remedy = "restore it, or localize again"
    if other := sorted(load.keys() ^ set(subjects)):
        raise InputError(path, f"has other subjects than {MANIFEST}: {some_of(other)}", remedy)
    place = {str(value): number for number, value in enumerate(values)}
    for name, rows in load.items():
        if len(rows) != len(place) or {row[column] for row in rows} != place.keys():
            raise InputError(path, f"rows of {name} are missing, or there are others ({column})", remedy)
    return {name: sorted(load[name], key=lambda row: place[row[column]]) for name in subjects}


def _visits(path: Path, order: Sequence[int]) -> dict[str, list[VisitRow]]:
    """The rows of ``visits.tsv`` by subject. Raises InputError for a damaged table."""
    rows = _by_subject(path, "region_id")
    rows = _in_order(path, rows, "region_id", order, list(rows))
    try:
        return {name: list(map(VisitRow.of_table, own)) for name, own in rows.items()}
    except (KeyError, ValueError) as error:
        raise InputError(path, f"is damaged ({error})", "localize again") from error


def _only(of_all: Mapping[str, Any], subject: str) -> dict[str, Any]:
    return {subject: of_all[subject]} if subject in of_all else {}


def _predicted(path: Path, subjects: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """What `yucca_wm.predict` recorded about the maps of ``subjects`` (name -> entry in ``localize.json``), and whom it
    failed on in the run recorded at ``path``, if that has some of them; as fields of `Results`.

    Maps that are no longer where they were (results that were moved) have the record at ``path``.
    """
    here = read_predictions(path)
    found: dict[str, dict[str, Any]] = {"notes": {}, "regions_by": {}, "scans": {}}
    for name, about in subjects.items():
        records = [
            prediction_record(map_) if map_.is_file() else here.subjects.get(name, PredictionRecord())
            for map_ in (Path(about["lesions"]), Path(about["regions"]))
        ]
        of_lesions, of_regions = records
        if notes := notes_of(*records):
            found["notes"][name] = notes
        if of_lesions.lesions_by == By.NETWORK:
            found["regions_by"][name] = of_regions.regions_by or "region maps that were given"
        if scans := of_lesions.scan_files or of_regions.scan_files:
            found["scans"][name] = dict(scans)
    some = here.subjects.keys() & subjects.keys()
    return {**found, "not_predicted": {name: why for name, why in here.failed.items() if some and name not in subjects}}


def _by_subject(path: Path, *needed: str) -> dict[str, list[Row]]:
    rows: dict[str, list[Row]] = {}
    for row in read_rows(path, ["subject", *needed]):
        rows.setdefault(row["subject"], []).append(row)
    return rows


def facts_of(results: Results) -> list[tuple[str, str]]:
    """Facts for every page on how its numbers were made: definition of a lesion, inputs, program."""
    settings, inputs = results.summary["settings"], results.summary["inputs"]
    cut = settings.get("threshold")
    what = f"labels {', '.join(map(str, settings['lesion_labels']))}" if cut is None else f"probability from {cut:g}"
    rule = f"{what}; {settings['connectivity']}-connected; lesions under {settings['min_size_mm3']:g} mm3 left out"
    if settings["assign_outside_mm"]:
        rule += f"; voxels outside given to regions within {settings['assign_outside_mm']:g} mm (columns of their own)"
    facts = [("what counts as a lesion", rule), *((name, path) for name, path in inputs.items())]
    return [*facts, ("program", f"{results.summary['program']} {results.summary['version']}")]
