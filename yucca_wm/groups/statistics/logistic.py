"""Logistic models in spite of separation: subjects without information, fits to the others, and prediction.

If some combination of the columns separates groups perfectly (a site with patients only), the likelihood has no
maximum. In the limit those subjects are predicted perfectly whatever the other coefficients are, and the model is that
of the others (Geyer 2009, Electron. J. Stat. 3:259): the separated subjects are found and left out.

Whether regional loads distinguish patients from controls better than total load alone is answered by cross-validated
ridge models, with an interval (`compare_prediction`).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CERTAIN = 1e-5
"""Fitted probabilities this close to 0 or 1 trigger a check for separation."""

FOLDS, REPEATS = 5, 5
PENALTIES = (0.001, 0.01, 0.1, 1.0, 10.0)
"""Inverse ridge strengths tried in the inner folds."""


@dataclass(frozen=True)
class Fit:
    """coefficients, their 95 % interval [columns, 2] and p-values (Wald); probability : [n] of outcome 1."""

    coefficients: NDArray[np.float64]
    interval: NDArray[np.float64]
    p_values: NDArray[np.float64]
    probability: NDArray[np.float64]


def with_intercept(columns: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.column_stack([np.ones(len(columns)), columns])


def fit_logistic(outcome: NDArray[np.float64], columns: NDArray[np.float64]) -> Fit | None:
    """Maximum likelihood fit of ``outcome`` [n] (0/1) given an intercept and ``columns`` [n, c]; None if none."""
    import statsmodels.api as sm

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            fit = sm.Logit(outcome, with_intercept(columns)).fit(disp=0, maxiter=50)
        except np.linalg.LinAlgError:
            return None
        interval = np.asarray(fit.conf_int())
        probability = np.asarray(fit.predict())
    if not fit.mle_retvals["converged"] or not np.isfinite(interval).all():
        return None
    if min(probability.min(), 1 - probability.max()) < CERTAIN and separated(outcome, columns).any():
        return None
    return Fit(np.asarray(fit.params), interval, np.asarray(fit.pvalues), probability)


def separated(outcome: NDArray[np.float64], columns: NDArray[np.float64]) -> NDArray[np.bool_]:
    """[n] mask of subjects that an intercept and ``columns`` [n, c] predict perfectly: a linear program finds the
    direction with as many subjects as possible strictly on the side of their outcome, and none on the other."""
    from scipy.optimize import linprog

    signed = (2 * outcome - 1)[:, None] * with_intercept(_scaled(columns))
    n, width = signed.shape
    result = linprog(
        np.concatenate([np.zeros(width), -np.ones(n)]),
        A_ub=np.hstack([-signed, np.eye(n)]),
        b_ub=np.zeros(n),
        bounds=[(None, None)] * width + [(0, 1)] * n,
    )
    return np.asarray(result.x[width:] > 0.5)


def _scaled(columns: NDArray[np.float64]) -> NDArray[np.float64]:
    spread = columns.std(axis=0)
    return np.asarray((columns - columns.mean(axis=0)) / np.where(spread > 0, spread, 1))


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
    """Ridge logistic regression on regional loads [n, p] and on total load [n], on the same scale, covariates in both.

    Nested: the medians that stand for missing (NaN) loads, scaling and penalty come from each training part alone (the
    penalty from inner folds), and a subject's score is its mean out-of-fold score over REPEATS divisions into FOLDS.
    """
    scores = [
        _out_of_fold(np.column_stack([values, covariates]), outcome, seed) for values in (regional, total[:, None])
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
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegressionCV
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    inner = StratifiedKFold(3, shuffle=True, random_state=seed)
    model = make_pipeline(
        SimpleImputer(strategy="median", keep_empty_features=True),
        StandardScaler(),
        LogisticRegressionCV(Cs=PENALTIES, cv=inner, scoring="neg_log_loss", solver="newton-cholesky"),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        divisions = [StratifiedKFold(FOLDS, shuffle=True, random_state=seed + repeat) for repeat in range(REPEATS)]
        scores = [cross_val_predict(model, values, outcome, cv=cv, method="decision_function") for cv in divisions]
    return np.asarray(np.mean(scores, axis=0))


def _auc(outcome: NDArray[np.float64], score: NDArray[np.float64]) -> float:
    """Area under the ROC curve, from ranks (Mann and Whitney), which is fast enough for a thousand bootstraps."""
    from scipy.stats import rankdata

    cases = outcome == 1
    n_cases, n_controls = int(cases.sum()), int((~cases).sum())
    return float((rankdata(score)[cases].sum() - n_cases * (n_cases + 1) / 2) / (n_cases * n_controls))
