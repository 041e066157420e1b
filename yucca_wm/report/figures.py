"""Pictures of one subject and of a cohort. Colours are those of Okabe and Ito, told apart by the colour-blind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from yucca_wm.images import Image

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PALETTE = ("#E69F00", "#56B4E9", "#009E73", "#F0E442", "#D55E00", "#CC79A7", "#0072B2")
"""For the regions with most lesion volume, in this order; all others are OTHER."""

OTHER, OUTSIDE_COLOR = "#BBBBBB", "#FFFFFF"
SLICES = 6


def to_ras(image: Image) -> Image:
    """The same image with its array axes nearest to right, anterior and superior (reordered, not interpolated)."""
    import nibabel as nib

    canonical: Any = nib.as_closest_canonical(nib.Nifti1Image(image.data, image.affine))
    return Image(np.asanyarray(canonical.dataobj), canonical.affine, image.path)


def region_greys(regions: NDArray[Any]) -> NDArray[np.float32]:
    """A background where there is no image: regions in dark greys, neighbours mostly in different ones."""
    return np.where(regions > 0, 60 + 10 * (regions.astype(np.int64) * 5 % 7), 0).astype(np.float32)


def region_colors(volumes_ml: dict[str, float]) -> dict[str, str]:
    """Name -> colour: the regions with most lesion volume stand out, the rest is grey."""
    first = sorted((name for name in volumes_ml if volumes_ml[name] > 0), key=lambda name: -volumes_ml[name])
    return {name: PALETTE[rank] if rank < len(PALETTE) else OTHER for rank, name in enumerate(first)}


def draw_slices(
    background: Image,
    labelled: NDArray[Any],
    names: dict[int, str],
    colors: dict[str, str],
    *,
    title: str = "",
    brightest: float | None = None,
) -> Figure:
    """Axial slices through the lesions, coloured by region, the subject's left on the left.

    background : image in RAS order; labelled : lesion voxels with region labels on the same grid; names : label ->
    region name; colors : name -> colour; brightest : value shown white (default: 99.5th percentile).
    """
    from matplotlib.colors import to_rgba
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    lesion_area = (labelled > 0).sum(axis=(0, 1))
    filled = np.flatnonzero(lesion_area if lesion_area.any() else background.data.any(axis=(0, 1)))
    if not filled.size:
        filled = np.arange(background.shape[2])
    shown = np.unique(np.linspace(filled[0], filled[-1], SLICES).round().astype(int))
    spacing = background.spacing_mm
    low, high = np.percentile(background.data, [1, 99.5])
    high = brightest or high
    figure = Figure(figsize=(2.4 * len(shown), 3.6), layout="constrained", facecolor="white")
    grid = figure.subplots(1, len(shown), squeeze=False)[0]
    box = _box(background.data)
    for axes, k in zip(grid, shown, strict=True):
        axes.imshow(
            background.data[box[0], box[1], k].T, cmap="gray", vmin=low, vmax=max(high, low + 1e-6), origin="lower",
            aspect=spacing[1] / spacing[0], interpolation="nearest",
        )  # fmt: skip
        layer = np.zeros((*labelled.shape[:2], 4))
        for label in np.unique(labelled[:, :, k]):
            if label:
                layer[labelled[:, :, k] == label] = to_rgba(colors.get(names[int(label)], OTHER), 0.85)
        axes.imshow(
            layer[box[0], box[1]].transpose(1, 0, 2), origin="lower", aspect=spacing[1] / spacing[0],
            interpolation="nearest",
        )  # fmt: skip
        middle = background.affine @ [*(np.array(background.shape[:2]) - 1) / 2, k, 1]
        axes.set_title(f"z = {middle[2]:.0f} mm", fontsize=8)
        axes.set_xticks([])
        axes.set_yticks([])
    grid[0].text(0.02, 0.5, "L", transform=grid[0].transAxes, color="white", fontsize=10, va="center")
    grid[-1].text(0.98, 0.5, "R", transform=grid[-1].transAxes, color="white", fontsize=10, va="center", ha="right")
    named = [(name, color) for name, color in colors.items() if color != OTHER]
    handles = [Patch(facecolor=color, edgecolor="#444444", label=name.replace("_", " ")) for name, color in named]
    if len(named) < len(colors):
        handles.append(Patch(facecolor=OTHER, edgecolor="#444444", label="other regions"))
    if handles:
        figure.legend(handles=handles, loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    if title:
        figure.suptitle(title, fontsize=10)
    return figure


def draw_bars(
    names: Sequence[str], percent: Sequence[float], volume_ml: Sequence[float], colors: dict[str, str]
) -> Figure:
    """Load (percent of region) and lesion volume (ml) of every region of one subject."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.0, 1.2 + 0.19 * len(names)), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    at = np.arange(len(names))
    bar_colors = [colors.get(name, OTHER) for name in names]
    for axes, values, label in ((left, percent, "lesion load (% of region)"), (right, volume_ml, "lesion volume (ml)")):
        axes.barh(at, np.nan_to_num(values), color=bar_colors, edgecolor="#444444", linewidth=0.4)
        axes.set_xlabel(label)
        axes.set_xlim(left=0)
        axes.margins(y=0.01)
    left.set_yticks(at, [name.replace("_", " ") for name in names], fontsize=7)
    left.invert_yaxis()
    return figure


