"""Detect a FLAIR that may be a T1, and either that may be a T2, by the intensity of white matter and its surroundings.

On a T2 fluid is brighter than white matter, on T1 and FLAIR darker. On a T1 white matter is brighter than cortex; on a
FLAIR it is not, or less so. Coil shading differs between scans, so before segmentation only pairs are compared
(`exchanged`); afterwards single scans are judged too (`unlikely_contrasts`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from yucca_wm.core.notes import Note
from yucca_wm.core.tissue import Tissue
from yucca_wm.imaging.images import Image
from yucca_wm.registration.rigid_fit import inside_mask
from yucca_wm.registration.volume import RADII_MM, brain_region, level, points_mm, thinned, to_itk
from yucca_wm.scan.notes import A_T2, ANOTHER, ONE_PAIR

WORK_MM = 3.0
DARK = 0.55
"""Voxels darker than this share of the median intensity in the brain's region are fluid or bone."""

COIL_MM = 20.0
"""Standard deviation of the smoothing that estimates coil shading."""

NEAR_MM, DEEP_MM = (2.9, 4.5), 8.0
"""Distance from fluid or bone: range in which cortex prevails, and minimum from which white matter prevails."""

CORE, SHELL = 0.55, 0.75
"""Inner and outer part of the brain's region, as a share of its radius."""

CLEARLY = 1.03
"""Factor by which both ratios of the FLAIR must exceed the T1's: so in none of 13 real pairs, in 8 if exchanged."""

LEAST_APART = 1.15
"""Minimum of the FLAIR's `grey_to_white` over the T1's. Real pairs have 1.28 to 1.62, a T1 given twice has 1."""

FLUID_TO_WHITE = 1.0
"""A T2 has a higher ratio of lateral ventricles to cerebral white matter: 2.05 and more; T1 and FLAIR 0.12 to 0.59."""

LEAST_ML = 50.0
"""Least volume of cortex, and of white matter; with less, the brain was not found."""

BELOW_AIR = 0.1
"""If values go this far below 0, as a share of white-matter intensity, 0 is not air and ratios are meaningless."""


@dataclass(frozen=True)
class Contrast:
    """Intensity ratios. deep : white matter over cortex, by distance from fluid. core : inner over outer brain."""

    deep: float
    core: float


def contrast(image: Image) -> Contrast | None:
    """Intensity ratios of one scan, without any segmentation.

    Parameters
    ----------
    image : Image
        Scan [i, j, k] with air at 0.

    Returns
    -------
    Contrast or None
        None if too little of the brain is visible.
    """
    volume = thinned(to_itk(image))
    region = brain_region(level(volume, 8.0))
    volume = level(volume, WORK_MM)
    values = sitk.GetArrayFromImage(volume)
    inside = inside_mask(volume) & region.mask(volume)
    if not inside.any():
        return None
    tissue = inside & (values > DARK * np.median(values[inside]))
    flat = values / np.maximum(_blurred(values * tissue) / np.maximum(_blurred(tissue), 1e-3), 1e-3)
    from_dark = ndimage.distance_transform_edt(tissue, sampling=volume.GetSpacing()[::-1])
    radius = np.sqrt((((points_mm(volume) - region.centre_mm) / RADII_MM) ** 2).sum(axis=1)).reshape(values.shape)
    near = tissue & (from_dark > NEAR_MM[0]) & (from_dark < NEAR_MM[1])
    parts = (near, tissue & (from_dark >= DEEP_MM), inside & (radius > SHELL), inside & (radius < CORE))
    if min(part.sum() for part in parts) < 100:
        return None
    means = [float(flat[near].mean()), float(flat[parts[1]].mean())]
    medians = [float(np.median(values[part])) for part in parts[2:]]
    if min(*means, *medians) <= 0:
        return None
    return Contrast(means[1] / means[0], medians[1] / medians[0])


