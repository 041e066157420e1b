"""Picture of one subject: slices with lesions outlined by region over bars of each region's load, in the colours of
Okabe and Ito, safe for colour-blind readers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from yucca_wm.imaging.images import Image
from yucca_wm.report.pictures.slices import OTHER, SLICES, brain_box, chosen_planes, draw_slices, grey_window

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PALETTE = ("#E69F00", "#56B4E9", "#009E73", "#CC79A7", "#0072B2", "#D55E00", "#F0E442")
"""Colours of the regions with most lesion volume, in this order; all others are OTHER. Those that look alike on bright
lesions (orange, vermilion, yellow) are far apart."""

OUTSIDE_COLOR = "#00FFFF"


def region_greys(regions: NDArray[Any]) -> NDArray[np.float32]:
    """Background [i, j, k] if there is no scan: ``regions`` in dark greys, which mostly differ between neighbours."""
    return np.where(regions > 0, 60 + 10 * (regions.astype(np.int64) * 5 % 7), 0).astype(np.float32)


def region_colors(volumes_ml: dict[str, float]) -> dict[str, str]:
    """Name -> colour: regions with most lesion volume have their own colours, all others share one."""
    first = sorted((name for name in volumes_ml if volumes_ml[name] > 0), key=lambda name: -volumes_ml[name])
    return {name: PALETTE[rank] if rank < len(PALETTE) else OTHER for rank, name in enumerate(first)}


@dataclass(frozen=True)
class RegionLoad:
    """A bar. load_percent : NaN if the region has no voxel. is_region : False for the volume outside all regions, which
    has no load."""

    name: str
    load_percent: float
    volume_ml: float
    is_region: bool = True


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
    draw_slices(figure, slices, shown, box, background, labelled, names, colors, window, legend_top=0.595)
    _draw_bars(upper, lower, loads, colors)
    if title:
        figure.suptitle(title, fontsize=12)
    return figure


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
