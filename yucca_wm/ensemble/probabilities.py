"""Probabilities on a voxel grid: the interface of all sources, and a view of one resampled to another grid."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import affine_transform

from yucca_wm.imaging.images import Image

SLAB_VOXELS = 100_000
"""Approximate number of voxels in a slab; this times the number of classes is held in memory at once."""

Box = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]
"""First voxel and one past the last voxel along each axis [i, j, k]."""


@dataclass(frozen=True)
class Grid:
    """A voxel grid.

    shape : voxels along each axis [i, j, k].
    affine : 4x4, voxel index -> world mm.
    nifti_header : the 348 bytes of the predicted image's NIfTI-1 header, or empty.
    """

    shape: tuple[int, int, int]
    affine: NDArray[np.float64]
    nifti_header: bytes = b""

    def image(self, data: NDArray[Any]) -> Image:
        """``data`` as an image on this grid, with the predicted image's header."""
        header = nib.Nifti1Header(self.nifti_header, check=False) if self.nifti_header else None
        return Image(data, self.affine, header=header)

    def outline(self, path: Path) -> Image:
        """An empty image on this grid; ``path`` names it in errors."""
        return Image(np.broadcast_to(np.uint8(0), self.shape), self.affine, path)

    @classmethod
    def of_nifti(cls, nifti: Any) -> Grid:
        """Grid of a nibabel image; a NIfTI-2 header is converted to NIfTI-1."""
        header = nib.Nifti1Header.from_header(nifti.header, check=False)
        return cls(nifti.shape, np.asarray(nifti.affine, dtype=np.float64), header.binaryblock)


class Probabilities(Protocol):
    """Interface of sources that can be merged: probabilities read slab by slab, zero where the network saw nothing."""

    @property
    def path(self) -> Path: ...

    @property
    def grid(self) -> Grid: ...

    @property
    def classes(self) -> tuple[int, ...]: ...

    def add_to(self, total: NDArray[np.float32], lo: int, weight: float = 1.0) -> None:
        """Add ``weight`` times the planes from ``lo`` on along the grid's first axis to ``total`` [class, i, j, k]."""


@dataclass(frozen=True)
class Resampled:
    """Probabilities linearly interpolated, through world space, on ``grid``; they fade to zero within one of their own
    voxels."""

    source: Probabilities
    grid: Grid
    path: Path
    classes: tuple[int, ...]

    @classmethod
    def like(cls, source: Probabilities, grid: Grid) -> Resampled:
        return cls(source, grid, source.path, source.classes)

    def add_to(self, total: NDArray[np.float32], lo: int, weight: float = 1.0) -> None:
        """Add ``weight`` times the planes from ``lo`` on to ``total`` [class, i, j, k]."""
        matrix = np.linalg.inv(self.source.grid.affine) @ self.grid.affine
        shift = np.eye(4)
        shift[0, 3] = lo
        matrix = matrix @ shift
        corners = np.array(np.meshgrid(*[(0, n - 1) for n in total.shape[1:]], indexing="ij")).reshape(3, -1)
        rows = matrix[0, :3] @ corners + matrix[0, 3]
        first = max(0, int(np.floor(rows.min())))
        last = min(self.source.grid.shape[0], int(np.ceil(rows.max())) + 1)
        if first >= last:
            return
        needed = np.zeros((len(self.classes), last - first, *self.source.grid.shape[1:]), np.float32)
        self.source.add_to(needed, first, weight)
        offset = matrix[:3, 3] - [first, 0, 0]
        for index, plane in enumerate(needed):
            if plane.any():
                total[index] += affine_transform(
                    plane, matrix[:3, :3], offset, total.shape[1:], order=1, mode="grid-constant"
                )
