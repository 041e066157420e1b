"""From the atlas to a subject: register their white matter, and transfer the labels in one interpolation."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from yucca_wm.imaging.images import Image
from yucca_wm.parcellate.settings import Init, Interpolation, Metric, Settings, Transform
from yucca_wm.registration import affine
from yucca_wm.registration.warp import Warp


@dataclass(frozen=True)
class Registration:
    """warp : subject world mm -> atlas world mm. starts, agreeing : as in `affine.Registered`, where known."""

    warp: Warp
    starts: int | None = None
    agreeing: int | None = None


def register(atlas_wm: Image, subject_wm: Image, settings: Settings) -> Registration:
    """Register with the transform that ``settings`` select; both images are white-matter masks."""
    start, laid = None, np.eye(4)
    if settings.init is Init.SEARCH:
        if settings.transform is Transform.DEFORMABLE:
            raise ValueError("a displacement field in mm needs a header in mm: no search with a deformable transform")
        laid, start = affine.search(atlas_wm, subject_wm), np.eye(4)
        # without a valid header, millimetres of the subject mean nothing: go on in the atlas's frame
        subject_wm = Image(subject_wm.data, laid @ subject_wm.affine, subject_wm.path)
    starts: tuple[int | None, int | None] = (None, None)
    if settings.metric is Metric.MATTES:
        from yucca_wm.registration.mattes import register as register_mattes

        matrix = register_mattes(atlas_wm, subject_wm, start) @ laid
    else:
        found = affine.register(atlas_wm, subject_wm, start)
        matrix = found.matrix @ laid
        if start is None:
            starts = found.starts, found.agreeing
    if settings.transform is Transform.AFFINE:
        return Registration(Warp(matrix), *starts)
    from yucca_wm.registration.deformable import refine

    return Registration(refine(atlas_wm, subject_wm, matrix), *starts)


def carry(labels: Image, grid: Image, transform: Warp, interpolation: Interpolation) -> NDArray[Any]:
    """Label of every voxel of ``grid`` (0 outside the atlas): array [i, j, k] in the type of ``labels``.

    labels : atlas label map. transform : subject world mm -> atlas world mm.
    """
    if transform.is_affine:
        to_index = np.linalg.inv(labels.affine) @ transform.matrix @ grid.affine
        if interpolation is Interpolation.NEAREST:
            return _nearest(labels.data, to_index, grid.shape)
    out = np.zeros(grid.shape, labels.data.dtype)
    pick = _pick_nearest if interpolation is Interpolation.NEAREST else _pick_heaviest
    for k in range(grid.shape[2]):
        points = transform.slice_mm(grid, k)
        inverse = np.linalg.inv(labels.affine)
        out[:, :, k] = pick(labels.data, inverse[:3, :3] @ points + inverse[:3, 3:]).reshape(grid.shape[:2])
    return out


def _nearest(labels: NDArray[Any], to_index: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[Any]:
    return ndimage.affine_transform(
        labels, to_index[:3, :3], to_index[:3, 3], output_shape=shape, order=0, mode="grid-constant"
    )


def _pick_nearest(labels: NDArray[Any], index: NDArray[np.float64]) -> NDArray[Any]:
    return ndimage.map_coordinates(labels, index, output=labels.dtype, order=0, mode="grid-constant")


def _pick_heaviest(labels: NDArray[Any], index: NDArray[np.float64]) -> NDArray[Any]:
    """Label with the largest sum of trilinear weights among the eight voxels around each point; index: [3, points]."""
    base = np.floor(index).astype(np.int64)
    fraction = index - base
    corners, weights = [], []
    for corner in product((0, 1), repeat=3):
        offset = np.array(corner)[:, None]
        at = base + offset
        inside = np.logical_and.reduce([(a >= 0) & (a < n) for a, n in zip(at, labels.shape, strict=True)])
        corners.append(np.where(inside, labels[tuple(np.where(inside, at, 0))], 0))
        weights.append(np.prod(np.where(offset == 1, fraction, 1 - fraction), axis=0))
    stacked, weight = np.stack(corners), np.stack(weights)
    votes = np.stack([(weight * (stacked == own)).sum(axis=0) for own in stacked])
    return np.take_along_axis(stacked, votes.argmax(axis=0)[None], axis=0)[0]


def keep_white_matter(labels: NDArray[Any], wm: Image, fill_mm: float) -> tuple[NDArray[Any], int, int]:
    """Labels inside the white matter; voxels there without one take the nearest label within ``fill_mm`` (mm).

    labels : [i, j, k] on the grid of ``wm``, a mask (nonzero is white matter).

    Returns the map [i, j, k], the number of voxels filled, and the number still without a label.
    """
    kept = np.where(wm.data > 0, labels, 0).astype(labels.dtype)
    missing = np.array(np.nonzero((wm.data > 0) & (labels == 0)))
    filled = 0
    for offset in _offsets(wm.affine, fill_mm):
        if not missing.size:
            break
        at = missing + offset[:, None]
        inside = np.logical_and.reduce([(a >= 0) & (a < n) for a, n in zip(at, labels.shape, strict=True)])
        found = np.where(inside, labels[tuple(np.where(inside, at, 0))], 0)
        kept[tuple(missing[:, found > 0])] = found[found > 0]
        filled += int((found > 0).sum())
        missing = missing[:, found == 0]
    return kept, filled, missing.shape[1]


def _offsets(affine: NDArray[np.float64], reach_mm: float) -> NDArray[np.int64]:
    """Voxel offsets [n, 3] no longer than ``reach_mm``, nearest first; equal distances in world order (x, y, z)."""
    # Along an axis of an oblique grid, no voxel further than reach / (smallest singular value) can be near enough.
    most = int(reach_mm / np.linalg.svd(affine[:3, :3], compute_uv=False).min()) + 1
    offsets = np.array(list(product(range(-most, most + 1), repeat=3)))
    steps = np.round(offsets @ affine[:3, :3].T, 6)
    distance = np.round(np.linalg.norm(steps, axis=1), 6)
    order = np.lexsort([steps[:, 2], steps[:, 1], steps[:, 0], distance])
    return offsets[order][(distance[order] <= reach_mm) & (distance[order] > 0)]
