"""Tables of an evaluation: their columns, and means over cases with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from yucca_wm.core.columns import Cell, Column, TableForm
from yucca_wm.core.columns import Kind as Values
from yucca_wm.evaluate.case import ABOUT, KIND
from yucca_wm.jobs.cases import Outcome
from yucca_wm.tasks.definition import Target

Row = dict[str, Any]
Rows = list[Row]
CASES, SUMMARY = "cases.tsv", "summary.tsv"


def six_digits(value: Cell) -> Cell:
    """Round a measure to six significant digits, whatever its size."""
    return f"{value:.6g}" if isinstance(value, float) else value


def _of(name: str, description: str, unit: str = "", kind: Values = Values.NUMBER, computed: str = "") -> Column[Row]:
    return Column(name, lambda row: six_digits(row[name]), description, unit, computed, kind=kind)


VOLUMES = (
    _of("volume_pred_ml", "volume of the prediction", "mL"),
    _of("volume_true_ml", "volume of the truth", "mL"),
)
LESION_CASES = TableForm[Row](
    CASES,
    (
        _of("dice", "Dice overlap"),
        _of("hausdorff95_mm", "95th percentile of the Hausdorff distance", "mm", computed="undefined without lesions"),
        _of("volume_difference_percent", "absolute difference of the volumes in percent of the truth", "%"),
        _of("lesion_recall", "share of the true lesions that are found"),
        _of("lesion_f1", "F1 score of lesions"),
        *VOLUMES,
        _of("lesions_pred", "lesions of the prediction", kind=Values.COUNT),
        _of("lesions_true", "lesions of the truth", kind=Values.COUNT),
        _of("volume_error_ml", "prediction - truth of the volumes", "mL"),
        _of("volume_left_out_ml", "volume of the truth with another label, where neither map counts", "mL"),
    ),
)
CHALLENGE = ("dice", "hausdorff95_mm", "volume_difference_percent", "lesion_recall", "lesion_f1")
"""The measures of the WMH challenge."""

LESION_COLUMNS = (*CHALLENGE, "volume_error_ml")
"""Columns whose means over cases are in ``summary.tsv``."""

REGION_CASES = TableForm[Row](
    CASES,
    (
        _of("index", "label of the region", kind=Values.COUNT),
        _of("name", "name of the region", kind=Values.TEXT),
        _of("dice", "Dice overlap", computed="undefined for a region in neither map"),
        _of("surface_dice", "share of outline voxels of both maps within the tolerance of the other's outline"),
        _of("volume_error_percent", "(prediction - truth) / truth of the volumes", "%"),
        *VOLUMES,
    ),
)
REGION_COLUMNS = ("dice", "surface_dice", "volume_error_percent")

MEANS = (
    _of("measure", "column of cases.tsv", kind=Values.TEXT),
    _of("mean", "mean over cases", computed="for all regions: each case's mean over its regions first"),
    _of("low95", "lower end of its 95 % bootstrap interval over cases"),
    _of("high95", "upper end of its 95 % bootstrap interval over cases"),
    _of("sd", "standard deviation over cases (n - 1)"),
    _of("median", "median over cases"),
    _of("cases", "cases with a value", kind=Values.COUNT),
)
LESION_SUMMARY = TableForm[Row](SUMMARY, MEANS, subjects=False)
REGION_SUMMARY = TableForm[Row](
    SUMMARY, (_of("region", "name of the region, or all regions", kind=Values.TEXT), *MEANS), subjects=False
)


RESAMPLES = 2000
SEED = 0


FEWEST = 5
"""With fewer cases a bootstrap interval would be little more than their range."""


@dataclass(frozen=True)
class Mean:
    """Mean over ``cases`` cases with a value, its 95 % percentile bootstrap interval (None: too few cases), standard
    deviation (None for a single case) and median."""

    mean: float | None = None
    low: float | None = None
    high: float | None = None
    sd: float | None = None
    median: float | None = None
    cases: int = 0


def mean_of(values: Sequence[float | None]) -> float | None:
    """Mean of the values that are not None; None if all are."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def mean_with_interval(values: Sequence[float | None]) -> Mean:
    """Mean and interval of the values that are not None; deterministic."""
    known = np.array([value for value in values if value is not None], dtype=np.float64)
    if known.size == 0:
        return Mean()
    low = high = None
    if known.size >= FEWEST:
        chosen = np.random.default_rng(SEED).integers(0, known.size, (RESAMPLES, known.size))
        low, high = map(float, np.percentile(known[chosen].mean(axis=1), [2.5, 97.5]))
    sd = float(known.std(ddof=1)) if known.size > 1 else None
    return Mean(float(known.mean()), low, high, sd, float(np.median(known)), int(known.size))


def rows_of(outcome: Outcome[Rows]) -> Rows:
    """The rows of ``cases.tsv``."""
    return [
        {"subject": name, **{key: value for key, value in row.items() if key not in ABOUT}}
        | ({"volume_error_ml": row["volume_pred_ml"] - row["volume_true_ml"]} if row[KIND] == Target.LESIONS else {})
        for name, rows in outcome.results.items()
        for row in rows
    ]


def grouped(cases: Sequence[Row], by: str) -> dict[str, Rows]:
    """Rows by their value in the column ``by``."""
    groups: dict[str, Rows] = {}
    for row in cases:
        groups.setdefault(str(row[by]), []).append(row)
    return groups


def summarise(cases: Rows, kind: Target) -> Rows:
    """One row per measure (and region): mean over cases, interval, number of cases with a value.

    In the row ``all regions``, each case first gets its mean over regions, so that cases are resampled.
    """
    if kind is Target.LESIONS:
        return [_row({"measure": c}, mean_with_interval([case[c] for case in cases])) for c in LESION_COLUMNS]
    by_region, by_case = grouped(cases, "name"), grouped(cases, "subject")
    rows = []
    for column in REGION_COLUMNS:
        per_case = [mean_of([row[column] for row in group]) for group in by_case.values()]
        rows.append(_row({"region": "all regions", "measure": column}, mean_with_interval(per_case)))
    for region, group in by_region.items():
        for column in REGION_COLUMNS:
            rows.append(_row({"region": region, "measure": column}, mean_with_interval([row[column] for row in group])))
    return rows


def _row(labels: Mapping[str, str], mean: Mean) -> dict[str, Any]:
    interval = {"low95": mean.low, "high95": mean.high}
    return {**labels, "mean": mean.mean, **interval, "sd": mean.sd, "median": mean.median, "cases": mean.cases}
