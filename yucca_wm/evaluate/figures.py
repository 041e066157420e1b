"""Figures of an evaluation: every measure, agreement of volumes, and where prediction and truth differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from yucca_wm.evaluate.case import Compared
from yucca_wm.evaluate.tables import FEWEST, Row, grouped, of_people
from yucca_wm.imaging.grids import to_ras
from yucca_wm.imaging.images import Image
from yucca_wm.imaging.labels import OTHER_PATHOLOGY
from yucca_wm.report.pictures.slices import chosen_planes, draw_slices, grey_window, head_box
from yucca_wm.tasks.definition import Target

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHARES = ("dice", "recall", "f1")
"""Name endings of measures that range from 0 to 1."""

BLUE = "#0072B2"
NAMED = 3
"""Number of subjects with the largest volume errors that are named."""

SLICES = 6
NEAR_MM = 20.0
"""Intensities within this distance of the maps set the grey window: scalp and fat are brighter than the brain."""

BOTH, MISSED, FALSE, MIXED_UP = "in both", "only in the truth", "only in the prediction", "another region"
COLORS = {BOTH: "#009E73", MISSED: "#D55E00", FALSE: "#56B4E9", MIXED_UP: "#CC79A7"}
OUTCOMES = dict(enumerate(COLORS, start=1))
"""Label in `differences` -> what it says."""


IN_WORDS = {
    "hausdorff95": "HD95", "f1": "F1", "dice": "Dice", "volume pred": "predicted volume", "volume true": "true volume",
    "lesions pred": "predicted lesions", "lesions true": "true lesions",
}  # fmt: skip
"""Parts of the names of columns -> how axes and heads say them."""


def title_of(column: str) -> str:
    """A column in words, with its unit."""
    words, unit = column, ""
    for ending, shown in (("_mm", " (mm)"), ("_percent", " (%)"), ("_ml", " (ml)")):
        if words.endswith(ending):
            words, unit = words.removesuffix(ending), shown
    words = words.replace("_", " ")
    for part, said in IN_WORDS.items():
        words = words.replace(part, said)
    return words + unit


def draw_measures(cases: Sequence[Row], columns: Sequence[str]) -> Figure:
    """Draw one dot per case (for regions: one row of dots per region), with the mean as a line."""
    from matplotlib.figure import Figure

    groups = grouped(cases, "name") if "name" in cases[0] else {"all subjects": [*cases]}
    figure = Figure(figsize=(3.2 * len(columns), 1.6 + 0.22 * len(groups)), layout="constrained")
    axes = figure.subplots(1, len(columns), sharey=True, squeeze=False)[0]
    for axis, column in zip(axes, columns, strict=True):
        for height, rows in enumerate(groups.values()):
            values = sorted(row[column] for row in rows if row[column] is not None)
            axis.plot(values, [height] * len(values), "o", color=BLUE, alpha=0.5, markersize=4)
            if values:
                axis.plot(float(np.mean(of_people(rows, column))), height, "|", color="black", markersize=12)
        axis.set_xlabel(title_of(column))
        if column.endswith(SHARES):
            axis.set_xlim(-0.03, 1.03)
        elif "error" not in column:  # errors have a sign
            axis.set_xlim(left=0)
        axis.grid(axis="x", linewidth=0.3)
    axes[0].set_yticks(range(len(groups)), list(groups), fontsize=7)
    axes[0].invert_yaxis()
    figure.suptitle("dots: subjects; lines: means", fontsize=8)
    return figure


def limits_of_agreement(errors_ml: Sequence[float]) -> tuple[float, float] | None:
    """Mean - and + 1.96 standard deviations of the volume errors of people (Bland and Altman, Lancet 327, 1986); None
    for too few."""
    if len(errors_ml) < FEWEST:
        return None
    mean, spread = float(np.mean(errors_ml)), float(np.std(errors_ml, ddof=1))
    return mean - 1.96 * spread, mean + 1.96 * spread


def draw_volumes(cases: Sequence[Row]) -> Figure:
    """Draw predicted against true lesion volume, and their difference against their mean (Bland and Altman)."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.6, 4.0), layout="constrained")
    left, right = figure.subplots(1, 2)
    true, predicted, errors = (
        np.array([row[column] for row in cases]) for column in ("volume_true_ml", "volume_pred_ml", "volume_error_ml")
    )
    largest = 1.08 * max(float(true.max()), float(predicted.max()), 1e-3)
    left.plot([0, largest], [0, largest], color="#888888", linewidth=0.8, linestyle="--")
    left.set_xlim(0, largest)
    left.set_ylim(0, largest)
    left.set_aspect("equal")
    left.set_xlabel("true lesion volume (ml)")
    left.set_ylabel("predicted lesion volume (ml)")
    right.axhline(0, color="#888888", linewidth=0.8, linestyle="--")
    errors_of_people = of_people(cases, "volume_error_ml")
    right.axhline(float(np.mean(errors_of_people)), color="black", linewidth=1)
    for limit in limits_of_agreement(errors_of_people) or ():
        right.axhline(limit, color="black", linewidth=0.8, linestyle=":")
    right.set_xlabel("mean of both volumes (ml)")
    right.set_ylabel("prediction - truth (ml)")
    names = [str(row["subject"]) for row in cases]
    for axes, x, y in ((left, true, predicted), (right, (true + predicted) / 2, errors)):
        axes.plot(x, y, "o", color=BLUE, alpha=0.6, markersize=5)
        axes.grid(linewidth=0.3)
        axes.spines[["top", "right"]].set_visible(False)
        _name_points(axes, names, x, y, np.abs(errors))
    return figure


