"""Maps of values on axial slices: mean loads on an atlas, lesion frequency on a template."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from yucca_wm.imaging.grids import to_ras
from yucca_wm.imaging.images import Image
from yucca_wm.report.pictures.slices import head_box, slice_title, write_side

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SLICES = 8
NO_VALUE = "#dddddd"


def draw_on_atlas(atlas: Image, mean_percent: dict[int, float], n_subjects: int) -> Figure:
    """Draw mean loads on the regions of a label map; labels without a value are light grey.

    Colours follow the square root of the load, as in the heat map.

    Parameters
    ----------
    atlas : Image
        Label map [i, j, k].
    mean_percent : dict of int to float
        Label -> mean load in percent of the region.
    n_subjects : int
        Number of subjects, for the title.

    Returns
    -------
    matplotlib.figure.Figure
        A figure without a window.
    """
    painted = np.full(int(atlas.data.max()) + 1, np.nan)
    for label, percent in mean_percent.items():
        if label < len(painted):
            painted[label] = percent
    title = f"Mean lesion load of each region (n = {n_subjects})"
    outline = atlas.with_data((atlas.data > 0).astype(np.uint8))
    return _axial(outline, painted[atlas.data], "mean lesion load\n(% of region volume)", title, "cividis", 0.5)


def draw_frequency(frequency: Image, template: Image, n_subjects: int) -> Figure:
    """Draw the percentage of subjects with a lesion at each voxel over a template.

    Parameters
    ----------
    frequency : Image
        Share of subjects [i, j, k], 0 to 1.
    template : Image
        Scan, or label map whose outline is shown, on the same grid.
    n_subjects : int
        Number of subjects, for the title.

    Returns
    -------
    matplotlib.figure.Figure
        A figure without a window.
    """
    values = np.where(frequency.data > 0, 100.0 * frequency.data, np.nan)
    if template.data.dtype.kind in "iu" and int(template.data.max()) < 256:
        template = template.with_data((template.data > 0).astype(np.uint8))
    title = f"Lesion frequency (n = {n_subjects})"
    return _axial(template, values, "subjects with a\nlesion here (%)", title, "plasma", 1.0)


def _axial(under: Image, values: NDArray[Any], unit: str, title: str, cmap: str, power: float) -> Figure:
    """Draw ``values`` [i, j, k] (NaN: transparent) over ``under`` in axial slices, the subject's left on the left."""
    from matplotlib.colors import LinearSegmentedColormap, PowerNorm
    from matplotlib.figure import Figure

    below = to_ras(under)
    above = to_ras(under.with_data(values.astype(np.float32))).data
    filled = np.flatnonzero((np.isfinite(above) if np.isfinite(above).any() else below.data != 0).any(axis=(0, 1)))
    low, high = (filled[0], filled[-1]) if filled.size else (0, below.shape[2] - 1)
    shown = np.unique(np.linspace(low, high, SLICES + 2)[1:-1].round().astype(int))
    norm = PowerNorm(power, vmin=0, vmax=max(float(np.nanmax(above, initial=0.0)), 1e-6))
    binary = int(below.data.max()) == 1
    grey = LinearSegmentedColormap.from_list("outline", ["white", NO_VALUE]) if binary else "gray"
    bright = below.data[below.data > 0]
    brightest = 1.0 if binary or not bright.size else float(np.percentile(bright, 99.5))
    rows, columns, _ = head_box(below.data, np.isfinite(above))
    aspect = below.spacing_mm[1] / below.spacing_mm[0]
    figure = Figure(figsize=(1.62 * len(shown) + 1.2, 2.9), layout="constrained", facecolor="white")
    grid = figure.subplots(1, len(shown), squeeze=False)[0]
    for axes, k in zip(grid, shown, strict=True):
        axes.imshow(
            below.data[rows, columns, k].T, cmap=grey, vmin=0, vmax=brightest, origin="lower", aspect=aspect,
            interpolation="nearest",
        )  # fmt: skip
        image = axes.imshow(
            np.ma.masked_invalid(above[rows, columns, k].T), cmap=cmap, norm=norm, origin="lower", aspect=aspect,
            interpolation="nearest",
        )  # fmt: skip
        axes.set_title(slice_title(below, int(k)), fontsize=8)
        axes.set_axis_off()
    write_side(grid[0], "L")
    write_side(grid[-1], "R")
    bar = figure.colorbar(image, ax=grid.tolist(), pad=0.01, aspect=12)
    bar.set_label(unit, fontsize=9)
    figure.suptitle(title, fontsize=11)
    return figure
