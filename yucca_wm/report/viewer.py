"""The slice view one can click through: nilearn's viewer, whole in one HTML string."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yucca_wm.images import Image, resample
from yucca_wm.report.framing import head_box

SPACING_MM = 1.5
"""Of the copy that is shown. A page holds all of it, and finer ones take seconds to make and megabytes to keep."""

STYLE = """<style>
body { margin: 0; overflow: hidden; background: #000; color: #ddd; font: 13px system-ui, sans-serif; }
#div_viewer-slices > div { padding: 0 1rem; }
</style>
"""


def slice_viewer(
    background: Image,
    labelled: NDArray[Any],
    colors: dict[int, str],
    start_mm: Sequence[float] | None = None,
) -> str:
    """HTML document with three linked slices: lesions by region (label -> ``#rrggbb``) over ``background``.

    background : image in RAS order; labelled : lesion voxels with region labels on the same grid; start_mm : world
    place to begin at, or rather at the lesion voxel next to it.
    """
    import nibabel as nib
    from matplotlib.colors import ListedColormap
    from nilearn import plotting

    largest = max([2, *colors])  # a colour map has two colours at least
    cmap = ListedColormap([colors.get(label, "#bbbbbb") for label in range(1, largest + 1)], name="regions")
    under, over = small_copy(background, labelled)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        view = plotting.view_img(
            nib.Nifti1Image(over.data.astype(np.float32), over.affine),
            bg_img=nib.Nifti1Image(under.data.astype(np.float32), under.affine), cmap=cmap, threshold=0.5, vmin=0.5,
            vmax=largest + 0.5, symmetric_cmap=False, colorbar=False, resampling_interpolation="nearest",
            black_bg=True, annotate=True, opacity=0.8, cut_coords=_start(over, start_mm),
        )  # fmt: skip
    page = re.sub(r"<link\b[^>]*>", "", view.get_standalone())  # its icon would be fetched from the network
    page = re.sub(r"(?<=-)[0-9a-f]{32}\b", "slices", page)  # random: equal results shall give equal pages
    return page.replace("</head>", f"{STYLE}</head>", 1)


def small_copy(background: Image, labelled: NDArray[Any]) -> tuple[Image, Image]:
    """Head and lesions on a grid of SPACING_MM along the world's axes; no lesion voxel falls between two of its."""
    box = head_box(background.data, labelled)
    ends = np.array([(side.start, min(side.stop, size) - 1) for side, size in zip(box, background.shape, strict=True)])
    corners = np.stack(np.meshgrid(*ends, indexing="ij"), axis=-1).reshape(-1, 3)
    world = corners @ background.affine[:3, :3].T + background.affine[:3, 3]
    low = world.min(axis=0)
    affine = np.diag([SPACING_MM, SPACING_MM, SPACING_MM, 1.0])
    affine[:3, 3] = low
    shape = np.ceil((world.max(axis=0) - low) / SPACING_MM).astype(int) + 1
    grid = Image(np.zeros(shape, np.uint8), affine)
    under = resample(Image(background.data.astype(np.float32), background.affine), grid, order=1)
    over = resample(Image(labelled, background.affine), grid)
    voxels = np.argwhere(labelled)
    at = voxels @ background.affine[:3, :3].T + background.affine[:3, 3]
    over.data[tuple(np.rint((at - low) / SPACING_MM).astype(int).T)] = labelled[tuple(voxels.T)]
    return under, over


def _start(lesions: Image, start_mm: Sequence[float] | None) -> list[float]:
    """World place of the lesion voxel next to ``start_mm``; the middle of the grid where there is none."""
    voxels: NDArray[Any] = np.argwhere(lesions.data)
    if start_mm is None or not len(voxels):
        voxels, start_mm = (np.array([lesions.shape]) - 1) / 2, (0, 0, 0)
    places = voxels @ lesions.affine[:3, :3].T + lesions.affine[:3, 3]
    nearest = ((places - np.array(start_mm)) ** 2).sum(axis=1).argmin()
    return [float(value) for value in places[nearest]]
