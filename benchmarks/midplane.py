"""Plane of symmetry of a head, from the scan alone: where its mirror image fits it best."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from yucca_wm.imaging.images import Image
from yucca_wm.models.canonical import Canonical
from yucca_wm.registration.rigid import near
from yucca_wm.scan.frame import mirrored


@dataclass(frozen=True)
class Midplane:
    """Points p (RAS mm) with ``normal`` . p = ``offset_mm``; the normal has length 1 and points to the right."""

    normal: NDArray[np.float64]
    offset_mm: float

    def to_the_right_mm(self, points_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Signed distance (mm) of points [n, 3], RAS mm."""
        return points_mm @ self.normal - self.offset_mm


def find_midplane(scan: Image) -> Midplane:
    """The plane between a head and its mirror image, after rigid registration of the image to the head.

    Mirroring and registration together map each half onto the other; the plane lies midway between a point and its
    image.
    """
    grid = Canonical.of(scan)
    fit = near(scan, mirrored(scan))
    return plane_of(_mirroring(scan, grid) @ fit.matrix, fit.centre_mm)


def _mirroring(scan: Image, grid: Canonical) -> NDArray[np.float64]:
    """World -> world (4x4, mm): position from which the voxels of the mirrored scan come."""
    axis = int(np.flatnonzero(grid.orientation[:, 0] == 0)[0])
    flip = np.eye(4)
    flip[axis, axis], flip[axis, 3] = -1, scan.shape[axis] - 1
    return np.asarray(scan.affine @ flip @ np.linalg.inv(scan.affine))


def plane_of(exchange: NDArray[np.float64], centre_mm: NDArray[np.float64]) -> Midplane:
    """Plane left invariant by ``exchange`` (4x4, mm), a reflection and perhaps a small motion within the plane."""
    values, vectors = np.linalg.eig(exchange[:3, :3])
    normal = np.real(vectors[:, np.argmin(np.real(values))])
    normal = normal * np.sign(normal[0]) / np.linalg.norm(normal)
    between = (centre_mm + exchange[:3, :3] @ centre_mm + exchange[:3, 3]) / 2
    return Midplane(normal, float(normal @ between))
