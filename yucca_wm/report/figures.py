"""Draw pictures of one subject and of a cohort, in the colours of Okabe and Ito, safe for colour-blind readers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from yucca_wm.core.regions import SIDE_WORD, Side
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

PALETTE = ("#E69F00", "#56B4E9", "#009E73", "#F0E442", "#D55E00", "#CC79A7", "#0072B2")
"""Colours of the regions with most lesion volume, in this order; all others are OTHER."""

OTHER, OUTSIDE_COLOR = "#AA00FF", "#00FFFF"
"""Violet and cyan, as lesions are grey to white on the scan itself."""
SLICES = 6

OUTLINE = 0.9
"""Width of lesion outlines in points."""

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


def to_ras(image: Image) -> Image:
    """The same image with array axes [x, y, z] closest to right, anterior, superior (reordered, not interpolated)."""
    import nibabel as nib

    canonical: Any = nib.as_closest_canonical(nib.Nifti1Image(image.data, image.affine))
    return Image(np.asanyarray(canonical.dataobj), canonical.affine, image.path)


def region_greys(regions: NDArray[Any]) -> NDArray[np.float32]:
    """Background [i, j, k] if there is no scan: ``regions`` in dark greys, which mostly differ between neighbours."""
    return np.where(regions > 0, 60 + 10 * (regions.astype(np.int64) * 5 % 7), 0).astype(np.float32)


def region_colors(volumes_ml: dict[str, float]) -> dict[str, str]:
    """Name -> colour: regions with most lesion volume have their own colours, all others share one."""
    first = sorted((name for name in volumes_ml if volumes_ml[name] > 0), key=lambda name: -volumes_ml[name])
    return {name: PALETTE[rank] if rank < len(PALETTE) else OTHER for rank, name in enumerate(first)}


def draw_subject(
    background: Image,
    labelled: NDArray[Any],
    names: dict[int, str],
    loads: Sequence[RegionLoad],
    colors: dict[str, str],
    *,
    title: str = "",
    brightest: float | None = None,
    brain: NDArray[np.bool_] | None = None,
) -> Figure:
    """Draw one subject: axial slices with lesions outlined in their region's colour, over bars of each region's load.

    Parameters
    ----------
    background : Image
        Scan [x, y, z] in RAS order.
    labelled : ndarray, int, shape (x, y, z)
        Region labels at lesion voxels on the same grid, 0 elsewhere.
    names : dict of int to str
        Label -> region name.
    loads : sequence of RegionLoad
        The bars, in order.
    colors : dict of str to str
        Region name -> colour ``#rrggbb``.
    title : str
        Title of the figure.
    brightest : float, optional
        Intensity shown white. Default: that of `grey_window`.
    brain : ndarray, bool, shape (x, y, z), optional
        Voxels that set the grey window, and the planes if there are no lesions. Default: non-zero voxels of
        ``background``.

    Returns
    -------
    matplotlib.figure.Figure
        A figure without a window.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12.5, 8.0), facecolor="white")
    brain = background.data != 0 if brain is None else brain
    shown = chosen_planes(labelled, brain, float(background.spacing_mm[2]))
    half = 0.49 * len(shown) / SLICES
    slices = figure.add_gridspec(1, len(shown), left=0.5 - half, right=0.5 + half, top=0.92, bottom=0.6, wspace=0.03)
    bars = figure.add_gridspec(2, 1, left=0.07, right=0.99, top=0.49, bottom=0.2, hspace=0.12)
    upper = figure.add_subplot(bars[0, 0])
    lower = figure.add_subplot(bars[1, 0], sharex=upper)
    box = brain_box(brain, labelled, background.spacing_mm)
    dark, bright = grey_window(background.data, brain)
    window = (dark, max(brightest or bright, dark + 1e-6))
    _draw_slices(figure, slices, shown, box, background, labelled, names, colors, window)
    _draw_bars(upper, lower, loads, colors)
    if title:
        figure.suptitle(title, fontsize=12)
    return figure


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


def _draw_slices(
    figure: Figure,
    cells: GridSpec,
    shown: Sequence[int],
    box: tuple[slice, slice],
    background: Image,
    labelled: NDArray[Any],
    names: dict[int, str],
    colors: dict[str, str],
    window: tuple[float, float],
) -> None:
    """Draw axial slices, the subject's left on the left, with a legend below. window : black and white intensity."""
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
    if handles:
        figure.legend(
            handles=handles, loc="upper center", bbox_to_anchor=(0.5, 0.595), ncols=5, fontsize=9, frameon=False
        )


