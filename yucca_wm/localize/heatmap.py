"""The first look at a cohort: lesion load of every region (columns) in every subject (rows)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from yucca_wm.files import atomic_path
from yucca_wm.localize.case import CaseResult
from yucca_wm.regions import RegionTable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_NAMED_ROWS = 60
"""With more subjects than this, rows are too thin for names."""


def load_matrix(results: Sequence[CaseResult], table: RegionTable) -> NDArray[np.float64]:
    """[subjects, regions] load in percent; NaN where a region has no voxel."""
    order = table.indices
    loads = [{row.region_id: row.load_percent for row in result.load} for result in results]
    return np.array([[np.nan if load[i] is None else load[i] for i in order] for load in loads], dtype=np.float64)


def draw_heat_map(subjects: Sequence[str], names: Sequence[str], load_percent: NDArray[np.float64]) -> Figure:
    """Heat map of [subjects, regions] loads in percent, subjects with like patterns side by side.

    Colours follow the square root of the load, so that small loads stay visible beside large ones; regions that are
    absent in a subject are grey.
    """
    from matplotlib.colors import PowerNorm
    from matplotlib.figure import Figure

    order = similar_order(load_percent)
    height = min(1.9 + 0.2 * min(len(subjects), MAX_NAMED_ROWS), 12)
    figure = Figure(figsize=(max(6.0, 1.8 + 0.27 * len(names)), height + 1.4), layout="constrained")
    axes = figure.add_subplot()
    shown = np.ma.masked_invalid(load_percent[order])
    axes.set_facecolor("#bbbbbb")
    norm = PowerNorm(0.5, vmin=0, vmax=max(float(shown.max()) if shown.count() else 0.0, 1e-6))
    image = axes.imshow(shown, aspect="auto", cmap="cividis", norm=norm, interpolation="nearest")
    axes.set_xticks(range(len(names)), [name.replace("_", " ") for name in names], rotation=90, fontsize=7)
    if len(subjects) <= MAX_NAMED_ROWS:
        axes.set_yticks(range(len(subjects)), [subjects[row] for row in order], fontsize=7)
    else:
        axes.set_yticks([])
    axes.set_xlabel("region")
    axes.set_ylabel(f"subject (n = {len(subjects)})")
    axes.set_title("Lesion load of each region", fontsize=10)
    bar = figure.colorbar(image, ax=axes, pad=0.01)
    bar.set_label("lesion load (% of region volume)")
    return figure


def similar_order(values: NDArray[np.float64]) -> NDArray[np.intp]:
    """Order of rows that puts like ones side by side (average linkage on square roots, optimal leaf order)."""
    if len(values) < 3:
        return np.arange(len(values))
    from scipy.cluster.hierarchy import leaves_list, linkage

    roots = np.sqrt(np.nan_to_num(values))
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
        written.append(path)
    return written
