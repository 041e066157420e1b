"""Do regional loads tell patients from controls better than total load alone? Cross-validated, with an interval."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FOLDS, REPEATS = 5, 5
PENALTIES = (0.001, 0.01, 0.1, 1.0, 10.0)
"""Inverse ridge strengths tried in the inner folds."""


@dataclass(frozen=True)
class Prediction:
    """Areas under the ROC curve with 95 % bootstrap intervals over subjects: regional loads, total load alone, and
    their difference (regional minus total)."""

    auc_regional: float
    auc_total: float
    difference: float
    regional_interval: tuple[float, float]
    total_interval: tuple[float, float]
    difference_interval: tuple[float, float]


def compare_prediction(
    regional: NDArray[np.float64],
    total: NDArray[np.float64],
    covariates: NDArray[np.float64],
    outcome: NDArray[np.float64],
    *,
    bootstraps: int = 1000,
    seed: int = 0,
) -> Prediction:
    """Ridge logistic regression on regional loads [n, p] and on total load [n], covariates in both.

    Nested: the penalty is chosen in inner folds of each training part, scaling is learnt there, and a subject's
    score is its mean out-of-fold score over REPEATS divisions into FOLDS.
    """
    scores = [
        _out_of_fold(np.column_stack([values, covariates]), outcome, seed)
        for values in (regional, np.sqrt(np.maximum(total, 0))[:, None])
    ]
    regional_auc, total_auc = (_auc(outcome, score) for score in scores)
    rng = np.random.default_rng(seed)
    cases, controls = np.flatnonzero(outcome == 1), np.flatnonzero(outcome == 0)
    drawn = np.empty((bootstraps, 2))
    for number in range(bootstraps):
        rows = np.concatenate([rng.choice(cases, len(cases)), rng.choice(controls, len(controls))])
        drawn[number] = [_auc(outcome[rows], score[rows]) for score in scores]

    def interval(values: NDArray[np.float64]) -> tuple[float, float]:
        low, high = np.percentile(values, [2.5, 97.5]).tolist()
        return low, high

    return Prediction(
        auc_regional=regional_auc,
        auc_total=total_auc,
        difference=regional_auc - total_auc,
        regional_interval=interval(drawn[:, 0]),
        total_interval=interval(drawn[:, 1]),
        difference_interval=interval(drawn[:, 0] - drawn[:, 1]),
    )


def _out_of_fold(values: NDArray[np.float64], outcome: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    from sklearn.linear_model import LogisticRegressionCV
    from sklearn.model_selection import StratifiedKFold

    scores = np.zeros(len(outcome))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for repeat in range(REPEATS):
            for train, test in StratifiedKFold(FOLDS, shuffle=True, random_state=seed + repeat).split(values, outcome):
                centre, spread = values[train].mean(axis=0), values[train].std(axis=0)
                scaled = (values - centre) / np.where(spread > 0, spread, 1)
                inner = StratifiedKFold(3, shuffle=True, random_state=seed)
                model = LogisticRegressionCV(Cs=PENALTIES, cv=inner, scoring="neg_log_loss", solver="newton-cholesky")
                model.fit(scaled[train], outcome[train])
                scores[test] += model.decision_function(scaled[test]) / REPEATS
    return scores


def _auc(outcome: NDArray[np.float64], score: NDArray[np.float64]) -> float:
    """Area under the ROC curve, from ranks (Mann and Whitney): a thousand bootstraps need it fast."""
    from scipy.stats import rankdata

    cases = outcome == 1
    n_cases, n_controls = int(cases.sum()), int((~cases).sum())
    return float((rankdata(score)[cases].sum() - n_cases * (n_cases + 1) / 2) / (n_cases * n_controls))
