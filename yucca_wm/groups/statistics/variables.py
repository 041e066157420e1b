"""Variables of the participants table: numbers or levels, and the design matrix of covariates.

A cell is a number or the name of a level. An ambiguous one is refused instead of guessed: a stray ``-`` or ``60+``
among ages would silently turn a number into as many levels as there are ages.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from yucca_wm.core.errors import InputError, some_of
from yucca_wm.core.files import natural_key
from yucca_wm.core.tsv import NUMBER
from yucca_wm.imaging.reading import spelled

NO_NAMES = re.compile(
    r"[\W_]+|null|#.*|none|nil|<na>|missing|unknown|no data|not (available|applicable|known)", re.IGNORECASE
)
"""Cells that are unlikely to be the name of a level."""

MISSING_CODE = re.compile(r"[+-]?9+(\.0*)?|-\d+(\.0*)?")
"""Numbers that often stand for a missing value: 999, -9, -1."""

DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")

MOST_CODES = 10
"""More different numbers than this are unlikely to be codes of names."""

OF_NAMES = re.compile(
    r"(?<![a-z])(site|cent(er|re)|hospital|clinic|scanner|vendor|protocol|cohort|study|group|gender|sex)(?![a-z])",
    re.IGNORECASE,
)
"""Columns called so hold names, however many and even if they are written as numbers."""

STILL = 1e-12
"""Loads with a standard deviation below this count as constant."""

DETERMINED = 1e-9
"""Covariates that leave less than this share of a load's spread determine it."""

TOLERANCE = 1e-8
"""A column is redundant if the others leave less than this share of its spread."""


@dataclass(frozen=True)
class Column:
    """One column of a table for the subjects used: its cells, none missing, and their line numbers.
    categorical : the user declares the cells to be names, whatever they look like."""

    path: Path
    name: str
    cells: list[str]
    lines: list[int]
    categorical: bool = False


def numbers_of(column: Column) -> NDArray[np.float64] | None:
    """Numbers [n]; None for a column of names.

    Raises InputError, naming line and value, if one cell among numbers is not a number, and for decimal commas.
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
        raise _refused(column, fits.index(False), "in a column with numbers", "correct it")
    return None


def hardly_values(column: Column, values: NDArray[np.float64]) -> list[str]:
    """One line for each number in ``values`` that may mean a missing value: 999 or -9 further from all others than they
    are from each other, or a negative one among others that are not."""
    codes = {cell for cell in column.cells if MISSING_CODE.fullmatch(cell)}
    is_code = np.array([cell in codes for cell in column.cells])
    others = np.unique(values[~is_code])
    if not codes or len(others) < 2:
        return []
    low, high = float(others[0]), float(others[-1])
    lines = []
    for code in sorted(codes, key=natural_key):
        value, rows = float(code), [row for row, cell in enumerate(column.cells) if cell == code]
        nines = set(code) <= set("+-9.0") and (value > high + (high - low) or value < low - (high - low))
        if nines or value < 0 <= low:
            where = f"line {column.lines[rows[0]]}" + f" and {len(rows) - 1} more" * (len(rows) > 1)
            lines.append(
                f"{column.name} is {code} in {where}, the others are {low:g} to {high:g}: if it means that there is no "
                f"value, say {spelled(f'--missing {code}', f'missing={[code]}')}"
            )
    return lines


def may_be_codes(name: str, values: NDArray[np.float64]) -> str:
    """The different numbers in ``values`` if they may stand for names (site 1, 2, 3): 3 to MOST_CODES whole ones, each
    with three subjects on average, or any number of them where the column is called like `OF_NAMES`. Empty otherwise;
    two numbers say the same as two names."""
    different = np.unique(values)
    several = 2 < len(different) <= min(MOST_CODES, len(values) / 3)
    several |= len(different) > 2 and OF_NAMES.search(name) is not None
    return some_of((f"{value:g}" for value in different), MOST_CODES) if several and not (different % 1).any() else ""


def levels_of(column: Column) -> tuple[list[str], NDArray[np.intp]]:
    """Levels of a column of names, in natural order, and [n] the position of each cell among them. Levels that are
    numbers are distinguished and sorted as numbers: ``1`` and ``1.0`` are one, 9 comes before 10.

    Raises InputError, naming line and value, for cells that are unlikely to be names (``.``, ``NULL``), and for levels
    that differ only in upper and lower case, unless the column is categorical.
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
                raise _refused(column, number, "which does not look like a name", "correct it")
        folded = [level.casefold() for level in levels]
        if twice := [level for level in levels if folded.count(level.casefold()) > 1]:
            raise _refused(column, cells.index(twice[1]), f"and elsewhere '{twice[0]}'", "write one of them everywhere")
    rank = {level: number for number, level in enumerate(levels)}
    return levels, np.array([rank[cell] for cell in cells], dtype=np.intp)


class CellError(InputError):
    """A cell of a table cannot be used, whoever else is in the analysis."""


def _refused(column: Column, row: int, what: str, remedy: str) -> CellError:
    cell = column.cells[row]
    missing = spelled(f"--missing '{cell}'", f"missing={[cell]}")
    names = spelled(f"--categorical {column.name}", f"categorical={[column.name]}")
    return CellError(
        column.path,
        f"line {column.lines[row]}: {column.name} is '{cell}', {what}",
        f"{remedy}, or give {missing} if it stands for a missing value, or {names} if the numbers are names",
    )


