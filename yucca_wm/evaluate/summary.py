"""Means over cases with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLES = 2000
SEED = 0


@dataclass(frozen=True)
class Mean:
    """Mean over ``cases`` cases with a value, and its 95 % percentile bootstrap interval (None with fewer than 2)."""

    mean: float | None
    low: float | None
    high: float | None
    cases: int


def mean_with_interval(values: Sequence[float | None]) -> Mean:
    """Mean and interval of the values that are not None; the same values always give the same interval."""
    known = np.array([value for value in values if value is not None], dtype=np.float64)
    if known.size == 0:
        return Mean(None, None, None, 0)
    if known.size == 1:
        return Mean(float(known[0]), None, None, 1)
    chosen = np.random.default_rng(SEED).integers(0, known.size, (RESAMPLES, known.size))
    low, high = np.percentile(known[chosen].mean(axis=1), [2.5, 97.5])
    return Mean(float(known.mean()), float(low), float(high), int(known.size))
