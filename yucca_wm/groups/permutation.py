"""Permutation tests of one load after another, given covariates.

Linear: the residuals of the outcome given the covariates are permuted, and the partial correlation of what that gives
with the load is computed anew (Freedman and Lane 1983; Anderson and Robinson 2001); its square orders permutations as
t^2 does. Logistic: the residuals of the load given the covariates are permuted (Potter 2005, Stat. Med. 24:693), and
the statistic is Rao's score of the load's coefficient, squared, divided by its variance under the model of the
covariates alone. Both statistics are divided by their spread in every permutation: without that, p-values are too small
where covariates are many and people few.

The same permutations serve all loads. Equal statistics count as equal whatever their rounding: a region in which one
person has lesions has two values of the statistic only (`nilearn.mass_univariate.permuted_ols` breaks such ties).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from yucca_wm.groups.logistic import fit_logistic, with_intercept

AT_A_TIME = 2_000_000
"""Numbers drawn at a time: memory does not grow with the permutations."""

ROUNDING = 1e-9
"""Statistics (shares of variance, or chi-squared values) that differ by less than this are equal."""


def permutation_p(
    loads: NDArray[np.float64],
    outcome: NDArray[np.float64],
    covariates: NDArray[np.float64],
    *,
    binary: bool,
    permutations: int,
    seed: int = 0,
) -> NDArray[np.float64]:
    """[p] two-sided permutation p-values, (1 + as extreme) / (1 + permutations), of the columns of ``loads`` [n, p].

    outcome : [n] numbers, or 0/1 when ``binary`` (logistic).
    covariates : [n, c], linearly independent of each other and of the intercept; loads vary, given them.

    Raises ValueError when the logistic model of the covariates alone has no estimate (`logistic.separated`).
    """
    basis = np.linalg.qr(with_intercept(covariates))[0]
    residual = loads - basis @ (basis.T @ loads)
    if binary:
        if (fit := fit_logistic(outcome, covariates)) is None:
            raise ValueError("covariates alone tell the groups apart")
        statistic = _score(outcome - fit.probability, fit.probability * (1 - fit.probability), covariates, residual)
    else:
        statistic = _partial_correlation(outcome - basis @ (basis.T @ outcome), basis, residual)
    n = len(outcome)
    observed = statistic(np.arange(n)[None])[0]
    as_extreme = np.zeros(loads.shape[1], dtype=np.intp)
    for orders in _orders(n, permutations, max(1, AT_A_TIME // n), np.random.default_rng(seed)):
        as_extreme += (statistic(orders) >= observed - ROUNDING).sum(axis=0)
    return (1 + as_extreme) / (1 + permutations)


Statistic = Callable[[NDArray[np.intp]], NDArray[np.float64]]
"""From [b, n] orders of the subjects to [b, p] values, the larger the more extreme."""


def _partial_correlation(
    left: NDArray[np.float64], basis: NDArray[np.float64], residual: NDArray[np.float64]
) -> Statistic:
    whole, squares = left @ left, (residual**2).sum(axis=0)

    def statistic(orders: NDArray[np.intp]) -> NDArray[np.float64]:
        permuted = left[orders]
        rest = np.maximum(whole - ((permuted @ basis) ** 2).sum(axis=1), ROUNDING * whole)
        return np.asarray((permuted @ residual) ** 2 / (rest[:, None] * squares))

    return statistic


def _score(
    left: NDArray[np.float64],
    weight: NDArray[np.float64],
    covariates: NDArray[np.float64],
    residual: NDArray[np.float64],
) -> Statistic:
    root = np.sqrt(weight)[:, None]
    nuisance = root * np.linalg.qr(root * with_intercept(covariates))[0]
    squares = residual**2
    least = ROUNDING * weight.max() * squares.sum(axis=0)

    def statistic(orders: NDArray[np.intp]) -> NDArray[np.float64]:
        score = left[orders] @ residual
        variance = weight[orders] @ squares
        for column in nuisance.T:
            variance -= (column[orders] @ residual) ** 2
        return np.asarray(np.where(variance > least, score**2 / np.maximum(variance, least), 0.0))

    return statistic


def _orders(n: int, count: int, at_a_time: int, rng: np.random.Generator) -> Iterator[NDArray[np.intp]]:
    for start in range(0, count, at_a_time):
        yield rng.permuted(np.tile(np.arange(n), (min(at_a_time, count - start), 1)), axis=1)
