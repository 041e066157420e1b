"""Where the voxels of a softmax are, and what every source of probabilities can do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from yucca_wm.core.images import Image

SLAB_VOXELS = 100_000
"""Voxels in a slab, about: what is held in memory at once is this times the number of classes."""

Box = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]
"""First and one-past-last voxel along each axis."""


@dataclass(frozen=True)
class Grid:
    """Where the voxels are.

    shape : voxels along each axis.
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

    @classmethod
    def of_nifti(cls, nifti: Any) -> Grid:
        """The grid of a nibabel image; of NIfTI-2, with what its header says in NIfTI-1."""
        header = nib.Nifti1Header.from_header(nifti.header, check=False)
        return cls(nifti.shape, np.asarray(nifti.affine, dtype=np.float64), header.binaryblock)


class Probabilities(Protocol):
    """What can be merged: probabilities read slab by slab, zero where the network saw nothing."""

    @property
    def path(self) -> Path: ...

    @property
    def grid(self) -> Grid: ...

    @property
    def classes(self) -> tuple[int, ...]: ...

    def add_to(self, total: NDArray[np.float32], lo: int, weight: float = 1.0) -> None:
        """Add ``weight`` times the planes from ``lo`` on along the grid's first axis to ``total`` [class, i, j, k]."""
