"""Tables of an evaluation: their columns, and means over people with intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import sem, t

from yucca_wm.cohort.visits import bare_person
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
    _of(
        "mean",
        "mean over people",
        computed="each person's mean over sessions first; for all regions each case's mean over its regions first",
    ),
    _of("low95", "lower end of its 95 % interval (Student's t) over people"),
    _of("high95", "upper end of its 95 % interval (Student's t) over people"),
    _of("sd", "standard deviation over people (n - 1)"),
    _of("median", "median over people"),
    _of("cases", "people with a value", kind=Values.COUNT),
)
LESION_SUMMARY = TableForm[Row](SUMMARY, MEANS, subjects=False)
REGION_SUMMARY = TableForm[Row](
    SUMMARY, (_of("region", "name of the region, or all regions", kind=Values.TEXT), *MEANS), subjects=False
)


FEWEST = 5
"""With fewer people an interval would rest on the shape of the distribution more than on them."""

SHARES = ("dice", "surface_dice", "lesion_recall", "lesion_f1")
"""Measures between 0 and 1; those in `NOT_NEGATIVE` have no upper end."""

NOT_NEGATIVE = ("hausdorff95_mm", "volume_difference_percent")


@dataclass(frozen=True)
class Mean:
    """Mean over ``cases`` people with a value, its 95 % interval by Student's t (None: too few people), standard
    deviation (None for a single one) and median."""

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


def mean_with_interval(values: Sequence[float | None], least: float = -math.inf, most: float = math.inf) -> Mean:
    """Mean of the values that are not None, and its interval within the values that the measure can have."""
    known = np.array([value for value in values if value is not None], dtype=np.float64)
    if known.size == 0:
        return Mean()
    low = high = None
    if known.size >= FEWEST:
        half = float(t.ppf(0.975, known.size - 1) * sem(known))
        low, high = max(float(known.mean()) - half, least), min(float(known.mean()) + half, most)
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
    """One row per measure (and region): mean over people, interval, number of people with a value.

    In the row ``all regions``, each case first gets its mean over regions; then each person the mean of their sessions.
    """
    if kind is Target.LESIONS:
        return [_row({"measure": column}, _over_people(cases, column)) for column in LESION_COLUMNS]
    by_region, by_case = grouped(cases, "name"), grouped(cases, "subject")
    rows = []
    for column in REGION_COLUMNS:
        per_case = [{"subject": name, column: mean_of([row[column] for row in of])} for name, of in by_case.items()]
        rows.append(_row({"region": "all regions", "measure": column}, _over_people(per_case, column)))
    for region, group in by_region.items():
        for column in REGION_COLUMNS:
            rows.append(_row({"region": region, "measure": column}, _over_people(group, column)))
    return rows


def of_people(cases: Sequence[Row], column: str) -> list[float]:
    """Each person's mean over sessions, which are not independent of each other; without people without a value."""
    people: dict[str, list[float | None]] = {}
    for case in cases:
        people.setdefault(bare_person(str(case["subject"])), []).append(case[column])
    return [mean for of in people.values() if (mean := mean_of(of)) is not None]


def _over_people(cases: Sequence[Row], column: str) -> Mean:
    least = 0.0 if column in (*SHARES, *NOT_NEGATIVE) else -math.inf
    return mean_with_interval(of_people(cases, column), least, 1.0 if column in SHARES else math.inf)


def _row(labels: Mapping[str, str], mean: Mean) -> dict[str, Any]:
    interval = {"low95": mean.low, "high95": mean.high}
    return {**labels, "mean": mean.mean, **interval, "sd": mean.sd, "median": mean.median, "cases": mean.cases}
