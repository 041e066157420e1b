"""What `yucca_wm.localize` wrote, read back."""

from __future__ import annotations

import csv
import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yucca_wm.errors import InputError
from yucca_wm.regions import REMAINDER

Row = dict[str, str]

EXTRA = {
    "lesion_load_soft.tsv": "Soft localization: expected volumes and how sure they are",
    "modalities.tsv": "T1, FLAIR and both, side by side",
    "template/template.tsv": "Lesion volume in the subject's space and in the template's",
}
"""Tables that localize writes on request, in the order in which pages show them."""


@dataclass(frozen=True)
class Results:
    """folder : of the tables; summary : content of localize.json; load : subject -> its rows of lesion_load.tsv;
    lesions : subject -> its rows of lesions.tsv; extra : title -> subject -> rows, of the tables made on request;
    anonymous : names are replaced, and no path may be shown."""

    folder: Path
    summary: dict[str, Any]
    load: dict[str, list[Row]]
    lesions: dict[str, list[Row]]
    extra: dict[str, dict[str, list[Row]]]
    anonymous: bool = False

    @property
    def subjects(self) -> list[str]:
        return list(self.load)

    @property
    def regions(self) -> list[Row]:
        """The rows of one subject that are white-matter regions (for names, sides and groups)."""
        return [row for row in next(iter(self.load.values())) if is_region(row)]

    def of(self, subject: str) -> Results:
        """What there is about one subject: little to send to another process."""
        summary = {**self.summary, "subjects": {subject: self.summary["subjects"][subject]}, "failures": {}}
        extra = {title: {subject: rows[subject]} for title, rows in self.extra.items() if subject in rows}
        lesions = {subject: self.lesions[subject]} if subject in self.lesions else {}
        return replace(self, summary=summary, load={subject: self.load[subject]}, lesions=lesions, extra=extra)

    def loads_percent(self) -> NDArray[np.float64]:
        """[subjects, regions] load in percent, NaN where undefined."""
        return np.array([[value(row, "load_percent") for row in rows if is_region(row)] for rows in self.load.values()])

    def place(self, path: object) -> str:
        """A path as a page may show it."""
        return "not shown" if self.anonymous else str(path)


def is_region(row: Row) -> bool:
    return row["group"] not in (REMAINDER, "outside", "total")


def value(row: Row, column: str) -> float:
    """A number of a table; NaN for an empty field."""
    return float(row[column]) if row[column] else float("nan")


def read_results(folder: str | os.PathLike[str]) -> Results:
    """Read the tables of a localization. Raises InputError when a file is missing, damaged or holds no subject."""
    folder = Path(folder)
    try:
        summary = json.loads((folder / "localize.json").read_text(encoding="utf-8"))
        load, lesions = _by_subject(folder / "lesion_load.tsv"), _by_subject(folder / "lesions.tsv")
        extra = {title: _by_subject(folder / name) for name, title in EXTRA.items() if (folder / name).is_file()}
    except (OSError, ValueError, KeyError) as error:
        raise InputError(folder, f"is not a folder of yucca_wm.localize ({error})", "run it first") from error
    if not load:
        raise InputError(folder, "holds no subject", "see the failures in localize.json")
    return Results(folder, summary, load, lesions, extra)


def _by_subject(path: Path) -> dict[str, list[Row]]:
    rows: dict[str, list[Row]] = {}
    with path.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream, delimiter="\t"):
            rows.setdefault(row["subject"], []).append(row)
    return rows


def facts_of(results: Results) -> list[tuple[str, str]]:
    """What every page says of how its numbers were made: what counts as a lesion, the inputs, the program."""
    settings, inputs = results.summary["settings"], results.summary["inputs"]
    cut = settings.get("threshold")
    what = f"labels {', '.join(map(str, settings['lesion_labels']))}" if cut is None else f"probability from {cut:g}"
    rule = f"{what}; {settings['connectivity']}-connected; lesions under {settings['min_size_mm3']:g} mm3 left out"
    if settings["assign_outside_mm"]:
        rule += f"; voxels outside given to regions within {settings['assign_outside_mm']:g} mm (columns of their own)"
    facts = [("what counts as a lesion", rule), *((name, path) for name, path in inputs.items())]
    return [*facts, ("program", f"{results.summary['program']} {results.summary['version']}")]
