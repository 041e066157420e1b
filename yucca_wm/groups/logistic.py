"""Logistic models as far as they exist: who says nothing about a coefficient, and fits that end.

Where some combination of the columns tells groups apart for sure (a site with patients only), the likelihood has no
maximum. In the limit those subjects are predicted perfectly whatever the other coefficients are, and the model is that
of the others (Geyer 2009, Electron. J. Stat. 3:259): they are found and left out.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CERTAIN = 1e-5
"""Fitted probabilities this near 0 or 1 make us look for a separation."""


@dataclass(frozen=True)
class Fit:
    """coefficients, their 95 % interval [columns, 2] and p-values (Wald); probability : [n] of outcome 1."""

    coefficients: NDArray[np.float64]
    interval: NDArray[np.float64]
    p_values: NDArray[np.float64]
    probability: NDArray[np.float64]


def with_intercept(columns: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.column_stack([np.ones(len(columns)), columns])


def fit_logistic(outcome: NDArray[np.float64], columns: NDArray[np.float64]) -> Fit | None:
    """Maximum likelihood of ``outcome`` [n] (0/1) given an intercept and ``columns`` [n, c]; None where it has none."""
    import statsmodels.api as sm

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            fit = sm.Logit(outcome, with_intercept(columns)).fit(disp=0, maxiter=50)
        except np.linalg.LinAlgError:
            return None
        interval = np.asarray(fit.conf_int())
        probability = np.asarray(fit.predict())
    if not fit.mle_retvals["converged"] or not np.isfinite(interval).all():
        return None
    if min(probability.min(), 1 - probability.max()) < CERTAIN and separated(outcome, columns).any():
        return None
    return Fit(np.asarray(fit.params), interval, np.asarray(fit.pvalues), probability)


def separated(outcome: NDArray[np.float64], columns: NDArray[np.float64]) -> NDArray[np.bool_]:
    """[n] whom an intercept and ``columns`` [n, c] predict for sure: a linear programme finds the direction in which as
    many as possible lie strictly on the side of their outcome and nobody on the other."""
    from scipy.optimize import linprog

    signed = (2 * outcome - 1)[:, None] * with_intercept(_scaled(columns))
    n, width = signed.shape
    result = linprog(
        np.concatenate([np.zeros(width), -np.ones(n)]),
        A_ub=np.hstack([-signed, np.eye(n)]),
        b_ub=np.zeros(n),
        bounds=[(None, None)] * width + [(0, 1)] * n,
    )
    return np.asarray(result.x[width:] > 0.5)


def _scaled(columns: NDArray[np.float64]) -> NDArray[np.float64]:
    spread = columns.std(axis=0)
    return np.asarray((columns - columns.mean(axis=0)) / np.where(spread > 0, spread, 1))