def draw_left_right(regions: Sequence[dict[str, str]], load_percent: NDArray[np.float64]) -> Figure:
    """Mean load of each structure on the left against the right; bars are standard errors over subjects."""
    from matplotlib.figure import Figure

    position = {row["name"]: number for number, row in enumerate(regions)}
    stems = [name.removesuffix("_L") for name in position if name.endswith("_L") and f"{name[:-2]}_R" in position]
    figure = Figure(figsize=(5.6, 5.4), layout="constrained")
    axes = figure.add_subplot()
    known = np.maximum((~np.isnan(load_percent)).sum(axis=0), 1)
    mean = np.nansum(load_percent, axis=0) / known
    error = np.sqrt(np.nansum((load_percent - mean) ** 2, axis=0) / np.maximum(known - 1, 1) / known)
    top = float(max(mean.max(initial=0) * 1.15, 1e-3))
    axes.plot([0, top], [0, top], color="#888888", linewidth=0.8, linestyle="--")
    for stem in stems:
        a, b = position[f"{stem}_L"], position[f"{stem}_R"]
        axes.errorbar(mean[a], mean[b], error[b], error[a], "o", color="#0072B2", markersize=4, linewidth=0.8)
        axes.annotate(stem.replace("_", " "), (mean[a], mean[b]), xytext=(4, 3), textcoords="offset points", fontsize=6)
    axes.set_xlim(0, top)
    axes.set_ylim(0, top)
    axes.set_aspect("equal")
    axes.set_xlabel("mean load, left (% of region)")
    axes.set_ylabel("mean load, right (% of region)")
    axes.set_title(f"Left against right (n = {len(load_percent)}, bars: standard error)", fontsize=9)
    return figure


def draw_on_atlas(atlas: Image, mean_percent: dict[int, float], title: str) -> Figure:
    """Mean load painted on the regions of an atlas, axial slices (nilearn); the subject's left on the left."""
    import nibabel as nib
    from matplotlib.figure import Figure
    from nilearn import plotting

    painted = np.zeros(atlas.shape, dtype=np.float32)
    lookup = np.zeros(int(atlas.data.max()) + 1, dtype=np.float32)
    for label, percent in mean_percent.items():
        if label < len(lookup):
            lookup[label] = max(percent, 1e-4)
    painted[:] = lookup[atlas.data]
    to_image = lambda data: nib.Nifti1Image(data, atlas.affine)  # noqa: E731
    figure = Figure(figsize=(11, 2.6))
    axes = figure.add_subplot()
    filled = np.flatnonzero(painted.any(axis=(0, 1)))
    ends = [float((atlas.affine @ [*(np.array(atlas.shape[:2]) / 2), k, 1])[2]) for k in (filled[0], filled[-1])]
    cuts = np.linspace(ends[0], ends[1], SLICES + 2)[1:-1].round(1).tolist()
    plotting.plot_stat_map(
        to_image(painted), bg_img=to_image((atlas.data > 0).astype(np.float32)), display_mode="z", cut_coords=cuts,
        axes=axes, cmap="cividis", threshold=1e-5, vmin=0, symmetric_cbar=False, resampling_interpolation="nearest",
        draw_cross=False, black_bg=False, cbar_tick_format="%.2g",
    )  # fmt: skip
    figure.suptitle(title, fontsize=10)
    return figure


def _box(data: NDArray[Any]) -> tuple[slice, slice]:
    """Rows and columns that hold anything, with a small margin."""
    box = []
    for axis in (0, 1):
        filled = np.flatnonzero(data.any(axis=tuple(other for other in range(3) if other != axis)))
        low, high = (filled[0], filled[-1]) if filled.size else (0, data.shape[axis] - 1)
        box.append(slice(max(int(low) - 4, 0), int(high) + 5))
    return box[0], box[1]
