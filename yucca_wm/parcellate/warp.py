"""The map from a subject's space to the atlas's: a displacement field (or none), then an affine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from yucca_wm.core.images import Image


@dataclass(frozen=True)
class Field:
    """A displacement field on a lattice; outside of it the displacement is 0.

    vectors_mm : float32 [3, i, j, k], displacement along world x, y, z (RAS) in mm.
    affine : 4x4, lattice index -> subject world mm.
    """

    vectors_mm: NDArray[np.float32]
    affine: NDArray[np.float64]

    def at(self, points_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Displacement [3, points] at world points [3, points], linearly interpolated."""
        index = np.linalg.inv(self.affine[:3, :3]) @ (points_mm - self.affine[:3, 3:])
        return np.stack([ndimage.map_coordinates(v, index, output=np.float64, order=1) for v in self.vectors_mm])

    @property
    def spacing_mm(self) -> NDArray[np.float64]:
        """Of the lattice, along its axes."""
        return np.asarray(np.linalg.norm(self.affine[:3, :3], axis=0))

    def jacobian(self) -> NDArray[np.float32]:
        """Determinant of the derivative of x -> x + u(x) at every lattice point; at or below 0 it folds."""
        to_world = np.linalg.inv(self.affine[:3, :3]).T.astype(np.float32)
        rows = [np.tensordot(to_world, np.stack(np.gradient(component)), 1) for component in self.vectors_mm]
        for axis in range(3):
            rows[axis][axis] += 1
        return np.einsum("i...,i...->...", rows[0], np.cross(rows[1], rows[2], axis=0)).astype(np.float32)

    def folds(self) -> int:
        """Lattice points where the field folds."""
        return int((self.jacobian() <= 0).sum())


@dataclass(frozen=True)
class Warp:
    """The transform of a parcellation: x -> matrix (x + field(x)), subject world mm -> atlas world mm (RAS+).

    Attributes
    ----------
    matrix : numpy.ndarray, float64, shape (4, 4)
        The affine part.
    field : Field or None
        Displacement, float32 [3, i, j, k] in mm along world x, y, z (``field.vectors_mm``), on the lattice of
        ``field.affine`` (index -> subject world mm), 0 outside it; None where the transform is affine.
    """

    matrix: NDArray[np.float64]
    field: Field | None = None

    @property
    def is_affine(self) -> bool:
        """Whether there is no displacement field."""
        return self.field is None

    def points_mm(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Where points of the subject lie in the atlas.

        Parameters
        ----------
        points : numpy.ndarray, float64, shape (3, n)
            Subject world mm (RAS+).

        Returns
        -------
        numpy.ndarray, float64, shape (3, n)
            Atlas world mm (RAS+).
        """
        moved = points if self.field is None else points + self.field.at(points)
        return self.matrix[:3, :3] @ moved + self.matrix[:3, 3:]

    def slice_mm(self, grid: Image, k: int) -> NDArray[np.float64]:
        """Where one slice of a grid lies in the atlas.

        Parameters
        ----------
        grid : Image
            An image of the subject.
        k : int
            The slice: voxels [:, :, k].

        Returns
        -------
        numpy.ndarray, float64, shape (3, n)
            Atlas world mm (RAS+) of its voxels.
        """
        i, j = np.indices(grid.shape[:2]).reshape(2, -1)
        index = np.stack([i, j, np.full_like(i, k)])
        return self.points_mm(grid.affine[:3, :3] @ index + grid.affine[:3, 3:])
