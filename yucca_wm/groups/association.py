"""Does load in a region go with disease? One model a region, permutation p-values, Benjamini-Hochberg.

The permutation test permutes the residuals of the outcome given the covariates (linear: Freedman and Lane 1983;
logistic: y minus its fitted probability under the covariates) against the residuals of each load given the covariates;
the statistic is their inner product, the score of the region's coefficient at zero. The same permutations serve all
regions. Effects come from statsmodels: odds ratio (logistic) or slope (linear) for one standard deviation of the load.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from yucca_wm.groups.loads import residuals

CHUNK = 1000
"""Permutations drawn at a time: memory does not grow with their number."""


@dataclass(frozen=True)
class RegionEffect:
    """One region. ``effect`` is an odds ratio (logistic) or a slope in outcome units (linear), for one standard
    deviation of the load, with its 95 % interval; None where it cannot be estimated, and ``note`` says why."""

    region: str
    effect: float | None
    low: float | None
    high: float | None
    p_value: float | None
    p_permutation: float | None
    q_value: float | None
    note: str = ""


def associate(
    loads: NDArray[np.float64],
    names: list[str],
    outcome: NDArray[np.float64],
    covariates: NDArray[np.float64],
    *,
    binary: bool,
    permutations: int = 5000,
    seed: int = 0,
) -> list[RegionEffect]:
    """Association of each column of ``loads`` [n, p] (transformed) with ``outcome`` [n] (0/1 when ``binary``)."""
    usable = residuals(loads, covariates).std(axis=0) > 1e-9 * np.maximum(loads.std(axis=0), 1e-12)
    usable &= loads.std(axis=0) > 0
    p_permutation = np.full(len(names), np.nan)
    p_permutation[usable] = permutation_p(
        loads[:, usable], outcome, covariates, binary=binary, permutations=permutations, seed=seed
    )
    q_values = np.full(len(names), np.nan)
    q_values[usable] = benjamini_hochberg(p_permutation[usable])
    rows = []
    for position, name in enumerate(names):
        if not usable[position]:
            rows.append(RegionEffect(name, None, None, None, None, None, None, "load does not vary"))
            continue
        load = loads[:, position]
        effect, low, high, p_value, note = _fit((load - load.mean()) / load.std(), outcome, covariates, binary=binary)
        p, q = float(p_permutation[position]), float(q_values[position])
        rows.append(RegionEffect(name, effect, low, high, p_value, p, q, note))
    return rows


def permutation_p(
    loads: NDArray[np.float64],
    outcome: NDArray[np.float64],
    covariates: NDArray[np.float64],
    *,
    binary: bool,
    permutations: int,
    seed: int = 0,
) -> NDArray[np.float64]:
    """[p] two-sided permutation p-values, (1 + as extreme) / (1 + permutations)."""
    rng = np.random.default_rng(seed)
    left = null_residuals(outcome, covariates, binary=binary)
    right = residuals(loads, covariates)
    observed = np.abs(left @ right)
    as_extreme = np.zeros(loads.shape[1], dtype=np.intp)
    for start in range(0, permutations, CHUNK):
        rows = np.tile(left, (min(CHUNK, permutations - start), 1))
        as_extreme += (np.abs(rng.permuted(rows, axis=1) @ right) >= observed * (1 - 1e-12)).sum(axis=0)
    return (1 + as_extreme) / (1 + permutations)


def null_residuals(
    outcome: NDArray[np.float64], covariates: NDArray[np.float64], *, binary: bool
) -> NDArray[np.float64]:
    """``outcome`` minus what the covariates alone predict (logistic when ``binary``)."""
    if not binary or not covariates.shape[1]:
        return residuals(outcome[:, None], covariates)[:, 0]
    from sklearn.linear_model import LogisticRegression

    scaled = (covariates - covariates.mean(axis=0)) / covariates.std(axis=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = LogisticRegression(C=1e6, max_iter=1000).fit(scaled, outcome)
    return np.asarray(outcome - model.predict_proba(scaled)[:, 1])


def benjamini_hochberg(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """q-values: smallest false discovery rate at which each is a discovery."""
    if not len(p_values):
        return p_values
    from statsmodels.stats.multitest import multipletests

    return np.asarray(multipletests(p_values, method="fdr_bh")[1])


def _fit(
    load: NDArray[np.float64], outcome: NDArray[np.float64], covariates: NDArray[np.float64], *, binary: bool
) -> tuple[float | None, float | None, float | None, float | None, str]:
    import statsmodels.api as sm

    terms = np.column_stack([np.ones(len(load)), load, covariates])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            fit = sm.Logit(outcome, terms).fit(disp=0, maxiter=200) if binary else sm.OLS(outcome, terms).fit()
        except np.linalg.LinAlgError:
            return None, None, None, None, "covariates and load determine each other"
    low, high = np.asarray(fit.conf_int())[1]
    slope, p_value = float(fit.params[1]), float(fit.pvalues[1])
    if binary and (not fit.mle_retvals["converged"] or not np.isfinite([low, high]).all() or high - low > 20):
        return None, None, None, None, "groups are separated by this load: the odds ratio has no finite estimate"
    if binary:
        return float(np.exp(slope)), float(np.exp(low)), float(np.exp(high)), p_value, ""
    return slope, float(low), float(high), p_value, ""
