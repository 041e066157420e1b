"""One picture of an evaluation: every case a dot, one panel per measure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from yucca_wm.core.files import atomic_path


def save_figure(cases: Sequence[dict[str, Any]], columns: Sequence[str], path: Path) -> None:
    """Dots for cases (over regions: one row of dots per region), the median as a line."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    groups: dict[str, list[dict[str, Any]]] = {}
    for row in cases:
        groups.setdefault(str(row.get("name", "all cases")), []).append(row)
    figure = Figure(figsize=(3.2 * len(columns), 1.6 + 0.22 * len(groups)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, len(columns), sharey=True, squeeze=False)[0]
    for axis, column in zip(axes, columns, strict=True):
        for height, rows in enumerate(groups.values()):
            values = sorted(row[column] for row in rows if row[column] is not None)
            axis.plot(values, [height] * len(values), "o", color="#33658a", alpha=0.5, markersize=4)
            if values:
                axis.plot(values[len(values) // 2], height, "|", color="black", markersize=12)
        axis.set_xlabel(column.replace("_", " "))
        axis.grid(axis="x", linewidth=0.3)
    axes[0].set_yticks(range(len(groups)), list(groups), fontsize=7)
    axes[0].invert_yaxis()
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=150, metadata={"Software": None})
