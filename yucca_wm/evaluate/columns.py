"""The columns of the tables of an evaluation."""

from __future__ import annotations

from typing import Any

from yucca_wm.core.columns import Cell, Column, Kind, TableForm

Row = dict[str, Any]
CASES, SUMMARY = "cases.tsv", "summary.tsv"


def six_digits(value: Cell) -> Cell:
    """Measures have six significant digits, whatever their size."""
    return f"{value:.6g}" if isinstance(value, float) else value


def _of(name: str, description: str, unit: str = "", kind: Kind = Kind.NUMBER, computed: str = "") -> Column[Row]:
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
        _of("lesions_pred", "lesions of the prediction", kind=Kind.COUNT),
        _of("lesions_true", "lesions of the truth", kind=Kind.COUNT),
        _of("volume_left_out_ml", "volume of the truth with another label, where neither map counts", "mL"),
    ),
)
REGION_CASES = TableForm[Row](
    CASES,
    (
        _of("index", "label of the region", kind=Kind.COUNT),
        _of("name", "name of the region", kind=Kind.TEXT),
        _of("dice", "Dice overlap", computed="undefined for a region in neither map"),
        _of("surface_dice", "share of outline voxels of both maps within the tolerance of the other's outline"),
        _of("volume_error_percent", "(prediction - truth) / truth of the volumes", "%"),
        *VOLUMES,
    ),
)

MEANS = (
    _of("measure", "column of cases.tsv", kind=Kind.TEXT),
    _of("mean", "mean over cases", computed="for all regions: each case's mean over its regions first"),
    _of("low95", "lower end of its 95 % bootstrap interval over cases"),
    _of("high95", "upper end of its 95 % bootstrap interval over cases"),
    _of("cases", "cases with a value", kind=Kind.COUNT),
)
LESION_SUMMARY = TableForm[Row](SUMMARY, MEANS, subjects=False)
REGION_SUMMARY = TableForm[Row](
    SUMMARY, (_of("region", "name of the region, or all regions", kind=Kind.TEXT), *MEANS), subjects=False
)
