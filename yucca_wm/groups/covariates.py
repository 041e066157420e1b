"""Covariates as numbers: what a cell means, which columns say something, and what they say already."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from yucca_wm.core.errors import InputError
from yucca_wm.groups.values import Column, levels_of, numbers_of

TOLERANCE = 1e-8
"""A column of which the others leave less than this share of its spread says nothing new."""


@dataclass(frozen=True)
class Design:
    """matrix : [n, columns], linearly independent, each with mean 0 and standard deviation 1; columns : their names
    (``age``, ``site=B``); covariate : of which covariate each is a part; constant : covariates that are the same in
    everyone; redundant : column -> the columns that determine it."""

    matrix: NDArray[np.float64]
    columns: list[str]
    covariate: list[str]
    constant: list[str]
    redundant: dict[str, list[str]]

    @property
    def notes(self) -> list[str]:
        """What was left out, and why."""
        return [f"covariate {name} is constant and was left out" for name in self.constant] + [
            f"covariate {name} is determined by {', '.join(others)} and was left out"
            for name, others in self.redundant.items()
        ]


def design(covariates: Sequence[Column], n: int) -> Design:
    """The design of ``n`` subjects. A covariate of names becomes a 0/1 column for every level but the first.

    Raises InputError for cells that are neither (see `yucca_wm.groups.values`).
    """
    columns: dict[str, NDArray[np.float64]] = {}
    covariate: list[str] = []
    constant: list[str] = []
    for column in covariates:
        values = numbers_of(column)
        if values is not None:
            own = {column.name: values}
        else:
            levels, place = levels_of(column)
            if len(levels) > max(2, n / 2):
                problem = (
                    f"{column.name} has {len(levels)} different names in {n} subjects ({', '.join(levels[:3])}, ...)"
                )
                raise InputError(column.path, problem, "write numbers without units, or leave it out")
            own = {f"{column.name}={level}": (place == k) * 1.0 for k, level in enumerate(levels) if k}
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
    return Design(matrix[:, keep], names[keep].tolist(), kept, constant, redundant)


def independent(matrix: NDArray[np.float64]) -> NDArray[np.bool_]:
    """[c] which columns of ``matrix`` [n, c] say more than an intercept and the columns before them."""
    if not len(matrix):
        return np.zeros(matrix.shape[1], dtype=bool)
    centred = matrix - matrix.mean(axis=0)
    spread = np.sqrt((centred**2).sum(axis=0))
    largest = np.abs(matrix).max(axis=0, initial=0) * np.sqrt(len(matrix))
    keep = spread > TOLERANCE * np.maximum(largest, 1e-300)
    basis: list[NDArray[np.float64]] = []
    for place in np.flatnonzero(keep):
        column = centred[:, place] / spread[place]
        for _ in range(2):  # once more: rounding leaves something of what was taken out
            for other in basis:
                column = column - (other @ column) * other
        if (left := float(np.sqrt(column @ column))) > TOLERANCE:
            basis.append(column / left)
        else:
            keep[place] = False
    return np.asarray(keep)


def residuals(values: NDArray[np.float64], covariates: NDArray[np.float64]) -> NDArray[np.float64]:
    """``values`` [n, p] without what an intercept and ``covariates`` [n, c] explain linearly."""
    basis = np.column_stack([np.ones(len(values)), covariates])
    return np.asarray(values - basis @ np.linalg.lstsq(basis, values, rcond=None)[0])


def _explained_by(matrix: NDArray[np.float64], place: int, keep: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Columns kept before ``place`` that determine it."""
    before = np.flatnonzero(keep[:place])
    weights = np.linalg.lstsq(matrix[:, before], matrix[:, place], rcond=None)[0]
    return np.asarray(before[np.abs(weights) > np.sqrt(TOLERANCE)])


def blocks(design: Design) -> dict[str, NDArray[np.float64]]:
    """Covariate -> its columns."""
    names: Collection[str] = dict.fromkeys(design.covariate)
    of = np.array(design.covariate, dtype=object)
    return {name: design.matrix[:, of == name] for name in names}
