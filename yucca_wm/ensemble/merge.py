"""Merge several networks' probabilities of one image into one label map, a few planes at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yucca_wm.core.errors import InputError
from yucca_wm.ensemble.probabilities import SLAB_VOXELS, Grid, Probabilities
from yucca_wm.imaging.images import check_same_grid

SMALLEST_PROBABILITY = np.float32(2**-15)
"""Replaces a probability of zero in the geometric mean: half the finest step that is stored."""


class Method(StrEnum):
    """How probabilities are merged: weighted arithmetic mean, or weighted geometric mean (normalised)."""

    MEAN = "mean"
    GEOMETRIC = "geometric"


@dataclass(frozen=True)
class Merged:
    """labels : label map [i, j, k]; confidence : float32 [i, j, k], probability of each voxel's label (0 where no
    network saw it), or None if it was not requested."""

    labels: NDArray[np.integer[Any]]
    confidence: NDArray[np.float32] | None
    grid: Grid


def merge(
    members: Sequence[Probabilities],
    *,
    method: Method = Method.MEAN,
    weights: Sequence[float] | None = None,
    confidence: bool = False,
) -> Merged:
    """Merge the probabilities of one image.

    method : weighted arithmetic mean, or weighted geometric mean (normalised), of those members that saw the voxel.
    weights : one positive number per member (default: equal).

    Ties go to the class that comes first. Memory does not grow with the number of members.

    Raises InputError if grids or classes differ, or a file is damaged.
    """
    check_members(members)
    weights = [1.0] * len(members) if weights is None else list(weights)
    if len(weights) != len(members):
        raise ValueError(f"{len(weights)} weights for {len(members)} members")
    grid, classes = members[0].grid, np.array(members[0].classes)
    labels = np.zeros(grid.shape, np.min_scalar_type(int(classes.max())))
    share = np.zeros(grid.shape, np.float32) if confidence else None
    step = max(1, SLAB_VOXELS // (grid.shape[1] * grid.shape[2]))
    total = np.empty((len(classes), step, *grid.shape[1:]), np.float32)
    member = np.empty_like(total) if method is Method.GEOMETRIC else None
    for lo in range(0, grid.shape[0], step):
        hi = min(lo + step, grid.shape[0])
        here = total[:, : hi - lo]
        here[...] = 0
        if member is None:
            for source, weight in zip(members, weights, strict=True):
                source.add_to(here, lo, weight)
        else:
            _geometric_mean(here, member[:, : hi - lo], members, weights, lo)
        labels[lo:hi] = classes[likeliest(here)]
        if share is not None:
            mass = here.sum(axis=0)
            np.divide(here.max(axis=0), mass, out=share[lo:hi], where=mass > 0)
    return Merged(labels, share, grid)


def likeliest(values: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    """Index of the largest value along the first axis [class, ...], the first of equal ones (argmax, several times
    faster).

    Raises ValueError for NaN: a network that gives it has diverged, and no label would be right.
    """
    top = values.max(axis=0)
    if np.isnan(top).any():
        raise ValueError("the network's output is not a number")
    labels = np.zeros(top.shape, np.uint8)
    for index in range(len(values) - 1, -1, -1):
        np.copyto(labels, np.uint8(index), where=values[index] == top)
    return labels


def check_members(members: Sequence[Probabilities]) -> None:
    """Raise InputError unless all members have the same grid and classes."""
    first = members[0]
    for other in members[1:]:
        if other.classes != first.classes:
            raise InputError(
                other.path,
                f"has {len(other.classes)} classes but {first.path} has {len(first.classes)} (or in another order)",
                "ensemble predictions of the same label set",
            )
        check_same_grid(first.grid.outline(first.path), other.grid.outline(other.path))


def _geometric_mean(
    total: NDArray[np.float32],
    scratch: NDArray[np.float32],
    members: Sequence[Probabilities],
    weights: Sequence[float],
    lo: int,
) -> None:
    """Add the weighted geometric mean (its largest value 1) of those members that saw a voxel to ``total``, all 0."""
    seen_weight = np.zeros(total.shape[1:], np.float32)
    for source, weight in zip(members, weights, strict=True):
        scratch[...] = 0
        source.add_to(scratch, lo)
        weight_here = scratch.any(axis=0) * np.float32(weight)
        np.maximum(scratch, SMALLEST_PROBABILITY, out=scratch)
        np.log(scratch, out=scratch)
        scratch *= weight_here
        total += scratch
        seen_weight += weight_here
    seen = seen_weight > 0
    total /= np.where(seen, seen_weight, 1)
    total -= total.max(axis=0)
    np.exp(total, out=total)
    total *= seen
