"""Whether a FLAIR may be a T1, or either a T2: judged by what is brighter, white matter or what lies around it.

On a T2 fluid is brighter than white matter, on T1 and FLAIR darker. On a T1 white matter is brighter than cortex, on a
FLAIR it is not, or less so. Coils light up scans in their own way: before tissue is known one scan alone proves
nothing, and a person's T1 and FLAIR are compared (`exchanged`). When it is known so is one alone
(`unlikely_contrasts`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from yucca_wm.core.tissue import Tissue
from yucca_wm.imaging.images import Image
from yucca_wm.registration.rigid_fit import inside_mask
from yucca_wm.registration.volume import RADII_MM, brain_region, level, points_mm, thinned, to_itk

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

APART = 1.15
"""Of a pair, the FLAIR's `grey_to_white` over the T1's: at least this. Real pairs have 1.28 to 1.62, T1 twice 1."""

FLUID_TO_WHITE = 1.0
"""Lateral ventricles over cerebral white matter. T1 and FLAIR have .12 to .59, T2 given as either 2.05 and more."""

EXCHANGED = "the FLAIR looks more like a T1 than the T1 does: check that the two are not exchanged"
"""What is said of scans that are `exchanged`."""

LEAST_ML = 50.0
"""Of cortex and of white matter; with less the brain was not found."""

BELOW_AIR = 0.1
"""Where values go this far below 0, as a share of white matter, 0 is not air and ratios mean nothing."""


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


def unlikely_contrasts(
    scans: Mapping[str, Image],
    tissue: NDArray[np.integer[Any]],
    lesions: NDArray[np.integer[Any]],
    looks_like: str = "",
) -> list[str]:
    """A sentence where a scan (T1 or FLAIR) looks like a T2 or like the other, or both look alike.

    tissue, lesions : label maps on their grid (`yucca_wm.core.tissue.Tissue`; 1).
    looks_like : of a scan alone, what the network takes it for. (Tissue does not tell, for the network that finds it
    believes what it is told that the scan is.)
    """
    wet = {name: _ratio(image, tissue == Tissue.LATERAL_VENTRICLES, tissue, lesions) for name, image in scans.items()}
    if of_fluid := [name for name, ratio in wet.items() if ratio is not None and ratio > FLUID_TO_WHITE]:
        return [
            f"the {name} looks like a T2 (fluid is {wet[name]:.1f} times as bright as white matter), on which lesions "
            "cannot be told from fluid: check that it is the right file"
            for name in of_fluid
        ]
    found = {name: grey_to_white(image, tissue, lesions) for name, image in scans.items()}
    ratios = {name: ratio for name, ratio in found.items() if ratio is not None}
    if {"T1", "FLAIR"} <= ratios.keys():
        t1, flair = ratios["T1"], ratios["FLAIR"]
        if flair >= APART * t1:
            return []
        seen = f"cortex is {t1:.2f} times as bright as white matter on the T1, {flair:.2f} times on the FLAIR"
        return [f"T1 and FLAIR look like one contrast, or exchanged ({seen}): check that both are the right files"]
    return [
        f"the {name} looks like a {looks_like} (the network is surer of it as one): check that it is the right file"
        for name in scans
        if looks_like not in ("", name)
    ]


def grey_to_white(image: Image, tissue: NDArray[np.integer[Any]], lesions: NDArray[np.integer[Any]]) -> float | None:
    """Median intensity of cortex over that of cerebral white matter, lesions left out; None where it cannot be told."""
    cortex = (tissue == Tissue.CORTICAL_GREY_MATTER) & (lesions == 0)
    if cortex.sum() * image.voxel_volume_mm3 < 1000 * LEAST_ML:
        return None
    return _ratio(image, cortex, tissue, lesions)


def _ratio(
    image: Image, part: NDArray[np.bool_], tissue: NDArray[np.integer[Any]], lesions: NDArray[np.integer[Any]]
) -> float | None:
    """Median intensity of ``part`` over that of cerebral white matter; None where it cannot be told."""
    white = image.data[(tissue == Tissue.CEREBRAL_WHITE_MATTER) & (lesions == 0)]
    if white.size * image.voxel_volume_mm3 < 1000 * LEAST_ML or not part.any():
        return None
    bright = float(np.median(white))
    if bright <= 0 or float(image.data.min()) < -BELOW_AIR * bright:
        return None
    return float(np.median(image.data[part])) / bright


def _blurred(values: NDArray[Any]) -> NDArray[np.float32]:
    return np.asarray(ndimage.gaussian_filter(values.astype(np.float32), COIL_MM / WORK_MM))
