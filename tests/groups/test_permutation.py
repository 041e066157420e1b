"""Permutation p-values: right in size under the null whatever the covariates, and those of independent programs."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from math import comb
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from numpy.typing import NDArray
from scipy.stats import chi2, fisher_exact

from yucca_wm.groups.statistics.association import associate, benjamini_hochberg
from yucca_wm.groups.statistics.logistic import fitted_probability
from yucca_wm.groups.statistics.permutation import permutation_p

Study = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]
NONE = np.empty((40, 0))


def null_study(rng: np.random.Generator, n: int, columns: int, binary: bool, *, sites: int = 0) -> Study:
    """Loads of 34 correlated, skewed regions and an outcome that both go with age and with nothing else. Covariates are
    age, sex, normal columns, and 0/1 columns for all sites but one. Groups told apart by covariates do not occur."""
    while True:
        covariates = rng.normal(size=(n, columns))
        if columns > 1:
            covariates[:, 1] = rng.permutation(np.arange(n) % 2)
        site = rng.permutation(np.arange(n) % sites) if sites else np.zeros(n)
        covariates = np.column_stack([covariates, *(site == number for number in range(1, sites))])
        age = covariates[:, 0] if columns else np.zeros(n)
        loads = np.exp(0.5 * age[:, None] + 0.7 * rng.normal(size=(n, 1)) + rng.normal(size=(n, 34)))
        outcome = 0.5 * age + rng.normal(size=n)
        if binary:
            outcome = (rng.random(n) < 1 / (1 + np.exp(-0.5 * age))).astype(float)
            if not 5 <= outcome.sum() <= n - 5 or fitted_probability(outcome, covariates) is None:
                continue
        return np.sqrt(loads), outcome, covariates


def shares_found(studies: int, n: int, columns: int, binary: bool, permutations: int = 199, *, sites: int = 0):
    """Percent of regions with p <= .05, and percent of studies with any q <= .05, where there is nothing to find."""
    regions, any_region = 0.0, 0
    for number in range(studies):
        study = null_study(np.random.default_rng([n, columns, binary, number]), n, columns, binary, sites=sites)
        p = permutation_p(*study, binary=binary, permutations=permutations, seed=number)
        regions += (p <= 0.05).mean()
        any_region += (benjamini_hochberg(p) <= 0.05).any()
    return 100 * regions / studies, 100 * any_region / studies


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize(("n", "columns"), [(24, 0), (24, 10), (30, 6)])
def test_one_region_in_twenty_is_found_where_there_is_nothing(n: int, columns: int, binary: bool) -> None:
    """In short; an unstudentized statistic finds 15 and 8 of a hundred in the last two."""
    share, _ = shares_found(150, n, columns, binary)
    assert 3.5 <= share <= 6.5


@pytest.mark.nightly
@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("columns", [0, 3, 6, 10])
@pytest.mark.parametrize("n", [24, 30, 60])
def test_calibration(n: int, columns: int, binary: bool, record_property: Callable[[str, object], None]) -> None:
    share, _ = shares_found(2000, n, columns, binary)
    record_property("percent of regions found", share)  # for --junitxml
    assert 3.5 <= share <= 6.5


@pytest.mark.nightly
@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("sites", [0, 7])
def test_family_wise_error_over_correlated_regions(
    sites: int, binary: bool, record_property: Callable[[str, object], None]
) -> None:
    """24 people with age and sex (and 7 sites): a null study reports a finding in at most 5 of a hundred."""
    share, any_region = shares_found(2000, 24, 2, binary, permutations=1999, sites=sites)
    record_property("percent of regions found", share)
    record_property("percent of studies with a finding", any_region)
    assert 3.5 <= share <= 6.5
    assert any_region <= 6.5


def test_family_wise_error_in_short() -> None:
    _, any_region = shares_found(150, 24, 2, False, permutations=999, sites=7)
    assert any_region <= 6.5


def logistic_score(null: Any, load: NDArray[np.float64]) -> float:
    """Of a load that is added to a logistic model: the smaller of Rao's score and the robust one, which is the
    explained part of a regression of ones on each person's contribution to the score (Wooldridge 1991)."""
    weight = null.mu * (1 - null.mu)
    rest = load - sm.WLS(load, null.model.exog, weights=weight).fit().fittedvalues
    robust = sm.OLS(np.ones(len(load)), (null.model.endog - null.mu) * rest).fit().ess
    return float(min(robust, null.score_test(exog_extra=load[:, None])[0].item()))


