"""What the cells of one column mean: numbers, or names of levels. What is neither for sure is refused, not guessed.

A stray ``-`` or ``60+`` among ages would turn a number into as many levels as there are ages, in silence.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from yucca_wm.core.errors import InputError
from yucca_wm.core.files import natural_key
from yucca_wm.core.tsv import NUMBER

MISSING = ("", "n/a", "N/A", "NA", "NaN", "nan")
"""Cells without a value; more with ``--missing``."""

NO_NAMES = re.compile(r"[\W_]+|null|#.*|none|nil|<na>|missing|unknown", re.IGNORECASE)
"""Cells that hardly are the name of a level."""

DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")


@dataclass(frozen=True)
class Column:
    """One column of a table in the subjects that are used: its cells, none missing, and the lines they stand in.
    categorical : the user says that these are names, whatever they look like."""

    path: Path
    name: str
    cells: list[str]
    lines: list[int]
    categorical: bool = False


def numbers_of(column: Column) -> NDArray[np.float64] | None:
    """[n] numbers; None for a column of names.

    Raises InputError naming line and value for numbers among which one cell is none, and for decimal commas.
    """
    if column.categorical:
        return None
    fits = [NUMBER.fullmatch(cell) is not None for cell in column.cells]
    if all(fits):
        return np.array(column.cells, dtype=np.float64)
    comma = [DECIMAL_COMMA.fullmatch(cell) is not None for cell in column.cells]
    if any(comma):
        raise _refused(column, comma.index(True), "which has a decimal comma", "write a decimal point")
    if any(fits):
        raise _refused(column, fits.index(False), "in a column with numbers", "mend it")
    return None


def levels_of(column: Column) -> tuple[list[str], NDArray[np.intp]]:
    """The levels of a column of names, in natural order, and [n] the place of each cell among them. Levels that are
    numbers are told apart and sorted as numbers: ``1`` and ``1.0`` are one, 9 comes before 10.

    Raises InputError naming line and value for cells that hardly are names (``.``, ``NULL``), and for levels that
    differ in upper and lower case only, unless the column is categorical.
    """
    cells = column.cells
    if cells and all(NUMBER.fullmatch(cell) for cell in cells):
        values, place = np.unique(np.array(cells, dtype=np.float64), return_inverse=True)
        shortest = {
            value: min((cells[i] for i in np.flatnonzero(place == k)), key=len) for k, value in enumerate(values)
        }
        return list(shortest.values()), np.asarray(place, dtype=np.intp)
    levels = sorted(set(cells), key=natural_key)
    if not column.categorical:
        for number, cell in enumerate(cells):
            if NO_NAMES.fullmatch(cell):
                raise _refused(column, number, "which hardly is a name", "mend it")
        folded = [level.casefold() for level in levels]
        if twice := [level for level in levels if folded.count(level.casefold()) > 1]:
            raise _refused(column, cells.index(twice[1]), f"and elsewhere '{twice[0]}'", "write one of them everywhere")
    rank = {level: number for number, level in enumerate(levels)}
    return levels, np.array([rank[cell] for cell in cells], dtype=np.intp)


def _refused(column: Column, row: int, what: str, remedy: str) -> InputError:
    cell = column.cells[row]
    return InputError(
        column.path,
        f"line {column.lines[row]}: {column.name} is '{cell}', {what}",
        f"{remedy}, or say --missing '{cell}' if it means that there is no value, or --categorical {column.name} if "
        "these are names",
    )
