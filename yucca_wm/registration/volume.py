"""Scans as SimpleITK volumes, downsampled and smoothed, and the brain region in them, for the rigid registration."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from yucca_wm.imaging.grids import reordered
from yucca_wm.imaging.header import corners_mm
from yucca_wm.imaging.images import LPS, Image, resample

SHEAR_TOLERANCE_MM = 0.05
"""A grid whose voxels no right-angled axes place within this distance is resampled to a right-angled one."""

IN_PLANE_MM = 1.5
"""Voxels are averaged to about this size; thicker ones, as in most slices, stay as they are."""

HIGHEST_PERCENTILE = 99.5
"""Brighter voxels of the foreground (vessels, fat) are clipped to this percentile."""


def to_itk(image: Image) -> sitk.Image:
    """``image`` as a float32 volume in ITK's world (LPS), its brightest voxels clipped.

    Axes are in the world's order whatever the file's, so that the way a scan is stored does not affect the result.
    """
    image = reordered(right_angled(image), Image(np.zeros((1, 1, 1)), LPS))
    values = image.data.astype(np.float32)
    thin = values[::2, ::2, ::2]
    bright = thin[thin > thin.mean()]
    highest = float(np.percentile(bright, HIGHEST_PERCENTILE)) if bright.size else float(values.max())
    volume = sitk.GetImageFromArray(np.ascontiguousarray(np.minimum(values, highest).transpose(2, 1, 0)))
    affine = LPS @ image.affine
    volume.SetSpacing(image.spacing_mm.tolist())
    volume.SetDirection(_axes(affine).ravel().tolist())
    volume.SetOrigin(affine[:3, 3].tolist())
    return volume


def right_angled(image: Image) -> Image:
    """``image``, resampled linearly if its axes are not at right angles (ITK supports no other grids)."""
    affine = image.affine.copy()
    affine[:3, :3] = _axes(affine) * image.spacing_mm
    centre = (np.array(image.shape) - 1) / 2
    affine[:3, 3] = image.affine[:3, :3] @ centre + image.affine[:3, 3] - affine[:3, :3] @ centre
    moved = np.linalg.norm(corners_mm(image.shape, image.affine) - corners_mm(image.shape, affine), axis=1)
    if moved.max() <= SHEAR_TOLERANCE_MM:
        return replace(image, affine=affine)
    floats = replace(image, data=image.data.astype(np.float32))
    return resample(floats, replace(image, affine=affine), order=1)


def _axes(affine: NDArray[np.float64]) -> NDArray[np.float64]:
    """Right-angled directions closest to the columns of ``affine``, [3, 3]; a mirrored grid stays mirrored."""
    columns = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    left, _, right = np.linalg.svd(columns)
    return np.asarray(left @ right)


def thinned(volume: sitk.Image) -> sitk.Image:
    """``volume`` with small voxels averaged to about IN_PLANE_MM."""
    factors = [max(1, round(IN_PLANE_MM / mm)) for mm in volume.GetSpacing()]
    return sitk.BinShrink(volume, factors) if max(factors) > 1 else volume


def level(volume: sitk.Image, spacing_mm: float) -> sitk.Image:
    """``volume`` on a grid of about ``spacing_mm`` along each of its own axes, smoothed accordingly."""
    spacing, size = np.array(volume.GetSpacing()), np.array(volume.GetSize())
    variance = np.maximum((0.7 * spacing_mm) ** 2 - spacing**2 / 12, 0)  # a voxel is itself an average
    for axis in np.flatnonzero(variance > 0.1):
        if size[axis] >= 4:  # minimum for ITK's recursive filter
            volume = sitk.RecursiveGaussian(volume, float(np.sqrt(variance[axis])), direction=int(axis))
    count = np.maximum(np.round(spacing * size / spacing_mm), 1).astype(int)
    step = spacing * size / count
    axes = np.array(volume.GetDirection()).reshape(3, 3)
    origin = np.array(volume.GetOrigin()) + axes @ ((step - spacing) / 2)
    return sitk.Resample(
        volume,
        count.tolist(),
        sitk.Transform(),
        sitk.sitkLinear,
        origin.tolist(),
        step.tolist(),
        volume.GetDirection(),
        0.0,
        sitk.sitkFloat32,
    )


def points_mm(volume: sitk.Image) -> NDArray[np.float64]:
    """World coordinates (LPS mm) of every voxel, [voxels, 3] in the order of `sitk.GetArrayFromImage`."""
    size = volume.GetSize()
    axes = np.array(volume.GetDirection()).reshape(3, 3) * np.array(volume.GetSpacing())
    index = np.indices(size[::-1])[::-1].reshape(3, -1)
    return np.asarray((axes @ index).T + np.array(volume.GetOrigin()))


def head(volume: sitk.Image) -> NDArray[np.bool_]:
    """Mask [z, y, x] of voxels brighter than air (Otsu's threshold, lowered so that dark tissue counts)."""
    values = sitk.GetArrayFromImage(volume)
    otsu = sitk.OtsuThresholdImageFilter()
    otsu.Execute(volume)
    lowest = float(values.min())
    return np.asarray(values > lowest + 0.6 * (otsu.GetThreshold() - lowest))


RADII_MM = (80.0, 100.0, 75.0)
"""Half axes (left-right, front-back, up-down) of an ellipsoid that holds a large brain."""

SCALP_MM = 5.0
"""Distance of the ellipsoid below the top of the head."""

UPPER_MM = 110.0
"""Height of the head, from its top, that is used to find its centre, so that neck and chin do not count."""


@dataclass(frozen=True)
class BrainRegion:
    """An ellipsoid around the brain, with its axes along the world's.

    centre_mm : [3], in ITK's world (LPS).
    """

    centre_mm: NDArray[np.float64]

    def holds(self, points: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which of the ``points`` [n, 3] (LPS mm) lie inside, [n]."""
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
    """Brain region of a scan with voxels of about 8 mm whose header says which way is up."""
    points = points_mm(coarse)[head(coarse).ravel()]
    top = float(np.percentile(points[:, 2], 99.8))
    upper = points[points[:, 2] > top - UPPER_MM]
    middle = [(np.percentile(upper[:, axis], 1) + np.percentile(upper[:, axis], 99)) / 2 for axis in (0, 1)]
    return BrainRegion(np.array([*middle, top - SCALP_MM - RADII_MM[2]]))


def centre_of_head_mm(coarse: sitk.Image) -> NDArray[np.float64]:
    """Centre of the head [3], LPS mm."""
    return np.asarray(points_mm(coarse)[head(coarse).ravel()].mean(axis=0))
