"""Smoothed masks on world-aligned isotropic grids, the input of the registrations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from yucca_wm.imaging.images import Image

LEAST = 1e-3
"""Values closer to 0 than this are left out by `trimmed`."""

TRUNCATE = 3.0
"""Number of standard deviations at which the Gaussian is cut off."""


@dataclass(frozen=True)
class Blurred:
    """A smoothed mask, values 0..1 (around 0 where its surround was subtracted).

    data : float32 [x, y, z], axes along world x, y, z.
    spacing_mm : size of its cubic voxels.
    origin_mm : world position of its first voxel.
    """

    data: NDArray[np.float32]
    spacing_mm: float
    origin_mm: NDArray[np.float64]

    @property
    def affine(self) -> NDArray[np.float64]:
        """Voxel index -> world mm."""
        affine = np.diag([self.spacing_mm] * 3 + [1.0])
        affine[:3, 3] = self.origin_mm
        return affine

    def points_mm(self) -> NDArray[np.float32]:
        """World coordinates of every voxel relative to the first one, [3, voxels]."""
        index = np.indices(self.data.shape, dtype=np.float32).reshape(3, -1)
        return index * np.float32(self.spacing_mm)

    def gradient(self) -> NDArray[np.float32]:
        """Derivative along world x, y, z per mm, [3, x, y, z]."""
        return np.stack([np.gradient(self.data, np.float32(self.spacing_mm), axis=axis) for axis in range(3)])


def centre_mm(mask: Image) -> NDArray[np.float64]:
    """Centre of mass of a mask in world mm."""
    index = np.array([axis.mean() for axis in np.nonzero(mask.data)])
    return mask.affine[:3, :3] @ index + mask.affine[:3, 3]


def crop(mask: Image, margin_mm: float = 0.0) -> Image:
    """The box around a mask's nonzero voxels with a margin; beyond the image's edge it is padded with zeros."""
    margin = np.ceil(margin_mm / mask.spacing_mm).astype(int)
    low, high = [], []
    for axis in range(3):
        occupied = np.flatnonzero(mask.data.any(axis=tuple(a for a in range(3) if a != axis)))
        low.append(int(occupied[0]))
        high.append(int(occupied[-1]) + 1)
    inner = mask.data[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
    affine = mask.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ (np.array(low) - margin)
    return Image(np.pad(inner, [(int(m), int(m)) for m in margin]), affine, mask.path)


def blur(mask: Image, spacing_mm: float, sigma_mm: float, margin_mm: float = 0.0) -> Blurred:
    """Smooth ``mask`` with a Gaussian of ``sigma_mm`` and sample it at ``spacing_mm`` in a world-aligned box.

    Averaging over a voxel is itself a blur (variance: spacing squared / 12), which is taken into account, so that masks
    on thick and thin slices come out equally smooth. The lattice is centred on the mask's centre of mass: a copy of the
    image in another orientation, or moved by any distance, gives the same samples.

    margin_mm : zeros around the smoothed mask.
    """
    box = crop(mask, TRUNCATE * sigma_mm)
    variance = np.maximum(sigma_mm**2 - box.spacing_mm**2 / 12, 0.01)
    smooth = ndimage.gaussian_filter(
        box.data.astype(np.float32), np.sqrt(variance) / box.spacing_mm, mode="constant", truncate=TRUNCATE
    )
    centre = centre_mm(mask)
    occupied = box.affine[:3, :3] @ np.nonzero(box.data) + box.affine[:3, 3:] - centre[:, None]
    reach_mm = TRUNCATE * sigma_mm + margin_mm
    first = np.floor((occupied.min(axis=1) - reach_mm) / spacing_mm)
    last = np.ceil((occupied.max(axis=1) + reach_mm) / spacing_mm)
    origin = centre + first * spacing_mm
    to_world = np.diag([spacing_mm] * 3 + [1.0])
    to_world[:3, 3] = origin
    to_box = np.linalg.inv(box.affine) @ to_world
    data = ndimage.affine_transform(
        smooth, to_box[:3, :3], to_box[:3, 3], output_shape=tuple((last - first + 1).astype(int)), order=1
    )
    return Blurred(data, spacing_mm, origin)


def coarser(fine: Blurred, step: int, sigma_mm: float) -> Blurred:
    """Every ``step``-th sample of ``fine``, after smoothing it by another ``sigma_mm``."""
    if step == 1 and sigma_mm == 0:
        return fine
    smooth = ndimage.gaussian_filter(fine.data, sigma_mm / fine.spacing_mm, mode="constant", truncate=TRUNCATE)
    return Blurred(np.ascontiguousarray(smooth[::step, ::step, ::step]), step * fine.spacing_mm, fine.origin_mm)


def edges(image: Blurred, surround_mm: float) -> Blurred:
    """``image`` minus a copy of itself smoothed by ``surround_mm``.

    This keeps where white matter begins and ends, but not how much of it there is: segmentation tools differ in how
    thick they draw it.
    """
    surround = ndimage.gaussian_filter(image.data, surround_mm / image.spacing_mm, mode="constant", truncate=TRUNCATE)
    return Blurred(image.data - surround, image.spacing_mm, image.origin_mm)


def trimmed(image: Blurred) -> Blurred:
    """``image`` cut to the smallest box with all values further from 0 than `LEAST`."""
    occupied = np.abs(image.data) > LEAST
    spans = [np.flatnonzero(occupied.any(axis=tuple(a for a in range(3) if a != axis))) for axis in range(3)]
    box = tuple(slice(int(span[0]), int(span[-1]) + 1) for span in spans)
    first = np.array([span[0] for span in spans])
    return Blurred(np.ascontiguousarray(image.data[box]), image.spacing_mm, image.origin_mm + first * image.spacing_mm)
