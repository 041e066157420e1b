"""Where each point of a subject lies in the template: an affine after a smooth free-form deformation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

CONTROL_SPACING_MM = 30.0
"""Distance of the deformation's control points."""

CONTROL_REACH_MM = 150.0
"""The control points cover a cube of this half width round the subject's origin."""

WARP_RMS_MM = 3.0
"""Root mean square of the deformation along each axis within the head (vector length: sqrt(3) times this)."""

SMALLEST_JACOBIAN = 0.3
"""A deformation is scaled down until its Jacobian determinant stays above this (no folds)."""


@dataclass(frozen=True)
class Warp:
    """Subject world mm -> template world mm: ``affine @ (x + displacement(x))``.

    affine : 4x4.
    control_mm : displacement at the control points of a cubic B-spline, [nx, ny, nz, 3], in mm.
    """

    affine: Array
    control_mm: Array

    def displacement_mm(self, points_mm: Array) -> Array:
        """Displacement at ``points_mm`` [3, N], in mm, [3, N]."""
        from scipy.ndimage import map_coordinates

        lattice = (points_mm + CONTROL_REACH_MM) / CONTROL_SPACING_MM
        return np.stack(
            [
                map_coordinates(self.control_mm[..., axis], lattice, order=3, prefilter=False, mode="nearest")
                for axis in range(3)
            ]
        )

    def __call__(self, points_mm: Array) -> Array:
        """Template world mm of the subject's ``points_mm`` [3, N]."""
        moved = points_mm + self.displacement_mm(points_mm)
        return np.asarray(self.affine[:3, :3] @ moved + self.affine[:3, 3:])


def random_warp(rng: np.random.Generator, centre_mm: Array) -> Warp:
    """A random pose, size and shape.

    centre_mm : the template point that the subject's origin is near (subjects lie centred, as in a scanner).
    The template is an average brain, larger than most: heads are 2 to 14 % smaller than it, each axis by itself.
    """
    turn = rotation(rng.uniform(-7, 7, 3))
    size = np.diag(rng.uniform(1.02, 1.14) * rng.uniform(0.97, 1.03, 3))
    shear = np.eye(3) + np.triu(rng.uniform(-0.03, 0.03, (3, 3)), 1)
    affine = np.eye(4)
    affine[:3, :3] = size @ shear @ turn
    affine[:3, 3] = centre_mm + rng.uniform(-5, 5, 3)
    steps = int(2 * CONTROL_REACH_MM / CONTROL_SPACING_MM) + 1
    warp = Warp(affine, rng.standard_normal((steps,) * 3 + (3,)))
    axis = np.arange(-80.0, 81.0, 8.0)
    points = np.stack(np.meshgrid(axis, axis, axis, indexing="ij")).reshape(3, -1)
    factor = WARP_RMS_MM / np.sqrt((warp.displacement_mm(points) ** 2).mean())
    warp = Warp(affine, warp.control_mm * factor)
    while smallest_jacobian(warp) < SMALLEST_JACOBIAN:
        warp = Warp(affine, warp.control_mm * 0.9)
    return warp


def rotation(degrees: Array) -> Array:
    """3x3 rotation: about x, then y, then z."""
    from scipy.spatial.transform import Rotation

    return np.asarray(Rotation.from_euler("xyz", degrees, degrees=True).as_matrix())


def smallest_jacobian(warp: Warp, step_mm: float = 4.0) -> float:
    """Smallest determinant of d(x + displacement)/dx within the head, by central differences."""
    axis = np.arange(-84.0, 85.0, step_mm)
    points = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"))
    field = warp.displacement_mm(points.reshape(3, -1)).reshape(points.shape)
    gradient = np.stack([np.stack(np.gradient(part, step_mm)) for part in field])
    jacobian = np.moveaxis(gradient, (0, 1), (-2, -1)) + np.eye(3)
    return float(np.linalg.det(jacobian).min())