@dataclass(frozen=True)
class Design:
    """matrix : [n, columns], linearly independent, each with mean 0 and standard deviation 1; columns : their names
    (``age``, ``site=B``); covariate : covariate to which each belongs; constant : covariates with the same value in all
    subjects; redundant : column -> the columns that determine it; doubts : numbers that may mean a missing value, or be
    names; levels : covariate of names -> its levels, the reference first, with the number of subjects in each."""

    matrix: NDArray[np.float64]
    columns: list[str]
    covariate: list[str]
    constant: list[str]
    redundant: dict[str, list[str]]
    doubts: Sequence[str] = ()
    levels: dict[str, dict[str, int]] = field(default_factory=dict)

    @property
    def notes(self) -> list[str]:
        """Covariates left out with the reason, doubts, and the levels of categorical covariates."""
        named = {name: ", ".join(f"{level} ({n})" for level, n in own.items()) for name, own in self.levels.items()}
        return (
            [*self.doubts]
            + [
                f"covariate {name} is categorical: {levels}; the first is the reference"
                for name, levels in named.items()
            ]
            + [f"covariate {name} is constant and was left out" for name in self.constant]
            + [
                f"covariate {name} is determined by {', '.join(others)} and was left out"
                for name, others in self.redundant.items()
            ]
        )


def varying(spread: NDArray[np.float64], left: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether loads vary: standard deviations [region] before (``spread``) and after adjustment (``left``)."""
    return np.asarray((spread > STILL) & (left > DETERMINED * spread))


def design(covariates: Sequence[Column], n: int) -> Design:
    """Design of ``n`` subjects. A covariate of names becomes a 0/1 column for every level but the first.

    Raises InputError for cells that are neither numbers nor names (see `numbers_of`).
    """
    columns: dict[str, NDArray[np.float64]] = {}
    covariate: list[str] = []
    constant: list[str] = []
    doubts: list[str] = []
    named: dict[str, dict[str, int]] = {}
    for column in covariates:
        values = numbers_of(column)
        if values is not None:
            doubts += hardly_values(column, values)
            if codes := may_be_codes(column.name, values):
                named_so = spelled(f"--categorical {column.name}", f"categorical={[column.name]}")
                doubts.append(
                    f"covariate {column.name} ({codes}) is used as a number: if these are names, say {named_so}"
                )
            own = {column.name: values}
        else:
            levels, place = levels_of(column)
            if len(levels) > max(2, n / 2):
                problem = (
                    f"{column.name} has {len(levels)} different names in {n} subjects ({', '.join(levels[:3])}, ...)"
                )
                raise InputError(column.path, problem, "write numbers without units, or leave it out")
            own = {f"{column.name}={level}": (place == k) * 1.0 for k, level in enumerate(levels) if k}
            if len(levels) > 1:
                named[column.name] = dict(zip(levels, np.bincount(place).tolist(), strict=True))
        if all(np.ptp(value) == 0 for value in own.values()):
            constant.append(column.name)
            continue
        columns |= own
        covariate += [column.name] * len(own)
    matrix = np.column_stack([*columns.values()]) if columns else np.empty((n, 0))
    matrix = (matrix - matrix.mean(axis=0)) / matrix.std(axis=0)
    keep = independent(matrix)
    names = np.array([*columns], dtype=object)
    redundant = {
        str(names[place]): [str(name) for name in names[_explained_by(matrix, int(place), keep)]]
        for place in np.flatnonzero(~keep)
    }
    kept = [name for name, keeps in zip(covariate, keep, strict=True) if keeps]
    return Design(matrix[:, keep], names[keep].tolist(), kept, constant, redundant, doubts, named)


def independent(matrix: NDArray[np.float64]) -> NDArray[np.bool_]:
    """[c] mask of the columns of ``matrix`` [n, c] that are independent of an intercept and the columns before them."""
    if not len(matrix):
        return np.zeros(matrix.shape[1], dtype=bool)
    centred = matrix - matrix.mean(axis=0)
    spread = np.sqrt((centred**2).sum(axis=0))
    largest = np.abs(matrix).max(axis=0, initial=0) * np.sqrt(len(matrix))
    keep = spread > TOLERANCE * np.maximum(largest, 1e-300)
    basis: list[NDArray[np.float64]] = []
    for place in np.flatnonzero(keep):
        column = centred[:, place] / spread[place]
        for _ in range(2):  # twice: rounding leaves a remainder of the parts removed
            for other in basis:
                column = column - (other @ column) * other
        if (left := float(np.sqrt(column @ column))) > TOLERANCE:
            basis.append(column / left)
        else:
            keep[place] = False
    return np.asarray(keep)


def residuals(values: NDArray[np.float64], covariates: NDArray[np.float64]) -> NDArray[np.float64]:
    """Residuals of ``values`` [n, p] after linear regression on an intercept and ``covariates`` [n, c]."""
    basis = np.column_stack([np.ones(len(values)), covariates])
    return np.asarray(values - basis @ np.linalg.lstsq(basis, values, rcond=None)[0])


def _explained_by(matrix: NDArray[np.float64], place: int, keep: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Columns kept before ``place`` that determine it."""
    before = np.flatnonzero(keep[:place])
    weights = np.linalg.lstsq(matrix[:, before], matrix[:, place], rcond=None)[0]
    return np.asarray(before[np.abs(weights) > np.sqrt(TOLERANCE)])


def blocks(design: Design) -> dict[str, NDArray[np.float64]]:
    """Covariate -> its columns, [n, columns]."""
    names: Collection[str] = dict.fromkeys(design.covariate)
    of = np.array(design.covariate, dtype=object)
    return {name: design.matrix[:, of == name] for name in names}
