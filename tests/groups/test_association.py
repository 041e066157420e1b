from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import optimize, stats

from yucca_wm.groups.statistics.association import associate, benjamini_hochberg
from yucca_wm.groups.statistics.odds_ratio import log_odds_of_first
from yucca_wm.groups.statistics.permutation import permutation_p

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
    designs = [sm.add_constant(np.column_stack([load, age])) for load in loads.T]
    model = [sm.OLS(outcome, design).fit(cov_type="HC3", use_t=True).pvalues[1] for design in designs]
    np.testing.assert_allclose(ours, model, atol=0.1)  # two estimates of the variance


def profile(outcome, design, log_odds=None):
    """Largest penalized log likelihood (Firth 1993), with the coefficient of the load fixed if ``log_odds`` is given;
    and that coefficient."""

    def penalized(free):
        every = free if log_odds is None else np.insert(free, 1, log_odds)
        p = 1 / (1 + np.exp(-design @ every))
        information = design.T @ (design * (p * (1 - p))[:, None])
        return -(np.log(np.where(outcome, p, 1 - p)).sum() + np.linalg.slogdet(information)[1] / 2)

    start = np.zeros(design.shape[1] - (log_odds is not None))
    found = optimize.minimize(penalized, start, method="BFGS", options={"gtol": 1e-6})
    return -found.fun, found.x[1] if log_odds is None else log_odds


@pytest.mark.parametrize("number", range(20))
def test_effects_are_those_of_other_programs(number):
    """Twenty random designs: slopes of numpy's least squares, with HC3 by hand; odds ratios, intervals and p-values by
    the definition: the likelihood, times the root of the information's determinant, and how far it falls."""
    rng = np.random.default_rng(number)
    n, columns = int(rng.integers(40, 120)), int(rng.integers(0, 6))
    covariates = rng.normal(size=(n, columns))
    loads = correlated(rng, n)[:, :3] + covariates[:, :1].sum(axis=1, keepdims=True)
    score = 0.4 * loads[:, 0] + covariates.sum(axis=1) / 2 + rng.normal(size=n)
    linear = associate(loads, NAMES[:3], score, covariates, binary=False, permutations=9)
    odds = associate(loads, NAMES[:3], (score > 0).astype(float), covariates, binary=True, permutations=9)
    for place, load in enumerate(loads.T):
        columns = np.column_stack([(load - load.mean()) / load.std(ddof=1), covariates])
        slope = np.linalg.lstsq(sm.add_constant(columns), score, rcond=None)[0][1]
        assert linear[place].effect == pytest.approx(slope, rel=1e-6)
        design = sm.add_constant(columns)
        best, at = profile(score > 0, design)
        assert np.log(odds[place].effect) == pytest.approx(at, abs=1e-4)
        for end in (odds[place].low, odds[place].high):
            assert 2 * (best - profile(score > 0, design, np.log(end))[0]) == pytest.approx(3.8415, abs=2e-3)
        drop = 2 * (best - profile(score > 0, design, 0.0)[0])
        assert odds[place].p_value == pytest.approx(stats.chi2.sf(drop, 1), rel=1e-3)
        inverse = np.linalg.inv(design.T @ design)
        leverage = np.einsum("ij,jk,ik->i", design, inverse, design)
        left = (score - design @ (inverse @ design.T @ score)) / (1 - leverage)
        error = np.sqrt((inverse @ (design.T * left**2) @ design @ inverse)[1, 1])  # HC3
        free = n - design.shape[1]
        half = stats.t.ppf(0.975, free) * error
        assert [linear[place].low, linear[place].high] == pytest.approx([slope - half, slope + half], rel=1e-6)
        assert linear[place].p_value == pytest.approx(2 * stats.t.sf(abs(slope) / error, free), rel=1e-6)


def test_a_region_is_judged_in_those_who_have_it():
    """Absent in 20 of 60: the effect, its number and its p are those of the 40 alone; the other region's of all 60."""
    rng = np.random.default_rng(6)
    loads, age = rng.normal(size=(60, 2)), rng.normal(size=(60, 1))
    outcome = (rng.random(60) < 1 / (1 + np.exp(-loads[:, 0]))).astype(float)
    some = loads.copy()
    some[::3, 0] = np.nan
    have = np.arange(60) % 3 > 0
    for binary, values in ((True, outcome), (False, outcome + rng.normal(size=60))):
        ours = associate(some, NAMES[:2], values, age, binary=binary, permutations=200)
        alone = associate(loads[have, :1], NAMES[:1], values[have], age[have], binary=binary, permutations=200)
        whole = associate(loads[:, 1:], NAMES[1:2], values, age, binary=binary, permutations=200)
        assert [effect.n_subjects for effect in ours] == [40, 60]
        assert (ours[0].effect, ours[0].p_permutation) == (alone[0].effect, alone[0].p_permutation)
        assert (ours[1].effect, ours[1].p_permutation) == (whole[0].effect, whole[0].p_permutation)


