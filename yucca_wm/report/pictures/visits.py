"""Differences between visits, region by region."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from yucca_wm.localize.heatmap import MAX_NAMED_ROWS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FAINTEST_ML = 0.1
"""The colours reach at least this far, so that a noise of hundredths of a ml does not look like a change."""


def draw_differences(visits: Sequence[str], places: Sequence[str], differences_ml: NDArray[np.float64]) -> Figure:
    """Draw a heat map of differences: red where there is more than at the visit before, blue where there is less.

    Colours follow the square root of the difference, so that small ones stay visible beside large ones.

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
    from matplotlib.colors import FuncNorm
    from matplotlib.figure import Figure

    height = min(2.6 + 0.22 * min(len(visits), MAX_NAMED_ROWS), 14)
    figure = Figure(figsize=(2.6 + 0.27 * len(places), height), layout="constrained")
    axes = figure.add_subplot()
    most = max(float(np.abs(differences_ml).max()), FAINTEST_ML)
    norm = FuncNorm((lambda ml: np.sign(ml) * np.sqrt(np.abs(ml)), lambda root: np.sign(root) * root**2), -most, most)
    columns, rows = np.arange(len(places) + 1) - 0.5, np.arange(len(visits) + 1) - 0.5
    image = axes.pcolormesh(columns, rows, differences_ml, cmap="RdBu_r", norm=norm, rasterized=True)
    axes.invert_yaxis()
    axes.set_xticks(range(len(places)), [name.replace("_", " ") for name in places], rotation=90, fontsize=7)
    if len(visits) <= MAX_NAMED_ROWS:
        axes.set_yticks(range(len(visits)), visits, fontsize=7)
    else:
        axes.set_yticks([])
        axes.set_ylabel(f"visit (n = {len(visits)})")
    axes.set_title("Difference from the visit before", fontsize=10)
    ticks = [-most, -most / 4, 0, most / 4, most]
    bar = figure.colorbar(image, ax=axes, pad=0.01, ticks=ticks, format="%+.2g")
    bar.set_label("lesion volume (ml)")
    return figure
