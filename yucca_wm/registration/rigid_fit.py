"""Agreement of two aligned scans, whatever their contrasts: whether their edges run in the same directions.

The measure is the normalized gradient field of Haber and Modersitzki (MICCAI 2006): the squared cosine between the
gradients of both scans, 0 to 1, where weak gradients (noise) count little. For two scans of one head it has a peak
where they match; for two heads it has none, however well mutual information was maximised.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from yucca_wm.registration.volume import RADII_MM, BrainRegion, head, points_mm

RIM_MM = 4.0
"""Width of the head's outermost part, which is left out: all heads, and all extracted brains, have similar outlines."""

AWAY_MM = 7.0
"""Shift of a scan that shows how well edges agree by chance; one voxel if that is more."""

BLOCK_MM, LEAST_OF_BLOCK = 30.0, 0.3
"""The peak is evaluated in cubes of this size, except those that hold less than this share of the fullest cube."""

WEAK = 0.25
"""Gradients below about half of the root mean square count as noise."""


class Fit:
    """Comparison of a reference with a moving scan under any transform."""

    def __init__(self, reference: sitk.Image, moving: sitk.Image, region: BrainRegion) -> None:
        self.reference, self.moving = _cropped(reference, region), moving
        self.mask = region.mask(self.reference) & inside_mask(self.reference)
        self.gradient = self._gradient(sitk.GetArrayFromImage(self.reference))
        self.block = self._blocks()

    def similarity(self, transform: sitk.Transform) -> float:
        """Mean agreement of edges in the brain region, 0 to 1."""
        return float(self._agreement(transform).mean())

    def _agreement(self, transform: sitk.Transform) -> NDArray[np.float32]:
        """Agreement of edges at each voxel in the mask, [voxels]."""
        other = self._gradient(sitk.GetArrayFromImage(self._resampled(self.moving, transform)))
        cross = (self.gradient * other).sum(axis=0)
        squares = [(gradient**2).sum(axis=0) for gradient in (self.gradient, other)]
        weak = [WEAK * float(square.mean()) + 1e-12 for square in squares]
        return np.asarray(cross**2 / ((squares[0] + weak[0]) * (squares[1] + weak[1])))

    def peak(self, transform: sitk.Euler3DTransform) -> float:
        """Agreement of edges divided by that at six positions AWAY_MM away, median over blocks; 1: chance.

        On a large scale all heads are similar, above all brains in a common space: only a peak at this very position,
        and everywhere in the brain, distinguishes one head from two.
        """
        axes = np.abs(np.array(self.reference.GetDirection()).reshape(3, 3)) * np.array(self.reference.GetSpacing())
        away_mm = np.maximum(AWAY_MM, axes.max(axis=1))
        away = []
        for axis in range(3):
            for sign in (-1, 1):
                moved = sitk.Euler3DTransform(transform)
                offset = np.array(transform.GetTranslation())
                offset[axis] += sign * away_mm[axis]
                moved.SetTranslation(offset.tolist())
                away.append(self._by_block(moved))
        return float(np.median(self._by_block(transform) / np.maximum(np.mean(away, axis=0), 1e-12)))

    def coverage(self, transform: sitk.Transform) -> float:
        """Share of the reference's brain that lies within the moving scan."""
        ones = sitk.Image(self.moving.GetSize(), sitk.sitkFloat32) + 1.0
        ones.CopyInformation(self.moving)
        shown = sitk.GetArrayFromImage(self._resampled(ones, transform)) > 0.5
        return float(shown[self.mask].mean())

    def _blocks(self) -> NDArray[np.intp]:
        """Number of the block of each voxel in the mask; -1 for blocks left out."""
        cell = np.floor(points_mm(self.reference)[self.mask.ravel()] / BLOCK_MM).astype(int)
        _, block = np.unique(cell, axis=0, return_inverse=True)
        counts = np.bincount(block.ravel())
        kept = np.flatnonzero(counts >= LEAST_OF_BLOCK * counts.max())
        number = np.full(counts.size, -1)
        number[kept] = range(kept.size)
        return np.asarray(number[block.ravel()])

    def _by_block(self, transform: sitk.Transform) -> NDArray[np.float64]:
        """Mean agreement in each block."""
        counted = self.block >= 0
        block = self.block[counted]
        return np.asarray(np.bincount(block, self._agreement(transform)[counted]) / np.bincount(block))

    def _resampled(self, volume: sitk.Image, transform: sitk.Transform) -> sitk.Image:
        return sitk.Resample(volume, self.reference, transform, sitk.sitkLinear, 0.0)

    def _gradient(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Derivatives at the voxels in the mask, [3, voxels]."""
        spacing: Sequence[float] = self.reference.GetSpacing()[::-1]
        return np.stack([np.gradient(values, mm, axis=axis)[self.mask] for axis, mm in enumerate(spacing)])


def _cropped(volume: sitk.Image, region: BrainRegion) -> sitk.Image:
    """Part of ``volume`` in the box around ``region``."""
    reach = np.array(RADII_MM)
    corners = region.centre_mm + np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) * reach
    index = np.array([volume.TransformPhysicalPointToContinuousIndex(corner.tolist()) for corner in corners])
    low = np.clip(np.floor(index.min(axis=0)), 0, np.array(volume.GetSize()) - 2).astype(int)
    high = np.clip(np.ceil(index.max(axis=0)) + 1, low + 2, volume.GetSize()).astype(int)
    return sitk.RegionOfInterest(volume, (high - low).tolist(), low.tolist())


def inside_mask(volume: sitk.Image) -> NDArray[np.bool_]:
    """Mask [z, y, x] of everything but air, without its outermost RIM_MM; all voxels if nothing would be left."""
    filled = sitk.GetImageFromArray(head(volume).astype(np.uint8))
    filled.CopyInformation(volume)
    filled = sitk.BinaryFillhole(filled)
    depth = sitk.SignedMaurerDistanceMap(filled, insideIsPositive=True, squaredDistance=False, useImageSpacing=True)
    inside = sitk.GetArrayFromImage(depth) > RIM_MM
    return inside if inside.any() else np.ones_like(inside)
