"""Permutation p-values of loads, given covariates.

Linear: the residuals of the outcome given the covariates are permuted (Freedman and Lane 1983; Anderson and Robinson
2001). Logistic: the residuals of the load given the covariates are permuted (Potter 2005, Stat. Med. 24:693). The
statistic of both is Rao's score of the load's coefficient, squared, divided by its variance under the model of the
covariates alone, in every permutation: without that, p-values are too small with many covariates and few subjects. It
is the larger of two variances: that of a model in which everybody varies alike, and the sum of each subject's squared
contribution (White 1980). The first alone gives p-values that are far too small where the smaller group varies more
(Chung and Romano 2013; DiCiccio and Romano 2017, JASA 112:1211). The second alone is close to 0, and nothing the most
extreme result, where nobody of the smaller group has a lesion.

The same permutations serve all loads. Equal statistics count as equal despite rounding: a region in which only one
subject has lesions has only two values of the statistic (`nilearn.mass_univariate.permuted_ols` breaks such ties).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from yucca_wm.groups.statistics.logistic import fitted_probability, with_intercept

AT_A_TIME = 2_000_000
"""Numbers drawn at a time, so that memory does not grow with the number of permutations."""

ROUNDING = 1e-9
"""Statistics (shares of variance, or chi-squared values) that differ by less than this count as equal."""


def permutation_p(
    loads: NDArray[np.float64],
    outcome: NDArray[np.float64],
    covariates: NDArray[np.float64],
    *,
    binary: bool,
    permutations: int,
    seed: int = 0,
) -> NDArray[np.float64]:
    """[p] two-sided permutation p-values, (1 + number as extreme) / (1 + permutations), of the columns of ``loads``
    [n, p].

    outcome : [n] numbers, or 0/1 when ``binary`` (logistic).
    covariates : [n, c], linearly independent of each other and of the intercept; loads vary, given them.

    Raises ValueError if the logistic model of the covariates alone has no estimate (`logistic.separated`).
    """
    basis = np.linalg.qr(with_intercept(covariates))[0]
    residual = loads - basis @ (basis.T @ loads)
    if binary:
        if (probability := fitted_probability(outcome, covariates)) is None:
            raise ValueError("covariates alone tell the groups apart")
        statistic = _score(outcome - probability, probability * (1 - probability), covariates, residual)
    else:
        statistic = _linear_score(outcome - basis @ (basis.T @ outcome), basis, residual)
    n = len(outcome)
    observed = statistic(np.arange(n)[None])[0]
    as_extreme = np.zeros(loads.shape[1], dtype=np.intp)
    for orders in _orders(n, permutations, max(1, AT_A_TIME // n), np.random.default_rng(seed)):
        as_extreme += (statistic(orders) >= observed - ROUNDING).sum(axis=0)
    return (1 + as_extreme) / (1 + permutations)


Statistic = Callable[[NDArray[np.intp]], NDArray[np.float64]]
"""Function from [b, n] orders of the subjects to [b, p] values, larger ones being more extreme."""


def _linear_score(left: NDArray[np.float64], basis: NDArray[np.float64], residual: NDArray[np.float64]) -> Statistic:
    squares = residual**2
    least = ROUNDING * (left @ left) / len(left) * squares.sum(axis=0)

    def statistic(orders: NDArray[np.intp]) -> NDArray[np.float64]:
        permuted = left[orders]
        rest = (permuted - (permuted @ basis) @ basis.T) ** 2
        alike = rest.mean(axis=1)[:, None] * squares.sum(axis=0)
        return np.asarray((permuted @ residual) ** 2 / np.maximum(np.maximum(alike, rest @ squares), least))

    return statistic


def _score(
    left: NDArray[np.float64],
    weight: NDArray[np.float64],
    covariates: NDArray[np.float64],
    residual: NDArray[np.float64],
) -> Statistic:
    root = np.sqrt(weight)[:, None]
    basis = np.linalg.qr(root * with_intercept(covariates))[0]
    onto = (root * basis).T  # what covariates explain of a load: (onto @ load) @ along
    along = np.divide(basis, root, out=np.zeros_like(basis), where=root > 0).T
    squares, weights = residual**2, left**2
    products = (along * weights) @ along.T
    least = ROUNDING * weights.mean() * squares.sum(axis=0)

    def statistic(orders: NDArray[np.intp]) -> NDArray[np.float64]:
        """Each subject's contribution is left * (load - projection); one term of its square is the same in every
        order."""
        parts = [column[orders] @ residual for column in onto]
        alike, own = weight[orders] @ squares, weights[orders] @ squares
        for part, column in zip(parts, along, strict=True):
            alike -= part**2
            own -= 2 * part * ((weights * column)[orders] @ residual)
        for first, row in zip(parts, products, strict=True):
            own += first * sum(value * second for value, second in zip(row, parts, strict=True))
        variance = np.maximum(alike, own)
        score = left[orders] @ residual
        return np.asarray(np.where(variance > least, score**2 / np.maximum(variance, least), 0.0))

    return statistic


def _orders(n: int, count: int, at_a_time: int, rng: np.random.Generator) -> Iterator[NDArray[np.intp]]:
    for start in range(0, count, at_a_time):
        yield rng.permuted(np.tile(np.arange(n), (min(at_a_time, count - start), 1)), axis=1)
