from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from yucca_wm.groups.association import associate, benjamini_hochberg, permutation_p

NONE = np.empty((60, 0))
NAMES = [f"r{number}" for number in range(34)]


def correlated(rng, n):
    return 0.7 * rng.normal(size=(n, 1)) + rng.normal(size=(n, 34))


@pytest.mark.parametrize("binary", [True, False])
def test_false_discovery_rate_under_the_null(binary):
    """1,000 cohorts without any effect: at most 5 % (and three standard errors) have a discovery."""
    rng = np.random.default_rng(0)
    discoveries = 0
    for number in range(1000):
        covariate = rng.normal(size=(60, 1))
        outcome = covariate[:, 0] + rng.normal(size=60)
        outcome = (outcome > 0).astype(float) if binary else outcome
        loads = correlated(rng, 60) + 0.8 * covariate
        p = permutation_p(loads, outcome, covariate, binary=binary, permutations=999, seed=number)
        discoveries += (benjamini_hochberg(p) <= 0.05).any()
    assert discoveries / 1000 <= 0.05


def test_power_is_that_of_the_t_test():
    """A correlation of 0.35 in one region, 60 subjects: the power at 5 % is that of the noncentral t distribution."""
    rng, n, slope = np.random.default_rng(1), 60, 0.35
    found = 0
    for number in range(600):
        load = rng.normal(size=(n, 1))
        outcome = slope * load[:, 0] + np.sqrt(1 - slope**2) * rng.normal(size=n)
        found += permutation_p(load, outcome, NONE, binary=False, permutations=399, seed=number)[0] <= 0.05
    shift = slope / np.sqrt(1 - slope**2) * np.sqrt(n - 1)
    limit = stats.t.ppf(0.975, n - 2)
    power = 1 - stats.nct.cdf(limit, n - 2, shift) + stats.nct.cdf(-limit, n - 2, shift)
    assert abs(found / 600 - power) < 3 * np.sqrt(power * (1 - power) / 600) + 0.01


def test_planted_effect_is_found_alone_and_as_large_as_planted():
    rng, n = np.random.default_rng(2), 400
    loads = rng.normal(size=(n, 34))
    age = rng.normal(size=(n, 1))
    outcome = (rng.random(n) < 1 / (1 + np.exp(-(np.log(3) * loads[:, 7] + age[:, 0])))).astype(float)
    effects = associate(loads, NAMES, outcome, age, binary=True, permutations=5000)
    assert [item.region for item in effects if item.q_value < 0.01] == ["r7"]
    assert effects[7].low < 3 < effects[7].high
    linear = associate(loads, NAMES, 2 * loads[:, 3] + rng.normal(size=n), age, binary=False, permutations=500)
    assert linear[3].effect == pytest.approx(2 * loads[:, 3].std(), rel=0.1)


def test_permutation_p_is_near_the_models():
    rng = np.random.default_rng(5)
    loads, age = correlated(rng, 80), rng.normal(size=(80, 2))
    outcome = 0.3 * loads[:, 0] + age[:, 0] + rng.normal(size=80)
    ours = permutation_p(loads, outcome, age, binary=False, permutations=5000)
    model = [sm.OLS(outcome, sm.add_constant(np.column_stack([load, age]))).fit().pvalues[1] for load in loads.T]
    np.testing.assert_allclose(ours, model, atol=0.03)


def test_separation_and_constant_loads_are_said():
    rng = np.random.default_rng(3)
    loads = rng.normal(size=(60, 3))
    outcome = (loads[:, 0] > 0).astype(float)
    loads[:, 2] = 1.5
    separated, _, constant = associate(loads, NAMES[:3], outcome, NONE, binary=True, permutations=200)
    assert separated.effect is None
    assert "separated" in separated.note
    assert separated.p_permutation == pytest.approx(1 / 201)
    assert constant.note == "load does not vary"
    assert constant.q_value is None
