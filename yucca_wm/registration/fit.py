"""How well two scans lie on each other, whatever their contrasts: their edges run in the same directions.

The measure is the normalized gradient field of Haber and Modersitzki (MICCAI 2006): the squared cosine between the
gradients of both scans, 0 to 1, where weak gradients (noise) count little. Two scans of one head have a peak of it
where they fit; two heads have none, however well mutual information was maximised.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from yucca_wm.registration.brain_region import RADII_MM, BrainRegion
from yucca_wm.registration.volume import head

RIM_MM = 8.0
"""The outermost part of what is not air is left out: outlines of all heads, and of all brains cut out, are alike."""

AWAY_MM = 10.0
"""How far from its place a scan is moved to see what edges agree by chance."""

WEAK = 0.25
"""Gradients below about half of the root mean square count as noise."""


class Fit:
    """Compares a reference with a moving scan under any transform."""

    def __init__(self, reference: sitk.Image, moving: sitk.Image, region: BrainRegion) -> None:
        self.reference, self.moving = _cropped(reference, region), moving
        self.mask = region.mask(self.reference) & _inside(self.reference)
        self.gradient = self._gradient(sitk.GetArrayFromImage(self.reference))

    def similarity(self, transform: sitk.Transform) -> float:
        """Mean agreement of edges in the brain's region, 0 to 1."""
        other = self._gradient(sitk.GetArrayFromImage(self._resampled(self.moving, transform)))
        cross = (self.gradient * other).sum(axis=0)
        squares = [(gradient**2).sum(axis=0) for gradient in (self.gradient, other)]
        weak = [WEAK * float(square.mean()) + 1e-12 for square in squares]
        return float((cross**2 / ((squares[0] + weak[0]) * (squares[1] + weak[1]))).mean())

    def peak(self, transform: sitk.Euler3DTransform) -> float:
        """`similarity` divided by its mean over six places AWAY_MM from here; 1: no better than by chance."""
        away = []
        for axis in range(3):
            for sign in (-1, 1):
                moved = sitk.Euler3DTransform(transform)
                offset = np.array(transform.GetTranslation())
                offset[axis] += sign * AWAY_MM
                moved.SetTranslation(offset.tolist())
                away.append(self.similarity(moved))
        return self.similarity(transform) / float(np.mean(away))

    def coverage(self, transform: sitk.Transform) -> float:
        """Share of the reference's brain that the moving scan shows at all."""
        ones = sitk.Image(self.moving.GetSize(), sitk.sitkFloat32) + 1.0
        ones.CopyInformation(self.moving)
        shown = sitk.GetArrayFromImage(self._resampled(ones, transform)) > 0.5
        return float(shown[self.mask].mean())

    def _resampled(self, volume: sitk.Image, transform: sitk.Transform) -> sitk.Image:
        return sitk.Resample(volume, self.reference, transform, sitk.sitkLinear, 0.0)

    def _gradient(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Derivatives in the mask, [3, voxels]."""
        spacing: Sequence[float] = self.reference.GetSpacing()[::-1]
        return np.stack([np.gradient(values, mm, axis=axis)[self.mask] for axis, mm in enumerate(spacing)])


def _cropped(volume: sitk.Image, region: BrainRegion) -> sitk.Image:
    """The box of ``volume`` around ``region``."""
    reach = np.array(RADII_MM)
    corners = region.centre_mm + np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) * reach
    index = np.array([volume.TransformPhysicalPointToContinuousIndex(corner.tolist()) for corner in corners])
    low = np.clip(np.floor(index.min(axis=0)), 0, np.array(volume.GetSize()) - 2).astype(int)
    high = np.clip(np.ceil(index.max(axis=0)) + 1, low + 2, volume.GetSize()).astype(int)
    return sitk.RegionOfInterest(volume, (high - low).tolist(), low.tolist())


def _inside(volume: sitk.Image) -> NDArray[np.bool_]:
    """What is not air, without its outermost RIM_MM, [z, y, x]; everything where nothing would be left."""
    filled = sitk.GetImageFromArray(head(volume).astype(np.uint8))
    filled.CopyInformation(volume)
    filled = sitk.BinaryFillhole(filled)
    depth = sitk.SignedMaurerDistanceMap(filled, insideIsPositive=True, squaredDistance=False, useImageSpacing=True)
    inside = sitk.GetArrayFromImage(depth) > RIM_MM
    return inside if inside.any() else np.ones_like(inside)
