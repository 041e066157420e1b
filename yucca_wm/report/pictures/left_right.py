"""Mean load of each structure on the left and on the right, in colours safe for colour-blind readers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from yucca_wm.core.regions import SIDE_WORD, Side

if TYPE_CHECKING:
    from matplotlib.figure import Figure


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