def _name_points(
    axes: Axes, names: Sequence[str], x: NDArray[np.float64], y: NDArray[np.float64], size: NDArray[np.float64]
) -> None:
    """Write the names of the `NAMED` points of largest ``size``."""
    for number in np.argsort(-size)[:NAMED]:
        axes.annotate(names[number], (x[number], y[number]), (4, 4), textcoords="offset points", fontsize=7)


def differences(maps: Compared, labels: Sequence[int]) -> NDArray[np.uint8]:
    """Map [i, j, k] of `OUTCOMES`, 0 where neither map shows anything or the truth is left out.

    labels : labels that are compared.
    """
    predicted, true = (np.where(np.isin(map_.data, labels), map_.data, 0) for map_ in (maps.prediction, maps.truth))
    number = {outcome: label for label, outcome in OUTCOMES.items()}
    conditions = [(predicted == true) & (true > 0), (predicted > 0) & (true > 0), true > 0, predicted > 0]
    found = np.select(conditions, [number[outcome] for outcome in (BOTH, MIXED_UP, MISSED, FALSE)], 0)
    if maps.kind is Target.LESIONS:
        found[maps.truth.data == OTHER_PATHOLOGY] = 0
    return found.astype(np.uint8)


def draw_differences(maps: Compared, labels: Sequence[int], scan: Image | None, title: str) -> Figure:
    """Draw axial slices with outlines of what is in both maps and in one alone, where they differ most.

    labels : labels that are compared. scan : what to draw them on, on the grid of the truth; None: black.
    """
    from matplotlib.figure import Figure

    found = differences(maps, labels)
    under = maps.truth.with_data(np.zeros(found.shape, np.uint8))
    under = to_ras(under if scan is None else scan)
    labelled = to_ras(maps.truth.with_data(found)).data
    wrong = labelled > 1
    there = labelled > 0 if labelled.any() else np.ones(labelled.shape, bool)
    planes = chosen_planes(wrong if wrong.any() else labelled, there, float(under.spacing_mm[2]))
    figure = Figure(figsize=(12.5, 3.6), facecolor="white")
    half = 0.49 * len(planes) / SLICES
    cells = figure.add_gridspec(1, len(planes), left=0.5 - half, right=0.5 + half, top=0.84, bottom=0.16, wspace=0.03)
    rows, columns, _ = head_box(under.data, labelled)
    near = ndimage.distance_transform_edt(labelled == 0, sampling=under.spacing_mm) < NEAR_MM
    window = grey_window(under.data, near if labelled.any() else None)
    draw_slices(figure, cells, planes, (rows, columns), under, labelled, OUTCOMES, COLORS, window, legend_top=0.14)
    figure.suptitle(title, fontsize=11)
    return figure
