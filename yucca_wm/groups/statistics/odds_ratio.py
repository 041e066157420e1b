"""Odds ratios of few subjects: Firth's, with intervals of the profile likelihood.

Odds ratios of the maximum likelihood are too far from 1 in small cohorts (20 subjects with three covariates: 3.9 in the
median for 2.7), and infinite where groups are separated; those of Firth's penalized likelihood (1993, Biometrika 80:27)
are neither. Their intervals and p-values are those of its profile (Heinze and Schemper 2002, Stat. Med. 21:2409). The
profile of few subjects may be flat or have several peaks, where the search of `firthmodels` ends anywhere, also on the
wrong side of the estimate: each end is checked, and searched for outwards from the estimate if it is wrong.
"""

from __future__ import annotations

import warnings
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAX_STEPS = 200
"""Firth's fit has no estimate if it needs more."""

BEYOND = 50.0
"""Log odds that are larger (an odds ratio of 10^21), also as an end of an interval, are not searched for or stated."""

LEVEL, CLOSE = 0.05, 0.001
"""p at the ends of a 95 % interval, and how close it must come."""


@dataclass(frozen=True)
class LogOdds:
    """log_odds : logarithm of the odds ratio for one unit; low, high : its 95 % interval; None where they are BEYOND;
    p_value : of the penalized likelihood ratio."""

    log_odds: float | None
    low: float | None
    high: float | None
    p_value: float


def log_odds_of_first(outcome: NDArray[np.float64], columns: NDArray[np.float64]) -> LogOdds | None:
    """Firth's estimate for the first of ``columns`` [n, c], given the others and an intercept, for ``outcome`` [n]
    (0/1); None if the fit does not converge."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = _firth(outcome, columns)
        if model is None or np.isnan(p_value := _p_value(model)):
            return None
        estimate = float(model.coef_[0])
        if abs(estimate) > BEYOND:
            return LogOdds(None, None, None, p_value)
        low, high = (_end(outcome, columns, model, side) for side in (-1, 1))
    return LogOdds(estimate, low, high, p_value)


def _firth(outcome: NDArray[np.float64], columns: NDArray[np.float64], shift: float = 0.0) -> Any:
    """Firth's fit; None if it does not converge. shift : number that the first coefficient is added to."""
    from firthmodels import FirthLogisticRegression

    model = FirthLogisticRegression(backend="numpy", max_iter=MAX_STEPS)
    try:
        model.fit(columns, outcome, offset=shift * columns[:, 0])
    except np.linalg.LinAlgError:
        return None
    return model if model.converged_ else None


def _p_value(model: Any) -> float:
    """p of the hypothesis that the first coefficient is 0, from the first of two starts that converges; NaN if none."""
    for warm_start in (True, False):
        with suppress(np.linalg.LinAlgError):
            if not np.isnan(p_value := float(model.lrt(0, warm_start=warm_start).lrt_pvalues_[0])):
                return p_value
    return np.nan


def _end(outcome: NDArray[np.float64], columns: NDArray[np.float64], model: Any, side: int) -> float | None:
    """End of the 95 % interval of the first coefficient below (``side`` -1) or above (1) its estimate; None if there is
    none within BEYOND, or if it is not found."""
    from scipy.optimize import brentq

    estimate = float(model.coef_[0])

    def above_level(distance: float) -> float:
        """p of a coefficient this far from its estimate, minus LEVEL; NaN if unknown."""
        fit = _firth(outcome, columns, estimate + side * distance)
        return np.nan if fit is None else _p_value(fit) - LEVEL

    most = BEYOND - side * estimate
    distance = side * (_end_of_library(model, side) - estimate)
    if 0 < distance < most and not abs(above_level(distance)) > CLOSE:  # taken, too, where it cannot be checked
        return estimate + side * distance
    near, far = 0.0, min(2 * float(model.bse_[0]), most)
    while (above := above_level(far)) > 0 and far < most:
        near, far = far, min(1.5 * far, most)
    if not above <= 0:
        return None
    with suppress(ValueError):  # a fit on the way has not converged
        return estimate + side * float(brentq(above_level, near, far, xtol=1e-4 * far))
    return None


def _end_of_library(model: Any, side: int) -> float:
    """End of the interval as `firthmodels` finds it; NaN if it does not."""
    try:
        return float(model.conf_int(method="pl", features=0, max_iter=MAX_STEPS)[0, 0 if side < 0 else 1])
    except np.linalg.LinAlgError:
        return np.nan
