from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy.stats import ttest_1samp
from sklearn.metrics import roc_auc_score

from yucca_wm.groups.associate_command import _in_words
from yucca_wm.groups.statistics import logistic
from yucca_wm.groups.statistics.logistic import FOLDS, PENALTIES, _interval, aucs_of_folds, compare_prediction


def test_regional_pattern_beats_total_load_only_where_there_is_one():
    rng = np.random.default_rng(0)
    outcome = np.repeat([0.0, 1.0], 40)
    regional = rng.normal(size=(80, 34))
    total, none = rng.random(80), np.empty((80, 0))
    null = compare_prediction(regional, total, none, outcome)
    assert null.regional_interval[0] < 0.55
    assert null.difference_interval[0] < 0 < null.difference_interval[1]
    regional[outcome == 1, :4] += 1.5
    found = compare_prediction(regional, total, none, outcome)
    assert found.auc_regional > 0.9
    assert found.difference_interval[0] > 0


def test_what_covariates_alone_predict_is_no_merit_of_loads():
    """Age separates the groups almost; loads have nothing to do with them."""
    rng = np.random.default_rng(0)
    outcome = np.repeat([0.0, 1.0], 40)
    age = 2 * outcome[:, None] + rng.normal(size=(80, 1))
    found = compare_prediction(rng.normal(size=(80, 34)), rng.random(80), age, outcome)
    assert found.auc_covariates == pytest.approx(roc_auc_score(outcome, age[:, 0]), abs=0.05)
    assert found.auc_total <= found.auc_covariates + 0.01
    assert found.covariates_interval[0] < found.auc_covariates < found.covariates_interval[1]
    assert "total load 0.9" in _in_words(found)
    assert f"each together with the covariates, which alone give {found.auc_covariates:.2f};" in _in_words(found)


def test_areas_that_are_the_same_in_every_fold_have_no_interval():
    outcome = np.repeat([0.0, 1.0], 20)
    regional = np.random.default_rng(0).normal(size=(40, 3)) + 9 * outcome[:, None]
    found = compare_prediction(regional, regional.sum(axis=1), np.empty((40, 0)), outcome)
    assert (found.auc_regional, found.auc_covariates, found.regional_interval) == (1, None, None)
    assert _in_words(found).endswith("regional minus total +0.00 (no interval: every fold gives the same)")


def test_the_interval_of_folds_by_hand():
    """10 folds of standard deviation .1: a fifth of the subjects is tested, so variance .01 * (1 / 10 + 1 / 4), and
    t(9) at .975 is 2.262157."""
    values = 0.5 + 0.1 * np.array([-1, 1] * 5) * np.sqrt(9 / 10)
    half = 2.262157 * np.sqrt(0.01 * 0.35)
    assert _interval(values, 0, 1) == pytest.approx((0.5 - half, 0.5 + half), abs=1e-6)
    assert _interval(values + 0.45, 0, 1)[1] == 1


def test_what_stands_for_a_missing_load_comes_from_the_training_part_alone():
    """Worked out without the pipeline: medians and scaling of the training part, then the same ridge model; the area of
    every test part for itself."""
    from sklearn.linear_model import LogisticRegressionCV
    from sklearn.model_selection import RepeatedStratifiedKFold, StratifiedKFold

    rng = np.random.default_rng(1)
    outcome = np.repeat([0.0, 1.0], 20)
    values = rng.lognormal(size=(40, 3)) + outcome[:, None]
    values[rng.random(values.shape) < 0.3] = np.nan
    folds = RepeatedStratifiedKFold(n_splits=FOLDS, n_repeats=logistic.REPEATS, random_state=0)  # fewer in tests
    expected = []
    for train, test in folds.split(values, outcome):
        filled = np.where(np.isnan(values), np.nanmedian(values[train], axis=0), values)
        scaled = (filled - filled[train].mean(axis=0)) / filled[train].std(axis=0)
        inner = StratifiedKFold(3, shuffle=True, random_state=0)
        model = LogisticRegressionCV(Cs=PENALTIES, cv=inner, scoring="neg_log_loss", solver="newton-cholesky")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            score = model.fit(scaled[train], outcome[train]).decision_function(scaled[test])
        expected.append(roc_auc_score(outcome[test], score))
    assert aucs_of_folds(values, outcome, 0) == pytest.approx(expected)


@pytest.mark.nightly
def test_without_an_effect_areas_are_a_half_and_intervals_hold_it():
    """Ranked together, scores of different folds gave .40 in unequal groups: what a training part has more of, the test
    part has less of. And an interval of fixed scores missed 0 in a fifth of the cohorts."""
    found = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        outcome = np.repeat([0.0, 1.0], [31, 12])
        regional = rng.lognormal(size=(43, 34))
        found.append(compare_prediction(regional, regional.mean(axis=1), np.empty((43, 0)), outcome, seed=seed))
    for areas in ([one.auc_total for one in found], [one.auc_regional for one in found]):
        assert ttest_1samp(areas, 0.5).pvalue > 0.001
        assert 0.47 < np.mean(areas) < 0.53
    missed = [not one.difference_interval[0] <= 0 <= one.difference_interval[1] for one in found]
    assert np.mean(missed) <= 0.1
