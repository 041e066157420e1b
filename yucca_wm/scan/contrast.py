"""Whether a FLAIR may be a T1: judged by what is brighter, white matter or what lies around it.

On a T1 white matter is brighter than cortex, on a FLAIR it is not, or less so. Coils light up scans in their own way:
one scan alone proves nothing, and a person's T1 and FLAIR are compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from yucca_wm.images import Image
from yucca_wm.registration.brain_region import RADII_MM, brain_region
from yucca_wm.registration.fit import inside_mask
from yucca_wm.registration.volume import level, points_mm, thinned, to_itk

WORK_MM = 3.0
DARK = 0.55
"""Of the median of what lies in the brain's region; darker voxels are fluid or bone."""

COIL_MM = 20.0
"""Brightness that changes over this distance is the coil's."""

NEAR_MM, DEEP_MM = (2.9, 4.5), 8.0
"""Distance from fluid or bone at which cortex, and at which white matter, prevails."""

CORE, SHELL = 0.55, 0.75
"""Inner and outer part of the brain's region, as a share of its radius."""

CLEARLY = 1.03
"""Both ratios of the FLAIR must exceed the T1's by this factor. Of 13 real pairs none does; exchanged, 8 do."""


@dataclass(frozen=True)
class Contrast:
    """deep : white matter against cortex, by distance from fluid. core : inner against outer part of the brain."""

    deep: float
    core: float


def contrast(image: Image) -> Contrast | None:
    """Of one scan; None where too little can be seen."""
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
    """Whether the FLAIR clearly looks more like a T1 than the T1 does."""
    of_t1, of_flair = contrast(t1), contrast(flair)
    if of_t1 is None or of_flair is None:
        return False
    return of_flair.deep > CLEARLY * of_t1.deep and of_flair.core > CLEARLY * of_t1.core


def _blurred(values: NDArray[Any]) -> NDArray[np.float32]:
    return np.asarray(ndimage.gaussian_filter(values.astype(np.float32), COIL_MM / WORK_MM))
