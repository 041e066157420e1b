"""Whether a scan shows a whole head, or a whole brain without its skull."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from yucca_wm.core.errors import InputError
from yucca_wm.core.images import Image
from yucca_wm.registration.volume import head, level, points_mm, thinned, to_itk

WORK_MM = 4.0
"""Heads are looked for at this resolution."""

OPENED_VOXELS = 2
"""Thinner structures are noise."""

LEAST_ML = 300.0
"""A head, or a brain, has more."""

LEAST_CONTRAST = 0.5
"""A head stands out from air: the mean of what is dark lies at least this far below the mean of what is bright, as a
share of the latter above the darkest voxel. Real scans have .8 and more, noise .35."""

LEAST_EXTENT_MM = (95.0, 115.0, 80.0)
"""Left-right, front-back, up-down: a whole brain is larger, half a head is not."""

AXES = ("from left to right", "from front to back", "from top to bottom")


def check_head(image: Image) -> None:
    """Raise InputError for a scan without a head, or with half of one."""
    volume = level(thinned(to_itk(image)), WORK_MM)
    extent, volume_ml = head_extent(volume)
    if volume_ml < LEAST_ML or contrast_to_air(volume) < LEAST_CONTRAST:
        raise InputError(image.name, "shows no head", "check that it is the right file")
    for mm, least, axis in zip(extent, LEAST_EXTENT_MM, AXES, strict=True):
        if mm < least:
            raise InputError(image.name, f"shows only {mm:.0f} mm of a head {axis}", "give a scan of the whole head")


def contrast_to_air(volume: sitk.Image) -> float:
    """Difference of the means above and below Otsu's threshold, as a share of the upper mean above the minimum."""
    values = sitk.GetArrayFromImage(volume)
    otsu = sitk.OtsuThresholdImageFilter()
    otsu.Execute(volume)
    bright = values > otsu.GetThreshold()
    if bright.all() or not bright.any():
        return 0.0
    upper = float(values[bright].mean())
    return (upper - float(values[~bright].mean())) / (upper - float(values.min()))


def head_extent(volume: sitk.Image) -> tuple[NDArray[np.float64], float]:
    """Size of the largest thing in a scan along world x, y, z (mm), and its volume in ml."""
    mask = sitk.GetImageFromArray(np.pad(head(volume), OPENED_VOXELS).astype(np.uint8))
    mask = sitk.BinaryMorphologicalOpening(mask, [OPENED_VOXELS] * 3)
    parts = sitk.RelabelComponent(sitk.ConnectedComponent(mask), sortByObjectSize=True)
    inner = (slice(OPENED_VOXELS, -OPENED_VOXELS),) * 3
    largest = sitk.GetArrayFromImage(parts)[inner] == 1
    if not largest.any():
        return np.zeros(3), 0.0
    points = points_mm(volume)[largest.ravel()]
    low, high = np.percentile(points, [0.2, 99.8], axis=0)
    return high - low, float(largest.sum() * np.prod(volume.GetSpacing()) / 1000)
