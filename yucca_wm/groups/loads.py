"""The lesion loads of an analysis: the table of `yucca_wm.localize`, read and checked."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from yucca_wm.core.errors import InputError
from yucca_wm.core.files import natural_key
from yucca_wm.core.regions import NOT_REGIONS, TOTAL
from yucca_wm.core.tsv import NUMBER, Columns, composed, has_value, read_columns

if TYPE_CHECKING:
    from yucca_wm.core.tsv import TableInput

TRANSFORMS = ("sqrt", "log1p", "none")
"""Transforms for skewed loads: square root, log(1 + percent), or none."""

MIN_KNOWN = 0.5
"""Where every region of every subject is needed, regions known in a smaller share of the subjects than this are left
out."""


@dataclass(frozen=True)
class Loads:
    """subjects : [n], in natural order; regions : [p] names; percent : [n, p] load in percent of the region, NaN
    where undefined; total_percent : [n] load of all these regions together, NaN where undefined."""

    subjects: list[str]
    regions: list[str]
    percent: NDArray[np.float64]
    total_percent: NDArray[np.float64]

    def take(self, rows: Sequence[int]) -> Loads:
        """The subjects in ``rows``, in that order."""
        subjects = [self.subjects[row] for row in rows]
        return Loads(subjects, self.regions, self.percent[list(rows)], self.total_percent[list(rows)])


def loads_file(path: TableInput) -> Path | None:
    """``lesion_load.tsv``, from its path or the folder that holds it; None: a table in memory."""
    if not isinstance(path, str | os.PathLike):
        return None
    path = Path(path)
    return path / "lesion_load.tsv" if path.is_dir() else path


def read_loads(source: TableInput) -> Loads:
    """Read ``lesion_load.tsv``, the folder that holds it, or the same as a data frame.

    Raises InputError for missing columns, duplicate rows, subjects without a total and loads that are not numbers.
    """
    file = loads_file(source)
    needed = ("subject", "name", "group", "load_percent")
    read = read_columns(source if file is None else file, needed)
    path = read.path
    subject, name, group = (read.cells[column] for column in ("subject", "name", "group"))
    inside = [row for row, kind in enumerate(group) if kind not in NOT_REGIONS]
    totals = [row for row, kind in enumerate(group) if kind == TOTAL]
    if not inside or not totals:
        raise InputError(path, "holds no subject", "run yucca_wm.localize first")
    if "" in subject:
        raise InputError(path, f"line {read.lines[subject.index('')]} names no subject", "fill in the column subject")
    subjects = sorted({subject[row] for row in inside}, key=lambda name: natural_key(composed(name)))
    names = list(dict.fromkeys(name[row] for row in inside))
    at = {who: place for place, who in enumerate(subjects)}
    where = {region: place for place, region in enumerate(names)}
    loads, total_percent = np.full((len(subjects), len(names)), np.nan), np.full(len(subjects), np.nan)
    seen = np.zeros((len(subjects), len(names) + 1), dtype=bool)
    for row in inside:
        who, what = at[subject[row]], where[name[row]]
        _once(read, row, subject[row], seen, (who, what))
        loads[who, what] = _number(read, row, "load_percent")
    for row in totals:
        if (whose := at.get(subject[row])) is not None:
            _once(read, row, subject[row], seen, (whose, len(names)))
            total_percent[whose] = _number(read, row, "load_percent")
    if (without := np.flatnonzero(~seen[:, -1])).size:
        raise InputError(path, f"has no total of {subjects[without[0]]}", "localize the subject again")
    return Loads(subjects, names, loads, total_percent)


def transform(percent: NDArray[np.float64], kind: str = "sqrt") -> NDArray[np.float64]:
    """Transform loads in percent to the scale used by models; NaN stays NaN."""
    if kind == "sqrt":
        return np.asarray(np.sqrt(percent))
    return np.asarray(np.log1p(percent) if kind == "log1p" else percent)


def well_known(values: NDArray[np.float64], regions: Sequence[str]) -> tuple[NDArray[np.float64], list[str]]:
    """The columns of ``values`` [n, p] for regions that at least MIN_KNOWN of the subjects have, and notes on those
    left out and on those that some lack (NaN, for `sklearn.impute.SimpleImputer` to fill with the median)."""
    known = (~np.isnan(values)).sum(axis=0)
    keep = known >= MIN_KNOWN * len(values)
    notes = [
        f"{name} has no voxel in {len(values) - count} of {len(values)} subjects"
        + (", for whom the others' median is used" if keeps else " and was left out")
        for name, count, keeps in sorted(zip(regions, known.tolist(), keep.tolist(), strict=True), key=itemgetter(2))
        if count < len(values)
    ]
    return values[:, keep], notes


def _number(read: Columns, row: int, column: str) -> float:
    """A cell as a number, NaN if empty. Raises InputError if it is not a number, negative, or above 100 percent (a
    spreadsheet that groups digits by points turns 12.345 into 12345)."""
    cell = read.cells[column][row]
    if not has_value(cell):
        return float("nan")
    if not NUMBER.fullmatch(cell) or float(cell) < 0:
        remedy = "write a decimal point" if "," in cell else "see how the table was made"
        raise InputError(read.path, f"line {read.lines[row]}: {column} is '{cell}', no number from 0 up", remedy)
    if column == "load_percent" and float(cell) > 100:
        problem = f"line {read.lines[row]}: {column} is '{cell}', more than the whole region"
        raise InputError(read.path, problem, "take the table as localize wrote it, not as a spreadsheet saved it")
    return float(cell)


def _once(read: Columns, row: int, subject: str, seen: NDArray[np.bool_], place: tuple[int, int]) -> None:
    if seen[place]:
        problem = f"line {read.lines[row]}: '{subject}' has a row {read.cells['name'][row]} already"
        raise InputError(read.path, problem, "localize each subject once")
    seen[place] = True
