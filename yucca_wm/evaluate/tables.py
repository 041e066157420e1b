"""Output of an evaluation: columns of its tables, means over cases with bootstrap intervals, and the figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from yucca_wm.core.columns import Cell, Column, TableForm
from yucca_wm.core.columns import Kind as Values
from yucca_wm.core.files import atomic_path
from yucca_wm.evaluate.case import BY_HEADERS, Kind
from yucca_wm.jobs.cases import Outcome

Row = dict[str, Any]
CASES, SUMMARY = "cases.tsv", "summary.tsv"
SHARES = ("dice", "recall", "f1")
"""Name endings of measures that range from 0 to 1."""


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
        _of("volume_left_out_ml", "volume of the truth with another label, where neither map counts", "mL"),
    ),
)
LESION_COLUMNS = ("dice", "hausdorff95_mm", "volume_difference_percent", "lesion_recall", "lesion_f1")
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
    """Mean over ``cases`` cases with a value, and its 95 % percentile bootstrap interval (None: too few cases)."""

    mean: float | None
    low: float | None
    high: float | None
    cases: int


def mean_with_interval(values: Sequence[float | None]) -> Mean:
    """Mean and interval of the values that are not None; deterministic."""
    known = np.array([value for value in values if value is not None], dtype=np.float64)
    if known.size == 0:
        return Mean(None, None, None, 0)
    if known.size < FEWEST:
        return Mean(float(known.mean()), None, None, int(known.size))
    chosen = np.random.default_rng(SEED).integers(0, known.size, (RESAMPLES, known.size))
    low, high = np.percentile(known[chosen].mean(axis=1), [2.5, 97.5])
    return Mean(float(known.mean()), float(low), float(high), int(known.size))


def columns_of(kind: Kind) -> tuple[str, ...]:
    """Measures that are averaged over cases."""
    return LESION_COLUMNS if kind is Kind.LESIONS else REGION_COLUMNS


def rows_of(outcome: Outcome[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """The rows of ``cases.tsv``."""
    return [
        {"subject": name, **{key: value for key, value in row.items() if key not in ("kind", BY_HEADERS)}}
        for name, rows in outcome.results.items()
        for row in rows
    ]


def summarise(cases: list[dict[str, Any]], kind: Kind) -> list[dict[str, Any]]:
    """One row per measure (and region): mean over cases, interval, number of cases with a value.

    In the row ``all regions``, each case first gets its mean over regions, so that cases are resampled.
    """
    if kind is Kind.LESIONS:
        return [_row({"measure": c}, mean_with_interval([case[c] for case in cases])) for c in LESION_COLUMNS]
    by_region: dict[str, list[dict[str, Any]]] = {}
    by_case: dict[str, list[dict[str, Any]]] = {}
    for row in cases:
        by_region.setdefault(row["name"], []).append(row)
        by_case.setdefault(row["subject"], []).append(row)
    rows = []
    for column in REGION_COLUMNS:
        per_case = [mean_with_interval([row[column] for row in group]).mean for group in by_case.values()]
        rows.append(_row({"region": "all regions", "measure": column}, mean_with_interval(per_case)))
    for region, group in by_region.items():
        for column in REGION_COLUMNS:
            rows.append(_row({"region": region, "measure": column}, mean_with_interval([row[column] for row in group])))
    return rows


def _row(labels: Mapping[str, str], mean: Mean) -> dict[str, Any]:
    return {**labels, "mean": mean.mean, "low95": mean.low, "high95": mean.high, "cases": mean.cases}


def title_of(column: str) -> str:
    """Axis label for a column: its name and unit."""
    words, unit = column, ""
    for ending, shown in (("_mm", " (mm)"), ("_percent", " (%)")):
        if words.endswith(ending):
            words, unit = words.removesuffix(ending), shown
    words = words.replace("hausdorff95", "95 % Hausdorff distance").replace("dice", "Dice").replace("f1", "F1")
    return words.replace("_", " ") + unit


def save_figure(cases: Sequence[dict[str, Any]], columns: Sequence[str], path: Path) -> None:
    """Draw one dot per case (for regions: one row of dots per region), with the mean as a line."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    groups: dict[str, list[dict[str, Any]]] = {}
    for row in cases:
        groups.setdefault(str(row.get("name", "all subjects")), []).append(row)
    figure = Figure(figsize=(3.2 * len(columns), 1.6 + 0.22 * len(groups)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, len(columns), sharey=True, squeeze=False)[0]
    for axis, column in zip(axes, columns, strict=True):
        for height, rows in enumerate(groups.values()):
            values = sorted(row[column] for row in rows if row[column] is not None)
            axis.plot(values, [height] * len(values), "o", color="#33658a", alpha=0.5, markersize=4)
            if values:
                axis.plot(float(np.mean(values)), height, "|", color="black", markersize=12)
        axis.set_xlabel(title_of(column))
        if column.endswith(SHARES):
            axis.set_xlim(-0.03, 1.03)
        elif "error" not in column:  # errors have a sign
            axis.set_xlim(left=0)
        axis.grid(axis="x", linewidth=0.3)
    axes[0].set_yticks(range(len(groups)), list(groups), fontsize=7)
    axes[0].invert_yaxis()
    figure.suptitle("dots: subjects; lines: means", fontsize=8)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=150, metadata={"Software": None})
