"""Real scans among the painted ones: brought to the grid of their person's label map, and cut to planes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from yucca_wm.core.errors import InputError
from yucca_wm.imaging.images import Image, resample
from yucca_wm.scan import bring_to_one_frame
from yucca_wm.training.synthesis import degrade
from yucca_wm.training.synthesis.structures import lookup

LESIONS = (25, 57, 77)
"""FreeSurfer's numbers of lesions of white matter."""

REACHES_MM = (0, 1, 2, 3)
"""What is taken for the brain, when a scan is scaled, reaches so far into the fluid around tissue."""

N_VALUES = 5000

LEAST_SEEN = 0.9
"""Of a person's white matter, a scan must show this share."""


def scans_on(grid: Image, white_matter: NDArray[np.bool_], scans: Mapping[str, Path]) -> dict[str, NDArray[np.float16]]:
    """A person's scans on the grid of the label map, in units of white matter.

    Parameters
    ----------
    grid : Image
        The label map, in the space of the T1 (without one, of the FLAIR).
    white_matter : ndarray, bool, shape (i, j, k)
        Cerebral white matter on that grid.
    scans : mapping of str to Path
        T1, FLAIR or both. Another scan than the first is registered to it.

    Returns
    -------
    dict of str to ndarray, float16, shape (i, j, k)
        The median of white matter is 1; outside of the field of view they are 0.

    Raises
    ------
    InputError
        As `yucca_wm.scan.bring_to_one_frame`; or a scan does not show the head that the label map is of.
    """
    frame = bring_to_one_frame(scans, space="t1")
    found = {}
    for modality, image in frame.images.items():
        data = resample(image, grid, order=1).data.astype(np.float32)
        inside = data[white_matter]
        if (inside > 0).mean() < LEAST_SEEN:
            raise InputError(scans[modality], "does not show the white matter of the label map", "check the pair")
        found[modality] = np.clip(data / np.median(inside), 0, 60).astype(np.float16)
    return found


def core_values(structures: NDArray[np.uint8], scan: NDArray[np.float16]) -> list[NDArray[np.float32]]:
    """What a scan is scaled by: some intensities of the brain, for each of `REACHES_MM`.

    As in `yucca_wm.models.tissue` without the brightest and darkest hundredths.
    """
    inside = lookup().brain[structures]
    found = []
    for reach in REACHES_MM:
        core = ndimage.binary_dilation(inside, iterations=reach) if reach else inside
        values = scan[core].astype(np.float32)
        values = values[values > 0]
        low, high = np.percentile(values, [1, 99])
        values = values[(values >= low) & (values <= high)]
        found.append(values[:: max(1, values.size // N_VALUES)])
    return found


def real_channel(
    scan: NDArray[np.float32], values: NDArray[np.float32], random: np.random.Generator
) -> tuple[NDArray[np.float32], float, float]:
    """A plane of a scan as another scanner might have made it, and the mean and deviation of the brain in it.

    scan : float32 [x, y], white matter about 1. values : some intensities of the whole brain, as `core_values`.
    """
    image = np.maximum(scan, 0)
    if random.random() < 0.7:
        gamma = np.float32(random.uniform(0.75, 1.35))
        image, values = image**gamma, values**gamma
    if random.random() < 0.5:
        image = degrade.uneven(image, random)
    if random.random() < 0.5:
        image = degrade.blurred(image, random.uniform(0, 1.0, 2))
    if random.random() < 0.4:
        image = degrade.noisy(image, random)
    if random.random() < 0.1:
        image = degrade.ghosted(image, random)
    return image, float(values.mean()), float(values.std())