def write_side(axes: Axes, side: str) -> None:
    """Write ``L`` or ``R`` into that upper corner of a slice, white on a black box, as scalp may be white."""
    x, align = {"L": (0.04, "left"), "R": (0.96, "right")}[side]
    axes.text(
        x, 0.96, side, transform=axes.transAxes, color="white", fontsize=10, fontweight="bold", va="top", ha=align,
        bbox={"boxstyle": "square,pad=0.2", "facecolor": "black", "edgecolor": "none"},
    )  # fmt: skip


@dataclass(frozen=True)
class RegionLoad:
    """A bar. load_percent : NaN if the region has no voxel. is_region : False for the volume outside all regions, which
    has no load."""

    name: str
    load_percent: float
    volume_ml: float
    is_region: bool = True


def _draw_bars(upper: Axes, lower: Axes, loads: Sequence[RegionLoad], colors: dict[str, str]) -> None:
    """Draw load and lesion volume of every region, and the volume outside; absent regions have a cross."""
    at = np.arange(len(loads))
    bar_colors = [colors.get(load.name, OTHER) for load in loads]
    percent, volume = np.array([[load.load_percent, load.volume_ml] for load in loads]).reshape(-1, 2).T
    for axes, values, label in ((upper, percent, "lesion load\n(% of region)"), (lower, volume, "lesion volume\n(ml)")):
        axes.bar(at, np.nan_to_num(values), color=bar_colors, edgecolor="#444444", linewidth=0.4)
        axes.set_ylabel(label, fontsize=9)
        axes.set_ylim(0, max(1.08 * float(np.nan_to_num(values).max(initial=0)), 1e-3))
        axes.spines[["top", "right"]].set_visible(False)
    absent = at[np.isnan(percent) & [load.is_region for load in loads]]
    upper.plot(absent, np.zeros(len(absent)), "x", color="#444444", clip_on=False)
    upper.tick_params(labelbottom=False)
    lower.set_xlim(-0.7, len(loads) - 0.3)
    lower.set_xticks(at, [load.name.replace("_", " ") for load in loads], rotation=90, fontsize=8)


def slice_title(image: Image, k: int) -> str:
    """World z (mm) of the centre of axial slice ``k``, as a title."""
    middle = image.affine @ [*(np.array(image.shape[:2]) - 1) / 2, k, 1]
    return f"z = {round(float(middle[2]))} mm"


def left_right_pairs(regions: Sequence[Mapping[str, str]]) -> dict[str, tuple[int, int]]:
    """Structure -> positions of its left and right region in ``regions`` (rows with ``name`` and ``side``)."""
    stems = [SIDE_WORD.sub("", row["name"]).strip("-_. ") for row in regions]
    position = {(stem, row["side"]): number for number, (stem, row) in enumerate(zip(stems, regions, strict=True))}
    sides = Side.LEFT, Side.RIGHT
    return {
        stem: (number, position[stem, sides[1]])
        for (stem, side), number in position.items()
        if side == sides[0] and (stem, sides[1]) in position
    }


def draw_left_right(regions: Sequence[Mapping[str, str]], load_percent: NDArray[np.float64]) -> Figure:
    """Draw the mean load of each structure on the left and on the right, largest first; bars are standard errors.

    Parameters
    ----------
    regions : sequence of dict
        Rows of the regions' ``name`` and ``side``, in the order of the columns of ``load_percent``.
    load_percent : ndarray, float, shape (subjects, regions)
        Load in percent of the region; NaN for absent regions.

    Returns
    -------
    matplotlib.figure.Figure
        A figure without a window.
    """
    import pandas as pd
    from matplotlib.figure import Figure

    frame = pd.DataFrame(load_percent)
    mean, error = frame.mean().to_numpy(), frame.sem().to_numpy()  # NaN without any, or with one subject
    pairs = left_right_pairs(regions)
    stems = sorted(pairs, key=lambda stem: -np.nan_to_num(mean[list(pairs[stem])]).max())
    figure = Figure(figsize=(7.0, 1.5 + 0.27 * len(stems)), layout="constrained")
    axes = figure.add_subplot()
    rows = np.arange(len(stems))
    sides = (("left", "#0072B2", "o", -0.16), ("right", "#D55E00", "s", 0.16))
    for which, (label, color, marker, shift) in enumerate(sides):
        at = [pairs[stem][which] for stem in stems]
        axes.errorbar(
            mean[at], rows + shift, xerr=error[at], fmt=marker, color=color, markersize=5, linewidth=1, label=label
        )
    axes.set_yticks(rows, [stem.replace("_", " ") for stem in stems], fontsize=9)
    axes.set_ylim(len(stems) - 0.4, -0.6)
    axes.set_xlim(left=0)
    axes.grid(axis="y", color="#eeeeee")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel("mean lesion load (% of region; bars: standard error)")
    axes.set_title(f"Left against right (n = {len(load_percent)})", fontsize=10)
    axes.legend(fontsize=9, loc="lower right")
    return figure