def test_a_region_that_hardly_anybody_has_is_not_tested():
    """Nine have the first region; twelve the second, four of them patients. Both are no part of the correction."""
    rng = np.random.default_rng(7)
    loads, outcome = rng.normal(size=(60, 3)), np.repeat([0.0, 1.0], 30)
    loads[9:, 0] = np.nan
    loads[np.r_[8:56], 1] = np.nan
    few, lopsided, whole = associate(loads, NAMES[:3], outcome, NONE, binary=True, permutations=200)
    assert few.note == "not tested: 9 subjects, 10 are needed"
    assert lopsided.note == "not tested: 4 subjects in one group, 5 are needed"
    assert (few.n_subjects, lopsided.n_subjects, whole.n_subjects) == (9, 12, 60)
    assert few.q_value is lopsided.q_value is few.p_permutation is None
    assert whole.q_value == whole.p_permutation


def test_people_whose_site_has_one_group_only_say_nothing():
    """Seven of 40 come from a site with patients only: all is as without them and without a column for their site."""
    rng = np.random.default_rng(8)
    loads, age = rng.normal(size=(40, 2)), rng.normal(size=(40, 1))
    outcome = (rng.random(40) < 0.5).astype(float)
    site = np.zeros((40, 1))
    site[:7], outcome[:7] = 1, 1
    ours = associate(loads, NAMES[:2], outcome, np.column_stack([site, age]), binary=True, permutations=300)
    alone = associate(loads[7:], NAMES[:2], outcome[7:], age[7:], binary=True, permutations=300)
    for effect, expected in zip(ours, alone, strict=True):
        assert effect.n_subjects == 33
        assert effect.p_permutation == expected.p_permutation
        assert effect.effect == pytest.approx(expected.effect, rel=1e-9)


def test_separation_and_constant_loads_are_said():
    rng = np.random.default_rng(3)
    loads = rng.normal(size=(60, 3))
    outcome = (loads[:, 0] > 0).astype(float)
    loads[:, 2] = 1.5
    separated, _, constant = associate(loads, NAMES[:3], outcome, NONE, binary=True, permutations=200)
    assert 1 < separated.low < separated.effect
    assert separated.high is None, "beyond any useful number"
    assert separated.note == "groups are separated by this load: the odds ratio is imprecise"
    assert separated.p_permutation == pytest.approx(1 / 201)
    assert constant.note == "load does not vary"
    assert constant.q_value is None


def test_what_separates_groups_is_named():
    """Patients have load plus age of at least 10: neither alone tells everyone, both together do."""
    load, age = np.array([1, 9, 2, 8, 3, 7, 9, 4, 8, 5, 6, 1.5]), np.array([2, 0.5, 6, 1, 5, 2, 3, 8, 4, 7, 6, 9.0])
    outcome = (load + age >= 10).astype(float)
    (found,) = associate(load[:, None], NAMES[:1], outcome, age[:, None], binary=True, permutations=99)
    assert 1 < found.effect < np.inf
    assert "separated by this load and the covariates together" in found.note
    (alone,) = associate((load + age)[:, None], NAMES[:1], outcome, np.zeros((12, 0)), binary=True, permutations=99)
    assert "separated by this load: " in alone.note


@pytest.mark.parametrize(("with_lesions", "without"), [((3, 9), (10, 4)), ((0, 6), (8, 5)), ((0, 7), (8, 0))])
def test_odds_ratio_of_a_region_with_or_without_lesions(with_lesions, without):
    """Controls and patients with a lesion there, and without: half a person is added to each of the four (Haldane
    1956), which is what the penalty comes to, also where nobody of one group, or everybody of a group, has a lesion."""
    load = np.repeat([1.0, 1.0, 0.0, 0.0], [*with_lesions, *without])
    outcome = np.repeat([0.0, 1.0, 0.0, 1.0], [*with_lesions, *without])
    none = np.zeros((len(load), 0))
    (found,) = associate(load[:, None], NAMES[:1], outcome, none, binary=True, permutations=99)
    (a, b), (c, d) = with_lesions, without
    ratio = (b + 0.5) * (c + 0.5) / ((a + 0.5) * (d + 0.5))
    assert found.effect == pytest.approx(ratio ** load.std(ddof=1), rel=1e-5)
    assert 1 < found.low < found.effect < found.high
    assert ("separated by this load" in found.note) == (a == d == 0)


