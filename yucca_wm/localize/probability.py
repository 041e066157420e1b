"""Probabilities out of softmax files, for the voxels that may be lesion: few of a head's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from yucca_wm.core.errors import InputError
from yucca_wm.core.grids import on_grid
from yucca_wm.core.images import Image
from yucca_wm.core.regions import RegionTable
from yucca_wm.ensemble.folders import open_probabilities
from yucca_wm.ensemble.merge import check_members
from yucca_wm.ensemble.probabilities import SLAB_VOXELS, Grid
from yucca_wm.localize.softmaxes import SoftmaxFiles


class Softmax:
    """The weighted mean of the softmax files of one image, as ``yucca_ensemble`` takes it."""

    def __init__(self, softmax: SoftmaxFiles) -> None:
        self._members = [open_probabilities(path) for path in softmax.files]
        self._weights = softmax.weights
        check_members(self._members)
        self.path = softmax.files[0]
        self.classes = self._members[0].classes
        self.grid: Grid = self._members[0].grid

    @property
    def outline(self) -> Image:
        """An empty image on its grid."""
        return Image(np.broadcast_to(np.uint8(0), self.grid.shape), self.grid.affine, self.path)

    @property
    def planes_at_once(self) -> int:
        """Planes along the first axis that fit in memory together."""
        return max(1, SLAB_VOXELS // (self.grid.shape[1] * self.grid.shape[2]))

    def read(self, lo: int, hi: int) -> NDArray[np.float64]:
        """Planes ``lo`` to ``hi``: probabilities [class, i, j, k], which sum to 1, or are all 0 where no network saw
        anything."""
        total = np.zeros((len(self.classes), hi - lo, *self.grid.shape[1:]), np.float32)
        for member, weight in zip(self._members, self._weights, strict=True):
            member.add_to(total, lo, weight)
        mass = total.sum(axis=0, dtype=np.float64)
        return total / np.where(mass > 0, mass, 1)


@dataclass(frozen=True)
class LesionVoxels:
    """Every voxel that may be lesion.

    index : [voxels, 3] in the grid of ``outline``.
    probability : [voxels] over 0, up to 1.
    """

    index: NDArray[np.intp]
    probability: NDArray[np.float64]
    outline: Image

    @property
    def voxel_volume_mm3(self) -> float:
        return self.outline.voxel_volume_mm3


def lesion_voxels(softmax: Softmax, labels: Sequence[int]) -> LesionVoxels:
    """The voxels where the classes ``labels`` together have a probability over 0.

    Raises InputError when the file has no such class, or is damaged.
    """
    if missing := [label for label in labels if label not in softmax.classes]:
        raise InputError(softmax.path, f"has no class {missing[0]}", "name its lesion classes with --lesion-labels")
    columns = [softmax.classes.index(label) for label in labels]
    places, probabilities = [], []
    for lo in range(0, softmax.grid.shape[0], softmax.planes_at_once):
        p = softmax.read(lo, min(lo + softmax.planes_at_once, softmax.grid.shape[0]))[columns].sum(axis=0)
        at = np.nonzero(p)
        places.append(np.stack(at, axis=1) + np.array((lo, 0, 0)))
        probabilities.append(np.minimum(p[at], 1))
    return LesionVoxels(np.concatenate(places), np.concatenate(probabilities), softmax.outline)


def region_slabs(
    lesions: LesionVoxels, softmax: Softmax, table: RegionTable, *, resample: bool = False
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Lesion probability [voxels] and region probabilities [1 + regions, voxels] (outside first), a few planes at once.

    What no network saw, and what lies beyond the region map, is outside. Region probabilities of a voxel sum to 1.

    Raises InputError as `yucca_wm.localize.soft.soft_rows`.
    """
    if unknown := sorted(set(softmax.classes) - {0, *table.indices}):
        raise InputError(softmax.path, f"has classes that are not in the table: {', '.join(map(str, unknown[:5]))}")
    if not resample:
        on_grid(softmax.outline, lesions.outline)
    to_regions = np.linalg.inv(softmax.grid.affine) @ lesions.outline.affine
    index = np.rint(lesions.index @ to_regions[:3, :3].T + to_regions[:3, 3]).astype(np.intp)
    inside = ((index >= 0) & (index < softmax.grid.shape)).all(axis=1)
    beyond = lesions.probability[~inside]
    outside_only = np.zeros((len(table) + 1, len(beyond)))
    outside_only[0] = 1
    yield beyond, outside_only
    index, probability = index[inside], lesions.probability[inside]
    order = np.argsort(index[:, 0], kind="stable")
    index, probability = index[order], probability[order]
    column = {label: place for place, label in enumerate(softmax.classes)}
    step = softmax.planes_at_once
    for lo in range(0, softmax.grid.shape[0], step):
        hi = min(lo + step, softmax.grid.shape[0])
        here = slice(*np.searchsorted(index[:, 0], (lo, hi)))
        if here.start == here.stop:
            continue
        i, j, k = index[here].T
        q = softmax.read(lo, hi)[:, i - lo, j, k]
        regions = np.zeros((len(table) + 1, q.shape[1]))
        for place, label in enumerate(table.indices, start=1):
            if label in column:
                regions[place] = q[column[label]]
        regions[0] = np.maximum(1 - regions.sum(axis=0), 0)
        yield probability[here], regions
