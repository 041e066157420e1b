"""Where in a scan of a head the brain is, roughly: the part that moves as one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from yucca_wm.registration.volume import head, points_mm

RADII_MM = (80.0, 100.0, 75.0)
"""Half axes, left-right, front-back and up-down, of an ellipsoid that holds a large brain."""

SCALP_MM = 5.0
"""The ellipsoid ends this far below the top of the head."""

UPPER_MM = 110.0
"""So much of the head, from its top, is looked at for its middle: neck and chin are not."""


@dataclass(frozen=True)
class BrainRegion:
    """An ellipsoid around the brain, its axes along the world's.

    centre_mm : in ITK's world (LPS).
    """

    centre_mm: NDArray[np.float64]

    def holds(self, points: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which of the ``points`` [n, 3] (LPS mm) lie inside."""
        return np.asarray((((points - self.centre_mm) / RADII_MM) ** 2).sum(axis=1) <= 1)

    def mask(self, volume: sitk.Image) -> NDArray[np.bool_]:
        """The ellipsoid on the grid of ``volume``, [z, y, x]."""
        return self.holds(points_mm(volume)).reshape(volume.GetSize()[::-1])

    def itk_mask(self, volume: sitk.Image) -> sitk.Image:
        """`mask` as an ITK image."""
        mask = sitk.GetImageFromArray(self.mask(volume).astype(np.uint8))
        mask.CopyInformation(volume)
        return mask


def brain_region(coarse: sitk.Image) -> BrainRegion:
    """The ellipsoid for a scan that was brought to voxels of 8 mm or so, and whose header says where up is."""
    points = points_mm(coarse)[head(coarse).ravel()]
    top = float(np.percentile(points[:, 2], 99.8))
    upper = points[points[:, 2] > top - UPPER_MM]
    middle = [(np.percentile(upper[:, axis], 1) + np.percentile(upper[:, axis], 99)) / 2 for axis in (0, 1)]
    return BrainRegion(np.array([*middle, top - SCALP_MM - RADII_MM[2]]))


def centre_of_head_mm(coarse: sitk.Image) -> NDArray[np.float64]:
    """Centre of the head, LPS mm."""
    return np.asarray(points_mm(coarse)[head(coarse).ravel()].mean(axis=0))