def test_an_odds_ratio_that_may_be_anything_is_said_to_be_so():
    """Twelve people whose age nearly separates the groups, and is nearly the load: what the load adds is unknown."""
    rng = np.random.default_rng(11)
    age, outcome = np.arange(12.0)[:, None], np.repeat([0.0, 1.0], 6)
    age[5:7] = age[6:4:-1]
    loads = age + rng.normal(size=(12, 1)) / 20
    (found,) = associate(loads, NAMES[:1], outcome, age, binary=True, permutations=99)
    assert (found.effect, found.low, found.high) == (None, None, None)
    assert found.p_value == pytest.approx(0.38, abs=0.02)
    assert "separated by this load and the covariates together" in found.note


@pytest.mark.parametrize(
    ("controls", "patients", "n", "odds_ratio", "low", "high"),
    [
        ([0.3, 0.3, 0.7, 33.1], [], 20, 0.663, 1.07e-7, 1.374),
        ([], [0.1, 0.1, 0.6, 2.8, 8.9], 20, 59.8, 0.922, 1.81e7),
        ([0.2], [30, 0.6, 1.6, 3.2], 24, 1.878, 0.804, 400.7),
    ],
)
def test_ends_of_intervals_lie_on_either_side(controls, patients, n, odds_ratio, low, high):
    """Few people have a lesion there, and the profile is flat or has several peaks: the search of `firthmodels` ends at
    1.374 to 1.374, 18078583 to 18078583 and 0.804 to 0.804. The numbers are those of a profile on a fine grid."""
    load = np.zeros(n)
    load[: len(controls)], load[n // 2 : n // 2 + len(patients)] = controls, patients
    outcome = np.repeat([0.0, 1.0], n // 2)
    (found,) = associate(np.sqrt(load)[:, None], NAMES[:1], outcome, np.zeros((n, 0)), binary=True, permutations=9)
    assert [found.effect, found.low, found.high] == pytest.approx([odds_ratio, low, high], rel=2e-2)


def test_one_person_with_a_lesion_among_many_has_an_interval():
    """No fit converges with the coefficient moved to the end of the interval: that of `firthmodels` is taken."""
    rng = np.random.default_rng(3)
    load, outcome = np.zeros((200, 1)), np.repeat([0.0, 1.0], 100)
    load[7] = 1
    (found,) = associate(load, NAMES[:1], outcome, rng.normal(size=(200, 1)), binary=True, permutations=9)
    assert 0 < found.low < found.effect < 1 < found.high < 2


def test_odds_ratios_of_few_people_are_those_of_many():
    """20 people, three covariates, a true log odds ratio of 1: the median of 300 cohorts is close to it (that of the
    maximum likelihood is 1.36), and the intervals hold it in 95 of a hundred."""
    rng, found = np.random.default_rng(0), []
    while len(found) < 300:
        covariates = rng.normal(size=(20, 3))
        load = rng.normal(size=20) + covariates[:, 0] / 2
        columns = np.column_stack([(load - load.mean()) / load.std(ddof=1), covariates])
        outcome = (rng.random(20) < 1 / (1 + np.exp(-columns @ [1, 0.5, 0.5, 0.5]))).astype(float)
        if 5 <= outcome.sum() <= 15:
            found.append(log_odds_of_first(outcome, columns))
    assert np.median([each.log_odds for each in found]) == pytest.approx(1, abs=0.15)
    assert 0.93 <= np.mean([(each.low or -np.inf) <= 1 <= (each.high or np.inf) for each in found]) <= 0.985


def test_a_wide_interval_is_noted():
    """Two people of twelve are the wrong way round: widely, and by a hair."""
    for first, said in ((1.9, ""), (1.01, "the odds ratio is imprecise: see its interval")):
        load = np.array([0, 0.2, 0.4, 0.6, 0.8, first, 1.0, 1.2, 1.4, 1.6, 1.8, 2.0])
        outcome = np.repeat([0.0, 1.0], 6)
        (found,) = associate(load[:, None], NAMES[:1], outcome, np.zeros((12, 0)), binary=True, permutations=99)
        assert (found.high / found.low > 1000, found.note) == (bool(said), said)
