"""Picture of the alignment of two scans: the edges of one on slices of the other."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yucca_wm.core.files import atomic_path
from yucca_wm.imaging.grids import to_ras
from yucca_wm.imaging.images import Image, resample
from yucca_wm.report.pictures.slices import grey_window, head_box, slice_title, write_side

AXIAL = (0.3, 0.42, 0.54, 0.66, 0.78)
"""Heights of the axial slices, as shares of the head's height."""

PIXEL_MM = 0.8

SMOOTHING_MM = 2.0
"""Edges of details finer than this are not drawn ..."""

FAINT = 0.05
"""... nor those below this share of the strongest."""

EDGE_COLOR = (1.0, 0.62, 0.0)


def draw_alignment(
    reference: Image, moved: Image, path: str | os.PathLike[str], brain: NDArray[np.bool_] | None = None
) -> Path:
    """Write a PNG with the edges of ``moved`` (T1) on slices of ``reference`` (FLAIR), the subject's left on the left.

    Parameters
    ----------
    reference, moved : Image
        Scans [i, j, k] in one world; their grids may differ.
    path : path
        File to write.
    brain : ndarray, bool, shape (i, j, k), optional
        Voxels that set the grey window, on the grid of ``reference``. Default: the whole scan.

    Returns
    -------
    pathlib.Path
        The file.
    """
    from matplotlib.figure import Figure

    dark, bright = grey_window(reference.data, brain)
    under = to_ras(reference)
    over = resample(moved, under, order=1)
    box = head_box(under.data)
    spacing = under.spacing_mm
    figure = Figure(figsize=(14.0, 3.1), facecolor="black", layout="constrained")
    columns = [(2, share) for share in AXIAL] + [(1, 0.5), (0, 0.42)]
    for axes, (across, share) in zip(figure.subplots(1, len(columns)), columns, strict=True):
        at = box[across].start + round(share * (min(box[across].stop, under.shape[across]) - 1 - box[across].start))
        first, second = (axis for axis in range(3) if axis != across)
        size_mm = (spacing[first], spacing[second])
        here = (box[first], box[second])
        shown, edges = (_fine(np.take(scan.data, at, axis=across)[here], size_mm) for scan in (under, over))
        axes.imshow(shown.T, cmap="gray", vmin=dark, vmax=bright, origin="lower")
        layer = np.zeros((*edges.shape, 4))
        layer[_edges(edges)] = (*EDGE_COLOR, 1.0)
        axes.imshow(layer.transpose(1, 0, 2), origin="lower", interpolation="nearest")
        title = slice_title(under, at) if across == 2 else ("sagittal", "coronal")[across]
        axes.set_title(title, color="white", fontsize=9)
        axes.set_axis_off()
        for side in "LR" if across else "":  # sagittal slices have neither
            write_side(axes, side)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=100)
    return Path(path)


def _fine(plane: NDArray[Any], spacing_mm: tuple[float, float]) -> NDArray[np.float32]:
    """``plane`` [row, column] resampled to pixels of PIXEL_MM. spacing_mm : along both axes."""
    from scipy.ndimage import zoom

    return np.asarray(zoom(plane.astype(np.float32), [size / PIXEL_MM for size in spacing_mm], order=1))


def _edges(plane: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Thin edges of ``plane``, bool of the same shape: maxima of the smoothed gradient along its direction (Canny)."""
    from scipy.ndimage import gaussian_filter
    from skimage.feature import canny

    smooth = gaussian_filter(plane, SMOOTHING_MM / PIXEL_MM)
    strength = np.hypot(*np.gradient(smooth))
    if not strength.any():
        return np.zeros(plane.shape, bool)
    low, high = np.percentile(strength[strength > FAINT * strength.max()], [40, 75])
    return np.asarray(canny(smooth, sigma=0, low_threshold=float(low), high_threshold=float(high)))
