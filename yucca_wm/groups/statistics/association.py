"""Association of regional load with disease: one model per region, permutation p-values, Benjamini-Hochberg.

Every region is tested in the subjects that have it (its load is known): undefined loads are not imputed.
Effects are odds ratios (logistic, Firth's: `odds_ratio`) or slopes (linear) for one standard deviation of the load.
Intervals of slopes are those of HC3 (Long and Ervin 2000); p-values come from permutations (`permutation`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from yucca_wm.groups.statistics.logistic import fitted_probability, separated, with_intercept
from yucca_wm.groups.statistics.odds_ratio import log_odds_of_first
from yucca_wm.groups.statistics.permutation import permutation_p
from yucca_wm.groups.statistics.variables import STILL, independent, varying

MIN_SUBJECTS, MIN_IN_GROUP, MIN_FREE = 10, 5, 5
"""A region is tested only with at least this many subjects, this many in each group, and this many more than the model
has coefficients."""

CERTAIN_FIT = 1e-6
"""A subject whose leverage is closer to 1 is fitted exactly."""

FALSE_DISCOVERY_RATE = 0.05
"""Regions with a smaller q are called found."""

WIDE_LOG_ODDS = float(np.log(1000))
"""A 95 % interval of log odds wider than this (an odds ratio of 1 to 1000, say) is noted."""


@dataclass(frozen=True)
class RegionEffect:
    """Result for one region. ``effect`` is an odds ratio (logistic) or a slope in outcome units (linear), for one
    standard deviation of the load, with its 95 % interval; None if it cannot be estimated, or is far beyond any useful
    number (`odds_ratio.BEYOND`), with the reason in ``note``.
    n_subjects : number of subjects in its model."""

    region: str
    n_subjects: int
    effect: float | None = None
    low: float | None = None
    high: float | None = None
    p_value: float | None = None
    p_permutation: float | None = None
    q_value: float | None = None
    note: str = ""

    @property
    def is_found(self) -> bool:
        """Whether it is associated, at `FALSE_DISCOVERY_RATE`."""
        return self.q_value is not None and self.q_value < FALSE_DISCOVERY_RATE


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
    ``binary``), given ``covariates`` [n, c]. Regions known in the same subjects share their permutations."""
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
    """q-values: smallest false discovery rate at which each test is a discovery."""
    if not len(p_values):
        return p_values
    from statsmodels.stats.multitest import multipletests

    return np.asarray(multipletests(p_values, method="fdr_bh")[1])


def too_few(outcome: NDArray[np.float64], columns: int, *, binary: bool) -> str:
    """Reason why there are too few subjects for ``columns`` covariate columns; empty if there are enough."""
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
    """`associate` for regions that all of these subjects have."""
    covariates = covariates[:, independent(covariates)]
    lacking = too_few(outcome, covariates.shape[1], binary=binary)
    if not lacking and binary and fitted_probability(outcome, covariates) is None:
        sure = separated(outcome, covariates)
        loads, outcome, covariates = loads[~sure], outcome[~sure], covariates[~sure]
        covariates = covariates[:, independent(covariates)]
        lacking = too_few(outcome, covariates.shape[1], binary=True)
        if lacking:
            lacking += f"; covariates alone predict {sure.sum()} perfectly"
        elif fitted_probability(outcome, covariates) is None:
            lacking = "the model of the covariates has no estimate"
    none = [RegionEffect(name, len(outcome)) for name in names]
    if lacking:
        return [replace(effect, note=f"not tested: {lacking}") for effect in none]
    basis = np.linalg.qr(with_intercept(covariates))[0]
    if not binary and not np.ptp(outcome - basis @ (basis.T @ outcome)) > 1e-9 * np.ptp(outcome):
        return [replace(effect, note="not tested: the outcome does not vary, given the covariates") for effect in none]
    spread = loads.std(axis=0, ddof=1)
    left = (loads - basis @ (basis.T @ loads)).std(axis=0)
    varies = varying(spread, left)
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
        effect = replace(effect, effect=float(fit.params[1]))
        fitted = 1 - fit.get_influence().hat_matrix_diag < CERTAIN_FIT
        if fitted.any():  # by a coefficient of their own, of the load or of a covariate that nobody else has
            left, covariates = load[~fitted], covariates[~fitted]
            covariates = covariates[:, independent(covariates)]
            basis = np.linalg.qr(with_intercept(covariates))[0]
            if not varying(load.std(keepdims=True), (left - basis @ (basis.T @ left)).std(keepdims=True)).all():
                return replace(effect, note="one subject alone determines the slope: it has no interval")
            fit = sm.OLS(outcome[~fitted], with_intercept(np.column_stack([left, covariates]))).fit()
        robust = fit.get_robustcov_results("HC3", use_t=True)
        low, high = np.asarray(robust.conf_int())[1].tolist()
        return replace(effect, low=low, high=high, p_value=float(robust.pvalues[1]))
    found = log_odds_of_first(outcome, columns)
    if found is None:
        return replace(effect, note="the odds ratio could not be estimated: the fit did not converge")
    note = _separation(outcome, load, columns)
    known = [None if value is None else float(np.exp(value)) for value in (found.log_odds, found.low, found.high)]
    if found.low is None or found.high is None or found.high - found.low > WIDE_LOG_ODDS:
        note = note or "the odds ratio is imprecise: see its interval"
    return replace(effect, effect=known[0], low=known[1], high=known[2], p_value=found.p_value, note=note)


def _separation(outcome: NDArray[np.float64], load: NDArray[np.float64], columns: NDArray[np.float64]) -> str:
    """Whether a model predicts the group of every subject perfectly; empty if not. columns : load and covariates."""
    from firthmodels import detect_separation

    if not detect_separation(columns, outcome).separation or not separated(outcome, columns).all():
        return ""
    alone = separated(outcome, load[:, None]).all()
    by = "this load" if alone else "this load and the covariates together"
    return f"groups are separated by {by}: the odds ratio is imprecise"
