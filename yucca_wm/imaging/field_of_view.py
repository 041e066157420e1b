"""Where a scan shows something, even if it ends obliquely to its grid, as resampled scans do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FLAT = 0.2
"""Least share of a scan's largest cross-section in the outermost layer of voxels for a face to be an end of the scan.
Round surfaces (brains without their skull, in slices of 1 and 6 mm) have up to 0.16."""

SAMPLED = 8_000, 100_000
"""Numbers of voxels by which that share is measured: few to sort out most faces, then more."""

UPRIGHT = 1e-6
"""Faces whose unit normal has at most this component along the last axis are taken as parallel to it."""

ON_A_FACE = 1e-3
"""Voxels this far beyond a face, in voxels, still lie on it: rounding."""


@dataclass(frozen=True)
class FieldOfView:
    """A convex part of a grid: the bounding box of a scan's non-zero voxels, without what lies beyond oblique ends.

    Oblique ends are the flat faces of the voxels' convex hull. Other faces follow the head, which ends there itself.

    faces : [face, 4], unit normal n and offset d, in voxels: a voxel v is inside where n v + d <= 0 for all faces.
    shape : of the grid.
    """

    faces: NDArray[np.float64]
    shape: tuple[int, ...]

    @classmethod
    def of(cls, scan: NDArray[Any]) -> FieldOfView:
        """The field of view of ``scan`` [i, j, k], which is 0 beyond it; without a voxel if all of it is 0."""
        shown = scan != 0
        columns = np.argwhere(shown.any(2))
        if not len(columns):
            return cls(np.array([[1.0, 0, 0, 1]]), scan.shape)
        of_columns = shown[tuple(columns.T)]
        first, last = of_columns.argmax(1), of_columns.shape[1] - 1 - of_columns[:, ::-1].argmax(1)
        ends = np.concatenate([np.c_[columns, first], np.c_[columns, last]]).astype(np.float64)
        sides = np.eye(3)
        box = np.concatenate([np.c_[sides, -ends.max(0)], np.c_[-sides, ends.min(0)]])
        return cls(np.concatenate([box, _flat(_hull(ends), shown)]), scan.shape)

    def depths_mm(
        self, voxels: NDArray[np.intp], spacing_mm: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Of every face, the component of its unit normal along the last axis [face], and the distance of ``voxels``
        [voxel, 3] from the outermost ones [face, voxel] in mm, negative outside. spacing_mm : [3], of the grid."""
        normals = self.faces[:, :3] / spacing_mm
        length = np.linalg.norm(normals, axis=1)
        return normals[:, 2] / length, -(self.faces[:, :3] @ voxels.T + self.faces[:, 3:]) / length[:, None]

    def voxels(self) -> NDArray[np.bool_]:
        """Whether each voxel [i, j, k] is inside."""
        upright = np.abs(self.faces[:, 2]) <= UPRIGHT
        walls, sloping = self.faces[upright], self.faces[~upright]
        height = -sloping[:, [0, 1, 3]] / sloping[:, 2:3]  # of a face: k = a i + b j + c
        lids, floors = height[sloping[:, 2] > 0], height[sloping[:, 2] < 0]
        j, k = np.arange(self.shape[1]), np.arange(self.shape[2])
        inside = np.empty(self.shape, bool)
        for i in range(self.shape[0]):
            top = (lids[:, 1:2] * j + (lids[:, :1] * i + lids[:, 2:])).min(0, initial=np.inf)
            bottom = (floors[:, 1:2] * j + (floors[:, :1] * i + floors[:, 2:])).max(0, initial=-np.inf)
            within = np.all(walls[:, 1:2] * j + (walls[:, :1] * i + walls[:, 3:]) <= ON_A_FACE, axis=0)
            inside[i] = within[:, None] & (k >= bottom[:, None] - ON_A_FACE) & (k <= top[:, None] + ON_A_FACE)
        return inside


def _hull(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Faces [face, 4] of the convex hull of ``points`` [point, 3]; none if they lie in one plane."""
    from scipy.spatial import ConvexHull, QhullError

    try:
        return np.unique(ConvexHull(points).equations.round(12), axis=0)
    except QhullError:
        return np.empty((0, 4))


def _flat(faces: NDArray[np.float64], shown: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Those of ``faces`` [face, 4] in whose outermost layer many of the voxels ``shown`` [i, j, k] lie."""
    where = np.flatnonzero(shown)
    largest = np.array([np.count_nonzero(shown, axis=others).max() for others in ((1, 2), (0, 2), (0, 1))])
    for samples, share in zip(SAMPLED, (FLAT / 4, FLAT), strict=True):
        every = -(-len(where) // samples)
        voxels = np.stack(np.unravel_index(where[::every], shown.shape)).astype(np.float32)
        area = np.array([_outermost_area(face, voxels) for face in faces]) * every
        faces = faces[area >= share * largest[np.abs(faces[:, :3]).argmax(1)]]
    return faces


def _outermost_area(face: NDArray[np.float64], voxels: NDArray[np.float32]) -> float:
    """Area, in voxels, of ``voxels`` [3, voxel] in the outermost layer below ``face`` [4]."""
    layer = np.abs(face[:3]).sum()  # extent of a voxel across the face
    depth = -(face[:3].astype(np.float32) @ voxels) - np.float32(face[3])
    return float(np.count_nonzero(depth < layer - ON_A_FACE) / layer)
