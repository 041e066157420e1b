"""A picture of the atlas, or of any label map with a table of names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from yucca_wm.core.errors import InputError, MissingExtraError
from yucca_wm.core.files import atomic_path
from yucca_wm.core.images import load, load_labels
from yucca_wm.core.regions import RegionTable, regions

SLICES = 7


def show(
    labels: str | os.PathLike[str],
    out: str | os.PathLike[str],
    table: RegionTable | None = None,
    background: str | os.PathLike[str] | None = None,
) -> Path:
    """Draw axial slices of ``labels`` in the table's colours, with a legend, into ``out`` (.png, .pdf or .svg)."""
    try:
        from nilearn.plotting import plot_roi
    except ImportError as error:
        raise MissingExtraError("nilearn", "atlas") from error
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    table = table or regions()
    image = load_labels(labels, allowed=(0, *table.indices))
    if not image.data.any():
        raise InputError(labels, "holds no label: every voxel is 0")
    rank = np.zeros(max(table.indices) + 1, np.uint8 if len(table) < 256 else np.uint16)
    for number, region in enumerate(table, start=1):
        rank[region.index] = number
    shown: Any = nib.Nifti1Image(rank[image.data], image.affine)
    height = image.affine[2, :3] @ np.array(np.nonzero(image.data)) + image.affine[2, 3]
    below: Any = None
    if background is not None:
        under = load(background)
        below = nib.Nifti1Image(under.data, under.affine)
    figure = pyplot.figure(figsize=(14, 4.4), facecolor="white")
    plot_roi(
        shown,
        bg_img=below,
        cut_coords=np.percentile(height, np.linspace(4, 96, SLICES)).round().tolist(),
        display_mode="z",
        cmap=ListedColormap([region.color for region in table]),
        vmin=1,
        vmax=len(table),
        alpha=0.8 if below is not None else 1.0,
        black_bg=False,
        colorbar=False,
        axes=(0.0, 0.36, 1.0, 0.64),
        figure=figure,
    )
    handles = [Patch(color=region.color, label=f"{region.index} {region.name}") for region in table]
    figure.legend(handles=handles, loc="lower center", ncols=6, fontsize=8, frameon=False)
    try:
        with atomic_path(out) as temporary:
            figure.savefig(temporary, dpi=110)
    except ValueError as error:
        raise InputError(out, f"is no picture format ({error})", "end the name with .png, .pdf or .svg") from error
    finally:
        pyplot.close(figure)
    return Path(out)
