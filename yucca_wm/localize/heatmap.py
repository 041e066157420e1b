"""Draw the heat map of a cohort: lesion load of every region (columns) in every subject (rows)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from yucca_wm.core.files import atomic_path

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_NAMED_ROWS = 60
"""With more subjects than this, rows are too thin for names."""

MAX_ROWS = 1000
"""With more subjects than this, several similar ones share a row: the picture has too few pixels for more rows."""

MAX_CLUSTERED = 3000
"""With more subjects than this, all pairwise distances would take too much memory (36 MB at this number)."""


def draw_heat_map(subjects: Sequence[str], names: Sequence[str], load_percent: NDArray[np.float64]) -> Figure:
    """Draw a heat map of loads, with similar subjects side by side.

    Colours follow the square root of the load, so that small loads stay visible beside large ones; regions absent in a
    subject are white.

    Parameters
    ----------
    subjects, names : sequence of str
        Names of rows and columns.
    load_percent : ndarray, float, shape (subjects, regions)
        Load in percent of the region; NaN for absent regions.

    Returns
    -------
    matplotlib.figure.Figure
        A figure without a window.
    """
    from matplotlib.colors import PowerNorm
    from matplotlib.figure import Figure

    order = similar_order(load_percent)
    rows_shown, together = in_rows(load_percent[order])
    height = min(1.9 + 0.2 * min(len(subjects), MAX_NAMED_ROWS), 12)
    figure = Figure(figsize=(max(6.0, 1.8 + 0.27 * len(names)), height + 1.4), layout="constrained")
    axes = figure.add_subplot()
    shown = np.ma.masked_invalid(rows_shown)
    axes.set_facecolor("white")  # no colour of the map, which has greys
    norm = PowerNorm(0.5, vmin=0, vmax=max(float(shown.max()) if shown.count() else 0.0, 1e-6))
    columns, rows = np.arange(len(names) + 1) - 0.5, np.arange(len(shown) + 1) - 0.5
    # as a mesh: an image with so few cells is enlarged in floating point, which takes a hundred MB
    image = axes.pcolormesh(columns, rows, shown, cmap="cividis", norm=norm, rasterized=True)
    axes.invert_yaxis()
    axes.set_xticks(range(len(names)), [name.replace("_", " ") for name in names], rotation=90, fontsize=7)
    if len(subjects) <= MAX_NAMED_ROWS:
        axes.set_yticks(range(len(subjects)), [subjects[row] for row in order], fontsize=7)
    else:
        axes.set_yticks([])
    axes.set_xlabel("region")
    axes.set_ylabel(f"subject (n = {len(subjects)}{f'; a row: mean of {together}' * (together > 1)})")
    axes.set_title("Lesion load of each region", fontsize=10)
    bar = figure.colorbar(image, ax=axes, pad=0.01)
    bar.set_label("lesion load\n(% of region volume)")
    return figure


def in_rows(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], int]:
    """``values`` [rows, columns] reduced to at most MAX_ROWS rows, each the mean (ignoring NaN) of n rows; and n."""
    import pandas as pd

    together = -(-len(values) // MAX_ROWS)
    if together == 1:
        return values, 1
    return pd.DataFrame(values).groupby(np.arange(len(values)) // together).mean().to_numpy(), together


def similar_order(values: NDArray[np.float64]) -> NDArray[np.intp]:
    """Order of rows of ``values`` [rows, columns] that puts similar ones side by side.

    Average linkage on square roots, optimal leaf order up to 500 rows; more than MAX_CLUSTERED rows are sorted by sum.
    """
    if len(values) < 3:
        return np.arange(len(values))
    roots = np.sqrt(np.nan_to_num(values))
    if len(values) > MAX_CLUSTERED:
        return np.argsort(-roots.sum(axis=1), kind="stable")
    from scipy.cluster.hierarchy import leaves_list, linkage

    return np.asarray(leaves_list(linkage(roots, method="average", optimal_ordering=len(values) <= 500)), dtype=np.intp)


def save_figure(figure: Figure, stem: str | os.PathLike[str]) -> list[Path]:
    """Write ``stem``.png (150 dpi) and ``stem``.svg atomically; returns both paths."""
    from matplotlib import rc_context

    written = []
    for suffix in (".png", ".svg"):
        path = Path(f"{stem}{suffix}")
        with atomic_path(path) as temporary, rc_context({"svg.hashsalt": "yucca-wm"}):
            metadata = {"Date": None} if suffix == ".svg" else None
            figure.savefig(temporary, dpi=150, metadata=metadata)
        figure.set_layout_engine("none")  # laid out only once, as this takes longer than drawing
        written.append(path)
    return written