def linear_score(residual: NDArray[np.float64], rest: NDArray[np.float64]) -> float:
    """The same in a linear model, from the residuals of outcome and load."""
    robust = sm.OLS(np.ones(len(rest)), residual * rest).fit().ess
    return float(min(robust, len(rest) * sm.OLS(residual, rest).fit().rsquared))


@pytest.mark.parametrize("binary", [False, True])
def test_every_permutation_is_judged_by_the_statistic_of_its_own_model(binary: bool) -> None:
    """All 720 permutations of six people, each fitted anew with statsmodels; ours draws 20,000 of them."""
    rng = np.random.default_rng(5)
    load, age = rng.normal(size=6), np.array([[1.0], [2.0], [4.0], [4.5], [6.0], [9.0]])
    outcome = np.array([1.0, 0, 1, 0, 0, 1]) if binary else load + rng.normal(size=6)
    null = sm.add_constant(age)
    if binary:
        fit = sm.GLM(outcome, null, sm.families.Binomial()).fit()
        residual = load - sm.OLS(load, null).fit().fittedvalues
        values = [logistic_score(fit, residual[list(order)]) for order in permutations(range(6))]
    else:
        fit, rest = sm.OLS(outcome, null).fit(), sm.OLS(load, null).fit().resid
        again = (
            sm.OLS(fit.fittedvalues + fit.resid[list(order)], null).fit().resid for order in permutations(range(6))
        )
        values = [linear_score(resid, rest) for resid in again]
    exact = np.mean(np.array(values) >= values[0] * (1 - 1e-9))
    ours = permutation_p(load[:, None], outcome, age, binary=binary, permutations=20_000)[0]
    assert abs(ours - exact) < 4 * np.sqrt(exact * (1 - exact) / 20_000) + 1e-4


@pytest.mark.parametrize("binary", [False, True])
def test_equal_statistics_are_equal(binary: bool) -> None:
    """One person of 40 has a lesion, in two regions; then two of one group: p = 2 * (20 * 19 / 2) / (40 * 39 / 2)."""
    loads = np.zeros((40, 3))
    loads[3, 0], loads[25, 1], loads[[3, 7], 2] = 1.7, 0.3, 2.3
    outcome = np.repeat([0.0, 1.0], 20)
    p = permutation_p(loads, outcome, NONE, binary=binary, permutations=4000)
    assert p[0] == p[1] == 1
    assert abs(p[2] - 2 * comb(20, 2) / comb(40, 2)) < 0.03


@pytest.mark.parametrize(
    ("sizes", "ratio", "most"), [((10, 44), 3.0, 14), ((8, 46), 4.5, 18), ((27, 27), 3.0, 7), ((44, 10), 2.0, 5)]
)
def test_groups_of_equal_means_that_vary_differently(sizes: tuple[int, int], ratio: float, most: float) -> None:
    """The variance of a model with equal variances finds 30, 38, 4.5 and 0.2 of a hundred."""
    found, outcome = 0.0, np.repeat([1.0, 0.0], sizes)
    for number in range(60):
        loads = np.random.default_rng([*sizes, number]).normal(size=(sum(sizes), 34))
        loads[: sizes[0]] *= ratio
        p = permutation_p(loads, outcome, np.empty((54, 0)), binary=True, permutations=199, seed=number)
        found += (p <= 0.05).mean()
    assert 100 * found / 60 <= most


@pytest.mark.parametrize("n", [20, 54, 200])
def test_scores_that_vary_more_where_loads_are_high(n: int) -> None:
    """The partial correlation finds 22 to 30 of a hundred."""
    found = covered = 0.0
    for number in range(300):
        rng = np.random.default_rng([n, number])
        load = np.sqrt(np.exp(rng.normal(size=(n, 1))) * (rng.random((n, 1)) < 0.6))
        outcome = (0.2 + load[:, 0]) * rng.normal(size=n)
        (effect,) = associate(load, ["r"], outcome, np.empty((n, 0)), binary=False, permutations=199, seed=number)
        assert effect.p_permutation is not None
        found += effect.p_permutation <= 0.05
        covered += effect.low is not None and effect.high is not None and effect.low <= 0 <= effect.high
    assert found / 300 <= 0.15
    assert covered / 300 >= 0.85


