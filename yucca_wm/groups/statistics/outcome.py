"""The outcome of an association: a number, or two levels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from yucca_wm.core.errors import InputError, some_of
from yucca_wm.core.tsv import NUMBER, composed
from yucca_wm.groups.statistics.variables import Column, hardly_values, levels_of, may_be_codes, numbers_of
from yucca_wm.imaging.reading import spelled


@dataclass(frozen=True)
class Outcome:
    """values : [n] numbers, or 0/1 if ``levels`` has two names: that of 0 (the reference), and that of 1. doubts :
    numbers that may mean a missing value, or be names."""

    values: NDArray[np.float64]
    levels: tuple[str, str] | None = None
    doubts: Sequence[str] = ()

    @property
    def binary(self) -> bool:
        return self.levels is not None


def read_outcome(column: Column, reference: str | None = None) -> Outcome:
    """Read an outcome: two different cells are levels, more than two different numbers are numbers. Levels that are
    numbers are in numeric order (``1`` and ``1.0`` are one), others in natural order; ``reference`` is coded 0, by
    default the first.

    Raises InputError if it is neither, constant, or has no level ``reference``.
    """
    numbers = numbers_of(column)
    if numbers is not None and len(np.unique(numbers)) > 2:
        if reference is not None:
            problem = f"{column.name} has {len(np.unique(numbers))} different numbers and no levels"
            raise InputError(column.path, problem, f"{spelled('--reference', 'reference')} is for an outcome with two")
        return Outcome(numbers, doubts=[*hardly_values(column, numbers), *_codes(column, numbers)])
    levels, place = levels_of(column)
    if len(levels) < 2:
        raise InputError(
            column.path, f"outcome {column.name} is {levels[0]} for every subject", "no association can be tested"
        )
    if len(levels) > 2:
        sizes = Counter(place.tolist())
        shown = some_of([f"{level} ({sizes[k]})" for k, level in enumerate(levels)], 8)
        problem = f"{column.name} has {len(levels)} levels that are not numbers: {shown}"
        missing = spelled("--missing LEVEL", "missing=[LEVEL]")
        raise InputError(column.path, problem, f"two are needed; {missing} leaves one out")
    first = 0 if reference is None else _place_of(reference, levels)
    if first is None:
        problem = f"{column.name} has no level {reference}"
        raise InputError(column.path, problem, f"it has {' and '.join(levels)}")
    return Outcome((place != first).astype(np.float64), (levels[first], levels[1 - first]))


def _place_of(reference: str, levels: list[str]) -> int | None:
    """Position of a level, matched as text or as a number."""
    if (wanted := composed(reference)) in levels:
        return levels.index(wanted)
    if not all(map(NUMBER.fullmatch, [wanted, *levels])):
        return None
    return next((place for place, level in enumerate(levels) if float(level) == float(wanted)), None)


def _codes(column: Column, numbers: NDArray[np.float64]) -> list[str]:
    """A line if the numbers may be codes of more than two groups."""
    if not (codes := may_be_codes(column.name, numbers)):
        return []
    names = "if these are names, compare two of them, in a table without the others"
    return [f"outcome {column.name} ({codes}) is used as a number: {names}"]
