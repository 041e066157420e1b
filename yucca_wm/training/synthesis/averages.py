"""Averages over heads, used by the shipped models besides their networks: white matter, and possible lesion sites."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from nibabel.affines import apply_affine
from scipy import ndimage

from yucca_wm.models.mean_head import ORIGIN_MM, SHAPE, MeanHead
from yucca_wm.models.mean_head import STEP_MM as MEAN_HEAD_STEP_MM
from yucca_wm.models.positions import REACH_MM, STEP_MM, Positions, affine_between, centroids
from yucca_wm.training.synthesis.heads import Head
from yucca_wm.training.synthesis.structures import (
    BRAINSTEM,
    CEREBELLAR_WM,
    CEREBRAL_WM,
    PALLIDUM,
    PUTAMEN,
    STRIATUM,
    THALAMUS,
)
from yucca_wm.training.synthesis.volumes import atlas_places

FEWEST = 20
"""Cells of the mean head with fewer head voxels than this (usually about 60) have their share shrunk towards 0."""

BEARERS = (CEREBRAL_WM, CEREBELLAR_WM, BRAINSTEM, THALAMUS, STRIATUM, PUTAMEN, PALLIDUM)
"""Structures in which lesions occur."""

SHARE = 0.1
"""The stored distance is this quantile over heads of the distance to the nearest voxel of `BEARERS`."""


def mean_head_of(heads: Sequence[Head]) -> MeanHead:
    """Mean white matter of ``heads``, each mapped to the atlas by its own coordinates."""
    white, known = np.zeros((2, np.prod(SHAPE)))
    for head in heads:
        axes = [np.arange(0, n, 2) for n in head.structures.shape]
        voxels = tuple(np.meshgrid(*axes, indexing="ij"))
        is_white = head.structures[voxels] == CEREBRAL_WM
        near = ndimage.binary_dilation(head.regions[voxels] > 0, iterations=5)
        index = np.rint((atlas_places(head, voxels)[:, near] - ORIGIN_MM[:, None]) / MEAN_HEAD_STEP_MM).astype(int)
        within = np.all((index >= 0) & (index < np.array(SHAPE)[:, None]), axis=0)
        flat = np.ravel_multi_index(tuple(index[:, within]), SHAPE)
        white += np.bincount(flat, is_white[near][within], len(white))
        known += np.bincount(flat, minlength=len(known))
    return MeanHead((white / np.maximum(known, FEWEST)).reshape(SHAPE))


def positions_of(heads: Sequence[Head]) -> Positions:
    """Mean centroids of the regions of ``heads`` in the atlas, and the distance to tissue in which lesions occur."""
    own, in_atlas = [], []
    for head in heads:
        inside = np.nonzero(head.regions)
        own.append(centroids(head.regions[inside].astype(np.intp), np.stack(inside, 1).astype(np.float64)))
        linear = head.affine_part[0]
        in_atlas.append(own[-1] @ linear[:, :3].T + linear[:, 3])
    mean = np.nanmean(in_atlas, 0)
    origin = mean.mean(0) - REACH_MM
    shape = np.floor(2 * REACH_MM / STEP_MM).astype(int) + 1
    points_mm = origin + STEP_MM * np.moveaxis(np.indices(tuple(shape)), 0, -1)
    distances = []
    for head, centroid in zip(heads, own, strict=True):
        present = np.isfinite(centroid).all(1)
        voxels = apply_affine(affine_between(mean[present], centroid[present]), points_mm)
        padded = np.pad(np.isin(head.structures, BEARERS), width := int(REACH_MM.max() / 2))
        distance = ndimage.distance_transform_edt(~padded)
        distances.append(ndimage.map_coordinates(distance, np.moveaxis(voxels, -1, 0) + width, order=1, mode="nearest"))
    return Positions(mean, origin, np.quantile(distances, SHARE, axis=0).astype(np.float32))
