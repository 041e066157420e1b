"""Weighted mean of softmax files, as computed by ``yucca_ensemble``, for steps that measure its maps."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from yucca_wm.core.errors import InputError
from yucca_wm.ensemble.folders import MANIFEST, open_probabilities
from yucca_wm.ensemble.merge import check_members
from yucca_wm.ensemble.probabilities import SLAB_VOXELS, Grid
from yucca_wm.imaging.images import Image
from yucca_wm.jobs.run_record import FileState


@dataclass(frozen=True)
class SoftmaxFiles:
    """The softmax files of one image and their weights in the mean.

    sha256 : checksum of each file when the image was made from them; empty: not known.
    """

    files: tuple[Path, ...]
    weights: tuple[float, ...]
    sha256: tuple[str, ...] = ()

    @classmethod
    def equal(cls, *files: Path) -> SoftmaxFiles:
        """Files with equal weights."""
        return cls(files, (1.0,) * len(files))

    def check_unchanged(self) -> None:
        """Raise InputError for a file that is no longer the one the image was made from."""
        for file, digest in zip(self.files, self.sha256, strict=False):
            if digest and FileState.of(file).sha256 != digest:
                what = f"is not the softmax that the label map was merged from ({MANIFEST}): it has changed since"
                raise InputError(file, what, "merge them again (yucca_ensemble)")


class Softmax:
    """The weighted mean of the softmax files of one image."""

    def __init__(self, softmax: SoftmaxFiles) -> None:
        softmax.check_unchanged()
        self._members = [open_probabilities(path) for path in softmax.files]
        self._weights = softmax.weights
        check_members(self._members)
        self.path = softmax.files[0]
        self.classes = self._members[0].classes
        self.grid: Grid = self._members[0].grid

    @property
    def outline(self) -> Image:
        """An empty image on the grid of the files."""
        return self.grid.outline(self.path)

    @property
    def planes_at_once(self) -> int:
        """Number of planes along the first axis that fit in memory together."""
        return max(1, SLAB_VOXELS // (self.grid.shape[1] * self.grid.shape[2]))

    def read(self, lo: int, hi: int) -> NDArray[np.float64]:
        """Planes ``lo`` to ``hi``: probabilities [class, i, j, k], which sum to 1, or are all 0 where no network saw
        the voxel."""
        total = np.zeros((len(self.classes), hi - lo, *self.grid.shape[1:]), np.float32)
        for member, weight in zip(self._members, self._weights, strict=True):
            member.add_to(total, lo, weight)
        mass = total.sum(axis=0, dtype=np.float64)
        return total / np.where(mass > 0, mass, 1)