def exchanged(t1: Image, flair: Image) -> bool:
    """Whether the FLAIR clearly looks more like a T1 than the T1 does.

    Parameters
    ----------
    t1, flair : Image
        Scans [i, j, k] with air at 0; their grids may differ.

    Returns
    -------
    bool
        False if either shows too little of the brain.
    """
    of_t1, of_flair = contrast(t1), contrast(flair)
    if of_t1 is None or of_flair is None:
        return False
    return of_flair.deep > CLEARLY * of_t1.deep and of_flair.core > CLEARLY * of_t1.core


def unlikely_contrasts(
    scans: Mapping[str, Image],
    tissue: NDArray[np.integer[Any]],
    lesions: NDArray[np.integer[Any]],
    looks_like: str = "",
) -> list[Note]:
    """Notes on scans that look like a T2 or like the other modality, or pairs that look alike.

    Parameters
    ----------
    scans : mapping of str to Image
        ``T1`` and ``FLAIR``, or one of them, on one grid [i, j, k].
    tissue : ndarray, int, shape (i, j, k)
        Labels of `yucca_wm.core.tissue.Tissue`.
    lesions : ndarray, int, shape (i, j, k)
        0 outside lesions.
    looks_like : str
        Modality that the network takes a single scan for; empty for a pair. (Tissue intensities do not show it, because
        the network that finds the tissue relies on the stated modality.)

    Returns
    -------
    list of Note
        One for each doubt.
    """
    wet = {name: _ratio(image, tissue == Tissue.LATERAL_VENTRICLES, tissue, lesions) for name, image in scans.items()}
    if of_fluid := [name for name, ratio in wet.items() if ratio is not None and ratio > FLUID_TO_WHITE]:
        return [A_T2.note(name=name, wet=wet[name]) for name in of_fluid]
    found = {name: grey_to_white(image, tissue, lesions) for name, image in scans.items()}
    ratios = {name: ratio for name, ratio in found.items() if ratio is not None}
    if {"T1", "FLAIR"} <= ratios.keys():
        t1, flair = ratios["T1"], ratios["FLAIR"]
        if flair >= LEAST_APART * t1:
            return []
        seen = f"cortex is {t1:.2f} times as bright as white matter on the T1, {flair:.2f} times on the FLAIR"
        return [ONE_PAIR.note(seen=seen)]
    return [ANOTHER.note(name=name, other=looks_like) for name in scans if looks_like not in ("", name)]


def grey_to_white(image: Image, tissue: NDArray[np.integer[Any]], lesions: NDArray[np.integer[Any]]) -> float | None:
    """Median intensity of cortex over that of cerebral white matter, lesions excluded.

    Parameters
    ----------
    image : Image
        Scan [i, j, k].
    tissue, lesions : ndarray, int, shape (i, j, k)
        As for `unlikely_contrasts`.

    Returns
    -------
    float or None
        None with less than `LEAST_ML` of cortex or white matter, or if 0 is not air.
    """
    cortex = (tissue == Tissue.CORTICAL_GREY_MATTER) & (lesions == 0)
    if cortex.sum() * image.voxel_volume_mm3 < 1000 * LEAST_ML:
        return None
    return _ratio(image, cortex, tissue, lesions)


def _ratio(
    image: Image, part: NDArray[np.bool_], tissue: NDArray[np.integer[Any]], lesions: NDArray[np.integer[Any]]
) -> float | None:
    """Median intensity of ``part`` [i, j, k] over that of cerebral white matter; None as in `grey_to_white`."""
    white = image.data[(tissue == Tissue.CEREBRAL_WHITE_MATTER) & (lesions == 0)]
    if white.size * image.voxel_volume_mm3 < 1000 * LEAST_ML or not part.any():
        return None
    bright = float(np.median(white))
    if bright <= 0 or float(image.data.min()) < -BELOW_AIR * bright:
        return None
    return float(np.median(image.data[part])) / bright


def _blurred(values: NDArray[Any]) -> NDArray[np.float32]:
    return np.asarray(ndimage.gaussian_filter(values.astype(np.float32), COIL_MM / WORK_MM))
