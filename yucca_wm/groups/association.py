"""Does load in a region go with disease? One model a region, permutation p-values, Benjamini-Hochberg.

Every region is judged in those who have it (its load is known): nothing is put in place of a load that is not defined.
Effects come from statsmodels: odds ratio (logistic) or slope (linear) for one standard deviation of the load.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from yucca_wm.groups.logistic import fit_logistic, separated, with_intercept
from yucca_wm.groups.permutation import permutation_p
from yucca_wm.groups.variables import independent

MIN_SUBJECTS, MIN_IN_GROUP, MIN_FREE = 10, 5, 5
"""A region is tested in at least this many subjects, this many of each group, and this many more than the model has
coefficients."""

WIDEST_LOG_ODDS = 20.0
"""An interval wider than this (a factor of 500 million) is no estimate."""

STILL = 1e-12
"""Loads with a standard deviation under this are the same in everyone."""


@dataclass(frozen=True)
class RegionEffect:
    """One region. ``effect`` is an odds ratio (logistic) or a slope in outcome units (linear), for one standard
    deviation of the load, with its 95 % interval; None where it cannot be estimated, and ``note`` says why.
    n_subjects : who is in its model."""

    region: str
    n_subjects: int
    effect: float | None = None
    low: float | None = None
    high: float | None = None
    p_value: float | None = None
    p_permutation: float | None = None
    q_value: float | None = None
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
    """Association of each column of ``loads`` [n, p] (transformed, NaN where undefined) with ``outcome`` [n] (0/1 when
    ``binary``), given ``covariates`` [n, c]. Regions that are known in the same subjects share their permutations."""
    found: dict[int, RegionEffect] = {}
    known = ~np.isnan(loads)
    patterns, pattern_of = np.unique(known, axis=1, return_inverse=True)
    for number, rows in enumerate(patterns.T):
        places = np.flatnonzero(pattern_of.ravel() == number)
        effects = _associate_complete(
            loads[np.ix_(rows, places)], [names[place] for place in places], outcome[rows], covariates[rows],
            binary=binary, permutations=permutations, seed=seed,
        )  # fmt: skip
        found |= dict(zip(places.tolist(), effects, strict=True))
    tested = [place for place in sorted(found) if found[place].p_permutation is not None]
    q_values = benjamini_hochberg(np.array([found[place].p_permutation for place in tested], dtype=np.float64))
    for place, q_value in zip(tested, q_values.tolist(), strict=True):
        found[place] = replace(found[place], q_value=q_value)
    return [found[place] for place in range(len(names))]


def benjamini_hochberg(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """q-values: smallest false discovery rate at which each is a discovery."""
    if not len(p_values):
        return p_values
    from statsmodels.stats.multitest import multipletests

    return np.asarray(multipletests(p_values, method="fdr_bh")[1])


def too_few(outcome: NDArray[np.float64], columns: int, *, binary: bool) -> str:
    """What is missing for a model with ``columns`` covariate columns; empty when nothing is."""
    needed = max(MIN_SUBJECTS, columns + 2 + MIN_FREE)
    if len(outcome) < needed:
        return f"{len(outcome)} subjects, {needed} are needed"
    smaller = int(min((outcome == 0).sum(), (outcome == 1).sum())) if binary else MIN_IN_GROUP
    return f"{smaller} subjects in one group, {MIN_IN_GROUP} are needed" if smaller < MIN_IN_GROUP else ""


def _associate_complete(
    loads: NDArray[np.float64],
    names: list[str],
    outcome: NDArray[np.float64],
    covariates: NDArray[np.float64],
    *,
    binary: bool,
    permutations: int,
    seed: int,
) -> list[RegionEffect]:
    """`associate` for regions that all these subjects have."""
    covariates = covariates[:, independent(covariates)]
    lacking = too_few(outcome, covariates.shape[1], binary=binary)
    if not lacking and binary and fit_logistic(outcome, covariates) is None:
        sure = separated(outcome, covariates)
        loads, outcome, covariates = loads[~sure], outcome[~sure], covariates[~sure]
        covariates = covariates[:, independent(covariates)]
        lacking = too_few(outcome, covariates.shape[1], binary=True)
        if lacking:
            lacking += f"; covariates alone predict {sure.sum()} for sure"
        elif fit_logistic(outcome, covariates) is None:
            lacking = "the model of the covariates has no estimate"
    none = [RegionEffect(name, len(outcome)) for name in names]
    if lacking:
        return [replace(effect, note=f"not tested: {lacking}") for effect in none]
    basis = np.linalg.qr(with_intercept(covariates))[0]
    if not binary and not np.ptp(outcome - basis @ (basis.T @ outcome)) > 1e-9 * np.ptp(outcome):
        return [replace(effect, note="not tested: the outcome does not vary, given the covariates") for effect in none]
    spread = loads.std(axis=0)
    left = (loads - basis @ (basis.T @ loads)).std(axis=0)
    varies = (spread > STILL) & (left > 1e-9 * spread)
    p_permutation = np.full(len(names), np.nan)
    p_permutation[varies] = permutation_p(
        loads[:, varies], outcome, covariates, binary=binary, permutations=permutations, seed=seed
    )
    effects = []
    for place, effect in enumerate(none):
        if varies[place]:
            load = (loads[:, place] - loads[:, place].mean()) / spread[place]
            own = _estimate(effect, load, outcome, covariates, binary=binary)
            effects.append(replace(own, p_permutation=float(p_permutation[place])))
        else:
            why = "load does not vary" if spread[place] <= STILL else "the covariates determine this load"
            effects.append(replace(effect, note=why))
    return effects


def _estimate(
    effect: RegionEffect,
    load: NDArray[np.float64],
    outcome: NDArray[np.float64],
    covariates: NDArray[np.float64],
    *,
    binary: bool,
) -> RegionEffect:
    import statsmodels.api as sm

    columns = np.column_stack([load, covariates])
    if not binary:
        fit = sm.OLS(outcome, with_intercept(columns)).fit()
        low, high = np.asarray(fit.conf_int())[1].tolist()
        return replace(effect, effect=float(fit.params[1]), low=low, high=high, p_value=float(fit.pvalues[1]))
    logistic = fit_logistic(outcome, columns)
    if logistic is None or np.ptp(logistic.interval[1]) > WIDEST_LOG_ODDS:
        why = "groups are separated by this load: " if separated(outcome, columns).any() else ""
        return replace(effect, note=f"{why}the odds ratio has no finite estimate")
    low, high = np.exp(logistic.interval[1]).tolist()
    return replace(
        effect, effect=float(np.exp(logistic.coefficients[1])), low=low, high=high, p_value=float(logistic.p_values[1])
    )
