"""Axial slices of a scan with outlines over it: which planes, how bright, framed how, with sides and heights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from yucca_wm.imaging.images import Image

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.gridspec import GridSpec

MARGIN = 4
"""Voxels kept around the head."""

DARK = 0.12
"""Voxels fainter than this share of the bright ones are air ..."""

SPECKLES = 0.005
"""... and so is a slice with at most this share of brighter voxels, as noise extends far."""

OTHER = "#AA00FF"
"""Colour of outlines without one of their own: violet, as lesions are grey to white on the scan itself."""

SLICES = 6

OUTLINE = 0.9
"""Width of outlines in points."""

MARGIN_MM = 10.0
"""Margin around the brain in the planes of one subject."""

BRIGHT_PERCENT = 99.5
"""Percentile of intensities shown white; brighter voxels (fat, eyes) would make everything else dark."""

FEWEST = 1000
"""Minimum number of brain voxels to set the grey window."""

APART_MM = 10.0
"""Minimum distance between two planes shown."""


def head_box(data: NDArray[Any], lesions: NDArray[Any] | None = None) -> tuple[slice, slice, slice]:
    """Bounding box of the head and all lesions in a scan or label map, with a margin of `MARGIN` voxels.

    data : scan or label map [i, j, k]. lesions : non-zero in lesions, of the same shape.

    Returns a slice along each axis; its stop may lie beyond the array.
    """
    strength = np.abs(data)
    there = strength > DARK * np.percentile(strength[strength > 0], 99) if strength.any() else np.ones(data.shape, bool)
    box = []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        filled = there.mean(axis=others) > SPECKLES
        if not filled.any():
            filled = there.any(axis=others)
        if lesions is not None:
            filled |= lesions.any(axis=others)
        inside = np.flatnonzero(filled)
        box.append(slice(max(int(inside[0]) - MARGIN, 0), int(inside[-1]) + MARGIN + 1))
    return box[0], box[1], box[2]


def grey_window(data: NDArray[Any], brain: NDArray[np.bool_] | None = None) -> tuple[float, float]:
    """The intensities shown black and white: those of air and of the brightest brain.

    data : scan [i, j, k]. brain : mask of the same shape; without it, or with too few voxels, the brightest voxels of
    the whole scan, which may be scalp and fat, are used.
    """
    dark = float(np.percentile(data, 1))
    known = brain is not None and np.count_nonzero(brain) >= FEWEST
    bright = float(np.percentile(data[brain] if known else data, BRIGHT_PERCENT))
    return dark, max(bright, dark + 1e-6)


def chosen_planes(lesions: NDArray[Any], brain: NDArray[np.bool_], step_mm: float) -> list[int]:
    """Up to SLICES axial planes, bottom to top, that together show most lesion area, at least APART_MM from each other;
    without lesions, planes evenly spaced over the height of the brain.

    lesions, brain : [x, y, z], RAS order. step_mm : distance between neighbouring planes.
    """
    area = np.count_nonzero(lesions, axis=(0, 1))
    if not area.any():
        filled = np.flatnonzero(brain.any(axis=(0, 1)))
        low, high = (filled[0], filled[-1]) if filled.size else (0, brain.shape[2] - 1)
        return np.unique(np.linspace(low, high, SLICES + 2)[1:-1].round().astype(int)).tolist()
    gap = max(int(np.ceil(APART_MM / step_mm - 1e-3)), 1)
    most = np.zeros((SLICES + 1, len(area) + 1), int)  # [n, m]: largest area of n planes among the lowest m
    for n in range(1, SLICES + 1):
        for top in range(1, len(area) + 1):
            most[n, top] = max(most[n, top - 1], area[top - 1] + most[n - 1, max(top - gap, 0)])
    chosen: list[int] = []
    top = len(area)
    while top > 0 and len(chosen) < SLICES:
        left = SLICES - len(chosen)
        if most[left, top] == most[left, top - 1]:
            top -= 1
        else:
            chosen.insert(0, top - 1)
            top -= gap
    return chosen


def brain_box(brain: NDArray[np.bool_], lesions: NDArray[Any], spacing_mm: NDArray[Any]) -> tuple[slice, slice]:
    """Slices along x and y that contain brain and lesions (both [x, y, z]), with a margin of MARGIN_MM."""
    there = brain | (lesions != 0) if brain.any() else np.ones(brain.shape, bool)
    box = []
    for axis, others in ((0, (1, 2)), (1, (0, 2))):
        inside = np.flatnonzero(there.any(axis=others))
        margin = round(MARGIN_MM / float(spacing_mm[axis]))
        box.append(slice(max(int(inside[0]) - margin, 0), int(inside[-1]) + margin + 1))
    return box[0], box[1]


def draw_slices(
    figure: Figure,
    cells: GridSpec,
    shown: Sequence[int],
    box: tuple[slice, slice],
    background: Image,
    labelled: NDArray[Any],
    names: dict[int, str],
    colors: dict[str, str],
    window: tuple[float, float],
    legend_top: float | None,
) -> None:
    """Draw axial slices with labels outlined, the subject's left on the left, and a legend.

    Parameters
    ----------
    figure, cells : Figure, GridSpec
        Where to draw: one row of cells.
    shown : sequence of int
        Planes, one for each cell.
    box : (slice, slice)
        Part of each plane that is shown, along x and y.
    background, labelled : Image, ndarray of int
        Scan and labels [x, y, z] in RAS order, on one grid.
    names, colors : dict
        Label -> name, name -> colour ``#rrggbb``.
    window : (float, float)
        Intensities shown black and white.
    legend_top : float, optional
        Upper edge of the legend, as a share of the figure's height; None: no legend.
    """
    from matplotlib.patches import Patch

    spacing = background.spacing_mm
    grid = [figure.add_subplot(cells[0, column]) for column in range(len(shown))]
    for axes, k in zip(grid, shown, strict=True):
        axes.imshow(
            background.data[*box, k].T, cmap="gray", vmin=window[0], vmax=window[1], origin="lower",
            aspect=spacing[1] / spacing[0], interpolation="nearest",
        )  # fmt: skip
        plane = labelled[*box, k].T
        for label in filter(None, np.unique(plane).tolist()):
            axes.contour(plane == label, [0.5], colors=[colors.get(names[label], OTHER)], linewidths=OUTLINE)
        axes.set_title(slice_title(background, int(k)), fontsize=9)
        axes.set_xticks([])
        axes.set_yticks([])
    write_side(grid[0], "L")
    write_side(grid[-1], "R")
    drawn = {names[int(label)] for label in np.unique(labelled) if label}
    named = [(name, color) for name, color in colors.items() if color != OTHER and name in drawn]
    handles = [Patch(facecolor=color, edgecolor="#444444", label=name.replace("_", " ")) for name, color in named]
    if any(colors.get(name, OTHER) == OTHER for name in drawn):
        handles.append(Patch(facecolor=OTHER, edgecolor="#444444", label="other regions"))
    if handles and legend_top is not None:
        figure.legend(
            handles=handles, loc="upper center", bbox_to_anchor=(0.5, legend_top), ncols=5, fontsize=9, frameon=False
        )


def write_side(axes: Axes, side: str) -> None:
    """Write ``L`` or ``R`` into that upper corner of a slice, white on a black box, as scalp may be white."""
    x, align = {"L": (0.04, "left"), "R": (0.96, "right")}[side]
    axes.text(
        x, 0.96, side, transform=axes.transAxes, color="white", fontsize=10, fontweight="bold", va="top", ha=align,
        bbox={"boxstyle": "square,pad=0.2", "facecolor": "black", "edgecolor": "none"},
    )  # fmt: skip


def slice_title(image: Image, k: int) -> str:
    """World z (mm) of the centre of axial slice ``k``, as a title."""
    middle = image.affine @ [*(np.array(image.shape[:2]) - 1) / 2, k, 1]
    return f"z = {round(float(middle[2]))} mm"
