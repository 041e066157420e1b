from __future__ import annotations

import warnings

import numpy as np
from sklearn.metrics import roc_auc_score

from yucca_wm.groups.statistics import logistic
from yucca_wm.groups.statistics.logistic import FOLDS, PENALTIES, _auc, _out_of_fold, compare_prediction


def test_regional_pattern_beats_total_load_only_where_there_is_one():
    rng = np.random.default_rng(0)
    outcome = np.repeat([0.0, 1.0], 40)
    regional = rng.normal(size=(80, 34))
    total, none = rng.random(80), np.empty((80, 0))
    null = compare_prediction(regional, total, none, outcome, bootstraps=200)
    assert null.regional_interval[0] < 0.55
    assert null.difference_interval[0] < 0 < null.difference_interval[1]
    regional[outcome == 1, :4] += 1.5
    found = compare_prediction(regional, total, none, outcome, bootstraps=200)
    assert found.auc_regional > 0.9
    assert found.difference_interval[0] > 0


def test_area_is_that_of_scikit_learn_with_ties():
    rng = np.random.default_rng(0)
    outcome, score = (rng.random(50) < 0.3).astype(float), rng.integers(0, 8, 50).astype(float)
    assert abs(_auc(outcome, score) - roc_auc_score(outcome, score)) < 1e-12


def test_what_stands_for_a_missing_load_comes_from_the_training_part_alone():
    """Worked out without the pipeline: medians and scaling of the training part, then the same ridge model."""
    from sklearn.linear_model import LogisticRegressionCV
    from sklearn.model_selection import StratifiedKFold

    rng = np.random.default_rng(1)
    outcome = np.repeat([0.0, 1.0], 20)
    values = rng.lognormal(size=(40, 3)) + outcome[:, None]
    values[rng.random(values.shape) < 0.3] = np.nan
    expected, leaking = np.zeros(40), np.zeros(40)
    for repeat in range(logistic.REPEATS):  # fewer in tests
        for train, test in StratifiedKFold(FOLDS, shuffle=True, random_state=repeat).split(values, outcome):
            for scores, known in ((expected, values[train]), (leaking, values)):
                filled = np.where(np.isnan(values), np.nanmedian(known, axis=0), values)
                scaled = (filled - filled[train].mean(axis=0)) / filled[train].std(axis=0)
                inner = StratifiedKFold(3, shuffle=True, random_state=0)
                model = LogisticRegressionCV(Cs=PENALTIES, cv=inner, scoring="neg_log_loss", solver="newton-cholesky")
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    own = model.fit(scaled[train], outcome[train]).decision_function(scaled[test])
                scores[test] += own / logistic.REPEATS
    found = _out_of_fold(values, outcome, 0)
    assert np.allclose(found, expected, atol=1e-9)
    assert np.abs(found - leaking).max() > 1e-3
