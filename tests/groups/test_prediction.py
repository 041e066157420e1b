from __future__ import annotations

import numpy as np
from sklearn.metrics import roc_auc_score

from yucca_wm.groups.statistics.logistic import _auc, compare_prediction


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
