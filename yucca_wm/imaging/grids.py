"""Bring one image to the voxel grid of another; the only test of "the same grid" for all commands."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from nibabel.orientations import apply_orientation, inv_ornt_aff, io_orientation, ornt_transform
from numpy.typing import NDArray

from yucca_wm.core.errors import InputError
from yucca_wm.imaging import images
from yucca_wm.imaging.header import CORNERS
from yucca_wm.imaging.images import Image
from yucca_wm.imaging.reading import spelled


def on_grid(image: Image, like: Image, *, resample: bool = False) -> Image:
    """``image`` with its voxels in the order of ``like``'s.

    The same grid stored in another orientation (RAS, LPS, ...) is only reordered, which changes no value. Any other
    grid raises InputError or, with ``resample``, is resampled to ``like``'s by nearest neighbour.
    """
    if images.same_grid(like, image):
        return image
    ordered = reordered(image, like)
    if images.same_grid(like, ordered):
        return ordered
    if resample:
        return images.resample(image, like)
    try:
        images.check_same_grid(like, ordered)
    except InputError as error:
        remedy = f"check that both are of one subject and space, or use {spelled('--resample', 'resample=True')}"
        raise InputError(error.path, error.problem, remedy) from None
    return ordered


def reordered(image: Image, like: Image) -> Image:
    """``image`` with its axes in the order and direction of ``like``'s; every voxel keeps its world position."""
    return _turned(image, ornt_transform(io_orientation(image.affine), io_orientation(like.affine)))


def to_ras(image: Image) -> Image:
    """``image`` with its axes [x, y, z] closest to right, front, top; every voxel keeps its world position."""
    return _turned(image, io_orientation(image.affine))


def _turned(image: Image, change: NDArray[np.float64]) -> Image:
    """``image`` with its axes exchanged and reversed. change : [3, 2], as in `nibabel.apply_orientation`."""
    affine = image.affine @ inv_ornt_aff(change, image.shape)
    return replace(image, data=apply_orientation(image.data, change), affine=affine)


def share_voxels(first: Image, second: Image) -> bool:
    """Whether both grids are parts of one larger grid, so that no voxel of one straddles two voxels of the other."""
    ordered = reordered(second, first)
    start = np.linalg.inv(first.affine) @ ordered.affine @ [0, 0, 0, 1]
    moved = first.affine.copy()
    moved[:3, 3] += moved[:3, :3] @ np.rint(start[:3])
    return images.same_grid(replace(ordered, affine=moved), ordered)


EDGE_VOXELS = 1e-3
"""Tolerance in voxels for reaching beyond a grid: headers jitter."""

SAME_HEAD_MM = 200.0
"""Maps of one head lie closer together than this."""

Window = tuple[slice, slice, slice]


def widened(image: Image, others: Iterable[Image]) -> tuple[Image, Window]:
    """Pad ``image`` with 0 so that its grid covers the nonzero voxels of ``others``, which may be on any grids.

    Images on the same grid, or further away than `SAME_HEAD_MM`, are ignored.

    Returns the wider image, and the slices [i, j, k] of it that hold ``image``.
    """
    below, above = np.zeros(3, int), np.zeros(3, int)
    size = np.array(image.shape)
    for other in others:
        if images.same_grid(reordered(other, image), image) or not other.data.any():
            continue
        planes = [np.flatnonzero(other.data.any(others)) for others in ((1, 2), (0, 2), (0, 1))]
        first, last = (np.array([found[end] for found in planes]) for end in (0, -1))
        ends = CORNERS * (last - first + 1) + first - 0.5
        to_image = np.linalg.inv(image.affine) @ other.affine
        ends = ends @ to_image[:3, :3].T + to_image[:3, 3]
        low, high = ends.min(0) + EDGE_VOXELS, ends.max(0) - EDGE_VOXELS
        apart = np.maximum(low - (size - 0.5), -0.5 - high) * image.spacing_mm
        if (apart < SAME_HEAD_MM).all():
            below = np.maximum(below, -np.floor(low + 0.5).astype(int))
            above = np.maximum(above, np.ceil(high - 0.5).astype(int) - (size - 1))
    window = tuple(slice(int(start), int(start + n)) for start, n in zip(below, size, strict=True))
    affine = image.affine.copy()
    affine[:3, 3] -= affine[:3, :3] @ below
    data = np.pad(image.data, list(zip(below, above, strict=True))) if below.any() or above.any() else image.data
    return replace(image, data=data, affine=affine), (window[0], window[1], window[2])
