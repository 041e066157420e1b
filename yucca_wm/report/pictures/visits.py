"""Two visits of a person: differences region by region, and both scans, one above the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from yucca_wm.imaging.images import Image
from yucca_wm.localize.heatmap import MAX_NAMED_ROWS
from yucca_wm.report.pictures.slices import SLICES, brain_box, chosen_planes, draw_slices, grey_window

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NEW_COLOR = "#ff2d95"

PLANE_INCHES = 2.0

FAINTEST_ML = 0.5
"""The colours reach at least this far: differences of tenths of a ml, which two scans without any change have, are
faint."""


def draw_differences(visits: Sequence[str], places: Sequence[str], differences_ml: NDArray[np.float64]) -> Figure:
    """Draw a heat map of differences: red where there is more than at the visit before, blue where there is less.

    Of more than MAX_NAMED_ROWS visits, those with the largest differences are shown.

    Parameters
    ----------
    visits, places : sequence of str
        Names of rows and columns.
    differences_ml : ndarray, float, shape (visits, places)
        Lesion volume at the visit minus that at the visit before.

    Returns
    -------
    matplotlib.figure.Figure
        A figure without a window.
    """
    from matplotlib.figure import Figure

    title = "Difference from the visit before"
    if len(visits) > MAX_NAMED_ROWS:
        title += f" ({MAX_NAMED_ROWS} of {len(visits)} visits, those with the largest differences)"
        most_first = np.argsort(-np.abs(differences_ml).max(axis=1), kind="stable")
        used = np.sort(most_first[:MAX_NAMED_ROWS])
        visits, differences_ml = [visits[row] for row in used], differences_ml[used]
    height = 2.6 + 0.22 * len(visits)
    figure = Figure(figsize=(2.6 + 0.27 * len(places), height), layout="constrained")
    axes = figure.add_subplot()
    most = max(float(np.abs(differences_ml).max()), FAINTEST_ML)
    columns, rows = np.arange(len(places) + 1) - 0.5, np.arange(len(visits) + 1) - 0.5
    image = axes.pcolormesh(columns, rows, differences_ml, cmap="RdBu_r", vmin=-most, vmax=most, rasterized=True)
    axes.invert_yaxis()
    axes.set_xticks(range(len(places)), [name.replace("_", " ") for name in places], rotation=90, fontsize=7)
    axes.set_yticks(range(len(visits)), visits, fontsize=7)
    for label in (*axes.get_xticklabels(), *axes.get_yticklabels()):
        label.set_parse_math(False)  # names may have dollar signs
    axes.set_title(title, fontsize=10)
    bar = figure.colorbar(image, ax=axes, pad=0.01, format="%+.2g")
    bar.set_label("lesion volume (ml)")
    return figure


def draw_both_visits(
    before: Image, now: Image, new: NDArray[Any], brain: NDArray[np.bool_], planes: Sequence[int] = ()
) -> Figure:
    """Draw axial slices of two visits, the earlier one above, with new lesions outlined and numbered on the later one.

    Parameters
    ----------
    before, now : Image
        Scans [x, y, z] in RAS order, on one grid.
    new : ndarray, int, shape (x, y, z)
        Numbers of new lesions, 0 elsewhere.
    brain : ndarray, bool, shape (x, y, z)
        Voxels that set the grey windows, and the planes if none are given.
    planes : sequence of int
        Axial planes to show, from `planes_through`.

    Returns
    -------
    matplotlib.figure.Figure
        A figure without a window.
    """
    from matplotlib.figure import Figure

    shown = planes or chosen_planes(new, brain, float(now.spacing_mm[2]))
    figure = Figure(figsize=(PLANE_INCHES * len(shown) + 0.5, 5.6), facecolor="white")
    left = 0.5 / figure.get_figwidth()
    box = brain_box(brain, new, now.spacing_mm)
    names = {int(number): str(number) for number in np.unique(new)}
    for scan, labelled, visit, bottom in ((before, new * 0, "the visit before", 0.5), (now, new, "this visit", 0.03)):
        cells = figure.add_gridspec(1, len(shown), left=left, right=0.99, top=bottom + 0.43, bottom=bottom, wspace=0.03)
        drawn = len(figure.axes)
        colors = dict.fromkeys(names.values(), NEW_COLOR)
        draw_slices(figure, cells, shown, box, scan, labelled, names, colors, grey_window(scan.data, brain), None)
        for axes, k in zip(figure.axes[drawn:], shown, strict=True):
            _number(axes, labelled[*box, k])
        figure.text(left / 2, bottom + 0.215, visit, rotation=90, va="center", ha="center", fontsize=10)
    return figure


def planes_through(lesions: NDArray[Any]) -> tuple[list[int], list[int]]:
    """Up to SLICES axial planes, bottom to top, through as many lesions as possible, the first numbers first: each in
    the plane that shows most of it, unless a plane shows it already; and the numbers of those that are in none.

    lesions : numbers of lesions [x, y, z], 0 elsewhere.
    """
    planes: list[int] = []
    missing: list[int] = []
    at = np.nonzero(lesions)
    area = np.zeros((int(lesions.max(initial=0)) + 1, lesions.shape[2]), int)  # [number, plane]
    np.add.at(area, (lesions[at], at[2]), 1)
    for number in np.flatnonzero(area.any(axis=1)).tolist():
        if area[number, planes].any():
            continue
        if len(planes) < SLICES:
            planes.append(int(area[number].argmax()))
        else:
            missing.append(number)
    return sorted(planes), missing


def _number(axes: Axes, plane: NDArray[Any]) -> None:
    """Write the number of every lesion beside it. plane : numbers [x, y]."""
    for number in np.unique(plane[plane > 0]).tolist():
        at = np.argwhere(plane == number)
        axes.annotate(
            str(number), (at[:, 0].max(), at[:, 1].mean()), xytext=(4, 0), textcoords="offset points", va="center",
            color=NEW_COLOR, fontsize=9, fontweight="bold",
        )  # fmt: skip
