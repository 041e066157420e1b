"""Reorder a scan's voxels to right, front, top (RAS), the order that the networks expect."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from yucca_wm.imaging.images import Image


@dataclass(frozen=True)
class Canonical:
    """The order of axes closest to right, front, top (RAS), without interpolation.

    orientation : [3, 2], as in `nibabel.io_orientation`. shape, spacing_mm : of the reordered grid, [x, y, z].
    """

    orientation: NDArray[np.float64]
    shape: tuple[int, int, int]
    spacing_mm: NDArray[np.float64]

    @classmethod
    def of(cls, image: Image) -> Canonical:
        """The reordering that ``image`` needs."""
        orientation = nib.io_orientation(image.affine)
        order = np.argsort(orientation[:, 0])
        shape = tuple(int(image.shape[axis]) for axis in order)
        return cls(orientation, shape, image.spacing_mm[order])  # type: ignore[arg-type]

    def reordered(self, data: NDArray[Any]) -> NDArray[Any]:
        """``data`` [i, j, k] in the file's order -> [right, front, top]."""
        return np.asarray(nib.apply_orientation(data, self.orientation))

    def restored(self, data: NDArray[Any]) -> NDArray[Any]:
        """``data`` [right, front, top] -> [i, j, k] in the file's order: the exact inverse of `reordered`."""
        standard = np.array([[0, 1], [1, 1], [2, 1]], dtype=float)
        back = nib.orientations.ornt_transform(standard, self.orientation)
        return np.ascontiguousarray(nib.apply_orientation(data, back))