@pytest.mark.parametrize("sick", [(3, 5, 3, 49), (3, 10, 1, 44), (5, 10, 3, 44), (5, 8, 6, 46), (5, 15, 2, 39)])
def test_rare_lesions_in_small_groups_are_judged_as_by_fishers_exact_test(sick: tuple[int, int, int, int]) -> None:
    """That nobody of the small group has a lesion is not the most extreme result, although it then does not vary."""
    patients, of_patients, controls, of_controls = sick
    load = np.repeat([1.0, 0, 1, 0], [patients, of_patients - patients, controls, of_controls - controls])[:, None]
    outcome = np.repeat([1.0, 0.0], [of_patients, of_controls])
    ours = permutation_p(load, outcome, np.empty((len(load), 0)), binary=True, permutations=5000)[0]
    exact = fisher_exact([[patients, of_patients - patients], [controls, of_controls - controls]])[1]
    assert ours == pytest.approx(exact, rel=0.4, abs=0.002)


@pytest.mark.parametrize("units", [1.0, 1e6])
def test_a_slope_that_one_subject_determines_has_no_interval(units: float) -> None:
    """One of 54 has a lesion. A covariate that only one has determines nothing but that person: HC3 of the others."""
    rng = np.random.default_rng(0)
    age, outcome, load = rng.normal(size=(54, 1)), rng.normal(size=54), np.zeros((54, 1))
    load[5] = units
    (alone,) = associate(load, ["r"], outcome, age, binary=False, permutations=19)
    assert (alone.low, alone.p_value) == (None, None)
    assert alone.note == "one subject alone determines the slope: it has no interval"
    load, own = rng.normal(size=(54, 1)), np.zeros((54, 1))
    own[7] = units
    (effect,) = associate(load, ["r"], outcome, np.hstack([age, own]), binary=False, permutations=19)
    rest = np.arange(54) != 7
    scaled = (load[rest, 0] - load.mean()) / load.std(ddof=1)
    fit = sm.OLS(outcome[rest], sm.add_constant(np.column_stack([scaled, age[rest]]))).fit(cov_type="HC3", use_t=True)
    assert (effect.low, effect.high) == pytest.approx(tuple(fit.conf_int()[1]))


@pytest.mark.parametrize("number", range(20))
def test_logistic_p_values_are_near_those_of_the_score_test(number: int) -> None:
    """Twenty random designs of 150 people and normal loads: the score's chi-squared distribution is near the truth."""
    rng = np.random.default_rng([8, number])
    loads, outcome, covariates = null_study(rng, 150, int(rng.integers(1, 9)), True)
    loads = np.log(loads)
    ours = permutation_p(loads, outcome, covariates, binary=True, permutations=2000, seed=number)
    null = sm.GLM(outcome, sm.add_constant(covariates), sm.families.Binomial()).fit()
    theirs = np.array([chi2.sf(logistic_score(null, load), 1) for load in loads.T])
    assert (np.abs(ours - theirs) < 4 * np.sqrt(np.maximum(theirs * (1 - theirs), 1e-3) / 2000) + 0.02).all()


def test_memory_and_p_do_not_depend_on_how_many_are_drawn_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    study = null_study(np.random.default_rng(0), 40, 3, True)
    whole = permutation_p(*study, binary=True, permutations=500)
    monkeypatch.setattr("yucca_wm.groups.statistics.permutation.AT_A_TIME", 40 * 7)
    np.testing.assert_array_equal(permutation_p(*study, binary=True, permutations=500), whole)


def test_groups_told_apart_by_covariates_have_no_p() -> None:
    age = np.arange(20.0)[:, None]
    with pytest.raises(ValueError, match="covariates alone"):
        permutation_p(age**2, (age[:, 0] > 9).astype(float), age, binary=True, permutations=10)
