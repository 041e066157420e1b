"""Figures of groups and associations, in colours that colour-blind readers can distinguish (Okabe and Ito)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from yucca_wm.groups.statistics.association import RegionEffect

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#000000")
MARKERS = "osD^vP*X"
ODDS_RATIOS = (0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4, 6, 10)
FAR_ODDS_RATIOS = (0.001, 0.01, 0.1, 0.3, 1, 3, 10, 100, 1000)
"""Ticks of the forest plot within its range, for a narrow one and for one over more than a factor of 30."""

MAX_TREE = 2000
"""Most subjects in a dendrogram: its memory grows with their square."""


def group_label(labels: NDArray[np.intp], number: int) -> str:
    """Name of a group in legends; all subjects if there is only one group."""
    members = int((labels == number).sum())
    return f"group {number} (n = {members})" if members < len(labels) else f"all subjects (n = {members})"


def draw_profiles(names: Sequence[str], percent: NDArray[np.float64], labels: NDArray[np.intp]) -> Figure:
    """Draw the mean load of each region in each cluster (lines), with the standard error of the mean."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(max(6.0, 1.5 + 0.28 * len(names)), 4.6), layout="constrained")
    axes = figure.add_subplot()
    at = np.arange(len(names))
    for number in sorted(set(labels.tolist())):
        rows = np.ma.masked_invalid(percent[labels == number])
        mean = rows.mean(axis=0).filled(np.nan)
        known = rows.count(axis=0)
        error = np.where(known > 1, rows.std(axis=0).filled(np.nan) * np.sqrt(1 / np.maximum(known - 1, 1)), np.nan)
        style = (number - 1) % len(PALETTE)
        axes.errorbar(
            at, mean, error, color=PALETTE[style], marker=MARKERS[style], markersize=4, capsize=2,
            linewidth=1, label=group_label(labels, number),
        )  # fmt: skip
    axes.set_xticks(at, [name.replace("_", " ") for name in names], rotation=90, fontsize=7)
    axes.set_xlim(-0.6, len(names) - 0.4)
    axes.set_ylim(bottom=0)
    axes.set_ylabel("mean lesion load (% of region)")
    axes.set_title("Mean lesion load (bars: standard error)", fontsize=10)
    axes.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))  # beside the axes, where it covers no data
    return figure


def draw_embedding(values: NDArray[np.float64], labels: NDArray[np.intp]) -> Figure:
    """Draw the first two principal components of the (transformed) loads [subjects, regions] (of one region, its load),
    with subjects marked by cluster."""
    from matplotlib.figure import Figure
    from sklearn.decomposition import PCA

    scaled = (values - values.mean(axis=0)) / np.where(values.std(axis=0) > 0, values.std(axis=0), 1)
    model = PCA(min(2, scaled.shape[1])).fit(scaled)
    places, explained = np.zeros((len(scaled), 2)), np.zeros(2)
    places[:, : model.n_components_] = model.transform(scaled)
    explained[: model.n_components_] = model.explained_variance_ratio_
    figure = Figure(figsize=(6.5, 4.6), layout="constrained")
    axes = figure.add_subplot()
    for number in sorted(set(labels.tolist())):
        style, rows = (number - 1) % len(PALETTE), labels == number
        axes.scatter(
            places[rows, 0],
            places[rows, 1],
            s=26,
            color=PALETTE[style],
            marker=MARKERS[style],
            label=group_label(labels, number),
        )
    first, second = 100 * explained
    axes.set_xlabel(f"principal component 1 ({first:.0f} % of variance)")
    axes.set_ylabel(f"principal component 2 ({second:.0f} % of variance)")
    axes.set_title("Subjects by regional lesion load", fontsize=10)
    axes.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))  # beside the axes, where it covers no data
    return figure


def draw_dendrogram(values: NDArray[np.float64], subjects: Sequence[str]) -> Figure:
    """Draw the Ward tree of the subjects; if there are more than MAX_TREE, of a random sample of that size."""
    from matplotlib.figure import Figure
    from scipy.cluster.hierarchy import dendrogram, linkage

    among = f"n = {len(subjects)}"
    if len(subjects) > MAX_TREE:
        values = values[np.sort(np.random.default_rng(0).choice(len(values), MAX_TREE, replace=False))]
        among = f"{MAX_TREE} drawn from {len(subjects)}"
    scaled = (values - values.mean(axis=0)) / np.where(values.std(axis=0) > 0, values.std(axis=0), 1)
    figure = Figure(figsize=(min(max(6.0, 0.16 * len(subjects)), 24), 4.2), layout="constrained")
    axes = figure.add_subplot()
    named = len(subjects) <= 120
    dendrogram(
        linkage(scaled, "ward"), ax=axes, labels=list(subjects) if named else None, no_labels=not named,
        leaf_font_size=6, leaf_rotation=90, color_threshold=0, above_threshold_color="#333333",
    )  # fmt: skip
    axes.set_ylabel("Ward distance (standard deviations)")
    axes.set_title(f"Subjects by regional lesion load ({among})", fontsize=10)
    return figure


LONGEST_NOTE, MOST_TICKS = 40, 6

WIDEST_DRAWN = 1e9
"""Intervals of odds ratios that span a larger factor are not drawn: beside them, nothing else could be seen."""


def draw_forest(effects: Sequence[RegionEffect], *, binary: bool, outcome: str) -> Figure:
    """Draw effect and 95 % interval of every region; filled where q < 0.05."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullLocator

    figure = Figure(figsize=(6.4, 1.4 + 0.21 * len(effects)), layout="constrained")
    axes = figure.add_subplot()
    for row, item in enumerate(effects):
        low, high = item.low, item.high
        if item.effect is None or low is None or high is None or (binary and high > WIDEST_DRAWN * low):
            why = item.note if len(item.note) <= LONGEST_NOTE else "not drawn: see associations.tsv"
            axes.annotate(
                why, (0.02, row), xycoords=("axes fraction", "data"), fontsize=6, va="center", color="#666666"
            )
            continue
        color = "#D55E00" if item.is_found else "#0072B2"
        axes.plot([low, high], [row, row], color=color, linewidth=1.2)
        axes.plot(item.effect, row, "o", color=color, markerfacecolor=color if item.is_found else "white", markersize=5)
    axes.axvline(1.0 if binary else 0.0, color="#888888", linewidth=0.8, linestyle="--")
    axes.set_yticks(range(len(effects)), [item.region.replace("_", " ") for item in effects], fontsize=7)
    axes.set_ylim(len(effects) - 0.4, -0.6)
    if binary:
        axes.set_xscale("log")
        low, high = axes.get_xlim()
        ticks = [tick for tick in (ODDS_RATIOS if high < 30 * low else FAR_ODDS_RATIOS) if low <= tick <= high]
        step = -(-len(ticks) // MOST_TICKS)
        ticks = (
            [tick for place, tick in enumerate(ticks) if (place - ticks.index(1)) % step == 0] if 1 in ticks else ticks
        )
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xlabel(f"odds ratio of {outcome} for one SD of load (95 % interval)")
    else:
        axes.set_xlabel(f"change of {outcome} for one SD of load (95 % interval)")
    axes.set_title("filled: false discovery rate under 5 %", fontsize=9)
    return figure
