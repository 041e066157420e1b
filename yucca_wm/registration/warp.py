"""Transform from a subject's space to the atlas's, and its inverse: a displacement field (or none), then an affine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from yucca_wm.core.errors import YuccaWMError
from yucca_wm.imaging.images import Image


@dataclass(frozen=True)
class Field:
    """A displacement field on a lattice; outside it the displacement is 0.

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
        """Spacing of the lattice along its axes, [3]."""
        return np.asarray(np.linalg.norm(self.affine[:3, :3], axis=0))

    def jacobian(self) -> NDArray[np.float32]:
        """Determinant of the derivative of x -> x + u(x) at every lattice point [i, j, k]; <= 0 where it folds."""
        to_world = np.linalg.inv(self.affine[:3, :3]).T.astype(np.float32)
        rows = [np.tensordot(to_world, np.stack(np.gradient(component)), 1) for component in self.vectors_mm]
        for axis in range(3):
            rows[axis][axis] += 1
        return np.einsum("i...,i...->...", rows[0], np.cross(rows[1], rows[2], axis=0)).astype(np.float32)

    def folds(self) -> int:
        """Number of lattice points where the field folds."""
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
        """Map points of the subject to the atlas.

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
        """Map one slice of a grid to the atlas.

        Parameters
        ----------
        grid : Image
            An image of the subject.
        k : int
            Slice index: voxels [:, :, k].

        Returns
        -------
        numpy.ndarray, float64, shape (3, n)
            Atlas world mm (RAS+) of its voxels.
        """
        i, j = np.indices(grid.shape[:2]).reshape(2, -1)
        index = np.stack([i, j, np.full_like(i, k)])
        return self.points_mm(grid.affine[:3, :3] @ index + grid.affine[:3, 3:])


TOLERANCE_MM = 0.01
"""Distance to its target within which a point counts as found."""

LARGEST_ERROR_MM = 0.5
"""A point whose distance to its target stays above this cannot be mapped back."""

STEPS, HALVINGS = 30, 5


def to_subject(warp: Warp, points_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Subject world mm [3, points] that ``warp`` maps to the atlas world mm ``points_mm`` [3, points].

    The affine is inverted; a displacement field by Newton's method with halved steps, which also succeeds where
    the field stretches so much that the usual fixed-point iteration diverges.

    Raises YuccaWMError if points cannot be reached within LARGEST_ERROR_MM (the field folds).
    """
    back = np.linalg.inv(warp.matrix)
    target = back[:3, :3] @ points_mm + back[:3, 3:]
    if warp.field is None:
        return target
    found = target.copy()
    error = warp.field.at(found) + found - target
    for _ in range(STEPS):
        left = np.flatnonzero(_length(error) > TOLERANCE_MM)
        if not left.size:
            return found
        found[:, left], error[:, left] = _newton(warp.field, found[:, left], error[:, left], target[:, left])
    if lost := int((_length(error) > LARGEST_ERROR_MM).sum()):
        raise YuccaWMError(f"the displacement field cannot be inverted at {lost} of {error.shape[1]} points")
    return found


def _newton(
    field: Field, at: NDArray[np.float64], error: NDArray[np.float64], target: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """One Newton step for every point, halved until the error falls (or not taken), and the errors there."""
    step = np.linalg.solve(_derivative(field, at), error.T[:, :, None])[:, :, 0].T
    best, least = at.copy(), error.copy()
    waiting = np.arange(at.shape[1])
    for halving in range(HALVINGS):
        tried = at[:, waiting] - step[:, waiting] / 2**halving
        off = field.at(tried) + tried - target[:, waiting]
        better = _length(off) < _length(error[:, waiting])
        best[:, waiting[better]], least[:, waiting[better]] = tried[:, better], off[:, better]
        waiting = waiting[~better]
        if not waiting.size:
            break
    return best, least


def _derivative(field: Field, at: NDArray[np.float64]) -> NDArray[np.float64]:
    """Derivative [points, 3, 3] of x + u(x), from differences over half a lattice step each way."""
    columns, step = [], float(field.spacing_mm.min()) / 2
    for axis in range(3):
        offset = np.zeros((3, 1))
        offset[axis] = step
        columns.append((field.at(at + offset) - field.at(at - offset)) / (2 * step))
    derivative = np.stack(columns, axis=1).transpose(2, 0, 1) + np.eye(3)
    # a fold has no inverse; the next best is a small step along the error
    derivative[np.abs(np.linalg.det(derivative)) < 1e-3] = np.eye(3)
    return derivative


def _length(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.sqrt((vectors**2).sum(axis=0)))
